// The registry knows who is connected: as brokers note it, and no longer than they run.
#include "broker_world.h"

namespace berth::test {
namespace {

class BrokerConnected : public BrokerWorld {
protected:
    void SetUp() override {
        BrokerWorld::SetUp();
        done({"device", "add", "dev1"});
        done({"device", "add", "dev1/mod1"});
        certify("dev1", "dev1");
        certify("mod1", "dev1\\/mod1");
    }
    [[nodiscard]] std::string state(const std::string& name) const {
        return std::string(done({"device", "show", name}).at("connectionState").as_string());
    }
    [[nodiscard]] int count() const { return done({"statistics"}).at("connectedDeviceCount").to_number<int>(); }
    [[nodiscard]] bool becomes(const std::string& name, const std::string& wanted) const {
        return eventually([&] { return state(name) == wanted; });
    }
};

TEST_F(BrokerConnected, WhoComesAndGoes) {
    start();
    EXPECT_EQ(state("dev1"), "Disconnected");
    EXPECT_EQ(count(), 0);
    const pid_t device = stay("dev1", "dev1"), module = stay("mod1", "dev1/mod1");
    EXPECT_TRUE(becomes("dev1", "Connected")) << log();
    EXPECT_TRUE(becomes("dev1/mod1", "Connected")) << log();
    EXPECT_EQ(count(), 1) << "modules are not counted";
    EXPECT_NE(done({"device", "show", "dev1"}).at("connectionStateUpdatedTime").as_string(), "0001-01-01T00:00:00Z");
    EXPECT_THAT(hub({"device", "list"}).all(), testing::HasSubstr("\"Connected\""));
    end(module);
    EXPECT_TRUE(becomes("dev1/mod1", "Disconnected")) << log();
    EXPECT_EQ(state("dev1"), "Connected");
    done({"device", "disable", "dev1"});
    EXPECT_TRUE(becomes("dev1", "Disconnected")) << log();
    EXPECT_EQ(count(), 0);
    end(device);
}

TEST_F(BrokerConnected, WhoTakesOverStaysConnected) {
    start();
    const pid_t first = stay("dev1", "dev1");
    EXPECT_TRUE(becomes("dev1", "Connected")) << log();
    const std::string since(done({"device", "show", "dev1"}).at("connectionStateUpdatedTime").as_string());
    ::kill(first, SIGSTOP);  // it would come again
    const pid_t second = stay("dev1", "dev1");
    // Another one's connection is noted later than what the takeover has left to be noted.
    const pid_t module = stay("mod1", "dev1/mod1");
    EXPECT_TRUE(becomes("dev1/mod1", "Connected")) << log();
    EXPECT_EQ(state("dev1"), "Connected");
    EXPECT_EQ(done({"device", "show", "dev1"}).at("connectionStateUpdatedTime").as_string(), since);
    EXPECT_EQ(count(), 1);
    for (const pid_t one : {first, second, module}) {
        end(one);
    }
    EXPECT_TRUE(becomes("dev1", "Disconnected")) << log();
}

TEST_F(BrokerConnected, NobodyIsConnectedAtABrokerThatWasKilled) {
    start();
    const pid_t device = stay("dev1", "dev1");
    EXPECT_TRUE(becomes("dev1", "Connected")) << log();
    ::kill(broker, SIGKILL);
    (void)exit_of(std::exchange(broker, -1));
    EXPECT_EQ(state("dev1"), "Disconnected");
    EXPECT_EQ(count(), 0);
    end(device);
    start();
    EXPECT_EQ(state("dev1"), "Disconnected");
    const pid_t again = stay("dev1", "dev1");
    EXPECT_TRUE(becomes("dev1", "Connected")) << log();
    EXPECT_EQ(count(), 1);
    stop();
    EXPECT_EQ(state("dev1"), "Disconnected");
    end(again);
}

TEST_F(BrokerConnected, AtTwoBrokersEachCounts) {
    start();
    const uint16_t first_port = port;
    const pid_t first = std::exchange(broker, -1);
    const pid_t device = stay("dev1", "dev1");
    EXPECT_TRUE(becomes("dev1", "Connected")) << log();
    fs::rename(at("local"), at("local-1"));
    fs::rename(at("broker.log"), at("broker-1.log"));
    start();
    EXPECT_EQ(state("dev1"), "Connected") << "the second broker forgets nothing of the first";
    const pid_t module = stay("mod1", "dev1/mod1");
    EXPECT_TRUE(becomes("dev1/mod1", "Connected")) << log();
    EXPECT_EQ(count(), 1);
    ::kill(first, SIGKILL);
    (void)exit_of(first);
    EXPECT_EQ(state("dev1"), "Disconnected");
    EXPECT_EQ(state("dev1/mod1"), "Connected");
    EXPECT_NE(first_port, port);
    end(device);
    end(module);
}

}  // namespace
}  // namespace berth::test
