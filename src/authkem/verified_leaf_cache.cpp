#include "authkem/verified_leaf_cache.h"

#include <cstring>

namespace berth::authkem {

size_t verified_leaf_cache::first_octets::operator()(const key& k) const {
    size_t value = 0;
    std::memcpy(&value, k.data(), sizeof(value));
    return value;
}

verified_leaf_cache::entry verified_leaf_cache::find(const key& k, unix_seconds now) {
    const std::lock_guard lock(mutex_);
    const auto found = index_.find(k);
    if (found == index_.end()) {
        ++misses_;
        return nullptr;
    }
    const auto at = found->second;
    if (now < at->not_before || now > at->not_after) {
        // Gone for good when it has ended; before it begins it is of no use now either.
        items_.erase(at);
        index_.erase(found);
        ++misses_;
        return nullptr;
    }
    items_.splice(items_.begin(), items_, at);
    ++hits_;
    return at->proof;
}

uint64_t verified_leaf_cache::generation() const {
    const std::lock_guard lock(mutex_);
    return generation_;
}

void verified_leaf_cache::insert(const key& k, uint64_t generation, entry proof, unix_seconds not_before,
                                 unix_seconds not_after) {
    const std::lock_guard lock(mutex_);
    if (generation != generation_ || most_ == 0) {
        return;
    }
    if (const auto found = index_.find(k); found != index_.end()) {
        items_.erase(found->second);
        index_.erase(found);
    }
    while (items_.size() >= most_) {
        index_.erase(items_.back().k);
        items_.pop_back();
    }
    items_.push_front({k, std::move(proof), not_before, not_after});
    index_.emplace(k, items_.begin());
}

void verified_leaf_cache::revocation_news() {
    const std::lock_guard lock(mutex_);
    ++generation_;
    index_.clear();
    items_.clear();
}

size_t verified_leaf_cache::size() const {
    const std::lock_guard lock(mutex_);
    return items_.size();
}

uint64_t verified_leaf_cache::hits() const {
    const std::lock_guard lock(mutex_);
    return hits_;
}

uint64_t verified_leaf_cache::misses() const {
    const std::lock_guard lock(mutex_);
    return misses_;
}

}  // namespace berth::authkem
