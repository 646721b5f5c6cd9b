// The link from a broker to the service behind it: in order, over restarts of the service, and never without bounds.
#include "base/descriptor.h"
#include "net/http_server.h"
#include "net/loop.h"
#include "service_link.h"
#include "support/onboarding_parties.h"
#include "support/test_pki.h"

#include <atomic>

#include <sys/socket.h>
#include <sys/un.h>

namespace berth::test {
namespace {

using app::service_link;

hub::carried_message question(const std::string& text) {
    return {"dev1", "", "ask", bytes(text.begin(), text.end()), "", {}};
}

class Link : public testing::Test {
protected:
    ~Link() override { stop(); }
    [[nodiscard]] std::string path() const { return (directory.path() / "service").string(); }
    // Answers each question by itself in capitals' place: "re: TEXT"; "hush" by nothing; "no" by a refusal of the whole.
    void serve() {
        std::atomic<bool> up = false;
        thread_ = std::thread([this, &up] {
            loop_ = std::make_unique<net::loop>();
            auto router = std::make_shared<net::http_router>();
            router->add("POST", std::string(hub::carrier_path),
                        [](const net::http_request& r) {
                            const auto asked = got(hub::read_carried_messages(r.body));
                            std::vector<std::optional<hub::carried_answer>> out;
                            for (const auto& m : asked) {
                                const std::string text(m.payload.begin(), m.payload.end());
                                if (text == "no") {
                                    return net::http_response::text(400, "no");
                                }
                                const std::string said = "re: " + (text == "chain" ? std::to_string(m.chain.at(0).size()) : text);
                                out.emplace_back(text == "hush" ? std::nullopt
                                                                : std::optional(hub::carried_answer{
                                                                      "answer", bytes(said.begin(), said.end())}));
                            }
                            return net::http_response::text(200, hub::to_text(out), "application/json");
                        },
                        {.most_body = hub::most_carried_octets});
            net::http_server_limits limits;
            limits.size.most_body = hub::most_carried_octets;
            const auto server = got(net::http_server::listen_local(*loop_, path(), 0600, router, system_clock(), limits));
            up = true;
            loop_->run();
        });
        while (!up) {
            std::this_thread::yield();
        }
    }
    void stop() {
        if (thread_.joinable()) {
            loop_->stop();
            thread_.join();
        }
    }
    // Answers, until there are so many or it has lasted too long.
    static std::vector<std::string> answers(service_link& link, size_t count) {
        std::vector<std::string> out;
        const milliseconds until = system_clock().steady() + 20'000;
        while (out.size() < count && system_clock().steady() < until) {
            for (const auto& one : link.take()) {
                if (one.answer) {
                    out.emplace_back(one.answer->payload.begin(), one.answer->payload.end());
                }
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        return out;
    }

    temporary_directory directory;

private:
    std::unique_ptr<net::loop> loop_;
    std::thread thread_;
};

TEST_F(Link, BringsAnswersInOrderAndWakes) {
    serve();
    std::atomic<int> woken = 0;
    service_link link(path(), [&woken] { ++woken; });
    std::vector<std::string> expected;
    for (int i = 0; i < 300; ++i) {
        ASSERT_TRUE(link.ask({&expected, static_cast<uint64_t>(i)}, question(std::to_string(i))));
        expected.push_back("re: " + std::to_string(i));
    }
    EXPECT_EQ(answers(link, expected.size()), expected);
    EXPECT_GE(woken, 300 / static_cast<int>(hub::most_carried));
}

TEST_F(Link, CarriesNothingWhereThereIsNoAnswer) {
    serve();
    service_link link(path(), [] {});
    ASSERT_TRUE(link.ask({}, question("hush")));
    ASSERT_TRUE(link.ask({}, question("a")));
    EXPECT_EQ(answers(link, 1), std::vector<std::string>{"re: a"});
    ASSERT_TRUE(link.ask({}, question("no")));
    // What came together with it is refused with it; what comes later is not.
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    ASSERT_TRUE(link.ask({}, question("b")));
    EXPECT_EQ(answers(link, 1), std::vector<std::string>{"re: b"});
}

TEST_F(Link, WaitsForAServiceThatIsStartedAnew) {
    service_link link(path(), [] {});
    ASSERT_TRUE(link.ask({}, question("early")));
    serve();
    EXPECT_EQ(answers(link, 1), std::vector<std::string>{"re: early"});
    stop();
    ASSERT_TRUE(link.ask({}, question("between")));
    serve();
    EXPECT_EQ(answers(link, 1), std::vector<std::string>{"re: between"});
}

TEST_F(Link, AsksNothingTwiceThatMayHaveArrived) {
    // A service that hangs up after the question.
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::ranges::copy(path(), std::begin(at.sun_path));
    const descriptor listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
    ASSERT_EQ(::listen(listener.get(), 8), 0);
    service_link link(path(), [] {});
    const auto next = [&listener] {
        const descriptor peer(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
        std::string heard(16'384, '\0');
        const auto size = ::recv(peer.get(), heard.data(), heard.size(), 0);
        return heard.substr(0, static_cast<size_t>(std::max<ssize_t>(size, 0)));
    };
    ASSERT_TRUE(link.ask({}, question("first")));
    EXPECT_THAT(next(), testing::HasSubstr("Zmlyc3Q="));
    ASSERT_TRUE(link.ask({}, question("second")));
    const auto then = next();
    EXPECT_THAT(then, testing::HasSubstr("c2Vjb25k"));
    EXPECT_EQ(then.find("Zmlyc3Q="), std::string::npos);
    for (const auto& one : link.take()) {
        EXPECT_FALSE(one.answer) << "what is lost comes back without an answer";
    }
}

TEST_F(Link, TakesNoMoreThanItHasRoomFor) {
    service_link link(path(), [] {});
    size_t taken = 0;
    for (size_t i = 0; i < service_link::most_waiting + 200; ++i) {
        taken += link.ask({}, question("x")) ? 1 : 0;
    }
    EXPECT_GE(taken, service_link::most_waiting);
    EXPECT_LE(taken, service_link::most_waiting + hub::most_carried);
}

TEST_F(Link, TakesNoMoreOctetsThanItHasRoomFor) {
    service_link link(path(), [] {});
    const auto chain = std::make_shared<const std::vector<bytes>>(std::vector<bytes>{bytes(hub::most_carried_chain)});
    constexpr size_t room = service_link::most_waiting_octets / hub::most_carried_chain;
    size_t taken = 0;
    for (size_t i = 0; i < room + 2 * hub::most_carried; ++i) {
        taken += link.ask({}, question("x"), chain) ? 1 : 0;
    }
    EXPECT_GE(taken, room - 1);
    EXPECT_LE(taken, room + hub::most_carried);
}

TEST_F(Link, CarriesTheChainAndGivesEachQuestionBack) {
    serve();
    service_link link(path(), [] {});
    const auto chain = std::make_shared<const std::vector<bytes>>(std::vector<bytes>{bytes{1, 2}});
    ASSERT_TRUE(link.ask({nullptr, 1}, question("chain"), chain));
    ASSERT_TRUE(link.ask({nullptr, 2}, question("hush"), chain));
    std::vector<std::optional<hub::carried_answer>> back;
    const milliseconds until = system_clock().steady() + 20'000;
    while (back.size() < 2 && system_clock().steady() < until) {
        for (auto& one : link.take()) {
            back.push_back(std::move(one.answer));
        }
        std::this_thread::yield();
    }
    ASSERT_EQ(back.size(), 2U);
    EXPECT_EQ(back[0], (hub::carried_answer{"answer", bytes{'r', 'e', ':', ' ', '2'}}));
    EXPECT_FALSE(back[1]);
}

}  // namespace
}  // namespace berth::test
