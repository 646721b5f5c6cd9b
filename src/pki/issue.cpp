#include "pki/issue.h"

#include "pki/certificate_openssl.h"
#include "pki/extensions_openssl.h"
#include "pki/to_be_signed_openssl.h"

namespace berth::pki {

namespace {

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

// RFC 5280 4.1.2.2: "conforming CAs MUST NOT use serialNumber values longer than 20 octets", positive: 128
// random bits.
bytes draw_serial(random_source& random) {
    bytes octets(16);
    while (std::ranges::all_of(octets, [](uint8_t o) { return o == 0; })) {
        random.fill(octets);
    }
    return octets;
}

result<void> check(const certificate_template& contents) {
    if (contents.not_before > contents.not_after || !time_element(contents.not_before) || !time_element(contents.not_after)) {
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

// What self-signed and issued certificates have in common; authority is null for the former.
result<certificate> sign(const certificate_template& contents, const issued_extras& extras, bytes_view spki,
                         const certificate* authority, const crypto::signing_key& key, random_source& random) {
    BERTH_CHECK(check(contents));
    BERTH_CHECK(check_subject_key(spki));
    BERTH_TRY(subject, name_element(contents.subject));
    to_be_signed out;
    out.serial = draw_serial(random);
    out.issuer = authority == nullptr ? subject : to_bytes(authority->subject_der());
    out.issuer_text = authority == nullptr ? std::string() : authority->subject();
    out.not_before = contents.not_before;
    out.not_after = contents.not_after;
    out.subject = std::move(subject);
    out.spki = to_bytes(spki);
    const bytes own_id = key_identifier(spki);
    BERTH_TRY(extensions, extensions_of(contents, own_id, authority == nullptr ? own_id : identifier_of(*authority)));
    BERTH_TRY(more, extensions_of(extras));
    out.extensions = concat({extensions, more});
    return seal(out, key);
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
    if (!time_element(not_before) || !time_element(not_after) || not_before > not_after) {
        return fail(bad_template("its validity does not begin before it ends, or lies outside 1970 to 9999"));
    }
    to_be_signed out;
    out.serial = draw_serial(random);
    out.issuer = to_bytes(issuer.subject_der());
    out.issuer_text = issuer.subject();
    out.not_before = not_before;
    out.not_after = not_after;
    out.subject = to_bytes(subject.subject_der());
    out.spki = to_bytes(subject.spki());
    for (int i = 0; i < X509_get_ext_count(old); ++i) {
        const X509_EXTENSION* extension = X509_get_ext(old, i);
        if (std::ranges::find(of_the_issuer, OBJ_obj2nid(X509_EXTENSION_get_object(const_cast<X509_EXTENSION*>(extension)))) ==
            of_the_issuer.end()) {
            append(out.extensions, crypto::to_der(extension, i2d_X509_EXTENSION));
        }
    }
    append(out.extensions, authority_key_id_extension(identifier_of(issuer)));
    return seal(out, issuer_key);
}

}  // namespace berth::pki
