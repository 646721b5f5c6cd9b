// Local envelopes: data that only this chip opens again [stsafea_wrap_unwrap.c].
#pragma once

#include "keystore/stsafe/commands/command.h"

namespace berth::keystore::stsafe {

inline constexpr size_t most_enveloped = 480;   // octets, a multiple of 8 as AES key wrap wants it
inline constexpr size_t envelope_overhead = 8;  // of AES key wrap (RFC 3394)

enum class envelope_key_size : uint8_t { aes128 = 0, aes256 = 1 };

// A key for envelopes, made inside. Seen on the bus as 11 07 00 00; the driver's BSD release has only the table's tag.
struct generate_envelope_key {
    uint8_t tag = 0x07;
    uint8_t slot = 0;
    envelope_key_size size = envelope_key_size::aes128;
    BERTH_FIELDS(tag, slot, size)
    static constexpr command_info about{0x11, "GenerateKey", repeat::never, 32};
    using answer = no_answer;
};

struct wrapped_answer {
    rest envelope;
    BERTH_FIELDS(envelope)
};
struct wrap_envelope {
    uint8_t slot = 0;
    secret_rest data;
    BERTH_FIELDS(slot, data)
    static constexpr command_info about{0x0e, "WrapLocalEnvelope", repeat::allowed, 3};
    using answer = wrapped_answer;
};

struct unwrapped_answer {
    secret_rest data;
    BERTH_FIELDS(data)
};
struct unwrap_envelope {
    uint8_t slot = 0;
    rest envelope;
    BERTH_FIELDS(slot, envelope)
    static constexpr command_info about{0x0f, "UnwrapLocalEnvelope", repeat::allowed, 3};
    using answer = unwrapped_answer;
};

}  // namespace berth::keystore::stsafe
