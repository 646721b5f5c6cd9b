#include "pki/certs_only.h"

#include "pki/certificate_openssl.h"
#include "pki/der_values_openssl.h"

#include <openssl/err.h>
#include <openssl/pkcs7.h>

namespace berth::pki {

namespace {

using pkcs7_ptr = crypto::openssl_ptr<PKCS7, PKCS7_free>;

constexpr std::string_view oid_data = "1.2.840.113549.1.7.1";
constexpr std::string_view oid_signed_data = "1.2.840.113549.1.7.2";

tl::unexpected<error> refuse(std::string why) {
    ERR_clear_error();
    return fail(error_category::peer, "bad_certs_only", "A bundle of certificates cannot be used: " + std::move(why) + ".");
}

template <class Items>
bytes all_of(const Items& items) {
    bytes out;
    for (const auto& item : items) {
        append(out, item.der());
    }
    return out;
}

}  // namespace

bytes build_certs_only(std::span<const certificate> certificates, std::span<const crl> crls) {
    static constexpr std::array<uint8_t, 3> version_1{der::integer, 1, 1};
    static constexpr std::array<uint8_t, 2> empty_set{der::set, 0};
    const bytes nothing = crypto::der_tlv(der::sequence, {*oid_element(oid_data)});
    const bytes certs = certificates.empty() ? bytes() : crypto::der_tlv(der::context(0), {all_of(certificates)});
    const bytes lists = crls.empty() ? bytes() : crypto::der_tlv(der::context(1), {all_of(crls)});
    const bytes data = crypto::der_tlv(der::sequence, {version_1, empty_set, nothing, certs, lists, empty_set});
    const bytes content = crypto::der_tlv(der::context(0), {data});
    return crypto::der_tlv(der::sequence, {*oid_element(oid_signed_data), content});
}

result<certs_only> parse_certs_only(bytes_view der, const certs_only_limits& limits) {
    if (der.size() > limits.octets) {
        return refuse("it has more than " + std::to_string(limits.octets) + " octets");
    }
    PKCS7* raw = crypto::must(PKCS7_new_ex(crypto::lib_context(), nullptr), "making a bundle");
    const unsigned char* at = der.data();
    const bool read = d2i_PKCS7(&raw, &at, static_cast<long>(der.size())) != nullptr;
    const pkcs7_ptr bundle(read ? raw : nullptr);  // libcrypto frees what it failed to fill
    if (!bundle || at != der.data() + der.size()) {
        return refuse("it is not exactly one CMS structure");
    }
    const PKCS7_SIGNED* data = PKCS7_type_is_signed(bundle.get()) ? bundle->d.sign : nullptr;
    if (data == nullptr || data->contents == nullptr) {
        return refuse("it is not CMS SignedData");
    }
    // RFC 5272 4.1: "A Simple PKI Response consists of a SignedData with no EncapsulatedContentInfo and no SignerInfo
    // included" (its content type is still named).
    if (sk_PKCS7_SIGNER_INFO_num(data->signer_info) > 0 || !PKCS7_type_is_data(data->contents) ||
        data->contents->d.data != nullptr) {
        return refuse("it is signed, or holds more than certificates");
    }
    const int certificates = std::max(0, sk_X509_num(data->cert));
    const int lists = std::max(0, sk_X509_CRL_num(data->crl));
    if (static_cast<size_t>(certificates) > limits.certificates || static_cast<size_t>(lists) > limits.crls) {
        return refuse("it holds " + std::to_string(certificates) + " certificates and " + std::to_string(lists) +
                      " revocation lists, which is too many");
    }
    certs_only out;
    for (int i = 0; i < certificates; ++i) {
        BERTH_TRY(one, certificate_from_x509(sk_X509_value(data->cert, i)));
        out.certificates.push_back(std::move(one));
    }
    for (int i = 0; i < lists; ++i) {
        BERTH_TRY(one, crl::parse(crypto::to_der(sk_X509_CRL_value(data->crl, i), i2d_X509_CRL)));
        out.crls.push_back(std::move(one));
    }
    ERR_clear_error();
    return out;
}

}  // namespace berth::pki
