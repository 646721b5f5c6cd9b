#include "pki/pki_openssl.h"

#include "crypto/hash_openssl.h"
#include "crypto/sign_impl_openssl.h"

#include <ctime>

#include <openssl/err.h>

namespace berth::pki {

bytes_view octets_of(const ASN1_STRING* text) noexcept {
    return {ASN1_STRING_get0_data(text), static_cast<size_t>(ASN1_STRING_length(text))};
}

std::optional<unix_seconds> to_unix(const ASN1_TIME* time) {
    std::tm parts{};
    if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) {
        ERR_clear_error();
        return std::nullopt;
    }
    return static_cast<unix_seconds>(timegm(&parts));
}

asn1_time_ptr to_asn1(unix_seconds time) {
    if (time < 0 || time > no_expiry) {
        return nullptr;
    }
    const std::time_t seconds = time;
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    std::array<char, 32> text{};
    std::strftime(text.data(), text.size(), "%Y%m%d%H%M%SZ", &parts);
    asn1_time_ptr made(crypto::must(ASN1_TIME_new(), "making a time"));
    // Chooses UTCTime or GeneralizedTime as RFC 5280 wants; ASN1_TIME_set_string would keep GeneralizedTime.
    crypto::must(ASN1_TIME_set_string_X509(made.get(), text.data()), "writing a time");
    return made;
}

bytes magnitude_of(const ASN1_INTEGER* number) {
    const bytes_view octets = octets_of(number);
    const auto first = std::find_if(octets.begin(), octets.end(), [](uint8_t o) { return o != 0; });
    return {first, octets.end()};
}

std::string one_line(const X509_NAME* name) {
    const crypto::bio_ptr out(crypto::must(BIO_new(BIO_s_mem()), "making a buffer"));
    // RFC 2253, but UTF-8 as it is.
    if (X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253 & ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB)) < 0) {
        ERR_clear_error();
        return "(unprintable name)";
    }
    char* data = nullptr;
    const long size = BIO_get_mem_data(out.get(), &data);
    return {data, static_cast<size_t>(size)};
}

distinguished_name to_name(const X509_NAME* name) {
    distinguished_name out;
    for (int i = 0; i < X509_NAME_entry_count(name); ++i) {
        const X509_NAME_ENTRY* entry = X509_NAME_get_entry(name, i);
        const ASN1_OBJECT* oid = X509_NAME_ENTRY_get_object(entry);
        const int nid = OBJ_obj2nid(oid);
        unsigned char* text = nullptr;
        const int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(entry));
        if (size < 0) {
            ERR_clear_error();
            continue;
        }
        out.add(nid == NID_undef ? crypto::dotted(oid) : OBJ_nid2sn(nid),
                std::string(as_text({text, static_cast<size_t>(size)})));
        OPENSSL_free(text);
    }
    return out;
}

result<x509_name_ptr> from_name(const distinguished_name& name) {
    x509_name_ptr out(crypto::must(X509_NAME_new(), "making a name"));
    for (const auto& [attribute, value] : name.attributes) {
        const crypto::asn1_object_ptr oid(OBJ_txt2obj(attribute.c_str(), 0));
        if (!oid) {
            ERR_clear_error();
            return fail(bad_template("\"" + attribute + "\" is not an attribute of a name"));
        }
        const int nid = OBJ_obj2nid(oid.get());
        if (nid == NID_serialNumber && (value.size() > 64 || !is_printable_string(as_bytes(value)))) {
            return fail(bad_template("a serialNumber has 1 to 64 letters, digits and ' ( ) + , - . / : = ? or spaces, "
                                     "but this one is \"" +
                                     value + "\""));
        }
        // libcrypto's own table makes serialNumber and countryName PrintableString, and checks the length of
        // each.
        if (value.empty() ||
            X509_NAME_add_entry_by_OBJ(out.get(), oid.get(), MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(value.data()),
                                       static_cast<int>(value.size()), -1, 0) != 1) {
            return fail(
                bad_template("\"" + value + "\" cannot be the " + attribute + " of a name (" + crypto::openssl_errors() + ")"));
        }
    }
    return out;
}

bool is_printable_string(bytes_view text) noexcept {
    return std::all_of(text.begin(), text.end(), [](uint8_t c) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
               std::string_view(" '()+,-./:=?").find(static_cast<char>(c)) != std::string_view::npos;
    });
}

error bad_template(std::string why) {
    return {error_category::usage, "bad_template", "This certificate cannot be made: " + std::move(why) + "."};
}

const EVP_MD* digest_for(crypto::signature_algorithm alg) {
    switch (alg) {
    case crypto::signature_algorithm::ecdsa_p256_sha256: return crypto::evp_md(crypto::hash_algorithm::sha256);
    case crypto::signature_algorithm::ecdsa_p384_sha384: return crypto::evp_md(crypto::hash_algorithm::sha384);
    default: return nullptr;
    }
}

EVP_PKEY* evp_of(const crypto::signing_key& key) {
    return key.get().key.get();
}

bool is_accepted_signature(int signature_nid, bool allow_rsa) {
    switch (signature_nid) {
    case NID_ecdsa_with_SHA256:
    case NID_ecdsa_with_SHA384:
    case NID_ecdsa_with_SHA512:
    case NID_ML_DSA_44:
    case NID_ML_DSA_65:
    case NID_ML_DSA_87: return true;
    case NID_sha256WithRSAEncryption:
    case NID_sha384WithRSAEncryption:
    case NID_sha512WithRSAEncryption:
    case NID_rsassaPss: return allow_rsa;
    default: return false;
    }
}

}  // namespace berth::pki
