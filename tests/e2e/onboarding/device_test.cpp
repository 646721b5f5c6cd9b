// What a device does when its disk, its clock, its network or its manufacturer's keys are not as they should be.
#include "common/files.h"
#include "device/installation.h"
#include "pki/private_key_file.h"
#include "setup/keys.h"
#include "store/sqlite/registrar_store.h"
#include "support/small_world.h"
#include "wire/pem.h"

namespace berth::test {
namespace {

namespace fs = std::filesystem;

class Devices : public small_world {
protected:
    static void SetUpTestSuite() { begin({"Birch"}); }
    static registry::registrar_device seen(const std::string& serial) {
        const auto store =
            got(store::sqlite_registrar_store::open((world->customer("Birch").registrar / "registrar.db").string()));
        const auto found = got(store->find_serial(serial));
        EXPECT_EQ(found.size(), 1u);
        return found.empty() ? registry::registrar_device{} : found.front();
    }
    // A line of a file, replaced.
    static void edit(const fs::path& file, const std::string& from, const std::string& to) {
        std::string text = got(app::read_text(file));
        const size_t at = text.find(from);
        ASSERT_NE(at, std::string::npos) << text;
        ASSERT_TRUE(app::write_text(file, text.replace(at, from.size(), to)));
    }
};

// What cannot be written is found out before the exchange: a device that says "install_failed" has nothing installed.
TEST_F(Devices, AFailureToInstallLeavesNothingInstalled) {
    const auto bundle = make(world->order_for("D-1", "Birch"), "Birch");
    fs::create_directories(bundle / "time" / "in-the-way");
    const auto failed = onboard(bundle);
    EXPECT_EQ(failed.error_name(), "install_failed") << failed.all();
    EXPECT_FALSE(fs::exists(bundle / "installed"));
    EXPECT_FALSE(fs::exists(bundle / "pending")) << "new keys after a refusal";
    EXPECT_EQ(seen("D-1").last_result, "install_failed");
    EXPECT_EQ(seen("D-1").onboarded_at, 0);
    fs::remove_all(bundle / "time");
    const auto again = onboard(bundle);
    EXPECT_EQ(again.exit, 0) << again.all();
    EXPECT_EQ(seen("D-1").last_result, "installed");
    const auto store = got(store::sqlite_registrar_store::open((world->customer("Birch").registrar / "registrar.db").string()));
    const auto leaf = got(app::read_certificate(bundle / "installed" / "device.pem"));
    size_t good = 0;
    for (const auto& c : got(store->certificates_of(seen("D-1").device))) {
        good += !c.revoked && same_octets(c.chain.front(), leaf.der()) ? 1 : 0;
    }
    EXPECT_EQ(good, 1u) << "what is installed is not revoked";
}

TEST_F(Devices, RendezvousGoesOnWithTheSpareKey) {
    auto order = world->order_for("D-2", "Birch");
    order.registrars.clear();
    order.discovery = {"rendezvous"};
    const auto bundle = make(order, "Birch");
    // As after a rotation: the MASA no longer has the key that was current when the device was made.
    const auto keys = got(wire::from_pem(got(app::read_text(bundle / "masa-kem.pem"))));
    const auto old = crypto::kem_private_key::generate(crypto::kem_algorithm::mlkem768_p256, crypto::system_random());
    ASSERT_TRUE(app::write_text(bundle / "masa-kem.pem", wire::to_pem("PUBLIC KEY", old.public_key().spki()) +
                                                             wire::to_pem("PUBLIC KEY", keys[0].der.reveal())));
    const auto r = onboard(bundle);
    EXPECT_EQ(r.exit, 0) << r.all();
    EXPECT_EQ(r.json().at("registrar").as_string(), world->customer("Birch").kk2.text());
}

TEST_F(Devices, RendezvousWithoutAnyGoodKeyEnds) {
    auto order = world->order_for("D-3", "Birch");
    order.registrars.clear();
    order.discovery = {"rendezvous"};
    const auto bundle = make(order, "Birch");
    std::string keys;
    for (int i = 0; i < 2; ++i) {
        const auto old = crypto::kem_private_key::generate(crypto::kem_algorithm::mlkem768_p256, crypto::system_random());
        keys += wire::to_pem("PUBLIC KEY", old.public_key().spki());
    }
    ASSERT_TRUE(app::write_text(bundle / "masa-kem.pem", keys));
    const auto r = onboard(bundle);
    EXPECT_EQ(r.exit, 1) << r.all();
    EXPECT_EQ(r.error_name(), "predistributed_key_refused");
    EXPECT_FALSE(fs::exists(bundle / "installed"));
}

TEST_F(Devices, ADirectKk3ThatFindsNoNetworkIsTriedAgainWithTheSameKeys) {
    auto order = world->order_for("D-4", "Birch");
    order.direct = true;
    order.masa = "127.0.0.1:1";
    const auto bundle = make(order, "Birch");
    const auto r = onboard(bundle);
    EXPECT_EQ(r.error_name(), "connect_failed") << r.all();
    EXPECT_EQ(r.exit, 3) << "nobody refused";
    const auto key = got(pki::read_file((bundle / "pending" / "device.key").string(), 10'000));
    edit(bundle / "device.toml", "127.0.0.1:1\"", world->direct().text() + "\"");
    ASSERT_EQ(onboard(bundle).exit, 0);
    EXPECT_EQ(got(pki::read_file((bundle / "installed" / "device.key").string(), 10'000)), key);
}

TEST_F(Devices, WithoutAClockTakesARegistrarThatWasRenewed) {
    const auto bundle = make(world->order_for("D-5", "Birch"), "Birch");
    ASSERT_EQ(onboard(bundle).exit, 0);
    // All that this device knows of the time is older than Z4: as when Z4 is renewed after the onboarding.
    edit(bundle / "device.toml", "firmware_built = ", "clock = false\nfirmware_built = 1 # ");
    ASSERT_TRUE(app::write_text(bundle / "time", "1700000000\n"));
    const auto fetched = berth({"--json", "device", "config", "--bundle", bundle.string()});
    EXPECT_EQ(fetched.exit, 0) << fetched.all();
    // What has ended has ended, whatever the clock: the time that is known is a lower bound.
    ASSERT_TRUE(app::write_text(bundle / "time", "4000000000\n"));
    const auto late = berth({"--json", "device", "config", "--bundle", bundle.string()});
    EXPECT_EQ(late.error_name(), "certificate_expired") << late.all();
}

TEST_F(Devices, AnotherGroupReachesADeviceThatHasTheNewestVersion) {
    const auto bundle = make(world->order_for("D-6", "Birch"), "Birch");
    const std::string dir = world->customer("Birch").registrar.string();
    const std::string file = (directory->path() / "group.json").string();
    const auto set = [&](const std::string& json, std::vector<std::string> scope) {
        ASSERT_TRUE(app::write_text(file, json));
        std::vector<std::string> arguments{"registrar", "config", "set", file, "--dir", dir};
        arguments.insert(arguments.end(), scope.begin(), scope.end());
        EXPECT_EQ(berth(arguments).exit, 0);
    };
    set(R"({"zone":"north"})", {"--group", "north"});
    set(R"({"level":1})", {"--model", "valve-3"});  // newer than the group's
    ASSERT_EQ(onboard(bundle).exit, 0);
    const auto fetch = [&] {
        EXPECT_EQ(berth({"device", "config", "--bundle", bundle.string()}).exit, 0);
        return got(app::read_text(bundle / "installed" / "config.json"));
    };
    EXPECT_EQ(fetch(), R"({"level":1})");
    ASSERT_EQ(berth({"registrar", "group", "D-6", "north", "--dir", dir}).exit, 0);
    EXPECT_EQ(fetch(), R"({"level":1,"zone":"north"})");
    ASSERT_EQ(berth({"registrar", "group", "D-6", "", "--dir", dir}).exit, 0);
    EXPECT_EQ(fetch(), R"({"level":1})");
}

// The configuration and the group of a device can be set before it is ever seen: its first grant brings them.
TEST_F(Devices, IsConfiguredBeforeItIsSeen) {
    const auto bundle = make(world->order_for("D-7", "Birch"), "Birch");
    const std::string dir = world->customer("Birch").registrar.string();
    const std::string root = to_hex(got(app::read_certificate(bundle / "z1.pem")).spki_sha256());
    const std::string file = (directory->path() / "unseen.json").string();
    ASSERT_TRUE(app::write_text(file, R"({"mine":true})"));
    const auto alone = berth({"--json", "registrar", "config", "set", file, "--device", "D-7", "--dir", dir});
    EXPECT_EQ(alone.error_name(), "unknown_device") << alone.all();
    EXPECT_EQ(berth({"registrar", "config", "set", file, "--device", root + "/D-7", "--dir", dir}).exit, 0);
    ASSERT_TRUE(app::write_text(file, R"({"zone":"south"})"));
    EXPECT_EQ(berth({"registrar", "config", "set", file, "--group", "south", "--dir", dir}).exit, 0);
    EXPECT_EQ(berth({"registrar", "group", "D-7", "south", "--dir", dir, "--maker-root", (bundle / "z1.pem").string()}).exit, 0);
    const auto approved = berth({"--json", "registrar", "approve", root + "/D-7", "--dir", dir});
    EXPECT_EQ(approved.json().at("approval").as_string(), "approved") << approved.all();
    const auto bad = berth({"--json", "registrar", "approve", root + "/D*7", "--dir", dir});
    EXPECT_EQ(bad.error_name(), "bad_serial") << bad.all();
    ASSERT_EQ(onboard(bundle).exit, 0);
    const auto json = wire::parse_json_object(got(app::read_text(bundle / "installed" / "config.json")));
    ASSERT_TRUE(json);
    EXPECT_TRUE(json->at("mine").as_bool());
    EXPECT_EQ(json->at("zone").as_string(), "south");
}

}  // namespace
}  // namespace berth::test
