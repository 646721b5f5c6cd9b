// What an operator may enrol, and its JSON.
#include "provisioning/enrolment_json.h"
#include "provisioning_world.h"
#include "wire/base64.h"

namespace berth::test {
namespace {

class Enrolments : public ProvisioningWorld {
protected:
    // The member that is wrong, or "".
    static std::string wrong(enrolment_kind kind, const std::string& id, const enrolment_settings& s) {
        const auto checked = check_enrolment(kind, id, s);
        if (checked) {
            return "";
        }
        const auto& params = checked.error().params;
        return checked.error().is("bad_enrolment") ? params.front().second : checked.error().name;
    }
    static std::string wrong_group(const std::function<void(enrolment_settings&)>& how) {
        auto s = below("fleet");
        how(s);
        return wrong(enrolment_kind::group, "all", s);
    }
    std::string wrong_device(const std::function<void(enrolment_settings&)>& how) {
        auto s = with(leaf(root, "dev1"));
        how(s);
        return wrong(enrolment_kind::individual, "dev1", s);
    }
    result<enrolment_settings> read(const std::string& body, enrolment_kind kind = enrolment_kind::group,
                                    const std::string& id = "all") {
        return provisioning::settings_from_json(got(wire::parse_json_object(body)), kind, id, got(hub->list_cas()));
    }
};

TEST_F(Enrolments, OneKindOfAttestationEach) {
    EXPECT_EQ(wrong_group([](auto&) {}), "");
    EXPECT_EQ(wrong_device([](auto&) {}), "");
    EXPECT_EQ(wrong_device([](auto& s) { s.device_id = "pump@1"; }), "");
    EXPECT_EQ(wrong_group([](auto& s) { s.attestation = {}; }), "attestation");
    EXPECT_EQ(wrong_device([](auto& s) { s.attestation = {}; }), "attestation");
    EXPECT_EQ(wrong_group([&](auto& s) { s.attestation.primary = leaf(root, "dev1"); }), "attestation");
    EXPECT_EQ(wrong_device([](auto& s) { s.attestation.primary_ca = "fleet"; }), "attestation");
    EXPECT_EQ(wrong_group([](auto& s) { s.attestation.primary_ca = "../fleet"; }), "bad_name");
    EXPECT_EQ(wrong_group([](auto& s) { s.device_id = "dev1"; }), "deviceId");
    EXPECT_EQ(wrong_device([](auto& s) { s.device_id = "dev/1"; }), "bad_identity_name");
    EXPECT_EQ(wrong_device([&](auto& s) { s.attestation.primary = leaf(root, "dev2"); }), "primary") << "it could never register";
    EXPECT_EQ(wrong_device([&](auto& s) { s.attestation.secondary = leaf(root, "dev2"); }), "secondary");
    EXPECT_EQ(wrong(enrolment_kind::group, std::string(129, 'a'), below("fleet")), "bad_registration_id");
    EXPECT_EQ(wrong(enrolment_kind::group, "all/of them", below("fleet")), "bad_registration_id");
}

TEST_F(Enrolments, AllocationsThatCanBeCarriedOut) {
    EXPECT_EQ(wrong_group([](auto& s) { s.hubs = {"a.example", "b.example:8883"}; }), "");
    EXPECT_EQ(wrong_group([](auto& s) { s.hubs = {"a.example", "a.example"}; }), "hubs");
    EXPECT_EQ(wrong_group([](auto& s) { s.hubs = {"https://a.example"}; }), "bad_linked_hub");
    EXPECT_EQ(wrong_group([](auto& s) { s.allocation = allocation_way::fixed; }), "hubs");
    EXPECT_EQ(wrong_group([](auto& s) {
                  s.allocation = allocation_way::fixed;
                  s.hubs = {"a.example"};
              }),
              "");
    EXPECT_EQ(wrong_group([](auto& s) { s.webhook = "https://a.example/x"; }), "webhook") << "of another policy";
    const auto webhook = [](const std::string& url) {
        return wrong_group([&](auto& s) {
            s.allocation = allocation_way::webhook;
            s.webhook = url;
        });
    };
    for (const char* good :
         {"https://a.example", "https://a.example:8443/x?y=z", "http://localhost:8080/x", "http://127.0.0.1", "http://[::1]/x"}) {
        EXPECT_EQ(webhook(good), "") << good;
    }
    for (const char* bad :
         {"", "https://", "http://a.example/", "http://localhost.a.example/", "http://127.0.0.1.a.example/", "file:///etc/passwd",
          "https://user@a.example/", "https://a.example/#x", "https://a.example/ x", "https://a.example/\r\nX: y"}) {
        EXPECT_EQ(webhook(bad), "webhook") << bad;
    }
    EXPECT_EQ(webhook("https://a.example/" + std::string(1024, 'a')), "webhook");
}

TEST_F(Enrolments, WhatTheIdentityBeginsWith) {
    EXPECT_EQ(wrong_group([](auto& s) {
                  s.group = "pumps";
                  s.tags = R"({"site":"Jena"})";
              }),
              "");
    EXPECT_EQ(wrong_group([](auto& s) { s.group = std::string(65, 'a'); }), "bad_identity");
    EXPECT_EQ(wrong_group([](auto& s) { s.tags = "[1]"; }), "bad_identity");
    EXPECT_EQ(wrong_group([](auto& s) { s.tags = R"({"a":")" + std::string(8200, 'a') + "\"}"; }), "bad_identity");
}

TEST_F(Enrolments, JsonTellsAllAndIsTakenBack) {
    register_ca("fleet", root.certificate);
    enrolment_settings s = below("fleet", "next");
    s.enabled = false;
    s.allocation = allocation_way::webhook;
    s.webhook = "https://a.example/x";
    s.hubs = {"a.example", "b.example:8883"};
    s.reprovision = reprovision_way::reset;
    s.group = "pumps";
    s.tags = R"({"site":"Jena"})";
    const auto all = make_enrolment(enrolment_kind::group, "All", s, random, now);
    const auto told = provisioning::to_json(all);
    EXPECT_EQ(text(told, "enrollmentGroupId"), "All");
    EXPECT_EQ(text(told, "etag"), all.etag());
    EXPECT_EQ(text(told, "allocationPolicy"), "custom");
    EXPECT_EQ(got(read(wire::to_text(told))), s);
    auto d = with(leaf(root, "dev1"));
    d.attestation.secondary = leaf(line, "dev1");
    d.device_id = "pump-1";
    d.reprovision = reprovision_way::never;
    const auto one = provisioning::to_json(make_enrolment(enrolment_kind::individual, "dev1", d, random, now));
    EXPECT_EQ(text(one, "registrationId"), "dev1");
    EXPECT_EQ(got(read(wire::to_text(one), enrolment_kind::individual, "DEV1")), d);
}

TEST_F(Enrolments, JsonOfSdks) {
    register_ca("fleet", root.certificate);
    const auto quoted = [](const pki::certificate& c) { return wire::to_text(wire::json::value(c.to_pem())); };
    // By a certificate that is registered, as SDKs hand in signing certificates.
    const auto by_pem =
        read(R"({"enrollmentGroupId":"all","attestation":{"type":"x509","x509":{"signingCertificates":{"primary":)"
             R"({"certificate":)" +
             quoted(root.certificate) + R"(}}}},"provisioningStatus":"enabled","iotHubHostName":"Hub.example"})");
    ASSERT_TRUE(by_pem) << by_pem.error().message;
    EXPECT_EQ(by_pem->attestation.primary_ca, "fleet");
    EXPECT_EQ(by_pem->allocation, allocation_way::fixed);
    EXPECT_EQ(by_pem->hubs, std::vector<std::string>{"hub.example"});
    EXPECT_EQ(by_pem->reprovision, reprovision_way::migrate);
    EXPECT_EQ(name_of_error(read(R"({"attestation":{"type":"x509","x509":{"signingCertificates":{"primary":{"certificate":)" +
                                 quoted(line.certificate) + "}}}}}")),
              "unknown_ca");
    const auto refused = [&](const std::string& member, const std::string& value) {
        return name_of_error(read(R"({"attestation":{"type":"x509","x509":{"caReferences":{"primary":"fleet"}}},")" + member +
                                  "\":" + value + "}"));
    };
    EXPECT_EQ(refused("etag", "\"x\""), "accepted");
    EXPECT_EQ(refused("capabilities", R"({"iotEdge":false})"), "accepted");
    EXPECT_EQ(refused("initialTwin", R"({"tags":null,"properties":{"desired":{}}})"), "accepted");
    EXPECT_EQ(refused("reprovisionPolicy", "null"), "accepted");
    EXPECT_EQ(refused("capabilities", R"({"iotEdge":true})"), "unsupported");
    EXPECT_EQ(refused("initialTwin", R"({"properties":{"desired":{"a":1}}})"), "accepted");
    EXPECT_EQ(refused("initialTwin", R"({"properties":{"desired":{"a.b":1}}})"), "bad_twin");
    EXPECT_EQ(refused("initialTwin", R"({"properties":{"desired":[1]}})"), "bad_enrolment");
    EXPECT_EQ(refused("initialTwin", R"({"properties":{"reported":{"a":1}}})"), "bad_enrolment");
    EXPECT_EQ(refused("initialTwin", R"({"tags":[1]})"), "bad_enrolment");
    EXPECT_EQ(refused("surprise", "1"), "bad_enrolment");
    EXPECT_EQ(refused("enrollmentGroupId", "\"other\""), "bad_enrolment");
    EXPECT_EQ(refused("deviceId", "\"dev1\""), "bad_enrolment") << "of individuals";
    EXPECT_EQ(refused("provisioningStatus", "\"maybe\""), "bad_enrolment");
    EXPECT_EQ(refused("allocationPolicy", "\"random\""), "bad_enrolment");
    EXPECT_EQ(refused("reprovisionPolicy", R"({"updateHubAssignment":1})"), "bad_enrolment");
    EXPECT_EQ(refused("iotHubs", "\"a.example\""), "bad_enrolment");
    EXPECT_EQ(refused("berth", R"({"colour":"red"})"), "bad_enrolment");
    const auto attested = [&](const std::string& value) { return name_of_error(read(R"({"attestation":)" + value + "}")); };
    EXPECT_EQ(attested(R"({"type":"symmetricKey","symmetricKey":{"primaryKey":"AAAA"}})"), "shared_keys_refused");
    EXPECT_EQ(attested(R"({"type":"tpm","tpm":{"endorsementKey":"AAAA"}})"), "bad_enrolment");
    EXPECT_EQ(attested(R"({"type":"tpm","tpm":{"endorsementKey":"","storageRootKey":null}})"), "bad_enrolment");
    EXPECT_EQ(attested(R"({"type":"tpm"})"), "bad_enrolment");
    EXPECT_EQ(attested(R"({"type":"x509","x509":{"clientCertificates":{"primary":{"certificate":"AAAA"}}}})"), "bad_enrolment");
    EXPECT_EQ(attested(R"({"type":"x509","x509":{"clientCertificates":{"third":null}}})"), "bad_enrolment");
    EXPECT_EQ(attested(R"({"type":"x509"})"), "bad_enrolment") << "nobody could register";
}

}  // namespace
}  // namespace berth::test
