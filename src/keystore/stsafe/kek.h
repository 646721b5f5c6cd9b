// Keys wrapped on their way into an STSAFE-A120. Host and chip agree on a key (ECDH, both halves fresh), and wrap under others
// that follow from it, one for each envelope [stse_symmetric_keys_management.c]:
//
//     base KEK          HKDF-SHA256(salt, ECDH's x-coordinate, info: the chip's X Y, the host's X Y), 32 octets
//     working KEK i     HKDF-SHA256(salt, base KEK, info: 10 11 i), 32 octets; i = 1, 2, ...
//     envelope          AES key wrap (RFC 3394)
//
// A host key may follow from such an agreement itself:
//
//     host key          HKDF-SHA256(salt, ECDH's x-coordinate, info: the host's X Y, the chip's X Y), MAC key and cipher key
//
// And so may keys for symmetric key slots:
//
//     confirmation key  HKDF-SHA256(salt, ECDH's x-coordinate, info: 12 13), its first 32 octets; the slots' keys follow, in the
//                       order in which they are asked for ([model] a generic secret's of its own length: the published driver
//                       counts 16 octets for it)
//     confirmation      AES-CMAC(confirmation key, what is asked for), its first 8 octets
//
// Who listens learns nothing; who sits in between is found out only when the host proves itself by a key that the chip has (and
// the host then still does not know that it is this chip).
#pragma once

#include "keystore/key.h"
#include "keystore/stsafe/commands/agreement.h"
#include "keystore/stsafe/commands/establish.h"
#include "keystore/stsafe/commands/symmetric_keys.h"
#include "keystore/stsafe/device.h"

namespace berth::keystore::stsafe {

namespace kek {
// Points: X Y, without an octet before them.
secret_bytes base_key(const secret_bytes& shared, bytes_view chip_key, bytes_view host_key);
secret_bytes working_key(const secret_bytes& base, uint8_t number);
secret_bytes host_key(const secret_bytes& shared, bytes_view host_key, bytes_view chip_key, host_key_type type);
inline constexpr size_t confirmation_key_size = 32;
struct agreed_octets {
    secret_bytes confirmation;
    secret_bytes octets;  // the keys, one after the other
};
agreed_octets agreed_keys(const secret_bytes& shared, size_t size);
}  // namespace kek

class kek_session {
public:
    // Who the host proves to be: by a key whose public half lies in the slot, with the use start_kek_session (or, to agree on a
    // host key or on keys for slots, establish_host_key, establish_symmetric_key).
    struct host_proof {
        uint8_t slot = 0;
        const signing_key* key = nullptr;
    };
    // `curve`: oid_p256 or oid_p384. Errors of the chip; `wrong_key_kind`: the host's key is no ECDSA key.
    static result<kek_session> start(device& chip, bytes_view curve, random_source& random,
                                     const std::optional<host_proof>& proof = std::nullopt);

    // Each envelope has its own key, and the chip counts them too: all have to be sent, in order.
    bytes wrap(const secret_bytes& content);
    result<void> stop();

private:
    kek_session(device& chip, secret_bytes base) : chip_(&chip), base_(std::move(base)) {}
    device* chip_;
    secret_bytes base_;
    uint8_t used_ = 0;
};

// Gives the chip its host key: MAC key and cipher key, together 32 or 64 octets. Once in its life. Errors `bad_host_key`; those
// of the chip. In clear: whoever listens has it.
result<void> write_host_key_in_clear(device& chip, const secret_bytes& keys);
result<void> write_host_key_in(kek_session& session, device& chip, const secret_bytes& keys);
// Agrees on one with the chip: what the host is to keep, MAC key and cipher key. It crosses no bus, also not encrypted. When the
// chip's answer is lost (`stsafe_answer_lost`), nobody knows whether it has it.
result<secret_bytes> agree_on_host_key(device& chip, bytes_view curve, host_key_type type, random_source& random,
                                       const std::optional<kek_session::host_proof>& proof = std::nullopt);

// Agrees on keys for symmetric key slots: what the host is to keep of each, in the order of `wanted`. They cross no bus. Proof:
// by a key with the use establish_symmetric_key. Errors of the chip; `bad_agreement`: `wanted` is empty or too much.
result<std::vector<secret_bytes>> agree_on_symmetric_keys(device& chip, bytes_view curve, const std::vector<agreed_key>& wanted,
                                                          random_source& random,
                                                          const std::optional<kek_session::host_proof>& proof = std::nullopt);

// A key into a symmetric key slot, in the session. Errors of the chip.
result<void> write_symmetric_key_in(kek_session& session, device& chip, const write_symmetric_key& what);

}  // namespace berth::keystore::stsafe
