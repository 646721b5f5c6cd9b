// What each command does to the model's state, and by which condition it may.
#pragma once

#include "crypto/hash.h"
#include "keystore/stsafe/commands/agreement.h"
#include "keystore/stsafe/model/aead_stream.h"
#include "keystore/stsafe/model/ecc.h"
#include "keystore/stsafe/model/state.h"
#include "keystore/stsafe/session.h"

#include <functional>

namespace berth::keystore::stsafe::model {

// A session that keys are wrapped in (kek.h).
struct kek_state {
    secret_bytes base;
    uint8_t used = 0;                  // working keys so far
    std::optional<uint8_t> proved_by;  // the public key slot of the host, when it has proved itself
};

// What EstablishSymmetricKeys leaves for ConfirmSymmetricKeys.
struct agreed_state {
    secret_bytes shared;
    std::optional<uint8_t> proved_by;
};

// What is lost with the power, or by Reset.
struct volatile_state {
    bool password_shown = false;
    bool entity_shown = false;
    std::optional<std::array<uint8_t, 16>> challenge;
    std::optional<kek_state> kek;
    std::optional<private_key> ephemeral;
    std::optional<crypto::hasher> hash;
    std::optional<agreed_state> agreed;
    std::optional<aead_stream> cipher;   // in pieces
    std::optional<uint8_t> hibernation;  // the mode, once Hibernate was answered
};

// What a handler works on. A status other than ok takes back what it did to `kept`.
struct core {
    chip_state& kept;
    volatile_state& passing;
    random_source& random;
    bool by_host = false;  // the command came with a right C-MAC
    size_t most_payload = 0;
};

using outcome = tl::expected<bytes, status>;

inline tl::unexpected<status> refuse(status s) {
    return tl::unexpected<status>(s);
}

struct handler {
    command_info about;
    std::function<outcome(core&, bytes_view payload)> act;
};

// A handler that takes the decoded command; one that does not decode is refused as inconsistent data.
template <command C>
handler handle(outcome (*act)(core&, const C&)) {
    return {C::about, [act](core& c, bytes_view payload) -> outcome {
                const auto decoded = wire::decode<C>(payload);
                return decoded ? act(c, *decoded) : outcome(refuse(status::inconsistent_data));
            }};
}

template <wire::structure T>
outcome answer(const T& value) {
    auto out = wire::encode(value);
    return out ? outcome(std::move(*out)) : outcome(refuse(status::unexpected));
}

std::vector<handler> basic_handlers();
std::vector<handler> zone_handlers();
std::vector<handler> key_handlers();
std::vector<handler> attribute_handlers();
std::vector<handler> entity_handlers();
std::vector<handler> host_key_handlers();
std::vector<handler> derivation_handlers();
std::vector<handler> symmetric_handlers();
std::vector<handler> agreement_handlers();
std::vector<handler> cipher_handlers();

// What an envelope holds, by the next working key of the KEK session; that is used up by a wrong one as well.
tl::expected<secret_bytes, status> unwrapped(core& c, bytes_view envelope);

// ECDH with the chip's fresh half, which is for one attempt, whatever comes of it.
struct agreement {
    secret_bytes shared;
    point chip_key;
    bytes ours;  // X || Y
    bytes host;
};
tl::expected<agreement, status> agreed(core& c, const curve_name& curve, const point& host_key);
// Whether the host is who may: by the key in the slot, over both halves of the agreement.
status host_proved(const core& c, const kek_signed_content& content, uint8_t slot, uint8_t use, const hash_name& hash,
                   const signature& made);
// Whether who has proved himself by that public key slot is the one that is asked for.
bool is_named(const std::optional<uint8_t>& proved_by, uint8_t wanted);
// Whether a host key may come by this way (host_provisioning), or from this host.
status host_key_may_come(const core& c, uint8_t way, const std::optional<uint8_t>& proved_by);
// PutAttribute 4A.
outcome put_host_provisioning(core& c, bytes_view content);

// Whether there are such keys.
bool is_valid(key_lock lock, const key_kind& kind);
// Whether one may come into the slot, by a way that is open or not.
status may_be_written(const core& c, uint8_t slot, key_lock lock, const key_kind& kind, bool way_is_open);
// Query 23, 4B and PutAttribute 4B.
outcome symmetric_table(const chip_state& state);
outcome query_provisioning_of(const core& c, bytes_view payload);
outcome put_provisioning(core& c, bytes_view content);

// Query 48, 4C and PutAttribute 4D.
bytes public_key_table(const chip_state& state);
outcome query_public_key_slot(const core& c, bytes_view payload);
outcome put_public_key_flags(core& c, bytes_view content);
// The key in a slot that may serve `use`. A status: why not.
struct trusted_key {
    curve_kind kind = curve_kind::p256;
    point key;
};
tl::expected<trusted_key, status> usable_public_key(const core& c, uint8_t slot, uint8_t use);

// What the host channel counts by.
message_number host_number(const chip_state& state);

// The one for this head; null: the chip has no such command.
const handler* find_handler(const command_head& head);
// Of every command, one for each code that the table of authorisations lists.
std::vector<command_info> all_commands();
// Null: the table says nothing of it.
const authorization* find_authorization(const chip_state& state, const command_head& head);

}  // namespace berth::keystore::stsafe::model
