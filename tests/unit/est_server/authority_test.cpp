// What an EST server's CA directory gives, and what it keeps of what it does not give.
#include "est_server/est_authority.h"

#include "common/files.h"
#include "crypto/hash.h"
#include "pki/csr.h"
#include "setup/ca_hierarchy.h"
#include "support/onboarding_parties.h"
#include "support/test_pki.h"

namespace berth::app {
namespace {

using namespace berth::test;

constexpr const char* profiles = R"(
[[profile]]
name = "token"
authority = "ca"
requires = ["token"]
subject = "serialNumber={serial}"
keys = ["p256"]
lifetime = "8h"
extended_key_usages = ["clientAuth"]

[[profile]]
name = "approved"
authority = "ca"
requires = ["basic"]
subject = "serialNumber={serial}"
keys = ["p256"]
lifetime = "8h"
extended_key_usages = ["clientAuth"]
approval = true
)";

class EstAuthority : public testing::Test {
protected:
    EstAuthority() {
        hierarchy_order order;
        order.which = {hierarchy::customer};
        order.organization = "Birch";
        order.algorithm = crypto::signature_algorithm::ecdsa_p256_sha256;
        const auto path = directory_.path() / "ca";
        const auto made = make_hierarchies(path, order, clock_, random_);
        EXPECT_TRUE(made) << made.error().message;
        EXPECT_TRUE(write_text(path / "ca.toml", profiles));
        est_config config;
        config.directory = path;
        config.labels.emplace_back().profile = "token";
        auto& other = config.labels.emplace_back();
        other.label = other.profile = "approved";
        office_ = value_of(est_office::open(config, {}, store::opening::existing));
        before_ = entries();
    }
    size_t entries() { return value_of(office_->records().list({})).size(); }
    est_visitor with_token() {
        est_visitor out;
        out.est.name = out.ca.name = "SN-1";
        out.ca.device.serial = "SN-1";
        out.ca.proofs = {ca::proof::token};
        out.token = token_;
        return out;
    }
    est_visitor with_password() {
        est_visitor out = with_token();
        out.ca.proofs = {ca::proof::basic};
        out.token.reset();
        return out;
    }
    std::string enrol(const est_visitor& who) { return name_of_error(ask(who, "", "device")); }
    result<std::variant<est::issued, est::waiting>> ask(const est_visitor& who, const std::string& label, const char* with) {
        const auto key = signature_key(with);
        pki::csr_template wanted;
        wanted.subject.add("serialNumber", "SN-1");
        const auto der = value_of(pki::build_csr(wanted, key));
        const auto csr = value_of(pki::verified_csr::parse(der));
        est_request_authority authority(*office_, who, clock_, random_);
        return authority.enrol({est::operation::simpleenroll, label, who.est, csr.asks(), der});
    }
    // Each waits until a person has approved of it.
    pki::certificate approved(const est_visitor& who, const char* with) {
        EXPECT_TRUE(std::holds_alternative<est::waiting>(value_of(ask(who, "approved", with))));
        for (const auto& each : value_of(office_->records().waiting())) {
            EXPECT_TRUE(office_->records().decide(each.id, ca::decision::approved, "somebody", clock_.now()));
        }
        return given(who, with);
    }
    pki::certificate given(const est_visitor& who, const char* with) {
        return std::get<est::issued>(value_of(ask(who, "approved", with))).certificate;
    }

    temporary_directory directory_;
    manual_clock clock_{test_now};
    named_random random_{"est authority"};
    std::unique_ptr<est_office> office_;
    ca::one_time_token token_{to_array<32>(crypto::sha256(as_bytes("secret")).view()), "SN-1", "", test_now + day};
    size_t before_ = 0;
};

TEST_F(EstAuthority, WhoIsRefusedIsInNoLog) {
    ASSERT_TRUE(office_->records().add_token(token_));
    const auto visitor = with_token();
    // Between his being let in and his being given something, somebody else has used the token up.
    ASSERT_TRUE(office_->records().use_token(token_.hash, "SN-1", test_now));
    EXPECT_EQ(enrol(visitor), "token_used");
    EXPECT_EQ(entries(), before_);
    // The same within a turn that others are served in.
    ASSERT_TRUE(office_->records().begin_batch());
    EXPECT_EQ(enrol(visitor), "token_used");
    ASSERT_TRUE(office_->records().end_batch());
    EXPECT_EQ(entries(), before_);
}

TEST_F(EstAuthority, WhoIsGivenOneIsInTheLogOnce) {
    ASSERT_TRUE(office_->records().add_token(token_));
    EXPECT_EQ(enrol(with_token()), "accepted");
    EXPECT_EQ(entries(), before_ + 1);
    EXPECT_EQ(enrol(with_token()), "token_used");
    EXPECT_EQ(entries(), before_ + 1);
}

// The answer was lost, after what it says was kept.
TEST_F(EstAuthority, WhatWasApprovedIsGivenAgainWhileItHolds) {
    const auto who = with_password();
    const auto first = approved(who, "device");
    const auto other = approved(who, "another");
    ASSERT_EQ(entries(), before_ + 2);
    clock_.advance(60'000);
    EXPECT_EQ(given(who, "device"), first);
    EXPECT_EQ(given(who, "another"), other);
    EXPECT_EQ(entries(), before_ + 2) << "the same, and not another one";
    auto somebody = who;
    somebody.ca.name = somebody.ca.device.serial = "SN-2";
    EXPECT_NE(name_of_error(ask(somebody, "approved", "device")), "already_issued") << "another's request is another";
    // What has ended is not given again.
    const auto issuer = value_of(office_->directory().issuer("ca")).id();
    ASSERT_TRUE(office_->records().revoke(issuer, first.serial(), pki::revocation_reason::key_compromise, clock_.now()));
    EXPECT_EQ(name_of_error(ask(who, "approved", "device")), "already_issued");
    EXPECT_EQ(given(who, "another"), other);
    clock_.advance(9 * 3600 * 1000);
    EXPECT_EQ(name_of_error(ask(who, "approved", "another")), "already_issued") << "it has expired";
    EXPECT_EQ(entries(), before_ + 2);
}

}  // namespace
}  // namespace berth::app
