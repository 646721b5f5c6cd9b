// Who may ask for what, and by which names.
#include "est/requester.h"

#include "pki/csr.h"
#include "support/made_up_csr.h"

namespace berth::est {

namespace {

using namespace test;

const std::vector<access_rule>& rules() {
    static const std::vector<access_rule> made{
        {{operation::simpleenroll}, only(proof::certificate), static_cast<uint8_t>(trust_class::idevid)},
        {{operation::simpleenroll, operation::serverkeygen}, only(proof::token), 0},
        {{operation::simplereenroll}, only(proof::certificate), static_cast<uint8_t>(trust_class::operational)},
        {{operation::serverkeygen}, proof::certificate | proof::header_secret, static_cast<uint8_t>(trust_class::idevid)},
    };
    return made;
}

requester with(proofs how, std::optional<trust_class> trust = {}) {
    requester out;
    out.how = how;
    out.trust = trust;
    return out;
}

// An application's credential enrols no device, nor does a device's factory identity renew an application's certificate.
TEST(EstAccess, TrustClassesAreKeptApart) {
    const auto certificate = only(proof::certificate);
    EXPECT_EQ(judge_access(rules(), operation::simpleenroll, with(certificate, trust_class::idevid)), access::granted);
    EXPECT_NE(judge_access(rules(), operation::simpleenroll, with(certificate, trust_class::operational)), access::granted);
    EXPECT_NE(judge_access(rules(), operation::simpleenroll, with(certificate, trust_class::ldevid)), access::granted);
    EXPECT_EQ(judge_access(rules(), operation::simplereenroll, with(certificate, trust_class::operational)), access::granted);
    EXPECT_EQ(judge_access(rules(), operation::simplereenroll, with(certificate, trust_class::idevid)), access::denied);
    EXPECT_EQ(judge_access(rules(), operation::simplereenroll, with(certificate)), access::denied);
}

// Figure 4 of the blueprint: IDevID and a secret in a header.
TEST(EstAccess, ProofsMayBeWantedTogether) {
    EXPECT_EQ(judge_access(rules(), operation::serverkeygen, with(only(proof::header_secret))), access::unauthenticated);
    EXPECT_NE(judge_access(rules(), operation::serverkeygen, with(only(proof::certificate), trust_class::idevid)),
              access::granted);
    const requester both = with(proof::certificate | proof::header_secret, trust_class::idevid);
    EXPECT_EQ(judge_access(rules(), operation::serverkeygen, both), access::granted);
}

TEST(EstAccess, NothingIsGrantedByDefault) {
    const requester nobody;
    EXPECT_EQ(judge_access({}, operation::cacerts, nobody), access::denied);
    EXPECT_EQ(judge_access(rules(), operation::csrattrs, nobody), access::denied);
    const std::vector<access_rule> empty{{{operation::simpleenroll}, {}, 0xff}};
    EXPECT_EQ(judge_access(empty, operation::simpleenroll, nobody), access::denied);
    const std::vector<access_rule> no_class{{{operation::simpleenroll}, only(proof::certificate), 0}};
    EXPECT_EQ(judge_access(no_class, operation::simpleenroll, with(only(proof::certificate), trust_class::idevid)),
              access::denied);
}

TEST(EstAccess, APasswordIsAskedForWhereOneWouldHelp) {
    EXPECT_EQ(judge_access(rules(), operation::simpleenroll, requester{}), access::unauthenticated);
    EXPECT_EQ(judge_access(rules(), operation::simplereenroll, requester{}), access::denied);
    EXPECT_EQ(judge_access(rules(), operation::simpleenroll, with(only(proof::basic))), access::denied);  // it was the wrong kind
}

class EstNames : public ::testing::Test {
protected:
    EstNames() {
        auto t = pki::idevid_signature_template("Acme", "SN-1", pki::hardware_module{"1.3.6.1.4.1.99999.1", {7}}, usual);
        t.alt_names.dns = {"sn-1.example"};
        t.alt_names.uris = {"urn:x:1"};
        const auto root = make_root("names");
        device_ = value_of(requester::with_certificate({issue(root, t, key_.public_key().spki())}, trust_class::idevid));
    }

    std::string judged(const pki::csr_template& t, const requester& who) {
        const auto csr = value_of(pki::verified_csr::parse(value_of(pki::build_csr(t, key_))));
        return name_of_error(judge_names(csr.asks(), who));
    }
    static pki::csr_template named(std::string attribute, std::string value) {
        pki::csr_template t;
        t.subject.add(std::move(attribute), std::move(value));
        return t;
    }
    static pki::csr_template dns(std::string name) {
        pki::csr_template t;
        t.alt_names.dns = {std::move(name)};
        return t;
    }

