// What a store that takes nothing for a while says in the log.
#include "roles/store_turn.h"

#include <gmock/gmock.h>

namespace berth::test {
namespace {

// A store at which somebody else writes now and then.
struct shared_store {
    bool busy = false;
    result<void> begin_batch() const {
        return busy ? fail(error_category::environment, "store_busy", "another process writes") : result<void>{};
    }
    static result<void> end_batch() { return {}; }
    static result<void> try_write() { return {}; }
};

size_t count(const std::string& in, std::string_view what) {
    size_t out = 0;
    for (size_t at = in.find(what); at != std::string::npos; at = in.find(what, at + 1)) {
        ++out;
    }
    return out;
}

TEST(StoreTurn, ARefusalIsLoggedOnceUntilItTakesAgain) {
    net::loop loop;
    shared_store store;
    app::store_turn<shared_store> turn(loop, "hub", [](bool) {});
    turn.over(store);
    const auto turns = [&](int how_many) {
        testing::internal::CaptureStderr();
        for (int i = 0; i < how_many; ++i) {
            EXPECT_EQ(turn.begin(), !store.busy);
            turn.end_now();
        }
        return testing::internal::GetCapturedStderr();
    };
    EXPECT_EQ(turns(2), "");
    store.busy = true;
    EXPECT_EQ(count(turns(100), "store_failed"), 1U);
    EXPECT_EQ(turns(100), "");
    store.busy = false;
    const auto taken = turns(2);
    EXPECT_EQ(count(taken, "store_taken"), 1U);
    EXPECT_THAT(taken, testing::HasSubstr("refused=200"));
    store.busy = true;
    EXPECT_EQ(count(turns(2), "store_failed"), 1U);
}

}  // namespace
}  // namespace berth::test
