#include "pki/der_values_openssl.h"

#include <openssl/err.h>

namespace berth::pki {

std::optional<std::string> take_oid(bytes_view& in) {
    bytes_view rest = in;
    if (!crypto::take_der(rest, der::oid)) {
        return std::nullopt;
    }
    const bytes_view tlv = in.first(in.size() - rest.size());
    const unsigned char* at = tlv.data();
    const crypto::asn1_object_ptr object(d2i_ASN1_OBJECT(nullptr, &at, static_cast<long>(tlv.size())));
    if (!object) {
        ERR_clear_error();
        return std::nullopt;
    }
    in = rest;
    return crypto::dotted(object.get());
}

std::optional<bytes_view> take_element(bytes_view& in) {
    // The long form of a tag (number 31 and above) occurs in none of our structures.
    if (in.empty() || (in[0] & 0x1f) == 0x1f) {
        return std::nullopt;
    }
    bytes_view rest = in;
    if (!crypto::take_der(rest, in[0])) {
        return std::nullopt;
    }
    const bytes_view element = in.first(in.size() - rest.size());
    in = rest;
    return element;
}

std::optional<std::vector<bytes_view>> take_elements(bytes_view content, size_t most) {
    std::vector<bytes_view> out;
    while (!content.empty()) {
        const auto element = take_element(content);
        if (!element || out.size() == most) {
            return std::nullopt;
        }
        out.push_back(*element);
    }
    return out;
}

std::optional<bytes> oid_element(std::string_view dotted) {
    const crypto::asn1_object_ptr object = crypto::object_from_dotted(dotted);
    // libcrypto reads "1.2." too.
    if (!object || crypto::dotted(object.get()) != dotted) {
        ERR_clear_error();
        return std::nullopt;
    }
    return crypto::to_der(object.get(), i2d_ASN1_OBJECT);
}

}  // namespace berth::pki
