// What happens at the brokers, as berthd's /metrics tells it.
#include "kept_world.h"
#include "support/small_world.h"

namespace berth::test {
namespace {

using testing::HasSubstr;

TEST_F(Kept, WhoComesInAndWhoDoesNotIsCounted) {
    begin(false, "[admin]\nlisten = \"127.0.0.1:0\"\n");
    const auto metrics = [this] { return http_get(world->at("admin").port, "/metrics").body; };
    const auto comes_to = [&](const std::string& line) {
        EXPECT_TRUE(eventually([&] { return metrics().find(line + "\n") != std::string::npos; })) << line << "\n" << metrics();
    };
    EXPECT_EQ(publish("dev-1", "devices/dev-1/messages/events/", {"-m", "x"}).exit, 0);
    comes_to(R"(berth_hub_logins_total{broker="hub",by="certificate"} 1)");
    stay("dev-2");
    comes_to(R"(berth_hub_sessions{broker="hub"} 1)");
    EXPECT_EQ(hub({"device", "disable", "dev-2"}).exit, 0);
    comes_to(R"(berth_hub_sessions_cut_total{broker="hub",reason="disabled"} 1)");
    // dev-2 comes again by itself.
    EXPECT_TRUE(eventually([&] {
        return metrics().find(R"(berth_hub_refusals_total{broker="hub",reason="disabled"})") != std::string::npos;
    })) << metrics();
    comes_to(R"(berth_hub_sessions{broker="hub"} 0)");
    // One that no CA vouches for ends in the handshake, at either broker.
    const auto knock = [this](const std::string& endpoint) {
        (void)run_program("/usr/bin/mosquitto_pub",
                          {"-h", "localhost", "-p", std::to_string(world->at(endpoint).port), "--cafile",
                           world->server_root().string(), "--cert", world->admin().chain.string(), "--key",
                           world->admin().key.string(), "-i", "x", "-t", "x", "-m", "x"},
                          20'000, our_libraries());
    };
    knock("mqtt");
    comes_to(R"(berth_hub_refusals_total{broker="hub",reason="unknown_ca"} 1)");
    knock("provisioning");
    comes_to(R"(berth_hub_refusals_total{broker="provisioning",reason="unknown_ca"} 1)");
}

}  // namespace
}  // namespace berth::test
