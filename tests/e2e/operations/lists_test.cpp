// Revocation lists that others put in place while berthd runs: no signal, no restart.
#include "support/reloading_world.h"

#include <cstring>

namespace berth::test {
namespace {

namespace fs = std::filesystem;

class Lists : public reloading_world {
protected:
    static void SetUpTestSuite() {
        begin({"Birch"}, [](app::world::options& o) { o.admin = true; });
    }
    static app::authority issuer() { return got(app::open_authority(world->factory(), "idevid-ca")); }
    static std::string name_of(const std::optional<wire::json::object>& line) {
        return line ? std::string(line->at("error").as_string()) : "nothing was said";
    }
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
    EXPECT_FALSE(hear("masa", "lists_read", "", heard.size(), 5'000)) << "once for one change";
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

    // Nor does a list of another issuer, or a former one, let anybody back in; nor by SIGHUP.
    size_t from = heard.size();
    write_list(list, got(app::open_authority(world->factory(), "z1")), std::nullopt);
    EXPECT_TRUE(hear("masa", "lists_refused", "crl_missing", from));
    EXPECT_EQ(name_of(reload("masa", "reload_refused")), "crl_missing");
    from = heard.size();
    const auto now = system_clock().now();
    const auto older = got(pki::issue_crl({0, now - 60, now + 3600, {}}, issuer().certificate(), issuer().key->as_signing_key()));
    ASSERT_TRUE(app::write_text(list, older.to_pem()));
    EXPECT_TRUE(hear("masa", "lists_refused", "crl_older", from));
    EXPECT_EQ(name_of(reload("masa", "reload_refused")), "crl_older");
    EXPECT_EQ(onboard(revoked).exit, 1);

    from = heard.size();
    write_list(list, issuer(), std::nullopt);
    ASSERT_TRUE(hear("masa", "lists_read", "", from));
    EXPECT_EQ(onboard(revoked).exit, 0) << "a list without it";
}

TEST_F(Lists, OfAMakerAreWatchedToo) {
    const fs::path list = world->customer("Birch").registrar / "devices.crl";
    write_list(list, issuer(), std::nullopt);
    configure("Birch", "[[registrar.maker]]", "crls = [\"devices.crl\"]");
    const auto refused = reload("Birch", "reload_refused");
    EXPECT_EQ(name_of(refused), "unknown_crl_issuer") << "the registrar knows the maker's root alone";
    const auto checked = run_program("berthd", {"check", world->config("Birch").string(), "--json"});
    EXPECT_EQ(checked.error_name(), "unknown_crl_issuer") << checked.all();
    EXPECT_EQ(checked.exit, 2);
    configure("Birch", "[[registrar.maker]]", fmt::format("issuers = [\"{}\"]", (world->factory() / "idevid-ca.pem").string()));
    ASSERT_TRUE(reload("Birch"));
    const auto revoked = make("L-3", "Birch");
    size_t from = heard.size();
    // As the factory makes it.
    ASSERT_EQ(berth({"factory", "revoke", "L-3", "--dir", world->factory().string(), "--reason", "key_compromise"}).exit, 0);
    const auto made = berth({"--json", "factory", "crl", "--dir", world->factory().string(), "--out", list.string()});
    ASSERT_EQ(made.exit, 0) << made.all();
    ASSERT_TRUE(hear("Birch", "lists_read", "", from));
    const auto r = onboard(revoked);
    EXPECT_EQ(r.exit, 1) << r.all();
    EXPECT_THAT(r.all(), testing::HasSubstr("certificate_revoked"));
    EXPECT_THAT(r.all(), testing::HasSubstr("was revoked by its manufacturer"));
    // A file that no configuration names any more is told of no more.
    const auto metric = [&](const fs::path& file) {
        return http_get(world->admin_port("Birch"), "/metrics").body.find(file.string() + "\"}") != std::string::npos;
    };
    EXPECT_TRUE(metric(list));
    const fs::path moved = list.parent_path() / "moved.crl";
    fs::copy_file(list, moved);
    auto toml = got(app::read_text(world->config("Birch")));
    toml.replace(toml.find("devices.crl"), std::strlen("devices.crl"), "moved.crl");
    ASSERT_TRUE(app::write_text(world->config("Birch"), toml));
    ASSERT_TRUE(reload("Birch"));
    EXPECT_FALSE(metric(list));
    EXPECT_TRUE(metric(moved));
    // Who tidies up lets nobody back in: devices bring their CA's certificate, whether it is named or not.
    std::string tidied = toml;
    for (const char* key : {"crls = ", "issuers = "}) {
        const size_t at = tidied.find(key);
        tidied.erase(at, tidied.find('\n', at) + 1 - at);
    }
    ASSERT_TRUE(app::write_text(world->config("Birch"), tidied));
    EXPECT_EQ(name_of(reload("Birch", "reload_refused")), "crl_missing");
    EXPECT_TRUE(metric(moved));
    EXPECT_EQ(onboard(revoked).exit, 1);
    ASSERT_TRUE(app::write_text(world->config("Birch"), toml));
    ASSERT_TRUE(reload("Birch"));
}

TEST_F(Lists, OfAnotherIssuerEndTheStart) {
    const fs::path list = world->masa() / "foreign.crl";
    write_list(list, got(app::open_authority(world->customer("Birch").ca, "ca")), std::nullopt);
    auto toml = got(app::read_text(world->config("masa")));
    toml.erase(0, toml.find("[masa]\n") + 7);
    const size_t former = toml.find("device_crls");
    if (former != std::string::npos) {
        toml.erase(former, toml.find('\n', former) + 1 - former);
    }
    const fs::path file = world->masa() / "foreign.toml";
    ASSERT_TRUE(app::write_text(file, "[masa]\ndevice_crls = [\"foreign.crl\"]\n" + toml));
    const auto r = run_program("berthd", {"--json", "--config", file.string()});
    EXPECT_EQ(r.error_name(), "unknown_crl_issuer") << r.all();
    EXPECT_EQ(r.exit, 2);
    EXPECT_THAT(r.all(), testing::HasSubstr("device_issuers"));
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
