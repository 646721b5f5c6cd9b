// Work that other threads give to a loop: run in the order in which it was given, what is there together in one turn of the loop,
// for which the loop is woken once. A turn takes so much and no more, however fast they give: its end comes in between, and so
// does everybody else on the loop.
#pragma once

#include "net/loop.h"

#include <chrono>
#include <deque>
#include <mutex>

namespace berth::net {

class mailbox : public std::enable_shared_from_this<mailbox> {
public:
    static constexpr size_t most_in_a_turn = 64;
    // Whatever there is: after this long the turn takes nothing further.
    static constexpr std::chrono::milliseconds longest_turn{50};

    explicit mailbox(loop& of) : of_(of) {}

    // From any thread. After close() the work is dropped.
    void put(std::function<void()> work) {
        const std::scoped_lock hold(guard_);
        if (closed_) {
            return;
        }
        waiting_.push_back(std::move(work));
        if (!std::exchange(told_, true)) {
            tell();
        }
    }
    // On the loop's thread, or when that has ended. From now on nothing is run, not even what is there, and the loop is left
    // alone: it may go.
    void close() {
        std::deque<std::function<void()>> unread;
        const std::scoped_lock hold(guard_);
        closed_ = true;
        unread.swap(waiting_);
    }

private:
    void tell() {
        of_.post([self = shared_from_this()] { self->take_turn(); });
    }
    void take_turn() {
        const auto began = std::chrono::steady_clock::now();
        for (size_t taken = 0;; ++taken) {
            std::function<void()> next;
            {
                const std::scoped_lock hold(guard_);
                if (waiting_.empty()) {
                    told_ = false;
                    return;
                }
                if (taken == most_in_a_turn || std::chrono::steady_clock::now() - began >= longest_turn) {
                    return tell();
                }
                next = std::move(waiting_.front());
                waiting_.pop_front();
            }
            next();
        }
    }

    loop& of_;
    std::mutex guard_;
    std::deque<std::function<void()>> waiting_;
    bool told_ = false;
    bool closed_ = false;
};

}  // namespace berth::net
