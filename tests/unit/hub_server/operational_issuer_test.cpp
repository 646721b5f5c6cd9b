// Issuing for devices of a hub while somebody else writes to the CA's records.
#include "hub_server/operational_issuer.h"

#include "setup/ca_hierarchy.h"
#include "support/onboarding_parties.h"
#include "support/test_pki.h"

#include <gtest/gtest.h>

namespace berth::test {
namespace {

TEST(OperationalIssuer, DoesNotKeepTheHubWaiting) {
    temporary_directory directory;
    manual_clock clock{test_now};
    named_random random{"operational issuer"};
    const auto path = directory.path() / "ca";
    app::hierarchy_order order;
    order.which = {app::hierarchy::customer};
    order.organization = "Birch";
    order.algorithm = crypto::signature_algorithm::ecdsa_p256_sha256;
    const auto made = app::make_hierarchies(path, order, clock, random);
    ASSERT_TRUE(made) << made.error().message;
    app::hub_issuer_config config;
    config.directory = path;
    config.authority = "ca";
    const auto issuer = got(app::operational_issuer::open(config, store::opening::existing));

    pki::csr_template wanted;
    wanted.subject.add("CN", "dev-1");
    const auto csr = got(pki::verified_csr::parse(got(pki::build_csr(wanted, signature_key("device")))));
    const auto asks = [&] { return name_of_error(issuer->issue({csr, "dev-1", {"dev-1", ""}, "fleet"}, clock, random)); };
    EXPECT_EQ(asks(), "accepted");
    const auto other = got(store::sqlite_ca_store::open((path / "ca.db").string(), store::opening::existing));
    ASSERT_TRUE(other->begin_batch());
    ASSERT_TRUE(other->try_write());
    // With SQLite's usual patience all of these would take longer than this test may.
    for (int i = 0; i < 100; ++i) {
        EXPECT_EQ(asks(), "store_busy");
    }
    ASSERT_TRUE(other->end_batch());
    EXPECT_EQ(asks(), "accepted");
}

}  // namespace
}  // namespace berth::test
