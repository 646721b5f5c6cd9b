// A key in a symmetric key slot of an STSAFE-A120, and what the chip does with it.
#pragma once

#include "keystore/stsafe/commands/ciphers.h"
#include "keystore/stsafe/commands/symmetric_keys.h"
#include "keystore/stsafe/device.h"

namespace berth::keystore::stsafe {

class slot_key {
public:
    // What opens a message again.
    struct sealed {
        bytes nonce;  // with the chip's counter in it, if the key has one
        bytes octets;
        bytes tag;
        std::optional<uint32_t> counter;
    };

    // The chip's table says what key it is. Errors `stsafe_key_not_found`, `stsafe_out_of_range`.
    static result<slot_key> find(device& chip, uint8_t slot);
    slot_key(device& chip, uint8_t slot, const key_kind& kind) : chip_(&chip), slot_(slot), kind_(kind) {}
    [[nodiscard]] const key_kind& kind() const { return kind_; }

    // ECB, whole blocks. Each of these functions has the errors of the chip, `stsafe_mode` where the key is for something else.
    result<bytes> encrypt_blocks(const secret_bytes& blocks);
    result<secret_bytes> decrypt_blocks(bytes_view blocks);

    // CCM* (a nonce of 13 octets) or GCM, as the key is for; GMAC is GCM without a message. Who gives a nonce twice has lost.
    result<sealed> seal(bytes_view nonce, bytes_view associated, const secret_bytes& message);
    // Error `stsafe_not_authentic`: changed, or made by another key.
    result<secret_bytes> open(const sealed& what, bytes_view associated);
    // Of any length, in pieces: a key with the right to chunks. CCM* with nonces of 7 to 13 octets. While it lasts, nobody else
    // may do the same with the chip. What was opened is told only when all of it was found right, though it crosses the bus
    // before.
    result<sealed> seal_in_pieces(bytes_view nonce, bytes_view associated, const secret_bytes& message);
    result<secret_bytes> open_in_pieces(const sealed& what, bytes_view associated);

    // CMAC (2, 4, 8, 16 octets) or HMAC with SHA-256 (16 to 32), as the key is for.
    result<bytes> mac(bytes_view message, uint8_t length);
    // Error `stsafe_not_authentic`.
    result<void> verify_mac(bytes_view message, bytes_view mac);

private:
    result<void> feed(bytes_view associated, bytes_view message, bool sealing, secret_bytes& out);
    result<void> require(symmetric_mode a, symmetric_mode b) const;
    result<sealed> split(bytes_view nonce, bytes_view answer, size_t message) const;

    device* chip_;
    uint8_t slot_;
    key_kind kind_;
};

}  // namespace berth::keystore::stsafe
