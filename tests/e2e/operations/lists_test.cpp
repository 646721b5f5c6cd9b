// Revocation lists that others put in place while berthd runs: no signal, no restart.
#include "support/reloading_world.h"

namespace berth::test {
namespace {

namespace fs = std::filesystem;

class Lists : public reloading_world {
protected:
    static void SetUpTestSuite() {
        begin({"Birch"}, [](app::world::options& o) { o.admin = true; });
    }
    static app::authority issuer() { return got(app::open_authority(world->factory(), "idevid-ca")); }
    // The MASA holds a fresh list, with nobody on it.
    static fs::path watched_list() {
        const fs::path list = world->masa() / "devices.crl";
        write_list(list, issuer(), std::nullopt);
        configure("masa", "[masa]", "device_crls = [\"devices.crl\"]");
        EXPECT_TRUE(reload("masa"));
        return list;
    }
};

TEST_F(Lists, NewListTakesEffectWithoutASignalAndABrokenOneChangesNothing) {
    const fs::path list = watched_list();
    const auto revoked = make("L-1", "Birch");
    const auto good = make("L-2", "Birch");
    ASSERT_EQ(onboard(revoked).exit, 0);
    ASSERT_EQ(berth({"device", "reset", "--bundle", revoked.string()}).exit, 0);

    revoke(list, issuer(), serial_of(revoked / "z3.pem"));
    ASSERT_TRUE(hear("masa", "lists_read"));
    const auto refused = onboard(revoked);
    EXPECT_EQ(refused.exit, 1) << refused.all();
    EXPECT_THAT(refused.all(), testing::HasSubstr("certificate_revoked"));
    EXPECT_FALSE(fs::exists(revoked / "installed"));

    ASSERT_TRUE(app::write_text(list, "nonsense\n"));
    const auto said = hear("masa", "lists_refused");
    ASSERT_TRUE(said);
    EXPECT_THAT(wire::to_text(*said), testing::HasSubstr("devices.crl"));
    EXPECT_EQ(onboard(revoked).exit, 1) << "the former list still holds";
    EXPECT_EQ(onboard(good).exit, 0) << "and the others go on";

    const size_t from = heard.size();
    write_list(list, issuer(), std::nullopt);
    ASSERT_TRUE(hear("masa", "lists_read", "", from));
    EXPECT_EQ(onboard(revoked).exit, 0) << "a list without it";
}

TEST_F(Lists, ListThatExpiresSoonIsToldInTimeAndOnce) {
    const fs::path list = watched_list();
    EXPECT_FALSE(hear("masa", "list_ages", "", 0, 0));
    const size_t from = heard.size();
    write_list(list, issuer(), std::nullopt, 3600, 1200);
    ASSERT_TRUE(hear("masa", "lists_read", "", from));
    ASSERT_TRUE(hear("masa", "list_ages", "devices.crl", from));
    const auto metrics = http_get(world->admin_port("masa"), "/metrics").body;
    const auto ends = got(pki::crl::parse_pem_all(got(app::read_text(list)))).front().next_update();
    EXPECT_THAT(metrics, testing::HasSubstr("berth_crl_next_update_timestamp_seconds{file=\""));
    const size_t at = metrics.find("devices.crl\"}");
    ASSERT_NE(at, std::string::npos) << metrics;
    EXPECT_EQ(static_cast<unix_seconds>(std::stod(metrics.substr(metrics.find(' ', at)))), ends);
    const size_t then = heard.size();
    EXPECT_FALSE(hear("masa", "list_ages", "", then, 3'000)) << "once";
}

}  // namespace
}  // namespace berth::test
