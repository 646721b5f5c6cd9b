// What the plugin counts comes to the service once, whenever that is there.
#include "crypto/random.h"
#include "net/http_server.h"
#include "net/loop.h"
#include "reporter.h"
#include "support/onboarding_parties.h"

#include <atomic>

namespace berth::test {
namespace {

using app::broker_reporter;
using hub::login_refusal;

class Reporter : public testing::Test {
protected:
    ~Reporter() override { stop(); }
    [[nodiscard]] std::string path() const { return (directory.path() / "service").string(); }
    void serve() {
        std::atomic<bool> up = false;
        thread_ = std::thread([this, &up] {
            loop_ = std::make_unique<net::loop>();
            auto router = std::make_shared<net::http_router>();
            router->add("POST", std::string(hub::report_path), [this](const net::http_request& r) {
                const auto told = got(hub::read_broker_report(r.body));
                const std::lock_guard held(mutex_);
                ++heard_;
                sum_.sessions = told.sessions;
                sum_.provisioning = told.provisioning;
                sum_.by_certificate += told.by_certificate;
                sum_.by_key += told.by_key;
                for (size_t i = 0; i < sum_.refused.size(); ++i) {
                    sum_.refused[i] += told.refused[i];
                    sum_.cut[i] += told.cut[i];
                }
                return net::http_response::empty(204);
            });
            const auto server = got(net::http_server::listen_local(*loop_, path(), 0600, router, system_clock()));
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
    hub::broker_report sum() {
        const std::lock_guard held(mutex_);
        return sum_;
    }
    size_t heard() {
        const std::lock_guard held(mutex_);
        return heard_;
    }
    template <class F>
    bool eventually(const F& holds) {
        const milliseconds until = system_clock().steady() + 20'000;
        while (!holds() && system_clock().steady() < until) {
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        return holds();
    }

    temporary_directory directory;

private:
    std::unique_ptr<net::loop> loop_;
    std::thread thread_;
    std::mutex mutex_;
    hub::broker_report sum_;
    size_t heard_ = 0;
};

TEST_F(Reporter, TellsWhatIsCounted) {
    serve();
    broker_reporter reporter(path(), true, crypto::system_random());
    reporter.in(false);
    reporter.in(true);
    reporter.refused(login_refusal::unknown_ca);
    reporter.refused(login_refusal::unknown_ca);
    reporter.cut(login_refusal::disabled);
    reporter.tick(5, 1'000);
    EXPECT_TRUE(eventually([this] { return heard() == 1; }));
    const auto first = sum();
    EXPECT_TRUE(first.provisioning);
    EXPECT_EQ(first.sessions, 5U);
    EXPECT_EQ(first.by_certificate, 1U);
    EXPECT_EQ(first.by_key, 1U);
    EXPECT_EQ(first.refused[static_cast<size_t>(login_refusal::unknown_ca)], 2U);
    EXPECT_EQ(first.cut[static_cast<size_t>(login_refusal::disabled)], 1U);
    // Once a second at most, and not again what was told.
    reporter.in(false);
    reporter.tick(5, 1'500);
    reporter.tick(6, 2'000);
    EXPECT_TRUE(eventually([this] { return sum().sessions == 6; }));
    EXPECT_EQ(sum().by_certificate, 2U);
    EXPECT_EQ(heard(), 2U);
    // Nothing new; it says that it is there, at times.
    reporter.tick(6, 3'000);
    reporter.tick(6, 2'000 + broker_reporter::at_least_every);
    EXPECT_TRUE(eventually([this] { return heard() == 3; }));
    EXPECT_EQ(sum().by_certificate, 2U);
}

TEST_F(Reporter, KeepsWhatNobodyCouldBeTold) {
    broker_reporter reporter(path(), false, crypto::system_random());
    for (milliseconds now = 1'000; now < 50'000; now += 1'000) {
        reporter.refused(login_refusal::bad_token);
        reporter.tick(1, now);
    }
    serve();
    milliseconds now = 50'000;
    EXPECT_TRUE(eventually([&] {
        reporter.tick(1, now += broker_reporter::at_least_every);
        return sum().refused[static_cast<size_t>(login_refusal::bad_token)] == 49;
    }));
}

}  // namespace
}  // namespace berth::test