    const crypto::signing_key key_ = signature_key("names");
    requester device_;
};

TEST_F(EstNames, OnesOwnAreOnesOwn) {
    EXPECT_EQ(judged({}, device_), "accepted");
    EXPECT_EQ(judged(named("serialNumber", "SN-1"), device_), "accepted");
    EXPECT_EQ(judged(named("CN", "SN-1"), device_), "accepted");
    EXPECT_EQ(judged(named("O", "Acme"), device_), "accepted");
    EXPECT_EQ(judged(dns("sn-1.example"), device_), "accepted");
    pki::csr_template t;
    t.alt_names.uris = {"urn:x:1"};
    t.alt_names.hardware = pki::hardware_module{"1.3.6.1.4.1.99999.1", {7}};
    EXPECT_EQ(judged(t, device_), "accepted");
}

TEST_F(EstNames, AnothersAreNot) {
    EXPECT_EQ(judged(named("serialNumber", "SN-2"), device_), "name_not_permitted");
    EXPECT_EQ(judged(named("CN", "SN-2"), device_), "name_not_permitted");
    EXPECT_EQ(judged(named("serialNumber", "sn-1"), device_), "name_not_permitted");  // another device, for all we know
    EXPECT_EQ(judged(named("OU", "Acme"), device_), "name_not_permitted");            // the value of another attribute
    EXPECT_EQ(judged(dns("sn-2.example"), device_), "name_not_permitted");
    pki::csr_template t;
    t.alt_names.uris = {"urn:x:2"};
    EXPECT_EQ(judged(t, device_), "name_not_permitted");
    t = {};
    t.alt_names.hardware = pki::hardware_module{"1.3.6.1.4.1.99999.1", {8}};
    EXPECT_EQ(judged(t, device_), "name_not_permitted");
    t = {};
    t.alt_names.permanent_id = pki::permanent_identifier{"x", ""};
    EXPECT_EQ(judged(t, device_), "name_not_permitted");
    t = named("serialNumber", "SN-1");
    t.subject.add("serialNumber", "SN-2");  // one's own first
    EXPECT_EQ(judged(t, device_), "name_not_permitted");
}

TEST_F(EstNames, KindsThatAreNotOursAreNobodys) {
    const bytes names = tlv(0x30, hex("8704c0000201"));
    const bytes der = request_of(common_name("SN-1"), {asks_extensions({extension(hex("0603551d11"), names)})}, key_);
    const auto csr = value_of(pki::verified_csr::parse(der));
    EXPECT_EQ(name_of_error(judge_names(csr.asks(), device_)), "name_not_permitted");
}

TEST_F(EstNames, WithoutAnIdentityNothingIsPermitted) {
    requester stranger;
    stranger.how = only(proof::basic);
    EXPECT_EQ(judged(named("CN", "a"), stranger), "name_not_permitted");
    EXPECT_EQ(judged({}, stranger), "accepted");
    stranger.identity.emplace();
    stranger.identity->subject.add("CN", "a");  // what a user was bound to
    EXPECT_EQ(judged(named("CN", "a"), stranger), "accepted");
}

// RFC 7030 3.7: id-kp-cmcRA, in the operator's own certificates only.
TEST_F(EstNames, RegistrationAuthoritiesAskForOthers) {
    const auto root = make_root("ra");
    auto t = pki::client_template("Acme", "RA 1", usual);
    t.extended_key_usages.emplace_back(pki::oid_cmc_ra);
    const pki::certificate c = issue(root, t, key_.public_key().spki());
    EXPECT_EQ(judged(named("CN", "anybody"), value_of(requester::with_certificate({c}, trust_class::operational))), "accepted");
    EXPECT_EQ(judged(named("CN", "anybody"), value_of(requester::with_certificate({c}, trust_class::idevid))),
              "name_not_permitted");
}

TEST_F(EstNames, DnsNamesAreHostsEvenForThoseWhoAskForOthers) {
    requester anybody;
    anybody.any_name = true;
    EXPECT_EQ(judged(dns("a.example"), anybody), "accepted");
    EXPECT_EQ(judged(dns(std::string(63, 'a') + ".example"), anybody), "accepted");
    for (const std::string bad : {"*.example", "*", "a..b", ".a", "a.", "-a.example", "a-.example", "a_b.example", "a@b"}) {
        EXPECT_EQ(judged(dns(bad), anybody), "bad_dns_name") << bad;
    }
    EXPECT_EQ(judged(dns(std::string(64, 'a') + ".example"), anybody), "bad_dns_name");
}

}  // namespace

}  // namespace berth::est
