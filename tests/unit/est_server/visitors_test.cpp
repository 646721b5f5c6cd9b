// Who is let in as whom.
#include "est_server/visitors.h"

#include "crypto/hash.h"
#include "crypto/password.h"
#include "store/sqlite/ca_store.h"
#include "support/onboarding_parties.h"
#include "support/test_pki.h"
#include "wire/base64.h"

namespace berth::app {
namespace {

using namespace berth::test;

TEST(Network, HoldsWhatItSays) {
    const auto in = [](const std::string& net, const std::string& address) {
        return value_of(network::parse(net)).holds(address);
    };
    EXPECT_TRUE(in("192.0.2.0/24", "192.0.2.77:4711"));
    EXPECT_TRUE(in("192.0.2.0/24", "::ffff:192.0.2.77"));
    EXPECT_FALSE(in("192.0.2.0/24", "192.0.3.1:1"));
    EXPECT_TRUE(in("192.0.2.7", "192.0.2.7:1"));
    EXPECT_FALSE(in("192.0.2.7", "192.0.2.6:1"));
    EXPECT_TRUE(in("0.0.0.0/0", "203.0.113.9:1"));
    EXPECT_FALSE(in("0.0.0.0/0", "[2001:db8::1]:1")) << "all of IPv4 is not all";
    EXPECT_TRUE(in("2001:db8::/33", "[2001:db8:7fff::1]:443"));
    EXPECT_FALSE(in("2001:db8::/33", "[2001:db8:8000::1]:443"));
    EXPECT_FALSE(in("::/0", "not an address"));
    for (const char* text :
         {"", "192.0.2.0/33", "192.0.2.0/", "192.0.2.0/x", "192.0.2/24", "2001:db8::/129", "example", "1.2.3.4/-1"}) {
        EXPECT_EQ(name_of_error(network::parse(text)), "bad_network") << text;
    }
}

// A line that could not be compared with is found when the file is read, not when somebody comes with that name.
TEST(Users, LinesAreReadOrNamed) {
    const std::string good = "scrypt:15:8:1:" + std::string(32, 'a') + ":" + std::string(64, 'b');
    const auto users = value_of(parse_users("# devices\n\nSN-1:" + good + "\nSN-2:" + good));
    EXPECT_EQ(users.size(), 2U);
    EXPECT_EQ(users.at("SN-1"), good);
    for (const std::string& text :
         {std::string("SN-1"), ":" + good, std::string("SN-1:plain"), "SN-1:" + good + "\nSN-1:" + good,
          std::string("SN-1:scrypt:x"), "SN-1:" + good.substr(0, good.size() - 1), "SN-1:" + good + ":more",
          "SN-1:scrypt:15:8:1:" + std::string(32, 'a') + ":" + std::string(64, 'z'), "SN-1:scrypt:30" + good.substr(9)}) {
        EXPECT_EQ(name_of_error(parse_users(text)), "bad_users") << text;
    }
}

class Visitors : public testing::Test {
protected:
    Visitors()
        : maker_(test::make_root("maker")),
          owner_(test::make_root("owner")),
          records_(value_of(store::sqlite_ca_store::open((directory_.path() / "ca.db").string()))),
          visitors_(rules()) {}
    visitors::rules rules() {
        visitors::rules out;
        out.trust.push_back(
            {est::trust_class::idevid, ca::proof::idevid, value_of(pki::trust_store::from_root(maker_.certificate))});
        out.trust.push_back(
            {est::trust_class::ldevid, ca::proof::ldevid, value_of(pki::trust_store::from_root(owner_.certificate))});
        named_random random("salt");
        out.users["SN-7"] = crypto::password_record(secret_bytes(as_bytes("right")), random);
        out.header = "X-Line-Secret";
        out.header_value = secret_bytes(as_bytes("0123456789abcdef"));
        out.networks = {value_of(network::parse("192.0.2.0/24"))};
        return out;
    }
    net::http_request request(std::vector<pki::certificate> chain = {}, const std::string& from = "192.0.2.1:1000") {
        auto peer = std::make_shared<net::peer_info>();
        peer->address = from;
        peer->chain = std::move(chain);
        net::http_request out;
        out.peer = peer;
        return out;
    }
    net::http_request with_password(const std::string& text, const std::string& from = "192.0.2.1:1000") {
        auto out = request({}, from);
        out.headers.add("Authorization", "Basic " + wire::base64(as_bytes(text)));
        return out;
    }
    net::http_request with_token(const std::string& token, std::vector<pki::certificate> chain = {}) {
        auto out = request(std::move(chain));
        out.headers.add("Authorization", "bearer " + token);
        return out;
    }
    result<est_visitor> admit(const net::http_request& r, unix_seconds now = test_now) {
        return visitors_.admit(r, *records_, now);
    }
    std::string refused(const net::http_request& r, unix_seconds now = test_now) { return name_of_error(admit(r, now)); }
    pki::certificate idevid(const test::authority& by, const std::string& serial) {
        return test::issue(by, pki::idevid_signature_template("Test", serial, std::nullopt, usual),
                           signature_key(serial).public_key().spki());
    }

