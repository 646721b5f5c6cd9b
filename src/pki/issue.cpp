#include "pki/issue.h"

#include "crypto/der_openssl.h"
#include "crypto/hash.h"
#include "pki/certificate_openssl.h"
#include "pki/extensions_openssl.h"

#include <openssl/err.h>

namespace berth::pki {

namespace {

using crypto::must;

using x509_algor_ptr = crypto::openssl_ptr<X509_ALGOR, X509_ALGOR_free>;

// Whether one of our own readers accepts a SubjectPublicKeyInfo.
result<void> check_subject_key(bytes_view spki) {
    const auto signature = crypto::verification_key::from_spki(spki);
    if (signature || !signature.error().is("unsupported_key_algorithm")) {
        return signature ? result<void>{} : fail(signature.error());
    }
    const auto kem = crypto::kem_public_key::from_spki(spki);
    if (kem || !kem.error().is("unsupported_key_algorithm")) {
        return kem ? result<void>{} : fail(kem.error());
    }
    return fail(signature.error());
}

// The octets as they are. X509_set_pubkey() wants a key of libcrypto's, which takes longer to make and to write again than all
// the rest of a certificate.
void set_subject_key(X509* x509, bytes_view spki) {
    const auto parts = crypto::read_spki(spki);
    const unsigned char* at = parts ? parts->algorithm.data() : nullptr;
    const x509_algor_ptr algorithm(parts ? d2i_X509_ALGOR(nullptr, &at, static_cast<long>(parts->algorithm.size())) : nullptr);
    must(algorithm.get(), "reading the identifier of a key that was accepted");
    auto* const octets = static_cast<unsigned char*>(must(OPENSSL_memdup(parts->key.data(), parts->key.size()), "copying a key"));
    // The identifier's parameters are taken over by the certificate, and its octets too.
    const ASN1_TYPE* const parameter = algorithm->parameter;
    const int kind = parameter == nullptr ? V_ASN1_UNDEF : ASN1_TYPE_get(parameter);
    void* const value = kind == V_ASN1_OBJECT ? static_cast<void*>(OBJ_dup(parameter->value.object)) : nullptr;
    if (kind != V_ASN1_UNDEF && kind != V_ASN1_OBJECT) {
        crypto::die("filling a certificate with a key whose parameters are no curve's name");
    }
    must(X509_PUBKEY_set0_param(X509_get_X509_PUBKEY(x509), OBJ_dup(algorithm->algorithm), kind, value, octets,
                                static_cast<int>(parts->key.size())),
         "filling a certificate");
}

// RFC 5280 4.1.2.2: "conforming CAs MUST NOT use serialNumber values longer than 20 octets", positive: 128
// random bits.
asn1_integer_ptr draw_serial(random_source& random) {
    std::array<uint8_t, 16> octets{};
    while (std::all_of(octets.begin(), octets.end(), [](uint8_t o) { return o == 0; })) {
        random.fill(octets);
    }
    const crypto::bn_ptr number(must(BN_bin2bn(octets.data(), octets.size(), nullptr), "making a number"));
    return asn1_integer_ptr(must(BN_to_ASN1_INTEGER(number.get(), nullptr), "making a serial number"));
}

result<void> check(const certificate_template& contents) {
    if (contents.not_before > contents.not_after || !to_asn1(contents.not_before) || !to_asn1(contents.not_after)) {
        return fail(bad_template("its validity does not begin before it ends, or lies outside 1970 to 9999"));
    }
    if (contents.subject.attributes.empty() && contents.alt_names.empty()) {
        return fail(bad_template("it would name nobody: both subject and subjectAltName are empty"));
    }
    // RFC 5280 4.2.1.3: "If the keyCertSign bit is asserted, then the cA bit in the basic constraints
    // extension MUST also be asserted."
    if (!contents.is_ca &&
        (contents.path_length || !contents.constraints.empty() || (contents.key_usage.value_or(0) & key_cert_sign) != 0)) {
        return fail(bad_template("pathLenConstraint, nameConstraints and keyCertSign are for CAs"));
    }
    return {};
}

bytes identifier_of(const certificate& issuer) {
    return issuer.subject_key_id().empty() ? key_identifier(issuer.spki()) : to_bytes(issuer.subject_key_id());
}

result<certificate> signed_by(const x509_ptr& x509, const crypto::signing_key& key) {
    if (X509_sign(x509.get(), evp_of(key), digest_for(key.algorithm())) <= 0) {
        return fail(error_category::environment, "signing_failed",
                    "The holder of the issuer's key did not sign: " + crypto::openssl_errors() + ".");
    }
    // Read back: what goes out is what a reader will see.
    return certificate::parse(crypto::to_der(x509.get(), i2d_X509));
}

// What self-signed and issued certificates have in common; authority is null for the former.
result<certificate> sign(const certificate_template& contents, const issued_extras& extras, bytes_view spki,
                         const certificate* authority, const crypto::signing_key& key, random_source& random) {
    BERTH_CHECK(check(contents));
    BERTH_CHECK(check_subject_key(spki));
    BERTH_TRY(subject, from_name(contents.subject));
    const x509_ptr x509(must(X509_new_ex(crypto::lib_context(), nullptr), "making a certificate"));
    const auto serial = draw_serial(random);
    must(X509_set_version(x509.get(), X509_VERSION_3), "filling a certificate");
    must(X509_set_serialNumber(x509.get(), serial.get()), "filling a certificate");
    must(X509_set1_notBefore(x509.get(), to_asn1(contents.not_before).get()), "filling a certificate");
    must(X509_set1_notAfter(x509.get(), to_asn1(contents.not_after).get()), "filling a certificate");
    must(X509_set_subject_name(x509.get(), subject.get()), "filling a certificate");
    must(X509_set_issuer_name(x509.get(),
                              authority == nullptr ? subject.get() : X509_get_subject_name(authority->get().x509.get())),
         "filling a certificate");
    set_subject_key(x509.get(), spki);

    const bytes own_id = key_identifier(spki);
    BERTH_CHECK(add_extensions(x509.get(), contents, own_id, authority == nullptr ? own_id : identifier_of(*authority)));
    BERTH_CHECK(add_extras(x509.get(), extras));
    return signed_by(x509, key);
}
}  // namespace

result<void> check_issuer(const certificate& issuer, const crypto::signing_key& key, uint16_t usage) {
    if (!same_octets(issuer.spki(), key.public_key().spki())) {
        return fail(error{error_category::usage, "issuer_key_mismatch",
                          "The private key given is not that of the issuer " + issuer.subject() + "."}
                        .with("issuer", issuer.subject()));
    }
    if (!issuer.is_ca() || (issuer.key_usage() && (*issuer.key_usage() & usage) == 0)) {
        return fail(error{error_category::usage, "bad_key_usage",
                          "The certificate of " + issuer.subject() + " does not allow it to sign " +
                              (usage == crl_sign ? "revocation lists" : "certificates") + "."}
                        .with("issuer", issuer.subject()));
    }
    return {};
}

result<certificate> issue_self_signed(const certificate_template& contents, const crypto::signing_key& key,
                                      random_source& random) {
    return sign(contents, {}, key.public_key().spki(), nullptr, key, random);
}

result<certificate> issue(const certificate_template& contents, bytes_view subject_spki, const certificate& issuer,
                          const crypto::signing_key& issuer_key, random_source& random) {
    BERTH_CHECK(check_issuer(issuer, issuer_key, key_cert_sign));
    return sign(contents, {}, subject_spki, &issuer, issuer_key, random);
}

result<certificate> issue(const certificate_template& contents, const issued_extras& extras, bytes_view subject_spki,
                          const certificate& issuer, const crypto::signing_key& issuer_key, random_source& random) {
    BERTH_CHECK(check_issuer(issuer, issuer_key, key_cert_sign));
    return sign(contents, extras, subject_spki, &issuer, issuer_key, random);
}

// What only the old issuer could say.
constexpr std::array of_the_issuer{NID_authority_key_identifier, NID_crl_distribution_points, NID_info_access, NID_freshest_crl};

result<certificate> cross_sign(const certificate& subject, unix_seconds not_before, unix_seconds not_after,
                               const certificate& issuer, const crypto::signing_key& issuer_key, random_source& random) {
    BERTH_CHECK(check_issuer(issuer, issuer_key, key_cert_sign));
    const X509* old = subject.get().x509.get();
    EVP_PKEY* key = X509_get0_pubkey(old);
    if (key == nullptr || (EVP_PKEY_is_a(key, "RSA") == 1 && EVP_PKEY_get_bits(key) < 2048)) {
        return fail(
            error{error_category::usage, "weak_key", "The key of " + subject.subject() + " is too weak to vouch for."}.with(
                "subject", subject.subject()));
    }
    const auto from = to_asn1(not_before);
    const auto to = to_asn1(not_after);
    if (!from || !to || not_before > not_after) {
        return fail(bad_template("its validity does not begin before it ends, or lies outside 1970 to 9999"));
    }
    const x509_ptr x509(must(X509_new_ex(crypto::lib_context(), nullptr), "making a certificate"));
    must(X509_set_version(x509.get(), X509_VERSION_3), "filling a certificate");
    must(X509_set_serialNumber(x509.get(), draw_serial(random).get()), "filling a certificate");
    must(X509_set1_notBefore(x509.get(), from.get()), "filling a certificate");
    must(X509_set1_notAfter(x509.get(), to.get()), "filling a certificate");
    must(X509_set_subject_name(x509.get(), X509_get_subject_name(old)), "filling a certificate");
    must(X509_set_issuer_name(x509.get(), X509_get_subject_name(issuer.get().x509.get())), "filling a certificate");
    must(X509_set_pubkey(x509.get(), key), "filling a certificate");
    for (int i = 0; i < X509_get_ext_count(old); ++i) {
        X509_EXTENSION* extension = X509_get_ext(old, i);
        if (std::ranges::find(of_the_issuer, OBJ_obj2nid(X509_EXTENSION_get_object(extension))) == of_the_issuer.end()) {
            must(X509_add_ext(x509.get(), extension, -1), "copying an extension");
        }
    }
    const auto authority_id = make_authority_key_id(identifier_of(issuer));
    must(X509_add1_ext_i2d(x509.get(), NID_authority_key_identifier, authority_id.get(), 0, X509V3_ADD_DEFAULT),
         "adding an extension to a certificate");
    return signed_by(x509, issuer_key);
}

}  // namespace berth::pki
