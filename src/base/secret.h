// Octets that must not outlive their use: zeroised on release, not printable, compared by crypto::equal only.
#pragma once

#include "base/bytes.h"

#include <cstring>
#include <memory>
#include <vector>

namespace berth {

// An allocator that overwrites memory before giving it back, so that growing a vector leaves no copy either.
template <class T>
struct zeroising_allocator {
    using value_type = T;
    zeroising_allocator() = default;
    template <class U>
    zeroising_allocator(const zeroising_allocator<U>&) noexcept {}
    T* allocate(size_t n) { return std::allocator<T>{}.allocate(n); }
    void deallocate(T* p, size_t n) noexcept {
        explicit_bzero(p, n * sizeof(T));
        std::allocator<T>{}.deallocate(p, n);
    }
    template <class U>
    bool operator==(const zeroising_allocator<U>&) const noexcept {
        return true;
    }
};

// A secret octet string. It converts to nothing by itself: whoever reads it says `reveal()`, which is what to grep for.
class secret_bytes {
public:
    secret_bytes() = default;
    explicit secret_bytes(size_t size) : data_(size) {}
    explicit secret_bytes(bytes_view data) : data_(data.begin(), data.end()) {}

    [[nodiscard]] bytes_view reveal() const { return {data_.data(), data_.size()}; }
    [[nodiscard]] std::span<uint8_t> writable() { return {data_.data(), data_.size()}; }
    [[nodiscard]] size_t size() const { return data_.size(); }
    [[nodiscard]] bool empty() const { return data_.empty(); }
    void append(bytes_view more) { data_.insert(data_.end(), more.begin(), more.end()); }
    void resize(size_t size) { data_.resize(size); }
    void clear() { std::vector<uint8_t, zeroising_allocator<uint8_t>>().swap(data_); }

    bool operator==(const secret_bytes&) const = delete;

private:
    std::vector<uint8_t, zeroising_allocator<uint8_t>> data_;
};

}  // namespace berth
