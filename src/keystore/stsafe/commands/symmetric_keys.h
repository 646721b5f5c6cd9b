// Symmetric key slots of the A120: WriteSymmetricKey (in clear and wrapped), EraseSymmetricKeySlot, and their tables
// [stsafea_symmetric_key_slots.c]. What fills them beside these: DeriveKeys (derivation.h) and an agreement
// (agreement.h). What uses them: encryption and MACs (ciphers.h).
#pragma once

#include "keystore/stsafe/commands/attributes.h"

#include <array>

namespace berth::keystore::stsafe {

// [stsafea_symmetric_key_slots.h]
enum class symmetric_type : uint8_t { aes128, aes256, generic };
enum class symmetric_mode : uint8_t { ccm, cmac, ecb, gcm, hkdf, hmac };
enum class key_lock : uint8_t { unlocked, locked, erasable };
namespace symmetric_use {
inline constexpr uint8_t mac_verification = 0x01;
inline constexpr uint8_t mac_generation = 0x02;
inline constexpr uint8_t decryption = 0x04;
inline constexpr uint8_t encryption = 0x08;
inline constexpr uint8_t chunks_decryption = 0x10;
inline constexpr uint8_t chunks_encryption = 0x20;
inline constexpr uint8_t derive = 0x40;
}  // namespace symmetric_use

// type mode 00 usage parameters: how many of the two there are, mode and type tell.
struct key_kind {
    symmetric_type type = symmetric_type::generic;
    symmetric_mode mode = symmetric_mode::hkdf;
    uint8_t usage = symmetric_use::derive;
    // ccm: tag length, in bit 7 whether there is a counter, and below it where in the nonce (0 to 9) its four octets lie; cmac,
    // hmac: least MAC length; gcm: tag length; hkdf: bit 0, keys derived from it may be given to the host. Of a generic secret
    // its own length comes last.
    std::array<uint8_t, 2> parameters{};

    [[nodiscard]] size_t parameter_count() const {
        const bool sized = type == symmetric_type::generic;
        switch (mode) {
        case symmetric_mode::ccm: return 2;
        case symmetric_mode::cmac:
        case symmetric_mode::gcm: return 1;
        case symmetric_mode::hkdf:
        case symmetric_mode::hmac: return sized ? 2 : 1;
        case symmetric_mode::ecb: break;
        }
        return 0;
    }
    [[nodiscard]] size_t key_size() const {
        return type == symmetric_type::aes128 ? 16 : type == symmetric_type::aes256 ? 32 : parameters[1];
    }
    [[nodiscard]] bool has_counter() const { return mode == symmetric_mode::ccm && (parameters[1] & 0x80U) != 0; }
    [[nodiscard]] size_t counter_offset() const { return parameters[1] & 0x7fU; }
    // A generic secret to derive from; `to_host`: what is derived from it may be given to the host.
    static key_kind secret(uint8_t size, bool to_host) {
        return {
            symmetric_type::generic, symmetric_mode::hkdf, symmetric_use::derive, {static_cast<uint8_t>(to_host ? 1 : 0), size}};
    }
};
inline void put(wire::writer& w, const key_kind& k) {
    wire::put(w, k.type);
    wire::put(w, k.mode);
    w.integer(0, 1);
    w.integer(k.usage, 1);
    w.octets(bytes_view(k.parameters).first(k.parameter_count()));
}
inline void get(wire::reader& r, key_kind& k) {
    k.type = static_cast<symmetric_type>(r.integer(1));
    k.mode = static_cast<symmetric_mode>(r.integer(1));
    if (r.integer(1) != 0) {
        r.fault("the first octet of a key's usage is zero");
    }
    k.usage = static_cast<uint8_t>(r.integer(1));
    const bytes_view parameters = r.octets(k.parameter_count());
    k.parameters = {};
    std::copy(parameters.begin(), parameters.end(), k.parameters.begin());
}

// It goes over the bus in clear: a thing for the factory.
struct write_symmetric_key {
    key_lock lock = key_lock::unlocked;
    uint8_t slot = 0;
    key_kind kind;
    secret_rest key;
    BERTH_FIELDS(lock, slot, kind, key)
    static constexpr command_info about{extended_prefix, "WriteSymmetricKey", repeat::never, time_not_published, 0x17};
    using answer = no_answer;
};

// [stse_symmetric_keys_management.c] The envelope holds the fields of write_symmetric_key, 80, and zeros up to a multiple of
// eight octets; under a working KEK (kek.h).
struct write_symmetric_key_wrapped {
    rest envelope;
    BERTH_FIELDS(envelope)
    static constexpr command_info about{extended_prefix, "WriteSymmetricKeyWrapped", repeat::never, time_not_published, 0x09};
    using answer = no_answer;
};

struct erase_symmetric_key {
    uint8_t slot = 0;
    BERTH_FIELDS(slot)
    static constexpr command_info about{extended_prefix, "EraseSymmetricKeySlot", repeat::never, time_not_published, 0x19};
    using answer = no_answer;
};

// [stsafea_symmetric_key_slots.h] stsafea_symmetric_key_slot_provisioning_ctrl_fields_t: how a key may come into the slot.
namespace provisioning {
inline constexpr uint8_t ecdhe_anonymous = 0x01;
inline constexpr uint8_t wrapped_anonymous = 0x02;
inline constexpr uint8_t put_key = 0x04;
inline constexpr uint8_t change_right = 0x08;
inline constexpr uint8_t plaintext = 0x10;
inline constexpr uint8_t derived = 0x20;
inline constexpr uint8_t all = 0x3f;
}  // namespace provisioning
struct provisioning_content {
    uint8_t flags = provisioning::all;
    uint8_t wrapped_by = any_public_key;  // the public key slot of who may wrap, or agree
    uint8_t agreed_by = any_public_key;
    BERTH_FIELDS(flags, wrapped_by, agreed_by)
};
// Query 4B of one slot, and PutAttribute 4B.
struct query_provisioning {
    attribute tag = attribute::symmetric_provisioning;
    uint8_t slot = 0;
    BERTH_FIELDS(tag, slot)
    static constexpr command_info about = query::about;
    using answer = query_answer;
};
struct put_provisioning_content {
    uint8_t slot = 0;
    provisioning_content wanted;
    BERTH_FIELDS(slot, wanted)
};

// Query 23, one slot: bit 0 presence, bits 1-2 the lock; of a present key its kind, without the parameters that hkdf and hmac
// have.
struct symmetric_slot_summary {
    bool present = false;
    key_lock lock = key_lock::unlocked;
    key_kind kind;
    uint32_t counter = 0;  // when the kind has one
};
result<std::vector<symmetric_slot_summary>> parse_symmetric_keys(bytes_view content);
bytes encode(const std::vector<symmetric_slot_summary>& slots);

}  // namespace berth::keystore::stsafe
