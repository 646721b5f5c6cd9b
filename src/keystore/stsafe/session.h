// The host channel [stsafea_sessions.c]: authenticated and encrypted commands between one host and one chip that share two AES
// keys. Computation only; device.h counts and sends.
//
// Every MAC is the first four octets of an AES-CMAC over a block that says which message it is, and the message:
//
//     counter(3, or 4 on the A120) subject 80 00...          (16 octets)
//     C-MAC, subject 00:  00 header length payload           header with its flags, length of payload in two octets
//     R-MAC, subject 40:  80 header length payload status length payload      counter + 1
//
// A payload is encrypted by AES-CBC, padded by 80 00..., before it is authenticated. The initial value is the AES encryption
// of the block with counter + 1 and subject 80 (commands) or C0 (answers).
#pragma once

#include "base/secret.h"
#include "keystore/stsafe/frame.h"

#include <array>

namespace berth::keystore::stsafe {

// Both of 16 octets, or (A120) both of 32.
struct host_keys {
    secret_bytes mac;
    secret_bytes cipher;
};

// Error `bad_host_key`: `octets` are not a MAC key and a cipher key of 16 or of 32 octets each.
result<host_keys> split_host_keys(bytes_view octets);

inline constexpr size_t mac_size = 4;
using short_mac = std::array<uint8_t, mac_size>;

// What tells one message of the channel from every other.
struct message_number {
    uint32_t counter = 0;
    size_t octets = 3;  // of the counter on the wire; 4 on the A120
    [[nodiscard]] message_number next() const { return {counter + 1, octets}; }
    [[nodiscard]] uint32_t most() const { return octets == 3 ? 0xffffffU : 0xffffffffU; }
};

// `number` is the chip's counter before the command, for all four.
short_mac c_mac(const host_keys& keys, message_number number, const command_frame& command);
short_mac r_mac(const host_keys& keys, message_number number, const command_frame& command, uint8_t status_octet,
                bytes_view payload);

enum class direction : uint8_t { command, answer };
bytes encrypt(const host_keys& keys, message_number number, direction way, bytes_view payload);
// Error `stsafe_decryption`: not whole blocks, or the padding is none.
result<secret_bytes> decrypt(const host_keys& keys, message_number number, direction way, bytes_view payload);

}  // namespace berth::keystore::stsafe
