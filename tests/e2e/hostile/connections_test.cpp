// Peers that connect and say nothing, or ask and never read: they are closed in time, cost little, and keep nobody out.
#include "support.h"

#include "common/files.h"
#include "onboarding/messages/authorization_request.h"
#include "onboarding/messages/onboard_request.h"

#include <sys/resource.h>

namespace berth::test {
namespace {

using namespace onboarding;

constexpr size_t idle_here = 1'000;       // from the devices' own address, below the limit of 1 024
constexpr size_t idle_elsewhere = 1'100;  // from another one, which is more than an address may have
constexpr size_t most_per_address = 1'024;
// A half-open connection costs its buffers and half a handshake.
constexpr size_t most_kilobytes = 256 * 1024;

bool set_open_files(rlim_t soft) {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = soft;
    return limit.rlim_max >= soft && ::setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

class HostileConnections : public testing::Test {
protected:
    static void SetUpTestSuite() {
        // What most systems start a service with: berthd must do with it.
        ASSERT_TRUE(set_open_files(1'024));
        directory = std::make_unique<temporary_directory>();
        world = start_world(directory->path(), {"Birch", "Cedar"});
    }
    static void TearDownTestSuite() {
        world.reset();
        directory.reset();
    }
    void SetUp() override {
        ASSERT_TRUE(world) << "the daemons did not start";
        if (!set_open_files(4'096)) {
            GTEST_SKIP() << "needs 4 096 open files (ulimit -Hn)";
        }
    }

    static std::filesystem::path make_device(const std::string& serial) {
        return got(world->make_device(world->order_for(serial, "Birch"), "Birch"));
    }
    // Cedar's registrar with a MASA that nobody can reach: it says `pending` for as long as anybody asks.
    static void cut_off_cedar() {
        const auto file = world->customer("Cedar").registrar / "berthd.toml";
        std::string toml = got(app::read_text(file));
        const std::string masa = "\"" + world->kk1().text() + "\"";
        const size_t where = toml.find(masa);
        ASSERT_NE(where, std::string::npos);
        toml.replace(where, masa.size(), "\"127.0.0.1:1\"");
        ASSERT_TRUE(app::write_text(file, toml));
        ASSERT_TRUE(world->restart("Cedar"));
    }
    // Until the connection is gone.
    void keep_saying(hostile_peer& peer, bytes_view octets) {
        const milliseconds until = system_clock().steady() + 30'000;
        bool gone = false;
        while (!gone && system_clock().steady() < until) {
            gone = !peer.say(octets);
            log.listen(0);
        }
        EXPECT_TRUE(gone) << "the connection still stands";
    }
    void expect_memory_is_bounded() {
        for (const auto& [name, kilobytes] : world->resident_kilobytes()) {
            EXPECT_LT(kilobytes, most_kilobytes) << name;
        }
    }

    log_watch log{*world};
    static std::unique_ptr<temporary_directory> directory;
    static std::unique_ptr<app::world> world;
};
std::unique_ptr<temporary_directory> HostileConnections::directory;
std::unique_ptr<app::world> HostileConnections::world;

// One test, since everything waits for the same thirty seconds: strangers on KK2 that do not finish their handshake, and a
// registrar on KK1 that lets its answers lie.
TEST_F(HostileConnections, HalfOpenAndStalledPeersAreClosedInTimeAndKeepNobodyOut) {
    const uint16_t kk2 = world->customer("Birch").kk2.port;
    const auto stranger = make_device("H-0");
    const bytes hello = hostile_peer::first_flight(kk2_client(credential_of(stranger / "z3.pem", stranger / "p3.pem")));
    std::vector<raw_connection> idle;
    idle.reserve(idle_here + idle_elsewhere);
    for (size_t i = 0; i < idle_here + idle_elsewhere; ++i) {
        idle.emplace_back(kk2, i < idle_here ? "127.0.0.1" : "127.0.0.2");
        ASSERT_TRUE(idle.back().connected());
        if (i % 2 == 0) {
            // May fail for those that are above the limit and closed already.
            (void)idle.back().send(bytes_view(hello).first(hello.size() / 2));
        }
    }
    ASSERT_TRUE(log.wait_for("Birch", "handshake_failed", "too_many_requests", idle_elsewhere - most_per_address, 20'000))
        << log.said("Birch");

    // Frames under a session number that was used: eight octets each, and each is answered with a sentence.
    const auto& cedar = world->customer("Cedar").registrar;
    hostile_peer stalled(world->kk1().port, kk1_client(*world, credential_of(cedar / "z4.pem", cedar / "z4.key")), true);
    ASSERT_TRUE(stalled.handshake());
    bytes questions;
    append(questions, *wire::encode(frame{static_cast<uint8_t>(message_type::session_open), 5, {}}));
    for (int i = 0; i < 28'000; ++i) {
        append(questions, *wire::encode(frame{static_cast<uint8_t>(message_type::session_open), 1, {}}));
    }
    // Three and a half megabytes of answers: more than the system takes for a connection whose other end has the smallest
    // buffer, and less than the four at which the MASA would not wait.
    ASSERT_TRUE(stalled.say(questions));

    // A device is onboarded at the same registrar, from the same address, meanwhile.
    const auto during = onboard(log, make_device("H-1"));
    EXPECT_EQ(during.exit, 0) << during.all();

    // All of them are gone in time, and say so.
    ASSERT_TRUE(log.wait_for("Birch", "handshake_failed", "handshake_timeout", idle_here + most_per_address, 60'000))
        << log.count("Birch", "handshake_failed", "handshake_timeout") << "\n"
        << log.said("Birch");
    for (auto& c : idle) {
        ASSERT_TRUE(c.closed());
    }
    EXPECT_EQ(log.count("Birch", "handshake_failed", "handshake_timeout"), idle_here + most_per_address) << "and nobody else";
    EXPECT_TRUE(log.wait_for("masa", "kk1_lost", "slow_peer", 1, 60'000)) << log.said("masa");
    EXPECT_FALSE(stalled.say(questions) && stalled.say(questions));

    const auto after = onboard(log, make_device("H-2"));
    EXPECT_EQ(after.exit, 0) << after.all();
    expect_memory_is_bounded();
}

TEST_F(HostileConnections, DeviceThatAsksOnAndOnAndNeverReadsIsRefused) {
    cut_off_cedar();
    const auto bundle = make_device("H-3");
    const auto opened = got(app::device_bundle::open(bundle));
    hostile_peer flood(world->customer("Cedar").kk2.port, kk2_client({opened.z3, opened.p3}), true);
    ASSERT_TRUE(flood.handshake());
    bytes request;
    authorization_request asked;
    asked.bi2 = wire::opaque<1, 1024>(bytes{1});
    for (int i = 0; i < 2'000; ++i) {
        append(request, *to_frame(message_type::authorization_request, 0, asked));
    }
    // The first two frames at once: alone, the first would be told that the MASA is not reached, and that would be all.
    ASSERT_TRUE(flood.say(concat({*to_frame(message_type::onboard_request, 0, onboard_request{}), request})));
    // The second comes before its time.
    keep_saying(flood, request);
    EXPECT_TRUE(log.wait_for("Cedar", "refused", "", 1, 10'000)) << log.said("Cedar");
    EXPECT_THAT(log.said("Cedar"), testing::HasSubstr(R"("outcome":"too_many_requests")"));
    // So is one that is refused, and neither reads nor stops.
    hostile_peer deaf(world->customer("Cedar").kk2.port, kk2_client({opened.z3, opened.p3}), true);
    ASSERT_TRUE(deaf.handshake());
    ASSERT_TRUE(deaf.say(*to_frame(message_type::authorization_request, 0, asked)));
    keep_saying(deaf, request);
    // The next device is heard and answered.
    auto order = world->order_for("H-4", "Cedar");
    const auto other = got(world->make_device(order, "Cedar"));
    EXPECT_EQ(onboard(log, other).error_name(), "masa_unreachable") << log.said("Cedar");
    expect_memory_is_bounded();
    auto store = got(store::sqlite_registrar_store::open((world->customer("Cedar").registrar / "registrar.db").string()));
    EXPECT_TRUE(got(store->certificates_of(opened.identity)).empty());
}

}  // namespace
}  // namespace berth::test
