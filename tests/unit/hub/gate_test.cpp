// Who may ask the hub's API: administrators by certificate, back ends by tokens of policies; everybody else is refused.
#include "hub/access/gate.h"
#include "hub/access/sas_token.h"
#include "support/test_pki.h"
#include "wire/base64.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth::test {
namespace {

using namespace hub;

policies with(std::initializer_list<std::pair<const char*, right_set>> some) {
    policies out;
    named_random random("policies");
    for (const auto& [name, rights] : some) {
        EXPECT_TRUE(out.add(name, rights, random));
    }
    return out;
}

std::string text_of(const secret_bytes& s) {
    return {reinterpret_cast<const char*>(s.reveal().data()), s.size()};
}

TEST(Rights, AreSpokenAsTheServiceSaysThem) {
    EXPECT_EQ(to_string(right_set{right::registry_write, right::registry_read}), "registryRead,registryWrite");
    EXPECT_EQ(value_of(rights_from("serviceConnect,deviceConnect")), (right_set{right::service_connect, right::device_connect}));
    for (const char* const none : {"", ",", "registryread", "registryRead,", "registryRead ", "all"}) {
        EXPECT_EQ(name_of_error(rights_from(none)), "bad_rights") << none;
    }
    EXPECT_FALSE(right_set{right::registry_write}.has(right::registry_read)) << "none implies another";
}

TEST(Policies, SurviveTheirFile) {
    const auto before = with({{"reader", {right::registry_read}}, {"owner", right_set::all()}});
    const auto text = before.to_text();
    const auto after = value_of(policies::parse(text.reveal()));
    ASSERT_EQ(after.all().size(), 2U);
    EXPECT_EQ(after.find("owner")->rights, right_set::all());
    EXPECT_TRUE(same_octets(after.find("reader")->primary.reveal(), before.find("reader")->primary.reveal()));
    EXPECT_FALSE(same_octets(after.find("reader")->primary.reveal(), after.find("reader")->secondary.reveal()));
    EXPECT_EQ(after.find("writer"), nullptr);
}

TEST(Policies, AFileThatIsNoneIsRefusedWithoutItsKeys) {
    const std::string good = text_of(with({{"reader", {right::registry_read}}}).to_text());
    const std::string key = wire::base64(bytes(policy_key_octets, 7));
    const auto refused = [&](const std::string& text) {
        const auto r = policies::parse(as_bytes(text));
        EXPECT_THAT(r ? "" : r.error().message, testing::Not(testing::HasSubstr(key.substr(0, 16))));
        return name_of_error(r);
    };
    EXPECT_EQ(refused("# a remark\n\n" + good), "accepted");
    EXPECT_EQ(refused(good + good), "bad_policies");
    EXPECT_EQ(refused("reader registryRead " + key + "\n"), "bad_policies");
    EXPECT_EQ(refused("reader registryRead " + key + " " + key + " more\n"), "bad_policies");
    EXPECT_EQ(refused("reader nothing " + key + " " + key + "\n"), "bad_policies");
    EXPECT_EQ(refused("rea/der registryRead " + key + " " + key + "\n"), "bad_policies");
    EXPECT_EQ(refused("reader registryRead " + key + " " + wire::base64(bytes(31, 7)) + "\n"), "bad_policies");
    EXPECT_EQ(refused("reader  registryRead " + key + " " + key + "\n"), "bad_policies");
}

TEST(Policies, ARotatedKeyCountsNoLonger) {
    auto all = with({{"app", {right::registry_read}}});
    named_random random("later");
    const auto primary = secret_bytes(all.find("app")->primary.reveal());
    const auto secondary = secret_bytes(all.find("app")->secondary.reveal());
    ASSERT_TRUE(all.rotate("app", policies::key::primary, random));
    EXPECT_FALSE(same_octets(all.find("app")->primary.reveal(), primary.reveal()));
    EXPECT_TRUE(same_octets(all.find("app")->secondary.reveal(), secondary.reveal()));
    EXPECT_EQ(name_of_error(all.rotate("other", policies::key::primary, random)), "unknown_policy");
    EXPECT_EQ(name_of_error(all.add("app", right_set::all(), random)), "policy_exists");
    EXPECT_EQ(name_of_error(all.add("a b", right_set::all(), random)), "bad_name");
    ASSERT_TRUE(all.remove("app"));
    EXPECT_EQ(name_of_error(all.remove("app")), "unknown_policy");
}

TEST(Policies, AConnectionStringIsWhatSdksTake) {
    const auto all = with({{"app", {right::registry_read}}});
    EXPECT_EQ(text_of(connection_string("hub.example", *all.find("app"), policies::key::secondary)),
              "HostName=hub.example;SharedAccessKeyName=app;SharedAccessKey=" +
                  wire::base64(all.find("app")->secondary.reveal()));
}

class Gate : public testing::Test {
protected:
    // The caller's name, or the error's.
    std::string by_token(const std::string& token, const std::string& path = "/devices", const policies* of = nullptr,
                         unix_seconds now = test_now) {
        const gate g({"hub.example", std::nullopt, pki::crl_policy::if_present, {}});
        const auto who = g.admit({token, {}, path}, of ? of : &keys, now);
        return who ? who->name : who.error().name;
    }
    std::string token(const std::string& resource, policies::key which = policies::key::primary, const std::string& name = "app",
                      unix_seconds expiry = test_now + 60) {
        const auto* const p = keys.find("app");
        return make_sas_token(resource, which == policies::key::primary ? p->primary : p->secondary, expiry, name);
    }
    static pki::certificate leaf(const authority& by, const pki::certificate_template& contents) {
        return test::issue(by, contents, signature_key("of admin").public_key().spki());
    }
    std::string by_certificate(const std::vector<pki::certificate>& chain, gate::rules rules, unix_seconds now = test_now) {
        const auto who = gate(std::move(rules)).admit({"", chain, "/devices"}, nullptr, now);
        return who ? "in" : who.error().name;
    }

