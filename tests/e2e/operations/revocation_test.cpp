// What is revoked under running processes: a registrar whose KK1 stands, and certificates that the customer's own CA gave.
#include "support/reloading_world.h"

#include "store/sqlite/masa_store.h"
#include "store/sqlite/registrar_store.h"

namespace berth::test {
namespace {

namespace fs = std::filesystem;

class Revocation : public reloading_world {
protected:
    static void SetUpTestSuite() { begin({"Birch", "Cedar"}); }

    static std::unique_ptr<store::sqlite_masa_store> masa_records() {
        return got(store::sqlite_masa_store::open((world->masa() / "masa.db").string()));
    }
    static std::unique_ptr<store::sqlite_registrar_store> records_of(const std::string& customer) {
        return got(store::sqlite_registrar_store::open((world->customer(customer).registrar / "registrar.db").string()));
    }
    static registry::ownership record_of(const std::string& serial) { return got(masa_records()->find_serial(serial)).front(); }
    static std::vector<std::string> audited(const std::string& serial) {
        std::vector<std::string> out;
        for (const auto& e : got(masa_records()->audit_entries(0, 1'000))) {
            if (e.what.device.serial == serial) {
                out.push_back(e.what.event + " " + e.what.outcome);
            }
        }
        return out;
    }
};

TEST_F(Revocation, OfARegistrarIsHeardOnTheKk1ThatStands) {
    const auto good = make("V-1", "Birch");
    ASSERT_EQ(onboard(good).exit, 0);
    ASSERT_TRUE(eventually([] { return record_of("V-1").state == registry::ownership_state::onboarded; }));
    const auto bundle = make("V-2", "Birch");
    const auto before = std::pair(record_of("V-1"), record_of("V-2"));
    auto log = audited("V-1");

    const auto& birch = world->customer("Birch");
    revoke(world->masa() / "registrars.crl", got(app::open_authority(birch.ca, "z2")), serial_of(birch.registrar / "z4.pem"));
    configure("masa", "[masa]", "registrar_crls = [\"registrars.crl\"]");
    ASSERT_TRUE(reload("masa"));
    const size_t from = heard.size();
    const auto refused = onboard(bundle);
    EXPECT_EQ(refused.exit, 1) << refused.all();
    EXPECT_EQ(refused.error_name(), "revoked");
    const auto kept = berth({"--json", "registrar", "release", "V-1", "--to", "Cedar", "--dir", birch.registrar.string()});
    EXPECT_EQ(kept.exit, 1) << kept.all();
    EXPECT_EQ(kept.error_name(), "revoked");

    EXPECT_FALSE(fs::exists(bundle / "installed"));
    EXPECT_EQ(std::pair(record_of("V-1"), record_of("V-2")), before);
    EXPECT_TRUE(got(records_of("Birch")->certificates_of(before.second.device)).empty());
    for (const auto& c : got(records_of("Birch")->certificates_of(before.first.device))) {
        EXPECT_FALSE(c.revoked) << "the device is Birch's as before";
    }
    EXPECT_THAT(audited("V-2"), testing::ElementsAre("manufactured ok", "assigned ok", "refused revoked"));
    log.emplace_back("release revoked");
    EXPECT_EQ(audited("V-1"), log);
    EXPECT_FALSE(hear("masa", "kk1_opened", "", from, 300)) << "all this was said on the old KK1";
    EXPECT_EQ(onboard(make("V-3", "Cedar")).exit, 0) << "the other customer goes on";
}

TEST_F(Revocation, OfWhatADeviceCouldNotInstallIsPublished) {
    const fs::path file = world->customer("Cedar").registrar / "ca.crl";
    const auto listed = [&] { return got(app::read_crls({file})).front().revoked().size(); };
    ASSERT_TRUE(eventually([&] { return fs::exists(file); }));
    const size_t before = listed();
    const auto bundle = make("V-4", "Cedar");
    fs::create_directories(bundle / "time" / "in-the-way");
    EXPECT_EQ(onboard(bundle).error_name(), "install_failed");
    EXPECT_FALSE(fs::exists(bundle / "installed"));
    EXPECT_TRUE(eventually([&] { return listed() == before + 3; })) << listed();
}

}  // namespace
}  // namespace berth::test
