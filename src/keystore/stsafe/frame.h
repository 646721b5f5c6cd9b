// Frames on the bus [services/stsafea/stsafea_frame_transfer.c]:
//
//     command    header(1) [extension(1)] payload [C-MAC(4)] CRC(2)
//     answer     status(1) length(2: payload, R-MAC and CRC) payload [R-MAC(4)] CRC(2)
//
// The CRC is CRC-16/X-25, most significant octet first; an answer's leaves the length out.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "base/wipe.h"
#include "keystore/stsafe/status.h"

#include <optional>

namespace berth::keystore::stsafe {

inline constexpr size_t crc_size = 2;
inline constexpr size_t answer_head_size = 3;  // status and length
inline constexpr size_t least_answer_size = answer_head_size + crc_size;

// [stsafea_commands.h] STSAFEA_MAX_FRAME_LENGTH_*: header, payload and MAC; the CRC comes on top.
inline constexpr size_t most_frame_a110 = 507;
inline constexpr size_t most_frame_a120 = 752;

// [stsafea_commands.h, stsafea_sessions.c] Bits of the header octet; the low five are the command.
inline constexpr uint8_t command_mask = 0x1f;
inline constexpr uint8_t flag_c_mac = 0x80;
inline constexpr uint8_t flag_r_mac = 0x40;
inline constexpr uint8_t flag_host = 0x20;
inline constexpr uint8_t extended_prefix = 0x1f;

// Reflected polynomial 0x8408, initial value and final XOR 0xffff.
uint16_t crc16(bytes_view first, bytes_view second = {});

struct command_head {
    uint8_t header = 0;                // with its flags
    std::optional<uint8_t> extension;  // present exactly when the low five bits are 0x1f

    [[nodiscard]] uint8_t code() const { return header & command_mask; }
    [[nodiscard]] bytes octets() const;
};

// Both may hold keys, passwords, secrets: their payload is overwritten when they end. (They have no constructors, so that they
// can be written as { }; moving one is copying it.)
struct command_frame {
    ~command_frame() { wipe(payload); }
    command_head head;
    bytes payload;  // with the C-MAC, if there is one
};

struct answer_frame {
    ~answer_frame() { wipe(payload); }
    uint8_t head = 0;  // the status octet as it came
    bytes payload;     // with the R-MAC, if there is one
    [[nodiscard]] status outcome() const { return static_cast<status>(head & status_mask); }
};

bytes encode(const command_frame& frame);
bytes encode(const answer_frame& frame);

// Errors `stsafe_bad_crc`, `stsafe_bad_frame` (too short, too long, or a length that is not its own).
result<command_frame> decode_command(bytes_view octets, size_t most_frame);
result<answer_frame> decode_answer(bytes_view octets, size_t most_frame);

// Octets of the whole answer whose first three these are. Error `stsafe_bad_frame`: no answer has that length.
result<size_t> answer_size(bytes_view head, size_t most_frame);

}  // namespace berth::keystore::stsafe
