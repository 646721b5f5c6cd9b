#include "pki/epoch.h"

#include "pki/certificate_openssl.h"

#include <openssl/err.h>

namespace berth::pki {

result<std::optional<uint32_t>> epoch_of(const certificate& c) {
    const X509* x509 = c.get().x509.get();
    const crypto::asn1_object_ptr oid = crypto::object_from_dotted(oid_epoch);
    const int at = X509_get_ext_by_OBJ(x509, oid.get(), -1);
    if (at < 0) {
        return std::nullopt;
    }
    X509_EXTENSION* extension = X509_get_ext(x509, at);
    const bytes_view der = octets_of(X509_EXTENSION_get_data(extension));
    const unsigned char* next = der.data();
    const asn1_integer_ptr number(d2i_ASN1_INTEGER(nullptr, &next, static_cast<long>(der.size())));
    uint64_t value = 0;
    const bool good = number && next == der.data() + der.size() && ASN1_INTEGER_get_uint64(&value, number.get()) == 1 &&
                      value <= UINT32_MAX && same_octets(crypto::to_der(number.get(), i2d_ASN1_INTEGER), der);
    if (!good || X509_EXTENSION_get_critical(extension) != 0 || X509_get_ext_by_OBJ(x509, oid.get(), at) >= 0) {
        ERR_clear_error();
        return fail(
            error{error_category::peer, "bad_certificate", "The epoch in the certificate of " + c.subject() + " is malformed."}
                .with("subject", c.subject()));
    }
    return static_cast<uint32_t>(value);
}

result<void> require_epoch(const certificate& c, uint32_t current) {
    BERTH_TRY(own, epoch_of(c));
    if (own && *own < current) {
        return fail(error{error_category::peer, "epoch_passed",
                          "The certificate of " + c.subject() + " is of epoch " + std::to_string(*own) +
                              ", and the device's certificates count from epoch " + std::to_string(current) +
                              " on: it has to be given a new one."}
                        .with("subject", c.subject())
                        .with("epoch", std::to_string(*own))
                        .with("current", std::to_string(current)));
    }
    return {};
}

}  // namespace berth::pki
