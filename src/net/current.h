// What one thread replaces while others ask for it: a server's TLS context, of which each connection takes the one of its time.
#pragma once

#include <memory>
#include <mutex>

namespace berth::net {

// From any thread.
template <class T>
class current {
public:
    [[nodiscard]] std::shared_ptr<const T> get() const {
        const std::scoped_lock hold(guard_);
        return held_;
    }
    void set(std::shared_ptr<const T> to) {
        const std::scoped_lock hold(guard_);
        held_.swap(to);
    }  // what was held goes after the lock

private:
    mutable std::mutex guard_;
    std::shared_ptr<const T> held_;
};

}  // namespace berth::net
