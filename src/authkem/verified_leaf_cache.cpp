#include "authkem/verified_leaf_cache.h"

#include <cstring>

namespace berth::authkem {

size_t verified_leaf_cache::first_octets::operator()(const key& k) const {
    size_t value = 0;
    std::memcpy(&value, k.data(), sizeof(value));
    return value;
}

size_t verified_leaf_cache::octets_of(const pki::verified_chain& proof) {
    // Names, extensions and the nodes of list and index hardly vary.
    constexpr size_t of_entry = 512;
    constexpr size_t of_certificate = 16 * 1024;
    size_t out = of_entry;
    for (const auto& c : proof.chain()) {
        out += of_certificate + 5 * c.der().size();
    }
    return out;
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
        erase(at);
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
    const size_t octets = octets_of(*proof);
    if (generation != generation_ || most_ == 0 || octets > most_octets_) {
        return;
    }
    if (const auto found = index_.find(k); found != index_.end()) {
        erase(found->second);
    }
    while (items_.size() >= most_ || octets_ + octets > most_octets_) {
        erase(std::prev(items_.end()));
    }
    items_.push_front({k, std::move(proof), not_before, not_after, octets});
    index_.emplace(k, items_.begin());
    octets_ += octets;
}

void verified_leaf_cache::revocation_news() {
    const std::lock_guard lock(mutex_);
    ++generation_;
    index_.clear();
    items_.clear();
    octets_ = 0;
}

void verified_leaf_cache::erase(std::list<item>::iterator at) {
    octets_ -= at->octets;
    index_.erase(at->k);
    items_.erase(at);
}

size_t verified_leaf_cache::size() const {
    const std::lock_guard lock(mutex_);
    return items_.size();
}

size_t verified_leaf_cache::octets() const {
    const std::lock_guard lock(mutex_);
    return octets_;
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
