#include "common/files.h"
#include "store/telemetry/log_reader.h"
#include "store/telemetry/log_writer.h"
#include "support/onboarding_parties.h"

#include <fstream>
#include <thread>

#include <sys/wait.h>
#include <unistd.h>

namespace berth::test {
namespace {

namespace fs = std::filesystem;
using store::telemetry_log_reader;
using store::telemetry_log_writer;

constexpr uint64_t plenty = uint64_t{1} << 30U;

class TelemetryLog : public testing::Test {
protected:
    [[nodiscard]] fs::path at() const { return directory.path() / "log"; }
    [[nodiscard]] std::unique_ptr<telemetry_log_writer> writer(uint64_t most = plenty) const {
        return got(telemetry_log_writer::open(at(), most));
    }
    static void add(telemetry_log_writer& to, const std::string& payload) {
        const auto kept = to.append("dev1", "devices/dev1/messages/events/", as_bytes(payload), 1'000);
        ASSERT_TRUE(kept) << kept.error().message;
    }
    static std::string payloads(const std::vector<store::telemetry_record>& records) {
        std::string out;
        for (const auto& one : records) {
            out += fmt::format("{}:{} ", one.number, one.payload.text());
        }
        return out;
    }
    [[nodiscard]] fs::path segment() const { return store::segment_path(at(), got(store::list_segments(at())).front()); }
    temporary_directory directory;
};

TEST_F(TelemetryLog, WhatIsWrittenIsReadInOrder) {
    auto log = writer();
    telemetry_log_reader reader(at());
    EXPECT_EQ(got(reader.newest()), 0U);
    EXPECT_TRUE(got(reader.read(0, 10)).empty());
    add(*log, "a");
    add(*log, "b");
    EXPECT_EQ(got(reader.newest()), 2U);
    EXPECT_EQ(payloads(got(reader.read(0, 10))), "1:a 2:b ");
    EXPECT_TRUE(got(reader.read(2, 10)).empty());
    add(*log, "c");
    EXPECT_EQ(payloads(got(reader.read(2, 10))), "3:c ") << "it goes on where it was";
    EXPECT_EQ(payloads(got(reader.read(0, 2))), "1:a 2:b ");
    EXPECT_EQ(payloads(got(reader.read(1, 1))), "2:b ");
    const auto all = got(reader.read(0, 10));
    EXPECT_EQ(all.front().client.text(), "dev1");
    EXPECT_EQ(all.front().topic.text(), "devices/dev1/messages/events/");
    EXPECT_EQ(all.front().at_ms, 1'000U);
    EXPECT_EQ(fs::status(segment()).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(TelemetryLog, GoesOnBehindWhatIsThere) {
    add(*writer(), "a");
    EXPECT_LT(fs::file_size(segment()), 1'000U) << "what it did not need is given back";
    add(*writer(), "b");
    (void)writer();  // without a word
    add(*writer(), "c");
    EXPECT_EQ(payloads(got(telemetry_log_reader(at()).read(0, 10))), "1:a 2:b 3:c ");
    EXPECT_EQ(got(store::list_segments(at())).size(), 3U);
}

TEST_F(TelemetryLog, HasManySegments) {
    auto log = writer();
    const std::string large(store::most_logged_payload, 'x');
    for (int i = 0; i < 200; ++i) {
        add(*log, large);
    }
    EXPECT_EQ(log->append("dev1", "t", as_bytes(large + "x"), 1).error().name, "too_large");
    EXPECT_EQ(got(store::list_segments(at())).size(), 4U);
    telemetry_log_reader reader(at());
    uint64_t last = 0;
    for (;;) {
        const auto some = got(reader.read(last, 1'000, 1024 * 1024));
        if (some.empty()) {
            break;
        }
        EXPECT_LE(some.size(), 5U) << "no more at once than was asked for";
        EXPECT_EQ(some.front().number, last + 1);
        last = some.back().number;
    }
    EXPECT_EQ(last, 200U);
    // From anywhere.
    EXPECT_EQ(got(telemetry_log_reader(at()).read(150, 1)).front().number, 151U);
}

TEST_F(TelemetryLog, IsThereAfterItsWriterWasKilled) {
    const pid_t child = ::fork();
    if (child == 0) {
        auto log = telemetry_log_writer::open(at(), plenty);
        for (int i = 0; log && i < 1'000; ++i) {
            (void)(*log)->append("dev1", "t", as_bytes(std::to_string(i)), 1);
        }
        ::kill(::getpid(), SIGKILL);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    telemetry_log_reader reader(at());
    EXPECT_EQ(got(reader.newest()), 1'000U);
    auto log = writer();
    EXPECT_LT(fs::file_size(segment()), store::segment_size) << "what it did not need is given back";
    add(*log, "next");
    const auto all = got(reader.read(0, 2'000));
    ASSERT_EQ(all.size(), 1'001U);
    EXPECT_EQ(all.back().payload.text(), "next");
    EXPECT_EQ(all.back().number, 1'001U);
}

TEST_F(TelemetryLog, HasOneWriter) {
    const auto log = writer();
    EXPECT_EQ(telemetry_log_writer::open(at(), plenty).error().name, "log_in_use");
}

TEST_F(TelemetryLog, ThatIsFullTakesNothingUntilItWasRead) {
    auto log = writer(2 * store::segment_size);
    const std::string large(store::most_logged_payload, 'x');
    result<void> kept;
    uint64_t count = 0;
    while ((kept = log->append("dev1", "t", as_bytes(large), 1))) {
        ASSERT_LT(++count, 1'000U);
    }
    EXPECT_EQ(kept.error().name, "log_full");
    EXPECT_FALSE(log->append("dev1", "t", as_bytes("x"), 1));
    telemetry_log_reader reader(at());
    EXPECT_EQ(got(reader.newest()), count) << "nothing is there that was not taken";
    ASSERT_TRUE(reader.forget(count, system_clock().now() + 10));
    EXPECT_EQ(got(store::list_segments(at())).size(), 1U) << "the newest one stays, for its numbers";
    // It does not look at the disk each time.
    for (int i = 0; i < 500 && !log->append("dev1", "t", as_bytes("x"), 1); ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    EXPECT_EQ(payloads(got(reader.read(count, 10))), fmt::format("{}:x ", count + 1));
}

TEST_F(TelemetryLog, GoesOnWhereItsWriterEndedAsItMadeASegment) {
    add(*writer(), "a");
    std::ofstream(store::segment_path(at(), 2)).close();
    EXPECT_TRUE(got(telemetry_log_reader(at()).read(1, 10)).empty());
    EXPECT_EQ(got(telemetry_log_reader(at()).newest()), 1U);
    add(*writer(), "b");
    EXPECT_EQ(payloads(got(telemetry_log_reader(at()).read(0, 10))), "1:a 2:b ");
    // Made, and not begun.
    std::ofstream(store::segment_path(at(), 3)) << std::string(4'096, '\0');
    add(*writer(), "c");
    EXPECT_EQ(payloads(got(telemetry_log_reader(at()).read(0, 10))), "1:a 2:b 3:c ");
}

TEST_F(TelemetryLog, ForgetsNothingThatIsYoungOrUnread) {
    for (const char* one : {"a", "b", "c"}) {
        add(*writer(), one);
    }
    telemetry_log_reader reader(at());
    ASSERT_TRUE(reader.forget(3, 0));
    EXPECT_EQ(got(store::list_segments(at())).size(), 3U) << "all of it is young";
    ASSERT_TRUE(reader.forget(1, system_clock().now() + 10));
    EXPECT_EQ(payloads(got(reader.read(0, 10))), "2:b 3:c ") << "from the oldest that there is";
}

TEST_F(TelemetryLog, WhatIsDamagedIsPassedOverAndItsNumbersAreNotGivenAgain) {
    {
        auto log = writer();
        for (const char* one : {"first", "second", "third"}) {
            add(*log, one);
        }
    }
    const auto file = segment();
    std::string octets = got(app::read_text(file));
    octets[octets.find("second")] = 'S';
    std::ofstream(file, std::ios::binary) << octets;
    add(*writer(), "fourth");
    EXPECT_EQ(payloads(got(telemetry_log_reader(at()).read(0, 10))), "1:first 4:fourth ");
    // Another's file, in its place.
    std::ofstream(segment(), std::ios::binary) << std::string(100, 'x');
    EXPECT_EQ(telemetry_log_reader(at()).read(0, 10).error().name, "log_damaged");
}

TEST_F(TelemetryLog, ThatHasNoRoomOnTheDiskIsTold) {
    EXPECT_EQ(telemetry_log_writer::open("/proc/nowhere", plenty).error().name, "file_error");
}

}  // namespace
}  // namespace berth::test
