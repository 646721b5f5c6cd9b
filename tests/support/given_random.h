// Randomness for tests: a recorded stream, or a reproducible one.
#pragma once

#include "base/bytes.h"
#include "base/random.h"
#include "crypto/hash.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace berth::test {

// Hands out exactly the octets given; asking for more fails the test.
class given_random final : public random_source {
public:
    explicit given_random(bytes all) : all_(std::move(all)) {}
    void fill(std::span<uint8_t> out) override {
        if (out.size() > left()) {
            ADD_FAILURE() << "drew " << out.size() << " octets of " << left() << " left";
            std::fill(out.begin(), out.end(), uint8_t{1});
            return;
        }
        std::copy_n(all_.begin() + static_cast<std::ptrdiff_t>(at_), out.size(), out.begin());
        at_ += out.size();
    }
    [[nodiscard]] size_t left() const { return all_.size() - at_; }

private:
    bytes all_;
    size_t at_ = 0;
};

// An endless stream that depends on its name alone.
class named_random final : public random_source {
public:
    explicit named_random(std::string_view name) : name_(name) {}
    void fill(std::span<uint8_t> out) override {
        for (uint8_t& octet : out) {
            if (at_ == block_.size()) {
                const std::string text = name_ + "#" + std::to_string(counter_++);
                block_ = crypto::sha256(as_bytes(text));
                at_ = 0;
            }
            octet = block_.data()[at_++];
        }
    }

private:
    std::string name_;
    uint64_t counter_ = 0;
    crypto::digest block_;
    size_t at_ = 0;
};

}  // namespace berth::test
