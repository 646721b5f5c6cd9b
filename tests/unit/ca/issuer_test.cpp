#include "ca/issuer.h"

#include "pki/epoch.h"
#include "support/ca_world.h"

namespace berth::ca {

namespace {

using test::a_device;
using test::a_key;
using test::ca_world;
using test::day;
using test::name_of_error;
using test::operational_profile;
using test::test_now;
using test::value_of;

size_t entries(ca_world& w) {
    return value_of(w.records->list({})).size();
}

TEST(Issuer, IssuesWhatTheProfileSaysAndWritesItDown) {
    ca_world w(
        {.crl_url = "http://ca.example/crl", .ocsp_url = "http://ca.example/ocsp", .issuer_url = "http://ca.example/ca.cer"});
    const auto leaf = value_of(w.issue(operational_profile(), a_device(), a_key(), "lot 7"));
    EXPECT_EQ(leaf.subject(), "O=Birch,serialNumber=SN-1");
    EXPECT_EQ(value_of(leaf.device_serial()), "SN-1");
    EXPECT_EQ(leaf.not_before(), test_now - 300);
    EXPECT_EQ(leaf.not_after(), test_now + 3 * day);
    EXPECT_TRUE(leaf.check_signature(w.above.certificate));
    EXPECT_EQ(value_of(pki::epoch_of(leaf)), 0U);
    const auto at = pki::addresses_in(leaf);
    EXPECT_EQ(at.crls, std::vector<std::string>{"http://ca.example/crl"});
    EXPECT_EQ(at.ocsp, std::vector<std::string>{"http://ca.example/ocsp"});
    EXPECT_EQ(at.issuers, std::vector<std::string>{"http://ca.example/ca.cer"});

    const auto log = value_of(w.records->list({}));
    ASSERT_EQ(log.size(), 1U);
    EXPECT_TRUE(same_octets(log[0].certificate, leaf.der()));
    EXPECT_EQ(log[0].serial, leaf.serial());
    EXPECT_EQ(log[0].device, a_device().device);
    EXPECT_EQ(log[0].proofs, "ldevid");
    EXPECT_EQ(log[0].proof_anchor, a_device().anchor);
    EXPECT_EQ(log[0].batch, "lot 7");
    EXPECT_EQ(log[0].at, test_now);
}

TEST(Issuer, RefusesWithoutATrace) {
    ca_world w;
    auto nobody = a_device();
    nobody.proofs = {proof::basic};
    EXPECT_EQ(name_of_error(w.issue(operational_profile(), nobody, a_key())), "not_entitled");
    asked another = a_key();
    another.subject.add("serialNumber", "SN-2");
    EXPECT_EQ(name_of_error(w.issue(operational_profile(), a_device(), another)), "request_refused");
    const asked own{to_bytes(w.above.certificate.spki()), {}, {}};
    EXPECT_EQ(name_of_error(w.issue(operational_profile(), a_device(), own)), "key_of_ca");
    EXPECT_EQ(entries(w), 0U);
}

// Who has a certificate renewed may copy from it what only the CA can say: honoured where it comes out the same.
TEST(Issuer, WhatTheCaSaysMayBeAskedFor) {
    ca_world w({.crl_url = "http://ca.example/crl"});
    const auto first = value_of(w.issue(operational_profile(), a_device(), a_key()));
    pki::requested_extension key_id{"2.5.29.14", false, {0x04, 0x14}};
    append(key_id.value, first.subject_key_id());
    EXPECT_TRUE(pki::has_extension(first, key_id));

    pki::csr_contents request;
    request.spki = a_key().spki;
    request.other_extensions = {key_id};
    const auto again = value_of(w.issue(operational_profile(), a_device(), asked_by(request)));
    EXPECT_TRUE(pki::has_extension(again, key_id));
    EXPECT_EQ(entries(w), 2U);

    const auto refused = [&](pki::requested_extension changed) {
        request.other_extensions = {key_id, std::move(changed)};
        const auto made = w.issue(operational_profile(), a_device(), asked_by(request));
        EXPECT_EQ(name_of_error(made), "request_refused");
        EXPECT_EQ(entries(w), 2U);
    };
    auto other = key_id;
    other.value.back() ^= 1;
    refused(other);
    other = key_id;
    other.critical = true;
    refused(other);
    refused({"2.5.29.46", false, {0x30, 0x00}});  // none of its certificates has freshestCRL
    refused({"2.5.29.30", false, {0x30, 0x00}});  // nor is nameConstraints the CA's alone
}

TEST(Issuer, SerialsAreDrawnAgainWhenTheyWereThere) {
    class stuck final : public random_source {
    public:
        explicit stuck(int times) : times_(times) {}
        void fill(std::span<uint8_t> out) override {
            std::fill(out.begin(), out.end(), static_cast<uint8_t>(draws_++ < times_ ? 5 : 6));
        }

    private:
        int times_, draws_ = 0;
    };
    ca_world w;
    stuck twice(2);  // P-256 signatures draw nothing here: the first two serials are the same
    const auto p = operational_profile();
    const auto who = a_device();
    const auto first = value_of(w.issuer.issue({p, who, a_key()}, *w.records, w.clock, twice));
    const auto second = value_of(w.issuer.issue({p, who, a_key()}, *w.records, w.clock, twice));
    EXPECT_EQ(first.serial(), bytes(16, 5));
    EXPECT_EQ(second.serial(), bytes(16, 6));
    stuck always(1000);
    EXPECT_EQ(name_of_error(w.issuer.issue({p, who, a_key()}, *w.records, w.clock, always)), "serial_exists");
    EXPECT_EQ(entries(w), 2U);
}

TEST(Issuer, ItsOwnEndIsTheLeafsEnd) {
    ca_world w;
    auto p = operational_profile();
    p.lifetime = 366 * day;
    EXPECT_EQ(name_of_error(w.issue(p, a_device(), a_key())), "issuer_expires_first");
    p.until_issuer = true;
    EXPECT_EQ(value_of(w.issue(p, a_device(), a_key())).not_after(), w.above.certificate.not_after());
    p.lifetime = pki::no_expiry;
    EXPECT_EQ(value_of(w.issue(p, a_device(), a_key())).not_after(), w.above.certificate.not_after());
    w.clock.set(w.above.certificate.not_after() + 1);
    EXPECT_EQ(name_of_error(w.issue(operational_profile(), a_device(), a_key())), "issuer_expired");
}

TEST(Issuer, ImplausibleClocks) {
    ca_world w;
    for (const unix_seconds wrong :
         {unix_seconds{0}, unix_seconds{86'400}, unix_seconds{4'102'444'800}, unix_seconds{5'000'000'000}}) {
        w.clock.set(wrong);
        EXPECT_EQ(name_of_error(w.issue(operational_profile(), a_device(), a_key())), "clock_implausible") << wrong;
    }
    w.clock.set(w.above.certificate.not_before() - 1);
    EXPECT_EQ(name_of_error(w.issue(operational_profile(), a_device(), a_key())), "issuer_not_yet_valid");
    w.clock.set(test_now);
    w.leaf();
    w.clock.set(test_now - 500);
    w.leaf("SN-2");
    w.clock.set(test_now - 1'200);
    EXPECT_EQ(name_of_error(w.issue(operational_profile(), a_device(), a_key())), "clock_implausible") << "before its own log";
}

TEST(Issuer, RevokedCasIssueNothing) {
    ca_world w;
    // By the list of who is above it.
    const auto list = value_of(pki::issue_crl({1, test_now, test_now + day, {{w.above.certificate.serial(), test_now, {}}}},
                                              w.root.certificate, w.root.key));
    const auto listed = value_of(
        issuer::open({w.above.certificate, w.root.certificate}, keystore::software_signing_key(w.above.key), {.lists = {list}}));
    const auto p = operational_profile();
    const auto who = a_device();
    EXPECT_EQ(name_of_error(listed.issue({p, who, a_key()}, *w.records, w.clock, w.random)), "issuer_revoked");
    // By the records, where the root keeps them in the same place.
    issuance of_ca;
    of_ca.issuer = w.root.certificate.spki_sha256();
    of_ca.serial = w.above.certificate.serial();
    of_ca.not_after = w.above.certificate.not_after();
    ASSERT_TRUE(w.records->append(of_ca));
    w.leaf();
    ASSERT_TRUE(w.records->revoke(of_ca.issuer, of_ca.serial, pki::revocation_reason::ca_compromise, test_now));
    EXPECT_EQ(name_of_error(w.issue(p, who, a_key())), "issuer_revoked");
}

TEST(Issuer, WithdrawnCasIssueNothing) {
    ca_world w;
    ASSERT_TRUE(w.records->withdraw({withdrawal_kind::issuer, withdrawal::of_issuer(w.issuer.id()), test_now, {}}));
    EXPECT_EQ(name_of_error(w.issue(operational_profile(), a_device(), a_key())), "issuer_revoked");
}

TEST(Issuer, WhatWasShownMustStillCount) {
    ca_world w;
    const auto p = operational_profile();
    auto who = a_device();
    who.certificate = w.leaf();
    who.issuer = w.issuer.id();
    who.epoch = 0;
    EXPECT_EQ(name_of_error(w.issue(p, who, a_key())), "accepted");
    ASSERT_EQ(value_of(w.records->raise_epoch(who.device, {}, test_now)), 1U);
    EXPECT_EQ(name_of_error(w.issue(p, who, a_key())), "epoch_passed");
    who.epoch = 1;  // it says so, and its own serial is still of epoch 0
    EXPECT_EQ(name_of_error(w.issue(p, who, a_key())), "certificate_revoked");
    auto anew = a_device();
    EXPECT_EQ(value_of(pki::epoch_of(value_of(w.issue(p, anew, a_key())))), 1U);

    ASSERT_TRUE(w.records->withdraw({withdrawal_kind::issuer, withdrawal::of_issuer(anew.anchor), test_now, {}}));
    EXPECT_EQ(name_of_error(w.issue(p, anew, a_key())), "requester_withdrawn") << "a maker's CA was compromised";
    anew.anchor = {};
    anew.issuer = {};
    EXPECT_EQ(name_of_error(w.issue(p, anew, a_key())), "accepted");
    ASSERT_TRUE(w.records->withdraw({withdrawal_kind::device, withdrawal::of_device(anew.device), test_now, {}}));
    EXPECT_EQ(name_of_error(w.issue(p, anew, a_key())), "requester_withdrawn") << "its life has ended";
    auto other = a_device("SN-2");
    other.issuer = other.anchor = {};
    EXPECT_EQ(name_of_error(w.issue(p, other, a_key(), "lot")), "accepted");
    ASSERT_TRUE(w.records->withdraw({withdrawal_kind::batch, withdrawal::of_batch("lot"), test_now, {}}));
    EXPECT_EQ(name_of_error(w.issue(p, other, a_key(), "lot")), "requester_withdrawn");
}

// A maker's issuing CA, the device's certificate from it, what it got with that here, and with that, and so on.
struct renewals {
    ca_world w;
    profile p = operational_profile();
    key_hash idevid_ca{0xa0}, between{0xa5}, maker{0xb0};
    pki::certificate first = shown();

    pki::certificate shown() {
        auto who = a_device();
        who.issuer = idevid_ca;
        who.between = {between};
        who.anchor = maker;
        return value_of(w.issue(p, who, a_key()));
    }
    requester with(const pki::certificate& c) {
        auto who = a_device();
        who.certificate = c;
        who.issuer = w.issuer.id();
        who.anchor = w.root.certificate.spki_sha256();
        return who;
    }
    pki::certificate renewed(const pki::certificate& c) { return value_of(w.issue(p, with(c), a_key())); }
    standing state(const pki::certificate& c) { return value_of(w.records->status(w.issuer.id(), c.serial())).state; }
    void withdraw(const key_hash& ca) {
        ASSERT_TRUE(w.records->withdraw({withdrawal_kind::issuer, withdrawal::of_issuer(ca), test_now, {}}));
    }
};

TEST(Origins, AreCarriedOverAllRenewals) {
    for (const auto which : {&renewals::idevid_ca, &renewals::between, &renewals::maker}) {
        renewals r;
        const auto second = r.renewed(r.first);
        const auto third = r.renewed(second);
        auto other = a_device("SN-2");
        other.issuer = key_hash{0xa1};
        other.anchor = key_hash{0xb1};
        const auto of_others = value_of(r.w.issue(r.p, other, a_key()));
        EXPECT_EQ(r.state(third), standing::good);
        r.withdraw(r.*which);
        for (const auto& c : {r.first, second, third}) {
            EXPECT_EQ(r.state(c), standing::revoked);
            EXPECT_EQ(name_of_error(r.w.issue(r.p, r.with(c), a_key())), "certificate_revoked") << "nor is there a way out of it";
        }
        EXPECT_EQ(r.state(of_others), standing::good);
        size_t told = 0;
        ASSERT_TRUE(r.w.records->each_revoked({r.w.issuer.id(), {}, 0, 0}, [&](const auto&) { ++told; }));
        EXPECT_EQ(told, 3U);
    }
}

TEST(Origins, OfSeveralWaysMeet) {
    renewals r;
    // The same certificate is shown, and this time another CA vouches for it besides.
    auto who = r.with(r.first);
    who.between = {key_hash{0xa9}};
    const auto both = value_of(r.w.issue(r.p, who, a_key()));
    r.withdraw(key_hash{0xa9});
    EXPECT_EQ(r.state(both), standing::revoked);
    EXPECT_EQ(r.state(r.first), standing::good);
    EXPECT_EQ(r.state(r.renewed(r.first)), standing::good);
}

TEST(Origins, AreBounded) {
    renewals r;
    auto who = r.with(r.first);
    for (uint8_t i = 1; i <= most_origins; ++i) {
        who.between.push_back(key_hash{0xee, i});
    }
    EXPECT_EQ(name_of_error(r.w.issue(r.p, who, a_key())), "too_many_origins");
    EXPECT_EQ(entries(r.w), 1U);
}

TEST(Issuer, WaitsForAPersonWhereTheProfileSaysSo) {
    ca_world w;
    auto p = operational_profile();
    p.needs_approval = true;
    const auto who = a_device();
    const auto what = a_key();
    EXPECT_EQ(name_of_error(w.issue(p, who, what)), "approval_required");
    EXPECT_EQ(entries(w), 0U);
    issuing_order order{p, who, what};
    order.approved = true;
    EXPECT_EQ(name_of_error(w.issuer.issue(order, *w.records, w.clock, w.random)), "accepted");
}

TEST(Issuer, AsManyAsADeviceMayHave) {
    ca_world w;
    auto p = operational_profile();
    p.most_at_once = 2;
    const auto first = value_of(w.issue(p, a_device(), a_key("1")));
    ASSERT_TRUE(w.issue(p, a_device(), a_key("2")));
    EXPECT_EQ(name_of_error(w.issue(p, a_device(), a_key("3"))), "too_many_certificates");
    EXPECT_EQ(name_of_error(w.issue(p, a_device("SN-2"), a_key("3"))), "accepted");
    ASSERT_TRUE(w.records->revoke(w.issuer.id(), first.serial(), {}, test_now));
    EXPECT_EQ(name_of_error(w.issue(p, a_device(), a_key("3"))), "accepted");
}

TEST(Issuer, ShardsAreOfBoundedSize) {
    ca_world w({.crl_url = "http://ca.example/{shard}.crl", .shard_size = 2});
    std::vector<std::string> urls;
    for (int i = 0; i < 5; ++i) {
        urls.push_back(pki::addresses_in(w.leaf("SN-" + std::to_string(i))).crls.at(0));
    }
    EXPECT_EQ(urls, (std::vector<std::string>{"http://ca.example/0.crl", "http://ca.example/0.crl", "http://ca.example/1.crl",
                                              "http://ca.example/1.crl", "http://ca.example/2.crl"}));
    EXPECT_EQ(value_of(w.records->shards(w.issuer.id())), (std::vector<uint32_t>{0, 1, 2}));
}

TEST(Issuer, SettingsThatContradict) {
    const auto root = test::make_root("r", ca_world::algorithm);
    const auto open = [&](issuer_settings s) {
        return name_of_error(issuer::open({root.certificate}, keystore::software_signing_key(root.key), std::move(s)));
    };
    EXPECT_EQ(open({}), "accepted");
    EXPECT_EQ(open({.crl_url = "http://x/{shard}"}), "bad_settings");
    EXPECT_EQ(open({.crl_url = "http://x/y", .shard_size = 5}), "bad_settings");
    EXPECT_EQ(open({.crl_url = "http://x/y", .delta_url = "http://x/y"}), "bad_settings");
    const auto other = test::make_root("other", ca_world::algorithm);
    EXPECT_EQ(name_of_error(issuer::open({root.certificate}, keystore::software_signing_key(other.key), {})),
              "issuer_key_mismatch");
    ca_world w;
    const auto key = test::signature_key("leaf SN-1");
    EXPECT_EQ(name_of_error(issuer::open({w.leaf()}, keystore::software_signing_key(key), {})), "bad_profile");
}

}  // namespace

}  // namespace berth::ca
