// The real programs together: processes, sockets, files.
#include "device/installation.h"
#include "pki/private_key_file.h"
#include "scene/attacks.h"
#include "support/small_world.h"

namespace berth::test {
namespace {

namespace fs = std::filesystem;

class Programs : public small_world {
protected:
    static void SetUpTestSuite() { begin({"Birch", "Cedar"}); }
};

TEST_F(Programs, DeviceIsOnboardedAndItsCertificatesHold) {
    const auto bundle = make(world->order_for("E-1", "Birch"), "Birch");
    const auto r = berth({"--json", "device", "onboard", "--bundle", bundle.string()});
    ASSERT_EQ(r.exit, 0) << r.all();
    const auto json = r.json();
    EXPECT_TRUE(json.at("ok").as_bool());
    EXPECT_EQ(json.at("customer").as_string(), "Birch");
    EXPECT_EQ(json.at("credentials").as_array().size(), 3u);
    for (const char* file : {"domain-root.pem", "device.pem", "device.key", "device-pq.pem", "device-pq.key", "device-kem.pem",
                             "device-kem.key", "config.json", "state.json"}) {
        EXPECT_TRUE(fs::exists(bundle / "installed" / file)) << file;
    }
    EXPECT_EQ(fs::status(bundle / "installed" / "device.key").permissions(), fs::perms::owner_read | fs::perms::owner_write);
    EXPECT_FALSE(fs::exists(bundle / "pending"));
    // OpenSSL's own command line agrees.
    const std::string root = (bundle / "installed" / "domain-root.pem").string();
    for (const char* name : {"device.pem", "device-pq.pem"}) {
        const std::string chain = (bundle / "installed" / name).string();
        auto openssl = app::child_process::start(
            "/bin/sh", {"-c", fmt::format("{} verify -CAfile {} -untrusted {} {}", BERTH_OPENSSL_COMMAND, root, chain, chain)});
        ASSERT_TRUE(openssl);
        while (!openssl->ended()) {
            app::poll_children({&*openssl}, 50);
        }
        EXPECT_EQ(openssl->exit_code(), 0) << name;
    }
    // A second run finds it done.
    EXPECT_EQ(berth({"--json", "device", "onboard", "--bundle", bundle.string()}).json().at("attempts").as_int64(), 0);
}

TEST_F(Programs, AgentOnboardsUnattendedByDirectKk3) {
    auto order = world->order_for("E-2", "Cedar");
    order.direct = true;
    const auto bundle = make(order, "Cedar");
    const auto r = run_program("berth-agent", {"--bundle", bundle.string(), "--once", "--json"});
    EXPECT_EQ(r.exit, 0) << r.all();
    EXPECT_TRUE(fs::exists(bundle / "installed" / "state.json"));
}

TEST_F(Programs, RendezvousFindsTheOwnersRegistrar) {
    auto order = world->order_for("E-3", "Cedar");
    order.registrars.clear();
    order.discovery = {"rendezvous"};
    const auto bundle = make(order, "Cedar");
    const auto r = berth({"--json", "device", "onboard", "--bundle", bundle.string()});
    EXPECT_EQ(r.exit, 0) << r.all();
    EXPECT_EQ(r.json().at("registrar").as_string(), world->customer("Cedar").kk2.text());
}

TEST_F(Programs, ImpostorFirstInTheListDoesNotKeepTheOwnerOut) {
    auto order = world->order_for("E-4", "Birch");
    order.registrars = {world->customer("Cedar").kk2.text(), world->customer("Birch").kk2.text()};
    const auto bundle = make(order, "Birch");
    const auto r = berth({"--json", "device", "onboard", "--bundle", bundle.string()});
    EXPECT_EQ(r.exit, 0) << r.all();
    EXPECT_EQ(r.json().at("attempts").as_int64(), 2);
    EXPECT_EQ(r.json().at("customer").as_string(), "Birch");
}

TEST_F(Programs, UnassignedDeviceIsRefusedWithExitCode1) {
    const auto bundle = make(world->order_for("E-5", "Birch"), "");
    const auto r = berth({"--json", "device", "onboard", "--bundle", bundle.string()});
    EXPECT_EQ(r.exit, 1) << r.all();
    EXPECT_EQ(r.error_name(), "not_assigned");
    EXPECT_FALSE(fs::exists(bundle / "installed"));
    EXPECT_FALSE(fs::exists(bundle / "pending")) << "after a refusal the device makes new keys";
}

TEST_F(Programs, NobodyThereIsExitCode3) {
    auto order = world->order_for("E-6", "Birch");
    order.registrars = {"127.0.0.1:1"};
    const auto bundle = make(order, "Birch");
    const auto r = berth({"--json", "device", "onboard", "--bundle", bundle.string()});
    EXPECT_EQ(r.exit, 3) << r.all();
    EXPECT_EQ(r.error_name(), "connect_failed");
}

TEST_F(Programs, ConfigurationIsFetchedAgain) {
    const auto bundle = make(world->order_for("E-7", "Birch"), "Birch");
    ASSERT_EQ(berth({"device", "onboard", "--bundle", bundle.string()}).exit, 0);
    const std::string dir = world->customer("Birch").registrar.string();
    const std::string file = (directory->path() / "c.json").string();
    ASSERT_TRUE(pki::write_file_atomically(file, as_bytes(R"({"level":7})"), 0644));
    ASSERT_EQ(berth({"registrar", "config", "set", file, "--device", "E-7", "--dir", dir}).exit, 0);
    const auto fetched = berth({"--json", "device", "config", "--bundle", bundle.string()});
    EXPECT_EQ(fetched.exit, 0) << fetched.all();
    EXPECT_EQ(as_text(*pki::read_file((bundle / "installed" / "config.json").string(), 1000)), R"({"level":7})");
    EXPECT_GT(fetched.json().at("configuration_version").as_int64(), 0);
}

TEST_F(Programs, RegistrarInTheMiddleAndPlayedRegistrarAreRefused) {
    auto middle = app::registrar_in_the_middle::start(*world, world->customer("Cedar"), directory->path() / "mallory");
    ASSERT_TRUE(middle) << middle.error().message;
    auto order = world->order_for("E-8", "Birch");
    order.registrars = {(*middle)->kk2().text()};
    const auto bundle = make(order, "Birch");
    const auto r = berth({"--json", "device", "onboard", "--bundle", bundle.string()});
    EXPECT_EQ(r.error_name(), "registrar_mismatch") << r.all();
    EXPECT_FALSE(fs::exists(bundle / "installed"));

    const auto good = make(world->order_for("E-9", "Birch"), "Birch");
    ASSERT_EQ(berth({"device", "onboard", "--bundle", good.string()}).exit, 0);
    const auto opened = app::device_bundle::open(good);
    ASSERT_TRUE(opened);
    const auto refused = app::play_registrar(*world, *opened, "device-kem");
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->name, "peer_alert");
}

TEST_F(Programs, ReleaseHasNoFaultPoints) {
    for (const char* name : {"berthd", "berth-agent", "berth"}) {
        const auto octets = pki::read_file((fs::path(BERTH_BIN_DIR) / name).string(), size_t{1} << 30);
        ASSERT_TRUE(octets);
        // Put together here, so that this test's own binary is not what is found.
        const std::string marker = std::string("berth-fault-") + "point:";
        EXPECT_EQ(std::search(octets->begin(), octets->end(), marker.begin(), marker.end()), octets->end()) << name;
    }
}

}  // namespace
}  // namespace berth::test
