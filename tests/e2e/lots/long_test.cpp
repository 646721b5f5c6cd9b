// Five thousand units each: nothing is lost or made twice, killed in the middle.
#include "line.h"

namespace berth::test {
namespace {

class LongLots : public LineWorld, public testing::WithParamInterface<const char*> {};

TEST_P(LongLots, FiveThousand) {
    constexpr size_t units = 5'000;
    const std::string backend = GetParam();
    put_station();
    auto command = lot(backend, units);
    ASSERT_NO_FATAL_FAILURE(kill_at(command, 2'000));
    if (backend == "stsafe") {
        command.emplace_back("--clear-interrupted");
    }
    const auto r = run(command, 3'000'000);
    ASSERT_EQ(r.exit, 0) << r.all();
    fmt::print("{}: {}\n", backend, wire::to_text(last(r)));
    expect_made(units);
}

INSTANTIATE_TEST_SUITE_P(Backends, LongLots, testing::Values("software", "stsafe"),
                         [](const auto& p) { return std::string(p.param); });

}  // namespace
}  // namespace berth::test
