// Work that other threads give to a loop: run in the order in which it was given, all of it that is there in one turn of the
// loop, for which the loop is woken once.
#pragma once

#include "net/loop.h"

#include <mutex>
#include <vector>

namespace berth::net {

class mailbox : public std::enable_shared_from_this<mailbox> {
public:
    explicit mailbox(loop& of) : of_(of) {}

    // From any thread. After close() the work is dropped.
    void put(std::function<void()> work) {
        const std::scoped_lock hold(guard_);
        if (closed_) {
            return;
        }
        waiting_.push_back(std::move(work));
        if (!std::exchange(told_, true)) {
            of_.post([self = shared_from_this()] { self->empty(); });
        }
    }
    // On the loop's thread, or when that has ended. From now on nothing is run, not even what is there, and the loop is left
    // alone: it may go.
    void close() {
        std::vector<std::function<void()>> unread;
        const std::scoped_lock hold(guard_);
        closed_ = true;
        unread.swap(waiting_);
    }

private:
    void empty() {
        std::vector<std::function<void()>> now;
        {
            const std::scoped_lock hold(guard_);
            now.swap(waiting_);
            told_ = false;
        }
        for (const auto& each : now) {
            if (is_closed()) {
                return;
            }
            each();
        }
    }
    [[nodiscard]] bool is_closed() {
        const std::scoped_lock hold(guard_);
        return closed_;
    }

    loop& of_;
    std::mutex guard_;
    std::vector<std::function<void()>> waiting_;
    bool told_ = false;
    bool closed_ = false;
};

}  // namespace berth::net
