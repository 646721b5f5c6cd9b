// What devices send, on its way to back ends: nothing that was acknowledged is lost, whoever is killed.
#include "kept_world.h"
#include "net/http_server.h"
#include "net/loop.h"

#include <atomic>
#include <mutex>

namespace berth::test {
namespace {

using testing::HasSubstr;

// A program on this machine that is told, and takes no message that has the property "poison".
class hook {
public:
    hook() {
        auto router = std::make_shared<net::http_router>();
        router->add("POST", "/hook", [this](const net::http_request& r) { return answer(r); });
        server_ = got(net::http_server::listen(loop_, {"127.0.0.1", 0}, net::plain_http{}, router, system_clock()));
        thread_ = std::thread([this] { loop_.run(); });
    }
    ~hook() {
        loop_.stop();
        thread_.join();
    }
    [[nodiscard]] uint16_t port() const { return server_->port(); }
    void refuse(bool from_now_on) { refusing_ = from_now_on; }
    std::vector<std::string> bodies() {
        const std::lock_guard held(mutex_);
        return bodies_;
    }

private:
    net::http_response answer(const net::http_request& r) {
        if (refusing_) {
            return net::http_response::text(503, "later");
        }
        if (r.body.find("\"poison\"") != std::string::npos) {
            return net::http_response::text(400, "never");
        }
        const std::lock_guard held(mutex_);
        const auto said = got(wire::parse_json_object(r.body));
        for (const auto& one : said.at("messages").as_array()) {
            bodies_.push_back(std::string(one.at("properties").at("n").as_string()));
        }
        return net::http_response::empty(204);
    }
    net::loop loop_;
    std::unique_ptr<net::http_server> server_;
    std::thread thread_;
    std::atomic<bool> refusing_ = false;
    std::mutex mutex_;
    std::vector<std::string> bodies_;
};

class Telemetry : public Kept {
protected:
    void begin_with(const std::string& more) { begin(false, more); }
    [[nodiscard]] std::string to_file() const {
        return fmt::format("[[hub.telemetry]]\nname = \"archive\"\nfile = \"{}\"\n", at("archive"));
    }
    program_result send(const std::string& bag, const std::string& body = "x", std::vector<std::string> more = {}) {
        more.insert(more.end(), {"-m", body});
        return publish("dev-1", "devices/dev-1/messages/events/" + bag, more);
    }
    // Messages in the archive, each once, by their property n.
    std::vector<std::string> archived() const {
        std::vector<std::string> out;
        std::istringstream lines(text("archive"));
        for (std::string line; std::getline(lines, line);) {
            const auto read = wire::parse_json_object(line);
            if (read && read->at("properties").as_object().contains("n")) {
                const std::string n(read->at("properties").at("n").as_string());
                if (std::ranges::find(out, n) == out.end()) {
                    out.push_back(n);
                }
            }
        }
        return out;
    }
    [[nodiscard]] wire::json::array kept_in_log() const {
        wire::json::array out;
        std::istringstream lines(berth({"hub", "telemetry", "read", "--most", "100000", "--hub", world->hub().string()}).all());
        for (std::string line; std::getline(lines, line);) {
            if (auto read = wire::parse_json(line)) {
                out.push_back(std::move(*read));
            }
        }
        return out;
    }
};

TEST_F(Telemetry, ComesToAFileWithAllThatTheDeviceSaid) {
    begin_with(to_file());
    EXPECT_EQ(send("%24.mid=m-1&%24.ct=application%2Fjson&n=1", R"({"level":7})").exit, 0);
    EXPECT_EQ(send("n=2", "plain", {"-r"}).exit, 0);
    EXPECT_EQ(send("n=%zz", "bad bag").exit, 0);
    ASSERT_TRUE(eventually([this] { return text("archive").find("%zz") != std::string::npos; })) << text("archive") << said;
    EXPECT_THAT(text("archive"),
                testing::AllOf(HasSubstr(R"("deviceId":"dev-1","moduleId":"","systemProperties":{"messageId":"m-1",)"),
                               HasSubstr(R"("body":{"level":7}})"), HasSubstr(R"("n":"2","mqtt-retain":"true")"),
                               HasSubstr(R"("bag":"n=%zz")")));
    EXPECT_EQ(kept_in_log().size(), 3U);
    const auto list = hub({"sink", "list"});
    EXPECT_THAT(list.all(), HasSubstr(R"({"name":"archive","of":"telemetry","position":3,"newest":3})"));
}

TEST_F(Telemetry, AWillIsTelemetryToo) {
    begin_with(to_file());
    auto words = client(
        "mosquitto_sub", "dev-1",
        {"-t", "$iothub/methods/POST/#", "-d", "--will-topic", "devices/dev-1/messages/events/n=will", "--will-payload", "gone"});
    words.insert(words.begin(), {"/usr/bin/stdbuf", "-o0"});
    const pid_t device = spawn(words, at("will.log"), our_libraries());
    ASSERT_TRUE(eventually([this] { return text("will.log").find("SUBACK") != std::string::npos; })) << text("will.log");
    ::kill(device, SIGKILL);
    (void)exit_of(device);
    ASSERT_TRUE(eventually([this] { return archived() == std::vector<std::string>{"will"}; })) << text("archive") << said;
    EXPECT_THAT(text("archive"), HasSubstr(R"("iothub-MessageType":"Will")"));
    EXPECT_EQ(kept_in_log().size(), 1U);
}

TEST_F(Telemetry, WhatWasAcknowledgedOutlivesBrokerAndService) {
    begin_with(to_file());
    std::vector<std::string> sent;
    const auto send_some = [&](int from) {
        for (int i = from; i < from + 5; ++i) {
            sent.push_back(std::to_string(i));
            EXPECT_EQ(send("n=" + sent.back()).exit, 0) << said;
        }
    };
    send_some(0);
    for (const pid_t one : brokers_now()) {
        ::kill(one, SIGKILL);
    }
    ASSERT_TRUE(eventually([&] { return send("n=back").exit == 0; }, 60'000)) << said;
    sent.emplace_back("back");
    send_some(10);
    const auto brokers = brokers_now();
    ::kill(world->server().pid(), SIGKILL);
    ASSERT_TRUE(eventually([&] {
        return world->server().ended() && std::ranges::all_of(brokers, [](pid_t one) { return ::kill(one, 0) != 0; });
    })) << "the broker goes with it";
    EXPECT_EQ(kept_in_log().size(), sent.size());
    const auto again = world->restart();
    ASSERT_TRUE(again) << again.error().message;
    send_some(20);
    ASSERT_TRUE(eventually([&] { return archived() == sent; })) << text("archive") << said;
}

TEST_F(Telemetry, AWebhookIsToldAgainAndWhatItNeverTakesIsSetAside) {
    hook back_end;
    begin_with(fmt::format("[[hub.telemetry]]\nname = \"hook\"\nwebhook = \"http://127.0.0.1:{}/hook\"\ndead_letters = \"{}\"\n",
                           back_end.port(), at("dead")));
    back_end.refuse(true);
    std::vector<std::string> expected;
    for (int i = 0; i < 8; ++i) {
        EXPECT_EQ(send(fmt::format("n={}{}", i, i == 3 ? "&poison=1" : "")).exit, 0);
        if (i != 3) {
            expected.push_back(std::to_string(i));
        }
    }
    EXPECT_TRUE(back_end.bodies().empty());
    back_end.refuse(false);
    ASSERT_TRUE(eventually([&] { return back_end.bodies().size() >= expected.size(); }, 60'000)) << said;
    EXPECT_EQ(back_end.bodies(), expected);
    EXPECT_THAT(text("dead"), testing::AllOf(HasSubstr(R"("n":"3","poison":"1")"), testing::Not(HasSubstr(R"("n":"4")"))));
    // Once more, from the middle.
    EXPECT_EQ(hub({"sink", "replay", "hook", "--after", "6"}).error_name(), "unknown_sink") << "none of events";
    EXPECT_EQ(hub({"sink", "replay", "hook", "--telemetry", "--after", "99"}).error_name(), "bad_arguments");
    ASSERT_EQ(hub({"sink", "replay", "hook", "--telemetry", "--after", "6"}).exit, 0);
    expected.insert(expected.end(), {"6", "7"});
    ASSERT_TRUE(eventually([&] { return back_end.bodies() == expected; })) << said;
}

TEST_F(Telemetry, WhatCannotBeKeptIsNotAcknowledged) {
    hook back_end;
    back_end.refuse(true);
    begin_with(fmt::format("[hub.telemetry_log]\nmost_mb = 32\nkeep_hours = 8784\n"
                           "[[hub.telemetry]]\nname = \"hook\"\nwebhook = \"http://127.0.0.1:{}/hook\"\n",
                           back_end.port()));
    ASSERT_TRUE(app::write_text(at("large"), std::string(size_t{256} * 1024, 'x')));
    std::vector<std::string> files{"-f", at("large"), "--repeat", "150"};
    // Two segments of 16 MiB hold less than 150 of them.
    EXPECT_NE(publish("dev-1", "devices/dev-1/messages/events/", files).exit, 0);
    ASSERT_TRUE(eventually([this] { return said.find("telemetry_refused") != std::string::npos; })) << said;
    const size_t taken = kept_in_log().size();
    EXPECT_GT(taken, 100U);
    EXPECT_LT(taken, 128U);
    EXPECT_THAT(said, HasSubstr("log_full"));
}

TEST_F(Telemetry, ThereIsRoomAgainOnceBackEndsHaveIt) {
    begin_with("[hub.telemetry_log]\nmost_mb = 32\nkeep_hours = 8784\n" + to_file());
    ASSERT_TRUE(app::write_text(at("large"), std::string(size_t{256} * 1024, 'x')));
    const auto segments = [this] {
        return std::ranges::count_if(fs::directory_iterator(world->hub() / "telemetry"),
                                     [](const auto& one) { return one.path().extension() == ".telemetry"; });
    };
    // More than it has room for, in all.
    for (int i = 0; i < 4; ++i) {
        EXPECT_EQ(publish("dev-1", "devices/dev-1/messages/events/", {"-f", at("large"), "--repeat", "50"}).exit, 0) << said;
        ASSERT_TRUE(eventually([&] { return segments() <= 1; }, 60'000)) << segments() << said;
    }
    EXPECT_TRUE(eventually([this] {
        return hub({"sink", "list"}).all().find(R"("position":200,"newest":200)") != std::string::npos;
    })) << hub({"sink", "list"}).all();
}

TEST_F(Telemetry, IsNotKeptWhereNobodyWantsIt) {
    begin();
    EXPECT_EQ(send("n=1").exit, 0);
    EXPECT_FALSE(fs::exists(world->hub() / "telemetry"));
    EXPECT_EQ(hub({"telemetry", "read"}).error_name(), "no_telemetry_log");
}

}  // namespace
}  // namespace berth::test
