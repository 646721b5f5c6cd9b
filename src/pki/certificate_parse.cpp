// The one way from DER to a certificate, and the short one for what was made here.
#include "crypto/hash.h"
#include "pki/certificate_openssl.h"
#include "pki/der_values_openssl.h"
#include "pki/to_be_signed_openssl.h"

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

uint16_t to_key_usage(const ASN1_BIT_STRING* bits) {
    uint16_t out = 0;
    for (int i = 0; i < 9; ++i) {
        if (ASN1_BIT_STRING_get_bit(bits, i) == 1) {
            out = static_cast<uint16_t>(out | 1U << i);
        }
    }
    return out;
}

// An extension as its structure: absent is fine, twice or malformed is not.
template <class T>
struct extension {
    T value;
    bool malformed = false;
};

template <class Ptr>
extension<Ptr> get_extension(const STACK_OF(X509_EXTENSION) * all, int nid) {
    int critical = 0;
    auto* found = static_cast<typename Ptr::element_type*>(X509V3_get_d2i(all, nid, &critical, nullptr));
    // -1: absent; -2: there twice; otherwise there, and malformed when nothing was returned.
    return {Ptr(found), found == nullptr && critical != -1};
}

using oids_ptr = crypto::openssl_ptr<EXTENDED_KEY_USAGE, EXTENDED_KEY_USAGE_free>;
using policies_ptr = crypto::openssl_ptr<CERTIFICATEPOLICIES, CERTIFICATEPOLICIES_free>;
using bit_string_ptr = crypto::openssl_ptr<ASN1_BIT_STRING, ASN1_BIT_STRING_free>;
using extensions_ptr =
    std::unique_ptr<STACK_OF(X509_EXTENSION),
                    decltype([](STACK_OF(X509_EXTENSION) * s) { sk_X509_EXTENSION_pop_free(s, X509_EXTENSION_free); })>;

bool read_extensions(const STACK_OF(X509_EXTENSION) * all, certificate::impl& out) {
    const auto usages = get_extension<oids_ptr>(all, NID_ext_key_usage);
    const auto policies = get_extension<policies_ptr>(all, NID_certificate_policies);
    const auto names = get_extension<general_names_ptr>(all, NID_subject_alt_name);
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
        X509_EXTENSION* const whole = X509v3_get_ext(all, X509v3_get_ext_by_NID(all, NID_subject_alt_name, -1));
        out.alt_names_value = to_bytes(octets_of(X509_EXTENSION_get_data(whole)));
    }
    return true;
}

void take_hashes(certificate::impl& out) {
    out.sha256 = to_array<32>(crypto::sha256(out.der).view());
    out.spki_sha256 = to_array<32>(crypto::sha256(out.spki).view());
}

// Null when it is no DER X.509; says where it ends.
x509_ptr read_x509(bytes_view der, const unsigned char*& end) {
    // A key binds to a library context when its certificate is parsed; only in ours are composite KEM keys
    // known.
    X509* raw = crypto::must(X509_new_ex(crypto::lib_context(), nullptr), "making a certificate");
    end = der.data();
    return x509_ptr(d2i_X509(&raw, &end, static_cast<long>(der.size())));  // frees what it cannot fill
}

// DER of exactly one value, or null.
template <class Ptr, class D2i>
Ptr read_exactly(bytes_view der, D2i d2i) {
    const unsigned char* at = der.data();
    Ptr out(d2i(nullptr, &at, static_cast<long>(der.size())));
    return at == der.data() + der.size() ? std::move(out) : Ptr();
}

// The fields of RFC 5280 4.1 that differ from certificate to certificate.
struct tbs_fields {
    bytes_view serial, issuer, subject, spki, extensions;
};

std::optional<tbs_fields> read_fields(bytes_view der) {
    auto outer = crypto::take_der(der, der::sequence);
    const auto inner = outer && der.empty() ? crypto::take_der(*outer, der::sequence) : std::nullopt;
    // version, serialNumber, signature, issuer, validity, subject, subjectPublicKeyInfo, extensions
    const auto all = inner ? take_elements(*inner, 8) : std::nullopt;
    if (!all || all->size() != 8) {
        return std::nullopt;
    }
    bytes_view serial = (*all)[1];
    bytes_view extensions = (*all)[7];
    const auto number = crypto::take_der(serial, der::integer);
    const auto list = crypto::take_der(extensions, der::context(3));
    if (!number || !list) {
        return std::nullopt;
    }
    return tbs_fields{*number, (*all)[3], (*all)[5], (*all)[6], *list};
}

