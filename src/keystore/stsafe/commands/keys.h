// GenerateKey, GenerateSignature, VerifySignature, EstablishKey [stsafea_asymmetric_key_slots.c, stsafea_ecc.c].
#pragma once

#include "keystore/stsafe/commands/command.h"

#include <array>

namespace berth::keystore::stsafe {

inline constexpr uint8_t ephemeral_slot = 0xff;  // its key serves one EstablishKey

// [stse_generic_typedef.c] A curve is named by the content octets of its OID.
using curve_name = wire::opaque<0, 256>;
inline constexpr std::array<uint8_t, 8> oid_p256{0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
inline constexpr std::array<uint8_t, 5> oid_p384{0x2b, 0x81, 0x04, 0x00, 0x22};

inline constexpr uint8_t uncompressed = 0x04;  // STSE_NIST_BRAINPOOL_POINT_REPRESENTATION_ID

struct point {
    uint8_t form = uncompressed;
    lengthy x;
    lengthy y;
    BERTH_FIELDS(form, x, y)

    // Between this and 04 || X || Y. The octets have odd length.
    static point from(bytes_view octets);
    [[nodiscard]] bytes octets() const;
};

struct signature {
    lengthy r;
    lengthy s;
    BERTH_FIELDS(r, s)
};

struct key_answer {
    point public_key;
    BERTH_FIELDS(public_key)
};
struct generate_key {
    uint8_t tag = 0x13;  // private key slot
    uint8_t slot = 0;
    uint16_t usage_limit = 0xffff;  // [model] 0xffff: without limit
    uint16_t filler = 0;
    curve_name curve;
    BERTH_FIELDS(tag, slot, usage_limit, filler, curve)
    static constexpr command_info about{0x11, "GenerateKey", repeat::never, 32};
    using answer = key_answer;
};

struct signature_answer {
    signature made;
    BERTH_FIELDS(made)
};
struct generate_signature {
    uint8_t slot = 0;
    lengthy digest;
    BERTH_FIELDS(slot, digest)
    static constexpr command_info about{0x16, "GenerateSignature", repeat::allowed, 37};
    using answer = signature_answer;
};

struct verdict_answer {
    uint8_t valid = 0;
    BERTH_FIELDS(valid)
};
struct verify_signature {
    uint8_t subject = 0;
    curve_name curve;
    point public_key;
    signature made;
    lengthy digest;
    BERTH_FIELDS(subject, curve, public_key, made, digest)
    static constexpr command_info about{0x17, "VerifySignature", repeat::allowed, 62};
    using answer = verdict_answer;
};

struct secret_answer {
    secret_lengthy secret;  // the x-coordinate
    BERTH_FIELDS(secret)
};
struct establish_key {
    uint8_t slot = 0;
    point peer;
    BERTH_FIELDS(slot, peer)
    static constexpr command_info about{0x18, "EstablishKey", repeat::allowed, 83};
    using answer = secret_answer;
};

}  // namespace berth::keystore::stsafe
