// The one way from DER to a certificate.
#include "crypto/hash.h"
#include "pki/certificate_openssl.h"
#include "pki/shared_certificate_openssl.h"

#include <openssl/err.h>

namespace berth::pki {

namespace {

tl::unexpected<error> refuse(std::string why) {
    const std::string detail = crypto::openssl_errors();
    return fail(error_category::peer, "bad_certificate",
                "A certificate cannot be used: " + std::move(why) + (detail.empty() ? "" : " (" + detail + ")") + ".");
}

// libcrypto's bits are in the order of the encoding; ours in the order of RFC 5280's list.
uint16_t to_key_usage(uint32_t bits) {
    uint16_t out = 0;
    for (unsigned i = 0; i < 8; ++i) {
        if ((bits & (0x80U >> i)) != 0) {
            out = static_cast<uint16_t>(out | 1U << i);
        }
    }
    return static_cast<uint16_t>(out | ((bits & KU_DECIPHER_ONLY) != 0 ? 0x100U : 0U));
}

// An extension as its structure: absent is fine, twice or malformed is not.
template <class T>
struct extension {
    T value;
    bool malformed = false;
};

template <class Ptr>
extension<Ptr> get_extension(const X509* x509, int nid) {
    int critical = 0;
    auto* found = static_cast<typename Ptr::element_type*>(X509_get_ext_d2i(x509, nid, &critical, nullptr));
    // -1: absent; -2: there twice; otherwise there, and malformed when nothing was returned.
    return {Ptr(found), found == nullptr && critical != -1};
}

using oids_ptr = crypto::openssl_ptr<EXTENDED_KEY_USAGE, EXTENDED_KEY_USAGE_free>;
using policies_ptr = crypto::openssl_ptr<CERTIFICATEPOLICIES, CERTIFICATEPOLICIES_free>;

bool read_extensions(const X509* x509, certificate::impl& out) {
    const auto usages = get_extension<oids_ptr>(x509, NID_ext_key_usage);
    const auto policies = get_extension<policies_ptr>(x509, NID_certificate_policies);
    const auto names = get_extension<general_names_ptr>(x509, NID_subject_alt_name);
    if (usages.malformed || policies.malformed || names.malformed) {
        return false;
    }
    for (int i = 0; usages.value && i < sk_ASN1_OBJECT_num(usages.value.get()); ++i) {
        out.extended_key_usages.push_back(crypto::dotted(sk_ASN1_OBJECT_value(usages.value.get(), i)));
    }
    for (int i = 0; policies.value && i < sk_POLICYINFO_num(policies.value.get()); ++i) {
        out.policies.push_back(crypto::dotted(sk_POLICYINFO_value(policies.value.get(), i)->policyid));
    }
    if (names.value) {
        auto read = to_alt_names(names.value.get());
        if (!read) {
            return false;
        }
        out.alt_names = std::move(*read);
    }
    return true;
}

// Of `x509` and `der`, which are there.
result<certificate> complete(std::shared_ptr<certificate::impl> made) {
    X509* const raw = made->x509.get();
    if (X509_get_version(raw) != X509_VERSION_3) {
        return refuse("it is not of version 3: openssl x509 -req of OpenSSL 3.0 makes such ones without -extfile");
    }
    made->sha256 = to_array<32>(crypto::sha256(made->der).view());
    // Reads the extensions into libcrypto's cache, which later calls share between threads.
    if ((X509_get_extension_flags(raw) & EXFLAG_INVALID) != 0) {
        return refuse("an extension in it is malformed or there twice");
    }
    if (!read_extensions(raw, *made)) {
        return refuse("an extension in it is malformed or there twice");
    }
    const auto not_before = to_unix(X509_get0_notBefore(raw));
    const auto not_after = to_unix(X509_get0_notAfter(raw));
    if (!not_before || !not_after) {
        return refuse("its validity is not written as times");
    }
    made->not_before = *not_before;
    made->not_after = *not_after;
    X509_PUBKEY* key = X509_get_X509_PUBKEY(raw);
    made->spki = crypto::to_der(key, i2d_X509_PUBKEY);
    made->spki_sha256 = to_array<32>(crypto::sha256(made->spki).view());
    ASN1_OBJECT* oid = nullptr;
    X509_PUBKEY_get0_param(&oid, nullptr, nullptr, nullptr, key);
    made->key_oid = crypto::dotted(oid);
    made->subject = one_line(X509_get_subject_name(raw));
    made->issuer = one_line(X509_get_issuer_name(raw));
    made->subject_der = crypto::to_der(X509_get_subject_name(raw), i2d_X509_NAME);
    made->issuer_der = crypto::to_der(X509_get_issuer_name(raw), i2d_X509_NAME);
    if (const uint32_t usage = X509_get_key_usage(raw); usage != UINT32_MAX) {
        made->key_usage = to_key_usage(usage);
    }
    ERR_clear_error();
    return certificate(std::move(made));
}

}  // namespace

result<certificate> certificate::parse(bytes_view der) {
    // A key binds to a library context when its certificate is parsed; only in ours are composite KEM keys
    // known.
    X509* raw = crypto::must(X509_new_ex(crypto::lib_context(), nullptr), "making a certificate");
    const unsigned char* at = der.data();
    if (d2i_X509(&raw, &at, static_cast<long>(der.size())) == nullptr) {
        return refuse("it is not DER X.509");
    }
    auto made = std::make_shared<impl>();
    made->x509.reset(raw);
    if (at != der.data() + der.size() || !same_octets(crypto::to_der(raw, i2d_X509), der)) {
        return refuse("it is not exactly one DER structure");
    }
    made->der = to_bytes(der);
    return complete(std::move(made));
}

result<certificate> certificate_sharing(X509* x509) {
    auto made = std::make_shared<certificate::impl>();
    made->der = crypto::to_der(x509, i2d_X509);
    crypto::must(X509_up_ref(x509), "sharing a certificate");
    made->x509.reset(x509);
    return complete(std::move(made));
}

result<certificate> certificate_from_x509(const X509* x509) {
    return certificate::parse(crypto::to_der(x509, i2d_X509));
}

}  // namespace berth::pki
