// Protection of records (RFC 8446 sections 5.2 to 5.5): one key, one direction.
#pragma once

#include "authkem/key_schedule.h"
#include "authkem/record.h"
#include "crypto/aead.h"

namespace berth::authkem {

// What is inside a protected record.
struct inner_plaintext {
    content_type type{};
    bytes_view content;  // lives in the buffer given to open()
};

// The per-record nonce: the sequence number, padded to the left and XORed with the IV (RFC 8446 5.3).
class record_nonce {
public:
    explicit record_nonce(bytes_view iv) : iv_(to_array<crypto::aead_nonce_size>(iv)) {}
    ~record_nonce();
    record_nonce(const record_nonce&) = default;
    record_nonce& operator=(const record_nonce&) = default;

    [[nodiscard]] std::array<uint8_t, crypto::aead_nonce_size> value() const;
    // RFC 8446 5.3: "Because the size of sequence numbers is 64-bit, they should not wrap": rekeying comes
    // long before.
    void advance() { ++sequence_; }
    [[nodiscard]] uint64_t sequence() const { return sequence_; }

private:
    std::array<uint8_t, crypto::aead_nonce_size> iv_;
    uint64_t sequence_ = 0;
};

class record_sealer {
public:
    record_sealer(cipher_suite suite, const secret_bytes& traffic_secret);

    // Appends one record to `out`: `content` (at most 2^14 octets), its type, `padding` zeros.
    void seal(bytes& out, content_type type, bytes_view content, size_t padding);

    // Records sealed under this key.
    [[nodiscard]] uint64_t records() const { return nonce_.sequence(); }

private:
    record_sealer(const traffic_keys& keys, cipher_suite suite);
    crypto::aead_key key_;
    record_nonce nonce_;
};

class record_opener {
public:
    record_opener(cipher_suite suite, const secret_bytes& traffic_secret);

    // Opens a record of type application_data into `scratch`. Errors: `record_not_authentic`
    // (bad_record_mac), `record_without_type` (unexpected_message), `record_too_long` (record_overflow). The
    // key does not advance on `record_not_authentic`.
    result<inner_plaintext> open(const record_view& record, bytes& scratch);

private:
    record_opener(const traffic_keys& keys, cipher_suite suite);
    crypto::aead_key key_;
    record_nonce nonce_;
};

}  // namespace berth::authkem
