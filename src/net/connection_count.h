// How many connections there are, in all and from each address: those of one server, or of several that share their bounds.
#pragma once

#include <map>
#include <mutex>
#include <string>

namespace berth::net {

// From any thread.
class connection_count {
public:
    connection_count(size_t most, size_t most_of_one) : most_(most), most_of_one_(most_of_one) {}

    // False: there are as many as there may be; nothing was counted.
    [[nodiscard]] bool enter(const std::string& from) {
        const std::scoped_lock hold(guard_);
        const auto known = by_address_.find(from);
        if (all_ >= most_ || (known == by_address_.end() ? 0 : known->second) >= most_of_one_) {
            return false;
        }
        ++all_;
        ++by_address_[from];
        return true;
    }
    void leave(const std::string& from) {
        const std::scoped_lock hold(guard_);
        const auto known = by_address_.find(from);
        if (known == by_address_.end()) {
            return;
        }
        --all_;
        if (--known->second == 0) {
            by_address_.erase(known);
        }
    }
    [[nodiscard]] size_t size() const {
        const std::scoped_lock hold(guard_);
        return all_;
    }

private:
    const size_t most_, most_of_one_;
    mutable std::mutex guard_;
    size_t all_ = 0;
    std::map<std::string, size_t> by_address_;
};

}  // namespace berth::net
