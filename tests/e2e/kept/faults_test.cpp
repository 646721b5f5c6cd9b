// Brokers and service are killed, the registry is locked or its disk full, while devices are connected: they come back or stay,
// and nothing that was acknowledged is lost.
#include "kept_world.h"
#include "setup/hub.h"

#include <sys/resource.h>

namespace berth::test {
namespace {

using testing::HasSubstr;

class KeptFaults : public Kept {
protected:
    ~KeptFaults() override {
        for (const pid_t one : coming_again_) {
            ::kill(-one, SIGKILL);
            (void)exit_of(one);
        }
    }
    // As the administrator; the status, and "000" where there was no answer in five seconds.
    std::string ask(const std::string& method, const std::string& path, const std::string& body = "") {
        std::vector<std::string> words{"-s",
                                       "-m",
                                       "5",
                                       "--cacert",
                                       world->server_root().string(),
                                       "--cert",
                                       world->admin().chain.string(),
                                       "--key",
                                       world->admin().key.string(),
                                       "-X",
                                       method,
                                       "-o",
                                       at("body"),
                                       "-D",
                                       at("header"),
                                       "-w",
                                       "%{http_code}",
                                       fmt::format("https://localhost:{}{}", world->at("https").port, path)};
        if (!body.empty()) {
            words.insert(words.end(), {"-H", "Content-Type: application/json", "--data-binary", body});
        }
        const auto r = run_program("/usr/bin/curl", words, 30'000, our_libraries());
        return r.output.empty() ? r.all() : r.output.front();
    }
    std::string make(const std::string& name) {
        return ask("PUT", "/devices/" + name,
                   fmt::format(R"({{"deviceId":"{}","authentication":{{"type":"certificateAuthority"}}}})", name));
    }
    [[nodiscard]] std::string state(const std::string& name) const {
        return std::string(hub({"device", "show", name}).json().at("connectionState").as_string());
    }
    // A device that comes again by itself, as SDKs do; how often it has got in.
    void stay_and_come_again(const std::string& name) {
        auto words = client("mosquitto_sub", name, {"-t", "$iothub/methods/POST/#", "-d", "-k", "30"});
        // A session of its own, so that all of it can be ended.
        words.insert(words.begin(),
                     {"/usr/bin/setsid", "/bin/sh", "-c", R"(while :; do stdbuf -o0 "$@"; sleep 0.2; done)", "sh"});
        coming_again_.push_back(spawn(words, at(name + ".log"), our_libraries()));
        ASSERT_TRUE(eventually([&] { return times_in(name) == 1; })) << text(name + ".log");
    }
    [[nodiscard]] size_t times_in(const std::string& name) const {
        const std::string said_by = text(name + ".log");
        size_t out = 0;
        for (size_t i = said_by.find("CONNACK (0)"); i != std::string::npos; i = said_by.find("CONNACK (0)", i + 1)) {
            ++out;
        }
        return out;
    }
    [[nodiscard]] bool arrives(const std::string& what) {
        return publish("dev-2", "devices/dev-2/messages/events/" + what, {"-m", "x"}).exit == 0 &&
               eventually([&] { return text("heard").find(what) != std::string::npos; });
    }
    // Whoever writes waits, as during a long import.
    [[nodiscard]] std::unique_ptr<store::sqlite_hub_store> lock() const {
        auto out = got(app::open_hub_store(world->hub()));
        EXPECT_TRUE(out->begin_batch());
        EXPECT_TRUE(out->try_write());
        return out;
    }
    void limit_files(rlim_t octets) {
        rlimit now{};
        ASSERT_EQ(::prlimit(world->server().pid(), RLIMIT_FSIZE, nullptr, &now), 0);
        now.rlim_cur = std::min(octets, now.rlim_max);
        ASSERT_EQ(::prlimit(world->server().pid(), RLIMIT_FSIZE, &now, nullptr), 0);
    }

private:
    std::vector<pid_t> coming_again_;
};

TEST_F(KeptFaults, DevicesComeBackToABrokerThatWasKilled) {
    begin();
    stay_and_come_again("dev-1");
    ASSERT_TRUE(eventually([this] { return state("dev-1") == "Connected"; })) << said;
    for (const pid_t one : brokers_now()) {
        ::kill(one, SIGKILL);
    }
    EXPECT_TRUE(eventually([this] { return times_in("dev-1") >= 2; }, 60'000)) << text("dev-1.log") << said;
    EXPECT_TRUE(eventually([this] { return state("dev-1") == "Connected"; })) << said;
    EXPECT_EQ(state("dev-2"), "Disconnected");
}

TEST_F(KeptFaults, WhatTheServiceHasAcknowledgedIsThereWhenItWasKilled) {
    begin();
    stay_and_come_again("dev-1");
    for (int round = 0; round < 3; ++round) {
        const std::string name = fmt::format("fresh-{}", round);
        ASSERT_EQ(make(name), "200") << text("body");
        const auto brokers = brokers_now();
        ::kill(world->server().pid(), SIGKILL);
        ASSERT_TRUE(eventually([&] { return std::ranges::none_of(brokers, [](pid_t one) { return ::kill(one, 0) == 0; }); }))
            << "they go with it, and leave their ports";
        const auto again = world->restart();
        ASSERT_TRUE(again) << again.error().message;
        EXPECT_EQ(ask("GET", "/devices/" + name), "200") << text("body");
    }
    EXPECT_TRUE(eventually([this] { return times_in("dev-1") >= 2; }, 60'000)) << text("dev-1.log") << said;
    EXPECT_TRUE(eventually([this] {
        return ask("GET", "/statistics/service") == "200" && text("body").find("\"connectedDeviceCount\":1") != std::string::npos;
    })) << text("body");
}

TEST_F(KeptFaults, WhileAnotherProcessWritesNobodyWaitsForLong) {
    begin();
    listen_to_all();
    stay_and_come_again("dev-1");
    auto other = lock();
    // Ten seconds for each of them would be longer than curl waits.
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(make("late"), "503") << text("body");
        EXPECT_THAT(text("header"), HasSubstr("Retry-After: "));
        EXPECT_EQ(ask("GET", "/devices/dev-1"), "200") << "who reads does not wait";
    }
    EXPECT_TRUE(arrives("while-locked")) << "devices log in and send\n" << said;
    ASSERT_TRUE(other->end_batch());
    other.reset();
    EXPECT_TRUE(eventually([this] { return make("late") == "200"; })) << text("body") << said;
    EXPECT_EQ(times_in("dev-1"), 1U) << "it never left\n" << text("dev-1.log");
    EXPECT_TRUE(eventually([this] { return state("dev-1") == "Connected"; })) << said;
}

TEST_F(KeptFaults, AFullDiskRefusesAndLosesNothing) {
    begin();
    listen_to_all();
    stay_and_come_again("dev-1");
    ASSERT_EQ(make("before"), "200") << text("body");
    limit_files(static_cast<rlim_t>(fs::file_size(world->hub() / "hub.db-wal")));
    EXPECT_EQ(make("refused"), "503") << text("body");
    EXPECT_TRUE(eventually([this] { return said.find("\"disk_full\"") != std::string::npos; })) << said;
    EXPECT_TRUE(arrives("while-full")) << said;
    EXPECT_EQ(ask("GET", "/devices/before"), "200");
    EXPECT_EQ(ask("GET", "/devices/refused"), "404");
    limit_files(RLIM_INFINITY);
    EXPECT_TRUE(eventually([this] { return make("after") == "200"; })) << text("body") << said;
    EXPECT_EQ(ask("GET", "/devices/before"), "200");
    EXPECT_EQ(ask("GET", "/devices/refused"), "404");
    EXPECT_EQ(times_in("dev-1"), 1U) << text("dev-1.log");
}

}  // namespace
}  // namespace berth::test
