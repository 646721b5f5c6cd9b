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
    std::string enrol(const est_visitor& who) {
        const auto key = signature_key("device");
        pki::csr_template wanted;
        wanted.subject.add("serialNumber", "SN-1");
        const auto der = value_of(pki::build_csr(wanted, key));
        const auto csr = value_of(pki::verified_csr::parse(der));
        est_request_authority authority(*office_, who, clock_, random_);
        return name_of_error(authority.enrol({est::operation::simpleenroll, "", who.est, csr.asks(), der}));
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

}  // namespace
}  // namespace berth::app
