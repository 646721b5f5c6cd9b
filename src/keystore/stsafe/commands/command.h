// What every command struct says of itself, beside its fields in wire order:
//
//     static constexpr auto about = command_info{0x02, "GenerateRandom", repeat::allowed, 4};
//     using answer = random_answer;
//
#pragma once

#include "base/clock.h"
#include "keystore/stsafe/fields.h"
#include "keystore/stsafe/frame.h"

#include <optional>
#include <string_view>

namespace berth::keystore::stsafe {

// Whether doing it twice does what doing it once does: then a lost answer is no reason to give up.
enum class repeat : uint8_t { allowed, never };

struct command_info {
    uint8_t code = 0;
    std::string_view name;
    repeat again = repeat::never;
    // How long an STSAFE-A120 takes, or the driver's default where it says none [stsafea_timings.c], in milliseconds: for
    // stsafe-sim, when it is asked to be as slow as silicon. The driver in this folder asks until the chip answers.
    milliseconds takes = 0;
    std::optional<uint8_t> extension = std::nullopt;
};

inline constexpr milliseconds time_not_published = 500;  // [stsafea_timings.h] STSAFEA_EXEC_TIME_DEFAULT

// An answer without payload.
struct no_answer {
    BERTH_FIELDS()
};

template <class C>
concept command = wire::structure<C> && wire::structure<typename C::answer> && requires {
    { C::about } -> std::convertible_to<command_info>;
};

}  // namespace berth::keystore::stsafe
