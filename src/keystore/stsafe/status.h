// What an STSAFE-A says of a command: the status octet of its answer, as a named error with what to do about it.
//
// Facts about the chip in this folder come from its published driver, STSELib 1.1.9 (BSD-3-Clause), and carry the name of
// the file there in brackets. "[model]" marks what that driver does not say and stsafe-sim therefore decided by itself.
#pragma once

#include "base/result.h"

#include <cstdint>
#include <string_view>

namespace berth::keystore::stsafe {

// [core/stse_return_codes.h] The low five bits of an answer's first octet.
enum class status : uint8_t {
    ok = 0x00,
    communication = 0x01,
    inconsistent_data = 0x02,
    out_of_range = 0x03,
    unsupported = 0x04,
    unexpected = 0x05,
    length = 0x06,
    session = 0x07,
    too_many_lost = 0x08,
    counter_maximum = 0x09,
    key_not_found = 0x0a,
    key_blocked = 0x0b,
    wrong_key_type = 0x0c,
    session_counter = 0x0d,
    life_cycle = 0x0f,
    entry_not_found = 0x10,
    access_condition = 0x11,
    zone_type = 0x12,
    counter_limit = 0x13,
    boundary = 0x14,
    invalid_private_key = 0x15,
    invalid_c_mac = 0x16,
    challenge_missing = 0x17,
    decryption = 0x18,
    invalid_public_key = 0x19,
    password_blocked = 0x1a,
    key_usage = 0x1b,
    mode = 0x1c,
    mac_length = 0x1d,
    not_authorized = 0x1e,
    old_message = 0x1f,
};

inline constexpr uint8_t status_mask = 0x1f;  // [core/stse_frame.h] STSE_STSAFEA_RSP_STATUS_MASK

// "stsafe_counter_limit"; "stsafe_status_0e" for one that no driver names.
std::string status_name(status s);

// The error that `command` ("Decrement") ended with. `s` is not ok.
error to_error(status s, std::string_view command);

}  // namespace berth::keystore::stsafe
