#include "keystore/stsafe/link.h"

#include "base/wipe.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

namespace berth::keystore::stsafe {

namespace {

// Growing pauses until the patience is used up.
class waiting {
public:
    waiting(transport& bus, const link_limits& limits)
        : bus_(bus), limits_(limits), until_(bus.now() + limits.patience), next_(limits.first_pause) {}
    bool once_more() {
        if (bus_.now() >= until_) {
            return false;
        }
        bus_.pause(next_);
        next_ = std::min(next_ * 2, limits_.most_pause);
        return true;
    }

private:
    transport& bus_;
    const link_limits& limits_;
    milliseconds until_;
    milliseconds next_;
};

tl::unexpected<error> answer_lost(const std::string& why) {
    return fail(error{error_category::environment, "stsafe_answer_lost",
                      "The answer of the STSAFE-A was lost (" + why +
                          "); whether it did what it was told is not known. Look at its state before telling it again."}
                    .with("why", why));
}

result<void> send(transport& bus, bytes_view frame, const link_limits& limits) {
    waiting wait(bus, limits);
    while (true) {
        auto taken = bus.write(frame);
        if (!taken) {
            return answer_lost(taken.error().message);
        }
        if (*taken) {
            return {};
        }
        if (!wait.once_more()) {
            return fail(error_category::environment, "stsafe_busy",
                        fmt::format("The STSAFE-A has taken no command for {} ms: it is busy, asleep, or not at that address.",
                                    limits.patience));
        }
    }
}

// An answer as it lies on the bus: it may be a key.
struct heard_octets {
    bytes octets;
    explicit heard_octets(bytes from) : octets(std::move(from)) {}
    heard_octets(const heard_octets&) = delete;
    heard_octets& operator=(const heard_octets&) = delete;
    ~heard_octets() { wipe(octets); }
};

// Exactly `count` octets. Fewer than asked for is a transaction that ended early: the whole is asked for again.
result<bytes> hear(transport& bus, size_t count, const link_limits& limits) {
    waiting wait(bus, limits);
    while (true) {
        auto heard = bus.read(count);
        if (!heard) {
            return answer_lost(heard.error().message);
        }
        if (*heard && (*heard)->size() == count) {
            return std::move(**heard);
        }
        if (*heard) {
            wipe(**heard);
        }
        if (!wait.once_more()) {
            return answer_lost(fmt::format("none came within {} ms", limits.patience));
        }
    }
}

result<answer_frame> hear_answer(transport& bus, const link_limits& limits) {
    error last;
    for (int i = 0; i < limits.hearings; ++i) {
        // As the driver does [stsafea_frame_receive]: as much as the shortest answer has tells the length; then all of it, from
        // its beginning.
        BERTH_TRY(head, hear(bus, least_answer_size, limits));
        auto size = answer_size(head, limits.most_frame);
        if (!size) {
            last = std::move(size).error();
            continue;
        }
        heard_octets whole(std::move(head));
        if (*size != whole.octets.size()) {
            BERTH_TRY(all, hear(bus, *size, limits));
            wipe(whole.octets);
            whole.octets = std::move(all);
        }
        auto answer = decode_answer(whole.octets, limits.most_frame);
        if (answer) {
            return answer;
        }
        last = std::move(answer).error();
    }
    return answer_lost(last.message);
}

}  // namespace

result<answer_frame> exchange(transport& bus, const command_frame& command, const link_limits& limits) {
    bytes frame = encode(command);
    if (frame.size() > limits.most_frame + crc_size) {
        return fail(error_category::usage, "stsafe_too_long",
                    fmt::format("A command of {} octets does not fit into a frame of this STSAFE-A ({} at most).",
                                frame.size() - crc_size, limits.most_frame));
    }
    result<answer_frame> answer = fail(error{});
    for (int i = 0; i < limits.sendings; ++i) {
        if (auto sent = send(bus, frame, limits); !sent) {
            answer = fail(std::move(sent).error());
            break;
        }
        answer = hear_answer(bus, limits);
        if (!answer || answer->outcome() != status::communication) {
            break;
        }
    }
    wipe(frame);  // it may have held a key
    return answer;
}

}  // namespace berth::keystore::stsafe
