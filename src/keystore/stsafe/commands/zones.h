// Read, Update, Decrement: the zones of the chip's memory [stsafea_data_partition.c, stsafea_data_partition.h].
#pragma once

#include "keystore/stsafe/commands/command.h"

namespace berth::keystore::stsafe {

// [stse_generic_typedef.h] stse_zone_ac_t, A120. Values 2 to 5 are no longer given out; to STSAFE-A110, all from 4 on are never.
enum class zone_access : uint8_t { always = 0, host = 1, authenticated_and_host = 6, never = 7 };

// The option octet of the three commands: bits 0-2 a new access condition, bit 3 the right to change it again, bit 4 that it is
// to be changed, bit 7 (Update) all or nothing.
struct access_change {
    zone_access condition = zone_access::always;
    bool may_change_again = true;
};
constexpr uint8_t zone_option(const std::optional<access_change>& change, bool atomic = false) {
    const unsigned changed =
        change ? static_cast<unsigned>(change->condition) | (change->may_change_again ? 0x08U : 0U) | 0x10U : 0U;
    return static_cast<uint8_t>(changed | (atomic ? 0x80U : 0U));
}

// The data; of a counter zone, the counter's four octets before them.
struct read_answer {
    rest data;
    BERTH_FIELDS(data)
};
struct read_zone {
    uint8_t option = 0;
    uint8_t zone = 0;
    uint16_t offset = 0;
    uint16_t length = 0;
    BERTH_FIELDS(option, zone, offset, length)
    static constexpr command_info about{0x05, "Read", repeat::allowed, 23};
    using answer = read_answer;
};

struct update_zone {
    uint8_t option = 0;
    uint8_t zone = 0;
    uint16_t offset = 0;
    rest data;
    BERTH_FIELDS(option, zone, offset, data)
    static constexpr command_info about{0x06, "Update", repeat::allowed, 22};
    using answer = no_answer;
};

struct decrement_answer {
    uint32_t counter = 0;
    BERTH_FIELDS(counter)
};
// Lowers the counter and writes the data beside it, both or neither. A counter never rises, and at 0 its zone is locked.
struct decrement {
    uint8_t option = 0;
    uint8_t zone = 0;
    uint16_t offset = 0;
    uint32_t amount = 0;
    rest data;
    BERTH_FIELDS(option, zone, offset, amount, data)
    static constexpr command_info about{0x04, "Decrement", repeat::never, 23};
    using answer = decrement_answer;
};

}  // namespace berth::keystore::stsafe
