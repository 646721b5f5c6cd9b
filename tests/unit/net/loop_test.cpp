#include "unit/net/support.h"

#include <csignal>
#include <thread>

namespace berth::net::test {

TEST(loop, runs_what_other_threads_post) {
    guarded_loop on;
    timer keeps_it_open(on);
    keeps_it_open.arm(60'000, [] {});
    int count = 0;
    const auto own = std::this_thread::get_id();
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&] {
            for (int i = 0; i < 250; ++i) {
                on.post([&] {
                    EXPECT_EQ(std::this_thread::get_id(), own);
                    if (++count == 1000) {
                        on.stop();
                    }
                });
            }
        });
    }
    on.run();
    for (auto& t : threads) {
        t.join();
    }
    EXPECT_EQ(count, 1000);
}

TEST(loop, does_turn_end_work_once_behind_what_was_ready) {
    guarded_loop on;
    std::string order;
    on.post([&] {
        order += 'a';
        on.at_turn_end([&] {
            order += 'e';
            // Work added at a turn's end belongs to the next turn.
            on.at_turn_end([&] {
                order += 'f';
                on.stop();
            });
        });
        on.at_turn_end([&] { order += 'E'; });
    });
    on.post([&] { order += 'b'; });
    on.run();
    EXPECT_EQ(order, "abeEf");
}

TEST(loop, turns_termination_into_a_call) {
    for (const int signal : {SIGTERM, SIGINT}) {
        guarded_loop on;
        bool called = false;
        on.on_termination([&] {
            called = true;
            on.stop();
        });
        on.post([signal] { ::raise(signal); });
        on.run();
        EXPECT_TRUE(called);
    }
}

TEST(timer, calls_once_and_forgets_the_earlier_time) {
    guarded_loop on;
    timer t(on);
    std::string calls;
    t.arm(60'000, [&] { calls += 'x'; });
    t.arm(1, [&] {
        calls += 'a';
        t.arm(1, [&] {
            calls += 'b';
            on.stop();
        });
    });
    on.run();
    EXPECT_EQ(calls, "ab");
}

// Two timers that are due in the same turn: the first to run silences the other, whose call waits in the queue already.
TEST(timer, that_is_due_is_silenced_by_cancelling_by_destruction_and_by_assignment) {
    for (const int how : {0, 1, 2}) {
        guarded_loop on;
        auto first = std::make_optional<timer>(on);
        auto second = std::make_optional<timer>(on);
        timer other(on);
        int calls = 0;
        const auto silence = [&](std::optional<timer>& which) {
            ++calls;
            switch (how) {
            case 0: which->cancel(); break;
            case 1: which.reset(); break;
            default: *which = std::move(other); break;
            }
        };
        first->arm(5, [&] { silence(second); });
        second->arm(5, [&] { silence(first); });
        on.post([] { std::this_thread::sleep_for(std::chrono::milliseconds(20)); });
        timer end(on);
        end.arm(60, [&] { on.stop(); });
        on.run();
        EXPECT_EQ(calls, 1) << how;
    }
}

}  // namespace berth::net::test