    policies keys = with({{"app", {right::registry_read}}, {"other", right_set::all()}});
    authority admins = make_root("Admins", crypto::signature_algorithm::ecdsa_p256_sha256);
};

TEST_F(Gate, TokensOfEitherKey) {
    EXPECT_EQ(by_token(token("hub.example")), "policy app");
    EXPECT_EQ(by_token(token("hub.example", policies::key::secondary)), "policy app");
    EXPECT_EQ(by_token(token("HUB.example:8443/devices"), "/devices/dev1"), "policy app");
    EXPECT_EQ(by_token(token("hub.example/devices/dev1"), "/devices/dev1/modules"), "policy app");
}

TEST_F(Gate, NoOtherToken) {
    EXPECT_EQ(by_token(token("hub.example/devices/dev1"), "/devices/dev10"), "wrong_resource");
    EXPECT_EQ(by_token(token("hub.example/devices/dev1"), "/devices"), "wrong_resource");
    EXPECT_EQ(by_token(token("hub.example.org")), "wrong_resource");
    EXPECT_EQ(by_token(token("hub.example", policies::key::primary, "other")), "bad_token") << "the key is another policy's";
    EXPECT_EQ(by_token(token("hub.example", policies::key::primary, "nobody")), "unknown_policy");
    EXPECT_EQ(by_token(token("hub.example", policies::key::primary, "")), "unknown_policy") << "a device's own";
    EXPECT_EQ(by_token(token("hub.example", policies::key::primary, "app", test_now)), "token_expired");
    EXPECT_EQ(by_token(token("hub.example", policies::key::secondary, "app", test_now)), "token_expired");
    EXPECT_EQ(by_token("SharedAccessSignature sr=a&sig=b&se=1"), "bad_token");
    EXPECT_EQ(by_token("Bearer abc"), "bad_token");
    EXPECT_EQ(by_token(""), "no_credentials");
    const policies none;
    EXPECT_EQ(by_token(token("hub.example"), "/devices", &none), "unknown_policy");
    const gate g({"hub.example", std::nullopt, pki::crl_policy::if_present, {}});
    EXPECT_EQ(name_of_error(g.admit({token("hub.example"), {}, "/devices"}, nullptr, test_now)), "tokens_refused");
}

TEST_F(Gate, AdministratorsByCertificate) {
    const auto trust = value_of(pki::trust_store::from_root(admins.certificate));
    const gate::rules everybody{"hub.example", trust, pki::crl_policy::if_present, {}};
    const auto alice = leaf(admins, pki::client_template("Test", "alice", usual));
    EXPECT_EQ(by_certificate({alice}, everybody), "in");
    const auto who = gate(everybody).admit({"", std::span(&alice, 1), "/"}, nullptr, test_now);
    EXPECT_EQ(value_of(who).may, right_set::all());
    EXPECT_EQ(by_certificate({alice}, {"hub.example", std::nullopt, pki::crl_policy::if_present, {}}), "client_not_trusted");
    EXPECT_EQ(by_certificate({alice}, everybody, usual.not_after + 1), "client_not_trusted");
    const auto stranger = make_root("Strangers", crypto::signature_algorithm::ecdsa_p256_sha256);
    EXPECT_EQ(by_certificate({leaf(stranger, pki::client_template("Test", "alice", usual))}, everybody), "client_not_trusted");
    EXPECT_EQ(by_certificate({leaf(admins, pki::server_template("Test", {"alice"}, usual))}, everybody), "client_not_trusted");
    EXPECT_EQ(by_certificate({admins.certificate}, everybody), "client_not_trusted");
    EXPECT_EQ(by_certificate({alice}, {"hub.example", trust, pki::crl_policy::always, {}}), "client_not_trusted")
        << "there is no list";
}

TEST_F(Gate, AdministratorsByName) {
    const gate::rules named{"hub.example",
                            value_of(pki::trust_store::from_root(admins.certificate)),
                            pki::crl_policy::if_present,
                            {{"alice", {right::registry_read}}}};
    const auto alice = leaf(admins, pki::client_template("Test", "alice", usual));
    EXPECT_EQ(by_certificate({alice}, named), "in");
    EXPECT_EQ(value_of(gate(named).admit({"", std::span(&alice, 1), "/"}, nullptr, test_now)).may,
              right_set{right::registry_read});
    EXPECT_EQ(by_certificate({leaf(admins, pki::client_template("Test", "bob", usual))}, named), "not_an_admin");
}

TEST_F(Gate, AWrongTokenIsNotMadeGoodByACertificate) {
    const gate::rules rules{
        "hub.example", value_of(pki::trust_store::from_root(admins.certificate)), pki::crl_policy::if_present, {}};
    const auto alice = leaf(admins, pki::client_template("Test", "alice", usual));
    EXPECT_EQ(name_of_error(gate(rules).admit({"SharedAccessSignature nonsense", std::span(&alice, 1), "/"}, &keys, test_now)),
              "bad_token");
}

}  // namespace
}  // namespace berth::test