    temporary_directory directory_;
    test::authority maker_, owner_;
    std::unique_ptr<store::sqlite_ca_store> records_;
    visitors visitors_;
};

TEST_F(Visitors, ACertificateProvesWhatItsAnchorStandsFor) {
    const auto device = value_of(admit(request({idevid(maker_, "SN-1")})));
    EXPECT_EQ(device.ca.proofs, std::set{ca::proof::idevid});
    EXPECT_EQ(device.est.trust, est::trust_class::idevid);
    EXPECT_EQ(device.ca.device.serial, "SN-1");
    EXPECT_EQ(device.ca.device.maker_root, maker_.certificate.spki_sha256());
    EXPECT_EQ(value_of(admit(request({idevid(owner_, "SN-1")}))).ca.proofs, std::set{ca::proof::ldevid});
    EXPECT_EQ(refused(request({idevid(test::make_root("stranger"), "SN-1")})), "client_not_trusted");
    const auto server =
        test::issue(maker_, pki::server_template("Test", {"localhost"}, usual), signature_key("s").public_key().spki());
    EXPECT_EQ(refused(request({server})), "client_not_trusted") << "no client's";
    EXPECT_EQ(refused(request({idevid(maker_, "SN-1")}), test_now + 400 * day), "client_not_trusted") << "its time is over";
}

TEST_F(Visitors, WhatWasIssuedHereIsOfTheDeviceThatItWasIssuedTo) {
    const auto ldevid = idevid(owner_, "SN-1");
    ca::issuance entry;
    entry.issuer = owner_.certificate.spki_sha256();
    entry.serial = ldevid.serial();
    entry.certificate = to_bytes(ldevid.der());
    entry.device = {maker_.certificate.spki_sha256(), "SN-1"};
    ASSERT_TRUE(records_->append(entry));
    EXPECT_EQ(value_of(admit(request({ldevid}))).ca.device, entry.device) << "an epoch of the device's reaches what it renews";
    const auto unknown = idevid(owner_, "SN-2");
    EXPECT_EQ(value_of(admit(request({unknown}))).ca.device.maker_root, owner_.certificate.spki_sha256());
}

TEST_F(Visitors, AMakerSpeaksOfItsOwnDevicesAlone) {
    const auto names_another = [&](const test::authority& by) {
        const auto t = pki::operational_template("Test", "SN-1", test::make_root("another").certificate.spki_sha256(),
                                                 pki::credential_kind::signature, usual);
        return test::issue(by, t, signature_key("SN-1").public_key().spki());
    };
    EXPECT_EQ(value_of(admit(request({names_another(maker_)}))).ca.device.maker_root, maker_.certificate.spki_sha256());
    EXPECT_EQ(value_of(admit(request({names_another(owner_)}))).ca.device.maker_root,
              test::make_root("another").certificate.spki_sha256())
        << "the owner may name the maker";
}

TEST_F(Visitors, ACaThatWasWithdrawnLetsNobodyIn) {
    const auto below = test::make_issuing_ca(maker_, "lot");
    const auto device = idevid(below, "SN-1");
    EXPECT_EQ(refused(request({device, below.certificate})), "accepted");
    ASSERT_TRUE(records_->withdraw({ca::withdrawal_kind::issuer, ca::withdrawal::of_issuer(below.certificate.spki_sha256()),
                                    test_now, pki::revocation_reason::ca_compromise}));
    EXPECT_EQ(refused(request({device, below.certificate})), "client_not_trusted");
}

TEST_F(Visitors, WhatStoodOnAWithdrawnWordLetsNobodyIn) {
    const auto ldevid = idevid(owner_, "SN-1");
    ca::issuance entry;
    entry.issuer = owner_.certificate.spki_sha256();
    entry.serial = ldevid.serial();
    entry.certificate = to_bytes(ldevid.der());
    entry.device = {maker_.certificate.spki_sha256(), "SN-1"};
    entry.origins = {ca::key_hash{0xa0}};
    ASSERT_TRUE(records_->append(entry));
    EXPECT_EQ(refused(request({ldevid})), "accepted");
    ASSERT_TRUE(records_->withdraw({ca::withdrawal_kind::issuer, ca::withdrawal::of_issuer(ca::key_hash{0xa0}), test_now, {}}));
    EXPECT_EQ(refused(request({ldevid})), "certificate_revoked");
    ASSERT_TRUE(records_->withdraw(
        {ca::withdrawal_kind::issuer, ca::withdrawal::of_issuer(maker_.certificate.spki_sha256()), test_now, {}}));
    EXPECT_EQ(refused(request({idevid(maker_, "SN-5")})), "client_not_trusted") << "nor of a root that was withdrawn";
}

TEST_F(Visitors, WithoutACurrentListNobodyIsLetInWhereOneIsAskedFor) {
    const auto with = [&](std::vector<pki::crl> lists) {
        visitors::rules by;
        by.trust.push_back({est::trust_class::idevid,
                            ca::proof::idevid,
                            value_of(pki::trust_store::build({{maker_.certificate}, {}, std::move(lists)})),
                            pki::crl_policy::always,
                            {}});
        return visitors(std::move(by));
    };
    const auto device = idevid(maker_, "SN-1");
    const auto list = [&](std::vector<pki::revoked_entry> revoked) {
        return value_of(pki::issue_crl({1, test_now - day, test_now + day, std::move(revoked)}, maker_.certificate, maker_.key));
    };
    const auto judged = [&](visitors by, unix_seconds now = test_now) {
        const auto r = by.admit(request({device}), *records_, now);
        return r ? "accepted" : r.error().message;
    };
    EXPECT_THAT(judged(with({})), testing::HasSubstr("no revocation list"));
    EXPECT_EQ(judged(with({list({})})), "accepted");
    EXPECT_THAT(judged(with({list({})}), test_now + day + 1), testing::HasSubstr("was to be renewed"));
    EXPECT_THAT(judged(with({list({{device.serial(), test_now - 10, pki::revocation_reason::key_compromise}})})),
                testing::HasSubstr("revoked"));
}

TEST_F(Visitors, GuessesAreCountedOverAllAddresses) {
    // Those of a name that is there cost as much as others: of a cheap record there can be many.
    auto many = rules();
    named_random random("salt");
    auto record = crypto::password_record(secret_bytes(as_bytes("right")), random);
    record.replace(record.find("15"), 2, "10");
    many.users["SN-7"] = record;
    visitors judge(std::move(many));
    for (int i = 0; i < 300; ++i) {
        const auto guess = with_password("SN-7:wrong", fmt::format("198.51.{}.{}:1", 100 + i / 250, i % 250));
        ASSERT_EQ(name_of_error(judge.admit(guess, *records_, test_now)), "unauthorized") << i;
    }
    const auto next = with_password("SN-7:wrong", "203.0.113.1:1");
    EXPECT_EQ(name_of_error(judge.admit(next, *records_, test_now)), "too_many_requests");
    EXPECT_EQ(name_of_error(judge.admit(next, *records_, test_now + 61)), "unauthorized");
}

TEST_F(Visitors, WhoComesAgainFromAnotherPortIsTheSame) {
    EXPECT_EQ(value_of(admit(request({}, "192.0.2.1:1000"))).ca.name, value_of(admit(request({}, "192.0.2.1:1001"))).ca.name);
}

TEST_F(Visitors, WhoShowsNothingHasNoProofs) {
    const auto nobody = value_of(admit(request()));
    EXPECT_TRUE(nobody.est.how.none());
    EXPECT_TRUE(nobody.ca.proofs.empty());
    EXPECT_FALSE(nobody.est.identity);
}

TEST_F(Visitors, PasswordsAreRightOrWrong) {
    const auto user = value_of(admit(with_password("SN-7:right")));
    EXPECT_EQ(user.ca.proofs, std::set{ca::proof::basic});
    EXPECT_EQ(user.ca.device.serial, "SN-7");
    EXPECT_EQ(refused(with_password("SN-7:wrong")), "unauthorized");
    EXPECT_EQ(refused(with_password("SN-8:right")), "unauthorized");
    EXPECT_EQ(refused(with_password("no colon")), "malformed");
    auto other = request();
    other.headers.add("Authorization", "Digest x");
    EXPECT_EQ(refused(other), "unauthorized");
}

TEST_F(Visitors, APasswordBesideACertificateIsTheSameDevices) {
    const auto both = [&](const std::string& serial) {
        auto out = request({idevid(maker_, serial)});
        out.headers.add("Authorization", "Basic " + wire::base64(as_bytes("SN-7:right")));
        return out;
    };
    EXPECT_EQ(value_of(admit(both("SN-7"))).ca.proofs, (std::set{ca::proof::idevid, ca::proof::basic}));
    EXPECT_EQ(refused(both("SN-1")), "user_of_another");
}

TEST_F(Visitors, GuessesAreCountedByNeighbourhood) {
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(refused(with_password("SN-7:wrong", "[2001:db8::" + std::to_string(i + 1) + "]:1")), "unauthorized");
    }
    EXPECT_EQ(refused(with_password("SN-7:wrong", "[2001:db8::99]:1")), "too_many_requests") << "one /64 is one host";
    EXPECT_EQ(refused(with_password("SN-7:right", "[2001:db8::99]:1")), "too_many_requests");
    EXPECT_EQ(refused(with_password("SN-7:wrong", "[2001:db8:0:1::1]:1")), "unauthorized");
    EXPECT_EQ(refused(with_password("SN-7:right", "[2001:db8::99]:1"), test_now + 61), "accepted");
}

TEST_F(Visitors, ATokenIsItsDevices) {
    const auto hash = to_array<32>(crypto::sha256(as_bytes("token")).view());
    ASSERT_TRUE(records_->add_token({hash, "SN-1", "", test_now + 100, 0}));
    const auto device = value_of(admit(with_token("token")));
    EXPECT_EQ(device.ca.proofs, std::set{ca::proof::token});
    EXPECT_EQ(device.ca.device.serial, "SN-1");
    EXPECT_EQ(refused(with_token("other")), "token_unknown");
    EXPECT_EQ(refused(with_token("token"), test_now + 101), "token_expired");
    EXPECT_EQ(refused(with_token("token", {idevid(maker_, "SN-2")})), "token_of_another");
    const auto both = value_of(admit(with_token("token", {idevid(maker_, "SN-1")})));
    EXPECT_EQ(both.ca.proofs, (std::set{ca::proof::idevid, ca::proof::token}));
}

TEST_F(Visitors, TheHeaderIsGoodFromItsNetworksAlone) {
    const auto with = [&](const std::string& value, const std::string& from) {
        auto out = request({idevid(maker_, "SN-1")}, from);
        out.headers.add("x-line-secret", value);
        return value_of(admit(out)).ca.proofs.contains(ca::proof::secret);
    };
    EXPECT_TRUE(with("0123456789abcdef", "192.0.2.9:1"));
    EXPECT_FALSE(with("0123456789abcdef", "198.51.100.9:1"));
    EXPECT_FALSE(with("0123456789abcdeg", "192.0.2.9:1"));
    EXPECT_FALSE(with("", "192.0.2.9:1"));
}

}  // namespace
}  // namespace berth::app
