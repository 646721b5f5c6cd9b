#include "crypto/der_openssl.h"

#include <openssl/asn1.h>
#include <openssl/err.h>

namespace berth::crypto {

namespace {

constexpr uint8_t tag_bit_string = 0x03;
constexpr uint8_t tag_oid = 0x06;
constexpr uint8_t tag_sequence = 0x30;

template <class Out>
Out tlv(uint8_t tag, std::initializer_list<bytes_view> parts) {
    size_t size = 0;
    for (const bytes_view part : parts) {
        size += part.size();
    }
    std::array<uint8_t, 6> head{tag};
    size_t used = 1;
    if (size < 0x80) {
        head[used++] = static_cast<uint8_t>(size);
    } else {
        const size_t octets = size <= 0xff ? 1 : size <= 0xffff ? 2 : 3;
        head[used++] = static_cast<uint8_t>(0x80 | octets);
        for (size_t i = octets; i-- > 0;) {
            head[used++] = static_cast<uint8_t>(size >> (8 * i));
        }
    }
    Out out;
    const auto add = [&out](bytes_view more) {
        if constexpr (std::is_same_v<Out, bytes>) {
            append(out, more);
        } else {
            out.append(more);
        }
    };
    add(bytes_view(head).first(used));
    for (const bytes_view part : parts) {
        add(part);
    }
    return out;
}

}  // namespace

bytes der_tlv(uint8_t tag, std::initializer_list<bytes_view> parts) {
    return tlv<bytes>(tag, parts);
}

secret_bytes secret_der_tlv(uint8_t tag, std::initializer_list<bytes_view> parts) {
    return tlv<secret_bytes>(tag, parts);
}

std::optional<bytes_view> take_der(bytes_view& in, uint8_t tag) {
    if (in.empty() || in[0] != tag) {
        return std::nullopt;
    }
    const unsigned char* at = in.data();
    long size = 0;
    int number = 0;
    int kind = 0;
    // Bit 0x80: an error; bit 0x01: an indefinite length, which DER does not have.
    const int flags = ASN1_get_object(&at, &size, &number, &kind, static_cast<long>(in.size()));
    if ((flags & 0x81) != 0 || size < 0) {
        ERR_clear_error();
        return std::nullopt;
    }
    const auto head = static_cast<size_t>(at - in.data());
    const bytes_view content = in.subspan(head, static_cast<size_t>(size));
    in = in.subspan(head + content.size());
    return content;
}

bytes make_spki(bytes_view algorithm, bytes_view key) {
    static constexpr std::array<uint8_t, 1> no_unused_bits{0};
    const bytes bits = der_tlv(tag_bit_string, {no_unused_bits, key});
    return der_tlv(tag_sequence, {algorithm, bits});
}

std::optional<spki_parts> read_spki(bytes_view der) {
    bytes_view rest = der;
    auto outer = take_der(rest, tag_sequence);
    if (!outer || !rest.empty()) {
        return std::nullopt;
    }
    const bytes_view at_algorithm = *outer;
    auto inner = take_der(*outer, tag_sequence);
    if (!inner) {
        return std::nullopt;
    }
    spki_parts parts;
    parts.algorithm = at_algorithm.first(at_algorithm.size() - outer->size());
    const auto oid = take_der(*inner, tag_oid);
    const auto bits = take_der(*outer, tag_bit_string);
    if (!oid || !bits || bits->empty() || !outer->empty()) {
        return std::nullopt;
    }
    parts.oid = *oid;
    parts.key = bits->subspan(1);
    if (!same_octets(make_spki(parts.algorithm, parts.key), der)) {
        return std::nullopt;
    }
    return parts;
}

bytes_view oid_octets(bytes_view algorithm) {
    auto inner = take_der(algorithm, tag_sequence);
    return *take_der(*inner, tag_oid);
}

secret_bytes make_pkcs8(bytes_view algorithm, bytes_view private_key) {
    static constexpr std::array<uint8_t, 3> version_0{0x02, 0x01, 0x00};
    const secret_bytes octets = secret_der_tlv(0x04, {private_key});
    return secret_der_tlv(tag_sequence, {version_0, algorithm, octets.reveal()});
}

result<pkcs8_parts> read_pkcs8(bytes_view der) {
    const unsigned char* at = der.data();
    pkcs8_parts parts;
    parts.info.reset(d2i_PKCS8_PRIV_KEY_INFO(nullptr, &at, static_cast<long>(der.size())));
    if (!parts.info || at != der.data() + der.size()) {
        ERR_clear_error();
        return fail(bad_private_key("it is not exactly one DER PKCS#8 structure"));
    }
    const ASN1_OBJECT* oid = nullptr;
    const unsigned char* key = nullptr;
    int size = 0;
    const X509_ALGOR* algorithm = nullptr;
    must(PKCS8_pkey_get0(&oid, &key, &size, &algorithm, parts.info.get()), "reading a PKCS#8 structure");
    int kind = V_ASN1_UNDEF;
    X509_ALGOR_get0(nullptr, &kind, nullptr, algorithm);
    parts.oid = dotted(oid);
    parts.parameters = kind != V_ASN1_UNDEF;
    parts.private_key = {key, static_cast<size_t>(size)};
    return parts;
}

error bad_private_key(std::string_view why) {
    return {error_category::usage, "bad_private_key", "The private key cannot be used: " + std::string(why) + "."};
}

error unsupported_key(std::string_view what) {
    return error{error_category::incompatible, "unsupported_key_algorithm",
                 "The key is of a kind that Berth does not use here (" + std::string(what) + ")."}
        .with("algorithm", std::string(what));
}

}  // namespace berth::crypto
