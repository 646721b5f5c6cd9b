// Trust, keys and revocation lists change under running processes: SIGHUP, no restart.
#include "support/reloading_world.h"

namespace berth::test {
namespace {

namespace fs = std::filesystem;

class Reload : public reloading_world {
protected:
    static void SetUpTestSuite() { begin({"Birch", "Cedar", "Dogwood"}); }
};

TEST_F(Reload, RevokedDeviceIsRefusedByMasaAndByRegistrar) {
    const auto by_masa = make("R-1", "Birch");
    const auto by_registrar = make("R-2", "Birch");
    const auto good = make("R-3", "Birch");
    // All three have been here: their chains are in the caches.
    for (const auto& bundle : {by_masa, by_registrar}) {
        ASSERT_EQ(onboard(bundle).exit, 0);
        ASSERT_EQ(berth({"device", "reset", "--bundle", bundle.string()}).exit, 0);
    }
    const auto issuer = got(app::open_authority(world->factory(), "idevid-ca"));
    revoke(world->masa() / "devices.crl", issuer, serial_of(by_masa / "z3.pem"));
    configure("masa", "[masa]", "device_crls = [\"devices.crl\"]");
    ASSERT_TRUE(reload("masa"));
    const auto first = onboard(by_masa);
    EXPECT_EQ(first.exit, 1) << first.all();
    EXPECT_EQ(first.error_name(), "kk3_failed");
    EXPECT_THAT(first.all(), testing::HasSubstr("certificate_revoked"));
    EXPECT_FALSE(fs::exists(by_masa / "installed"));

    revoke(world->customer("Birch").registrar / "devices.crl", issuer, serial_of(by_registrar / "z3.pem"));
    configure("Birch", "[[registrar.maker]]", "crls = [\"devices.crl\"]");
    configure("Birch", "[[registrar.maker]]", fmt::format("issuers = [\"{}\"]", (world->factory() / "idevid-ca.pem").string()));
    ASSERT_TRUE(reload("Birch"));
    const auto second = onboard(by_registrar);
    EXPECT_EQ(second.exit, 1) << second.all();
    EXPECT_THAT(second.all(), testing::HasSubstr("certificate_revoked"));
    EXPECT_TRUE(hear("Birch", "handshake_failed", "certificate_revoked"));
    EXPECT_FALSE(fs::exists(by_registrar / "installed"));
    EXPECT_EQ(onboard(good).exit, 0) << "the others go on";
}

TEST_F(Reload, RevokedRegistrarIsRefusedOnTheKk1ThatStandsAndOnTheNext) {
    const auto bundle = make("R-4", "Cedar");
    const auto issuer = got(app::open_authority(world->customer("Cedar").ca, "z2"));
    revoke(world->masa() / "registrars.crl", issuer, serial_of(world->customer("Cedar").registrar / "z4.pem"));
    configure("masa", "[masa]", "registrar_crls = [\"registrars.crl\"]");
    ASSERT_TRUE(reload("masa"));
    const auto refused = onboard(bundle);
    EXPECT_EQ(refused.exit, 1) << refused.all();
    EXPECT_EQ(refused.error_name(), "revoked");
    EXPECT_FALSE(fs::exists(bundle / "installed"));
    ASSERT_TRUE(world->restart("Cedar"));
    EXPECT_TRUE(hear("masa", "handshake_failed", "certificate_revoked"));
}

TEST_F(Reload, InvalidFileLeavesTheOldStateInForce) {
    const auto bundle = make("R-5", "Birch");
    const auto before = got(app::read_text(world->config("masa")));
    ASSERT_TRUE(app::write_text(world->masa() / "broken.crl", "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"));
    auto toml = before;
    toml.insert(toml.find("[masa]\n") + 7, "device_issuers_of_nobody = 1\n");
    ASSERT_TRUE(app::write_text(world->config("masa"), toml));
    auto refused = reload("masa", "reload_refused");
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->at("error").as_string(), "bad_config");

    toml = before;
    const size_t lists = toml.find("device_crls");
    lists == std::string::npos ? toml.insert(toml.find("[masa]\n") + 7, "device_crls = [\"broken.crl\"]\n")
                               : toml.replace(lists, toml.find('\n', lists) - lists, "device_crls = [\"broken.crl\"]");
    ASSERT_TRUE(app::write_text(world->config("masa"), toml));
    refused = reload("masa", "reload_refused");
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->at("error").as_string(), "bad_crl");
    EXPECT_THAT(std::string(refused->at("message").as_string()), testing::HasSubstr("broken.crl"));

    toml = before;
    toml.replace(toml.find("masa.db"), 7, "else.db");
    ASSERT_TRUE(app::write_text(world->config("masa"), toml));
    refused = reload("masa", "reload_refused");
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->at("error").as_string(), "restart_needed");
    EXPECT_FALSE(fs::exists(world->masa() / "else.db"));

    ASSERT_TRUE(app::write_text(world->config("masa"), before));
    EXPECT_EQ(onboard(bundle).exit, 0) << "it serves as before";
}

TEST_F(Reload, NewZ4DrainsKk1AndMakesAnother) {
    const auto& dogwood = world->customer("Dogwood");
    ASSERT_TRUE(hear("Dogwood", "kk1_opened"));
    const auto old_leaf = serial_of(dogwood.registrar / "z4.pem");
    const auto root = got(app::open_authority(dogwood.ca, "z2"));
    const auto now = system_clock().now();
    got(app::make_kem_leaf(dogwood.registrar, "z4-new",
                           pki::registrar_kem_template("Dogwood", "Dogwood registrar 2", {"localhost"}, {now - 60, now + 86400}),
                           root, crypto::kem_algorithm::mlkem768_p256, crypto::system_random()));
    auto toml = got(app::read_text(world->config("Dogwood")));
    for (const auto& [from, to] : {std::pair("\"z4.pem\"", "\"z4-new.pem\""), std::pair("file:z4.key", "file:z4-new.key")}) {
        toml.replace(toml.find(from), std::strlen(from), to);
    }
    ASSERT_TRUE(app::write_text(world->config("Dogwood"), toml));
    const size_t from = heard.size();
    ASSERT_TRUE(reload("Dogwood"));
    EXPECT_TRUE(hear("Dogwood", "kk1_drains", "", from));
    EXPECT_TRUE(hear("Dogwood", "kk1_opened", "", from));
    EXPECT_TRUE(hear("masa", "kk1_opened", "Dogwood registrar 2", from)) << "the MASA sees the new one";
    const auto bundle = make("R-6", "Dogwood");
    const auto r = onboard(bundle);
    EXPECT_EQ(r.exit, 0) << r.all();
    EXPECT_NE(old_leaf, serial_of(dogwood.registrar / "z4-new.pem"));
    // Nothing changed: nothing drains.
    const size_t again = heard.size();
    ASSERT_TRUE(reload("Dogwood"));
    EXPECT_FALSE(hear("Dogwood", "kk1_drains", "", again, 300));
}

}  // namespace
}  // namespace berth::test
