// Whose enrolment: individual ones first, then the nearest group; and everybody who is refused.
#include "provisioning_world.h"

#include "pki/crl.h"
#include "registry/hub/ca_office.h"

namespace berth::test {
namespace {

using provisioning::enrolment_trust;
using provisioning::match_enrolment;

class Matching : public ProvisioningWorld {
protected:
    // "ENROLMENT as DEVICE", or the error.
    std::string match(const std::vector<pki::certificate>& chain, const std::string& id) {
        const auto trust = got(enrolment_trust::build(got(hub->list_cas()), lists, now));
        const auto found = match_enrolment(*records, trust, shows(chain), id, now);
        return found ? found->enrolment.id + " as " + found->device_id : found.error().name;
    }
    std::vector<pki::crl> lists;
};

TEST_F(Matching, AGroupOfARootOrOfAnIntermediate) {
    register_ca("fleet", root.certificate);
    EXPECT_EQ(match({leaf(line, "dev1"), line.certificate}, "dev1"), "not_enrolled") << "registered is not enrolled";
    group("all", below("fleet"));
    EXPECT_EQ(match({leaf(line, "dev1"), line.certificate}, "dev1"), "all as dev1");
    EXPECT_EQ(match({leaf(root, "dev1")}, "dev1"), "all as dev1");
    EXPECT_EQ(match({leaf(line, "Dev1"), line.certificate}, "dEV1"), "all as Dev1") << "the name is as the certificate spells it";
    EXPECT_EQ(match({leaf(line, "dev1"), line.certificate, root.certificate}, "dev1"), "all as dev1")
        << "the root was sent along";
    EXPECT_EQ(match({leaf(line, "dev1")}, "dev1"), "unknown_issuer") << "the intermediate was not";
    const auto foreign = make_root("Foreign", signature_algorithm::ecdsa_p256_sha256);
    const auto foreign_line = make_issuing_ca(foreign, "Line 1", signature_algorithm::ecdsa_p384_sha384);
    EXPECT_EQ(match({leaf(foreign, "dev1")}, "dev1"), "unknown_issuer");
    EXPECT_EQ(match({leaf(foreign_line, "dev1"), foreign_line.certificate, foreign.certificate}, "dev1"), "unknown_issuer");
    EXPECT_NE(match({leaf(foreign, "dev1"), line.certificate}, "dev1"), "all as dev1") << "another's intermediate beside it";
    const auto twin = make_root("Fleet", signature_algorithm::mldsa44);
    EXPECT_NE(match({leaf(twin, "dev1")}, "dev1"), "all as dev1") << "the same name, another key";
}

TEST_F(Matching, TheNearestGroupDecidesAndADisabledOneRefuses) {
    register_ca("fleet", root.certificate);
    register_ca("line", line.certificate);
    const auto all = group("all", below("fleet"));
    const auto nearest = group("nearest", below("line"));
    const std::vector<pki::certificate> chain{leaf(line, "dev1"), line.certificate};
    EXPECT_EQ(match(chain, "dev1"), "nearest as dev1");
    EXPECT_EQ(match({leaf(line, "dev1")}, "dev1"), "nearest as dev1") << "the anchor need not be sent";
    EXPECT_EQ(match({leaf(root, "dev2")}, "dev2"), "all as dev2");
    changed(nearest, [](auto& s) { s.enabled = false; });
    EXPECT_EQ(match(chain, "dev1"), "enrolment_disabled");
    EXPECT_EQ(match({leaf(line, "dev1")}, "dev1"), "enrolment_disabled");
    EXPECT_EQ(match({leaf(line, "dev1"), line.certificate, root.certificate}, "dev1"), "enrolment_disabled");
    EXPECT_EQ(match({leaf(root, "dev2")}, "dev2"), "all as dev2") << "those beside it";
    changed(nearest, [](auto& s) { s.enabled = true; });
    changed(all, [](auto& s) { s.enabled = false; });
    EXPECT_EQ(match(chain, "dev1"), "nearest as dev1") << "a disabled root is above the one that decides";
    EXPECT_EQ(match({leaf(root, "dev2")}, "dev2"), "enrolment_disabled");
}

TEST_F(Matching, AnIndividualEnrolmentComesBeforeAllGroups) {
    register_ca("fleet", root.certificate);
    group("all", below("fleet"));
    const auto own = leaf(line, "dev1");
    const auto single = individual("dev1", with(own));
    EXPECT_EQ(match({own, line.certificate}, "DEV1"), "dev1 as dev1");
    EXPECT_EQ(match({own}, "dev1"), "dev1 as dev1") << "whoever vouches for it";
    // Another certificate of that name, by a CA that a group takes.
    EXPECT_EQ(match({leaf(root, "dev1"), root.certificate}, "dev1"), "other_certificate");
    changed(single, [](auto& s) { s.enabled = false; });
    EXPECT_EQ(match({own, line.certificate}, "dev1"), "enrolment_disabled");
    changed(single, [](auto& s) {
        s.enabled = true;
        s.device_id = "pump+1";
    });
    EXPECT_EQ(match({own}, "dev1"), "dev1 as pump+1");
}

TEST_F(Matching, OneOfTwoCertificatesInForce) {
    const auto first = leaf(root, "dev1");
    const auto second = leaf(line, "dev1");
    const auto past = leaf(root, "dev2", {test_now - 20 * day, test_now - day});
    const auto coming = leaf(root, "dev3", {test_now + day, test_now + 20 * day});
    auto both = with(first);
    both.attestation.secondary = second;
    individual("dev1", both);
    individual("dev2", with(past));
    individual("dev3", with(coming));
    EXPECT_EQ(match({first}, "dev1"), "dev1 as dev1");
    EXPECT_EQ(match({second}, "dev1"), "dev1 as dev1");
    EXPECT_EQ(match({line.certificate, second}, "dev1"), "name_mismatch") << "the first is whose key TLS has proved";
    EXPECT_EQ(match({past}, "dev2"), "certificate_expired");
    EXPECT_EQ(match({coming}, "dev3"), "certificate_not_yet_valid");
}

TEST_F(Matching, PrimaryAndSecondaryCasOfAGroup) {
    const auto next = make_root("Next", signature_algorithm::mldsa44);
    register_ca("fleet", root.certificate);
    register_ca("next", next.certificate);
    const auto all = group("all", below("fleet", "next"));
    EXPECT_EQ(match({leaf(root, "dev1")}, "dev1"), "all as dev1");
    EXPECT_EQ(match({leaf(next, "dev1")}, "dev1"), "all as dev1");
    // Another one of that name would inherit the group.
    for (const char* ca : {"fleet", "next"}) {
        const auto refused = remove_ca(*hub, ca, true);
        EXPECT_EQ(name_of_error(refused), "ca_enrolled");
        EXPECT_THAT(refused.error().message, testing::HasSubstr("\"all\""));
        EXPECT_TRUE(got(hub->find_ca(ca)));
    }
    changed(all, [](auto& s) { s.attestation.primary_ca = ""; });
    EXPECT_EQ(name_of_error(remove_ca(*hub, "fleet", false)), "accepted");
    EXPECT_EQ(match({leaf(root, "dev1")}, "dev1"), "unknown_issuer");
    EXPECT_EQ(match({leaf(next, "dev1")}, "dev1"), "all as dev1");
}

TEST_F(Matching, OnlyByCasThatCount) {
    register_ca("fleet", root.certificate, ca_state::unverified);
    register_ca("line", line.certificate, ca_state::unverified);
    group("all", below("fleet"));
    const std::vector<pki::certificate> chain{leaf(line, "dev1"), line.certificate};
    EXPECT_EQ(match(chain, "dev1"), "unknown_issuer");
    auto verified = *got(hub->find_ca("fleet"));
    verified.state = ca_state::verified;
    ++verified.version;
    ASSERT_TRUE(hub->change_ca(verified));
    EXPECT_EQ(match(chain, "dev1"), "all as dev1");
    // Nobody has proved to have the intermediate's key, and a group is for it: that one decides.
    group("nearest", below("line"));
    EXPECT_EQ(match(chain, "dev1"), "authority_not_in_force");
    verified.retires = now;
    ++verified.version;
    ASSERT_TRUE(hub->change_ca(verified));
    EXPECT_EQ(match({leaf(root, "dev2")}, "dev2"), "unknown_issuer") << "retired";
}

TEST_F(Matching, RevokedAndExpiredCertificates) {
    register_ca("fleet", root.certificate);
    group("all", below("fleet"));
    const auto stolen = leaf(root, "dev1");
    EXPECT_EQ(match({stolen}, "dev1"), "all as dev1");
    lists = {value_of(
        pki::issue_crl({1, test_now - 60, test_now + day, {{stolen.serial(), test_now - 30, {}}}}, root.certificate, root.key))};
    EXPECT_EQ(match({stolen}, "dev1"), "certificate_revoked");
    EXPECT_EQ(match({leaf(root, "dev2")}, "dev2"), "all as dev2");
    EXPECT_EQ(match({leaf(root, "dev2", {test_now - 20 * day, test_now - day})}, "dev2"), "certificate_expired");
    const auto old_line = make_ca(root, pki::issuing_ca_template("Test", "Old", {test_now - 20 * day, test_now - day}));
    EXPECT_EQ(match({leaf(old_line, "dev3"), old_line.certificate}, "dev3"), "certificate_expired") << "the one above it";
}

TEST_F(Matching, NamesThatPlayTricks) {
    register_ca("fleet", root.certificate);
    group("all", below("fleet"));
    const bytes key = to_bytes(signature_key("tricks").public_key().spki());
    const auto named = [&](std::vector<std::string> names) {
        auto contents = pki::client_template("Test", "x", usual);
        contents.subject = {};
        if (names.empty()) {
            contents.subject.add("O", "Test");
        }
        for (auto& name : names) {
            contents.subject.add("CN", std::move(name));
        }
        return issue(root, contents, key);
    };
    EXPECT_EQ(match({named({"dev1"})}, "dev1"), "all as dev1");
    EXPECT_EQ(match({named({"dev1", "dev2"})}, "dev1"), "bad_certificate") << "every reader takes another one";
    EXPECT_EQ(match({named({"dev1", "dev2"})}, "dev2"), "bad_certificate");
    EXPECT_EQ(match({named({})}, "dev1"), "bad_certificate");
    EXPECT_EQ(match({named({"dev1 "})}, "dev1"), "name_mismatch");
    EXPECT_EQ(match({named({"dev1"})}, "dev2"), "name_mismatch");
    EXPECT_EQ(match({named({"dev1/mod1"})}, "dev1/mod1"), "bad_registration_id") << "devices, not modules";
    EXPECT_EQ(match({named({"d\xc3\xa9v"})}, "d\xc3\xa9v"), "bad_registration_id");
    EXPECT_EQ(match({named({"\xe2\x84\xaa"
                            "elvin"})},
                    "kelvin"),
              "name_mismatch")
        << "case is that of ASCII";
    EXPECT_EQ(match({named({"dev1"})}, std::string("dev1\0", 5)), "bad_registration_id");
    EXPECT_EQ(match({named({"dev1"})}, ""), "bad_registration_id");
    EXPECT_EQ(match({named({"dev1"})}, std::string(129, 'a')), "bad_registration_id");
    EXPECT_EQ(match({named({"dev1"})}, "dev1."), "bad_registration_id");
    EXPECT_EQ(match({named({"dev1"})}, "$dev1"), "bad_registration_id");
    EXPECT_EQ(match({}, "dev1"), "no_certificate");
    const std::string longest(64, 'a');
    EXPECT_EQ(match({named({longest})}, longest), "all as " + longest);
}

TEST_F(Matching, AnOctetZeroInACommonName) {
    register_ca("fleet", root.certificate);
    group("all", below("fleet"));
    // The name is as long in the certificate: "dev1?evil" becomes "dev1" 0 "evil". Its signature is broken by that; names come
    // first.
    bytes der = to_bytes(leaf(root, "dev1?evil").der());
    const auto at = std::ranges::search(der, std::string_view("dev1?evil"), [](uint8_t a, char b) { return a == uint8_t(b); });
    ASSERT_FALSE(at.empty());
    at[4] = 0;
    const auto parsed = pki::certificate::parse(der);
    EXPECT_NE(parsed ? match({*parsed}, "dev1") : "bad_certificate", "all as dev1");
    if (parsed) {
        EXPECT_THAT((std::vector<std::string>{"bad_certificate", "name_mismatch"}), testing::Contains(match({*parsed}, "dev1")));
    }
}

TEST_F(Matching, CertificatesThatAreForSomethingElse) {
    register_ca("fleet", root.certificate);
    group("all", below("fleet"));
    auto server = pki::client_template("Test", "dev1", usual);
    server.extended_key_usages = {std::string(pki::oid_server_auth)};
    EXPECT_EQ(match({issue(root, server, signature_key("s").public_key().spki())}, "dev1"), "bad_certificate");
    const auto ca = make_ca(root, pki::issuing_ca_template("Test", "dev1", usual));
    EXPECT_EQ(match({ca.certificate}, "dev1"), "bad_certificate") << "a CA is no device";
    std::vector<pki::certificate> many{leaf(root, "dev1")};
    many.resize(17, line.certificate);
    EXPECT_EQ(match(many, "dev1"), "bad_certificate") << "more than any chain has";
}

TEST_F(Matching, NoIndividualEnrolmentMakesADeviceOfThemEither) {
    const bytes key = to_bytes(signature_key("s").public_key().spki());
    const auto judged = [&](const std::string& id, const pki::certificate& c) {
        individual(id, with(c));
        return match({c}, id);
    };
    const auto made = [&](const std::string& id, const std::function<void(pki::certificate_template&)>& how) {
        auto contents = pki::client_template("Test", id, usual);
        how(contents);
        return judged(id, issue(root, contents, key));
    };
    EXPECT_EQ(made("dev1", [](auto& c) { c.extended_key_usages = {std::string(pki::oid_server_auth)}; }), "bad_certificate");
    EXPECT_EQ(made("dev2", [](auto& c) { c.extended_key_usages.clear(); }), "dev2 as dev2") << "it says nothing";
    EXPECT_EQ(made("dev3", [](auto& c) { c.key_usage = pki::key_agreement; }), "bad_key_usage");
    EXPECT_EQ(judged("dev4", make_ca(root, pki::issuing_ca_template("Test", "dev4", usual)).certificate), "bad_certificate");
    EXPECT_EQ(judged("dev5", leaf(root, "dev5")), "dev5 as dev5");
}

TEST_F(Matching, PostQuantumDevices) {
    const auto pq = make_root("PQ", signature_algorithm::mldsa65);
    const auto pq_line = make_issuing_ca(pq, "PQ line", signature_algorithm::mldsa87);
    register_ca("pq", pq.certificate);
    group("pq", below("pq"));
    EXPECT_EQ(match({leaf(pq_line, "dev1", usual, signature_algorithm::mldsa44), pq_line.certificate}, "dev1"), "pq as dev1");
}

}  // namespace
}  // namespace berth::test