std::optional<std::string> key_oid_of(bytes_view spki) {
    auto parts = crypto::take_der(spki, der::sequence);
    auto algorithm = parts ? crypto::take_der(*parts, der::sequence) : std::nullopt;
    return algorithm ? take_oid(*algorithm) : std::nullopt;
}

}  // namespace

X509* x509_reading::get() const {
    std::call_once(once_, [this] {
        if (!x509_) {
            const unsigned char* end = nullptr;
            x509_ = read_x509(der_, end);
            crypto::must(x509_.get(), "reading a certificate that was made here");
            // Into libcrypto's cache, as in parse().
            X509_get_extension_flags(x509_.get());
            ERR_clear_error();
        }
    });
    return x509_.get();
}

result<certificate> certificate::parse(bytes_view der) {
    const unsigned char* end = nullptr;
    x509_ptr read = read_x509(der, end);
    if (!read) {
        return refuse("it is not DER X.509");
    }
    X509* const raw = read.get();
    auto made = std::make_shared<impl>();
    made->x509.set(std::move(read));
    if (end != der.data() + der.size() || !same_octets(crypto::to_der(raw, i2d_X509), der)) {
        return refuse("it is not exactly one DER structure");
    }
    if (X509_get_version(raw) != X509_VERSION_3) {
        return refuse("it is not of version 3");
    }
    made->der = to_bytes(der);
    // Reads the extensions into libcrypto's cache, which later calls share between threads.
    if ((X509_get_extension_flags(raw) & EXFLAG_INVALID) != 0) {
        return refuse("an extension in it is malformed or there twice");
    }
    if (!read_extensions(X509_get0_extensions(raw), *made)) {
        return refuse("an extension in it is malformed or there twice");
    }
    const auto not_before = to_unix(X509_get0_notBefore(raw));
    const auto not_after = to_unix(X509_get0_notAfter(raw));
    if (!not_before || !not_after) {
        return refuse("its validity is not written as times");
    }
    made->serial = magnitude_of(X509_get0_serialNumber(raw));
    made->not_before = *not_before;
    made->not_after = *not_after;
    X509_PUBKEY* key = X509_get_X509_PUBKEY(raw);
    made->spki = crypto::to_der(key, i2d_X509_PUBKEY);
    take_hashes(*made);
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

result<certificate> certificate_made_here(bytes der, const to_be_signed& contents) {
    auto made = std::make_shared<certificate::impl>();
    made->der = std::move(der);
    const auto fields = read_fields(made->der);
    if (!fields) {
        return refuse("it is not DER X.509");
    }
    const auto oid = key_oid_of(fields->spki);
    const auto subject = read_exactly<x509_name_ptr>(fields->subject, d2i_X509_NAME);
    if (!oid || !subject) {
        return refuse("its subject or its key is malformed");
    }
    const auto all = read_exactly<extensions_ptr>(fields->extensions, d2i_X509_EXTENSIONS);
    const auto usage = get_extension<bit_string_ptr>(all.get(), NID_key_usage);
    if (usage.value) {
        made->key_usage = to_key_usage(usage.value.get());
    }
    // RFC 5280 4.2.1.3: "When the keyUsage extension appears in a certificate, at least one of the bits MUST be set to 1."
    if (!all || usage.malformed || made->key_usage == 0 || !read_extensions(all.get(), *made)) {
        return refuse("an extension in it is malformed, empty or there twice");
    }
    made->serial.assign(std::ranges::find_if(fields->serial, [](uint8_t o) { return o != 0; }), fields->serial.end());
    made->not_before = contents.not_before;
    made->not_after = contents.not_after;
    made->spki = to_bytes(fields->spki);
    take_hashes(*made);
    made->key_oid = *oid;
    made->subject_der = to_bytes(fields->subject);
    made->issuer_der = to_bytes(fields->issuer);
    made->subject = one_line(subject.get());
    made->issuer = made->issuer_der == made->subject_der ? made->subject : contents.issuer_text;
    ERR_clear_error();
    return certificate(std::move(made));
}

result<certificate> certificate_from_x509(const X509* x509) {
    return certificate::parse(crypto::to_der(x509, i2d_X509));
}

}  // namespace berth::pki
