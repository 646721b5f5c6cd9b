// Many devices at once, for minutes: none fails, and memory does not grow with their number.
#include "support/programs.h"

#include <sys/resource.h>

namespace berth::test {
namespace {

wire::json::object onboard(const std::string& devices, const std::string& at_once) {
    const auto done =
        run_program("berth", {"--json", "bench", "onboard", "--devices", devices, "--concurrency", at_once}, 600'000);
    EXPECT_EQ(done.exit, 0) << done.all();
    return done.json();
}

int64_t number(const wire::json::object& o, std::string_view name) {
    const auto n = wire::integer_member(o, name);
    EXPECT_TRUE(n) << name;
    return n ? *n : -1;
}

int64_t peak(const wire::json::object& report, std::string_view server) {
    return number(report.at("servers").as_object().at(server).as_object(), "peak_resident_kb");
}

class Batch : public testing::Test {
protected:
    static void SetUpTestSuite() {
        rlimit limit{};
        ::getrlimit(RLIMIT_NOFILE, &limit);
        limit.rlim_cur = limit.rlim_max;
        ::setrlimit(RLIMIT_NOFILE, &limit);
    }
};

TEST_F(Batch, AThousandAtOnce) {
    const auto report = onboard("1000", "1000");
    EXPECT_EQ(number(report, "ok"), 1000);
    EXPECT_EQ(number(report, "failed"), 0);
}

TEST_F(Batch, ServersDoNotGrowWithTheNumberOfDevices) {
    // With both, the caches of verified leaves are as full as they become: some 800 chains.
    const auto few = onboard("1500", "20");
    const auto many = onboard("3000", "20");
    EXPECT_EQ(number(many, "failed"), 0);
    for (const char* server : {"masa", "registrar"}) {
        EXPECT_LT(peak(many, server) - peak(few, server), 1500 * 4) << server << ": kilobytes of 1 500 devices";
        EXPECT_LT(peak(many, server), 128 * 1024) << server;
        RecordProperty(server, static_cast<int>(peak(many, server) - peak(few, server)));
    }
}

}  // namespace
}  // namespace berth::test
