#include "authkem/record_protection.h"

#include "base/wipe.h"

#include <cstring>

namespace berth::authkem {

record_nonce::~record_nonce() {
    wipe(iv_);
}

std::array<uint8_t, crypto::aead_nonce_size> record_nonce::value() const {
    auto nonce = iv_;
    for (size_t i = 0; i < 8; ++i) {
        nonce[nonce.size() - 1 - i] ^= static_cast<uint8_t>(sequence_ >> (8 * i));
    }
    return nonce;
}

record_sealer::record_sealer(cipher_suite suite, const secret_bytes& traffic_secret)
    : record_sealer(keys_from(suite, traffic_secret), suite) {}

record_sealer::record_sealer(const traffic_keys& keys, cipher_suite suite)
    : key_(aead_of(suite), keys.key.reveal(), crypto::aead_key::use::seal), nonce_(keys.iv.reveal()) {}

void record_sealer::seal(bytes& out, content_type type, bytes_view content, size_t padding) {
    // struct { opaque content[]; ContentType type; uint8 zeros[]; } TLSInnerPlaintext;
    std::array<uint8_t, 256> tail{};
    tail[0] = static_cast<uint8_t>(type);
    // RFC 8446 5.4: "The full encoded TLSInnerPlaintext MUST NOT exceed 2^14 + 1 octets."
    const size_t room = std::min(tail.size() - 1, max_plaintext - content.size());
    const bytes_view type_and_zeros = bytes_view(tail).first(1 + std::min(padding, room));

    const size_t length = content.size() + type_and_zeros.size() + crypto::aead_tag_size;
    const size_t start = out.size();
    out.resize(start + record_header_size + length);
    const std::span<uint8_t> record(out.data() + start, record_header_size + length);
    record[0] = static_cast<uint8_t>(content_type::application_data);
    record[1] = legacy_version >> 8;
    record[2] = legacy_version & 0xff;
    record[3] = static_cast<uint8_t>(length >> 8);
    record[4] = static_cast<uint8_t>(length & 0xff);
    key_.seal(nonce_.value(), record.first(record_header_size), content, type_and_zeros, record.subspan(record_header_size));
    nonce_.advance();
}

record_opener::record_opener(cipher_suite suite, const secret_bytes& traffic_secret)
    : record_opener(keys_from(suite, traffic_secret), suite) {}

record_opener::record_opener(const traffic_keys& keys, cipher_suite suite)
    : key_(aead_of(suite), keys.key.reveal(), crypto::aead_key::use::open), nonce_(keys.iv.reveal()) {}

result<inner_plaintext> record_opener::open(const record_view& record, bytes& scratch) {
    const size_t sealed = record.fragment.size();
    scratch.resize(sealed < crypto::aead_tag_size ? 0 : sealed - crypto::aead_tag_size);
    // RFC 8446 5.2: "If the decryption fails, the receiver MUST terminate the connection with a
    // "bad_record_mac" alert."
    if (sealed < crypto::aead_tag_size || !key_.open(nonce_.value(), record.header, record.fragment, scratch)) {
        return refuse(alert::bad_record_mac, "record_not_authentic",
                      "a record does not decrypt: it was changed on the way, or the peer has derived other keys");
    }
    nonce_.advance();
    // RFC 8446 5.4: "the receiver scans the field from the end toward the beginning until it finds a non-zero
    // octet."
    size_t end = scratch.size();
    while (end > 0 && scratch[end - 1] == 0) {
        --end;
    }
    // "If a receiving implementation does not find a non-zero octet in the cleartext, it MUST terminate the
    // connection with an "unexpected_message" alert."
    if (end == 0) {
        return refuse(alert::unexpected_message, "record_without_type", "a record has no content type inside");
    }
    // "The full encoded TLSInnerPlaintext MUST NOT exceed 2^14 + 1 octets."
    if (scratch.size() > max_plaintext + 1) {
        return refuse(alert::record_overflow, "record_too_long", "a record holds more than 2^14 octets");
    }
    return inner_plaintext{static_cast<content_type>(scratch[end - 1]), bytes_view(scratch).first(end - 1)};
}

}  // namespace berth::authkem
