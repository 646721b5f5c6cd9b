// WriteHostKeyV2, extended commands of the A120 [stsafea_host_key_slot.c]: the host's MAC key and cipher key, AES-128 or AES-256.
#pragma once

#include "keystore/stsafe/commands/command.h"

#include <array>

namespace berth::keystore::stsafe {

// [stsafea_host_key_slot.h] stsafea_host_key_type_t
enum class host_key_type : uint8_t { aes128 = 0, aes256 = 1 };
constexpr size_t host_keys_size(host_key_type t) {
    return t == host_key_type::aes128 ? 32 : 64;
}

// It goes over the bus in clear: a thing for the factory.
struct write_host_key {
    std::array<uint8_t, 3> filler{};
    host_key_type type = host_key_type::aes128;
    secret_rest keys;  // MAC key, cipher key
    BERTH_FIELDS(filler, type, keys)
    static constexpr command_info about{extended_prefix, "WriteHostKeyV2", repeat::never, time_not_published, 0x07};
    using answer = no_answer;
};

// [stse_symmetric_keys_management.c] What the envelope holds: the fields of write_host_key, then 80 00 00 00.
inline constexpr std::array<uint8_t, 4> host_key_padding{0x80, 0, 0, 0};

// Under the working KEK of a session (kek.h), by AES key wrap (RFC 3394).
struct write_host_key_wrapped {
    rest envelope;
    BERTH_FIELDS(envelope)
    static constexpr command_info about{extended_prefix, "WriteHostKeyV2Wrapped", repeat::never, time_not_published, 0x08};
    using answer = no_answer;
};

}  // namespace berth::keystore::stsafe
