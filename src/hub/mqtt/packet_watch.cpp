#include "hub/mqtt/packet_watch.h"

#include <algorithm>

namespace berth::hub {

namespace {

uint16_t number_at(bytes_view some, size_t at) {
    return static_cast<uint16_t>(some[at] << 8 | some[at + 1]);
}

}  // namespace

// After the fixed header: what of the packet is to be read, and what is passed over.
void packet_watch::begin_body() {
    step_ = step::rest;
    if (first_ >> 4 != wanted_) {
        return;
    }
    const unsigned qos = first_ >> 1 & 3U;
    if (wanted_ == publish && qos == 0) {
        return;
    }
    // The length of the topic and the topic's number; or the packet identifier and, if there is one, the reason.
    need_ = wanted_ == publish ? 2 : std::min<uint32_t>(left_, 3);
    step_ = left_ < 2 ? step::lost : step::head;
}

std::optional<bytes_view> packet_watch::take_head(bytes_view& some) {
    if (gathered_.empty() && some.size() >= need_) {
        return some.first(need_);  // left where it is: a PUBLISH shows only here how much of it is wanted
    }
    const size_t more = std::min<size_t>(need_ - gathered_.size(), some.size());
    gathered_ += as_text(some.first(more));
    some = some.subspan(more);
    left_ -= static_cast<uint32_t>(more);
    return gathered_.size() == need_ ? std::optional(as_bytes(gathered_)) : std::nullopt;
}

std::optional<packet_watch::seen> packet_watch::read_publish(bytes_view head) {
    if (head.size() == 2) {
        need_ = 2U + number_at(head, 0) + 2U;
        // MQTT 3.1.1 2.2.3: "The Remaining Length is the number of bytes remaining within the current packet".
        if (need_ > left_ + gathered_.size()) {
            step_ = step::lost;
        }
        return std::nullopt;
    }
    return seen{number_at(head, head.size() - 2), as_text(head.subspan(2, head.size() - 4)), 0};
}

std::optional<packet_watch::seen> packet_watch::read_puback(bytes_view head) {
    return seen{number_at(head, 0), {}, head.size() > 2 ? head[2] : uint8_t{0}};
}

std::optional<packet_watch::seen> packet_watch::next(bytes_view& some) {
    if (told_) {
        gathered_ = {};  // not kept: there are as many of these as connections
        told_ = false;
    }
    while (!some.empty()) {
        switch (step_) {
        case step::type:
            first_ = some.front();
            some = some.subspan(1);
            left_ = 0;
            shift_ = 0;
            step_ = step::length;
            break;
        case step::length: {
            const uint8_t octet = some.front();
            some = some.subspan(1);
            left_ |= static_cast<uint32_t>(octet & 0x7f) << shift_;
            shift_ += 7;
            if ((octet & 0x80) == 0) {
                begin_body();
                if (left_ == 0 && step_ == step::rest) {
                    step_ = step::type;
                }
            } else if (shift_ == 28) {
                // MQTT 3.1.1 2.2.3: "the maximum number of bytes in the Remaining Length field is four".
                step_ = step::lost;
            }
            break;
        }
        case step::head: {
            const auto head = take_head(some);
            if (!head) {
                break;
            }
            const bool in_place = gathered_.empty();
            const uint32_t had = need_;
            const auto out = wanted_ == publish ? read_publish(*head) : read_puback(*head);
            if (!out) {
                break;  // more of it is wanted, or it is none
            }
            if (in_place) {
                some = some.subspan(had);
                left_ -= had;
            }
            told_ = !in_place;
            step_ = left_ == 0 ? step::type : step::rest;
            return out;
        }
        case step::rest: {
            const size_t passed = std::min<size_t>(left_, some.size());
            some = some.subspan(passed);
            left_ -= static_cast<uint32_t>(passed);
            if (left_ == 0) {
                step_ = step::type;
            }
            break;
        }
        case step::lost: some = {}; break;
        }
    }
    return std::nullopt;
}

}  // namespace berth::hub
