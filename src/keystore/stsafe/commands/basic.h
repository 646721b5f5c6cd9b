// Echo, Reset, GenerateRandom, StartSession, Hibernate.
#pragma once

#include "keystore/stsafe/commands/command.h"

namespace berth::keystore::stsafe {

struct echo_answer {
    rest message;
    BERTH_FIELDS(message)
};
// [stsafea_echo.c]
struct echo {
    rest message;
    BERTH_FIELDS(message)
    static constexpr command_info about{0x00, "Echo", repeat::allowed, 2};
    using answer = echo_answer;
};

// [stsafea_reset.c]
struct reset {
    BERTH_FIELDS()
    static constexpr command_info about{0x01, "Reset", repeat::allowed, 2};
    using answer = no_answer;
};

struct random_answer {
    secret_rest octets;
    BERTH_FIELDS(octets)
};
// [stsafea_random.c]
struct generate_random {
    uint8_t subject = 0;
    uint8_t count = 0;
    BERTH_FIELDS(subject, count)
    static constexpr command_info about{0x02, "GenerateRandom", repeat::allowed, 4};
    using answer = random_answer;
};

struct session_answer {
    wire::uint24 counter;
    BERTH_FIELDS(counter)
};
// [stsafea_commands.h] has its code, [stsafea_timings.c] its time; its payload is in no published driver, and the host channel
// does without it. [model] Subject 0 is the host's, and the answer the C-MAC counter that Query 17 tells too.
struct start_session {
    uint8_t subject = 0;
    BERTH_FIELDS(subject)
    static constexpr command_info about{0x03, "StartSession", repeat::allowed, 22};
    using answer = session_answer;
};

// [stse_generic_typedef.h] stse_hibernate_wake_up_mode_t
enum class wake_up : uint8_t { bus_or_reset = 1, reset_only = 2 };

// [stsafea_low_power.c]
struct hibernate {
    wake_up mode = wake_up::bus_or_reset;
    BERTH_FIELDS(mode)
    static constexpr command_info about{0x0d, "Hibernate", repeat::never, time_not_published};
    using answer = no_answer;
};

}  // namespace berth::keystore::stsafe
