#include "pki/kem_csr.h"

#include "pki/certificate_openssl.h"
#include "pki/csr_openssl.h"
#include "pki/der_values_openssl.h"

#include <openssl/err.h>

namespace berth::pki {

namespace {

using crypto::must;

tl::unexpected<error> refuse(std::string name, std::string message) {
    return fail(error_category::peer, std::move(name), std::move(message));
}

bytes serial_element(const certificate& c) {
    return crypto::to_der(X509_get0_serialNumber(c.get().x509.get()), i2d_ASN1_INTEGER);
}

// RFC 9883 4: "PrivateKeyPossessionStatement ::= SEQUENCE { signer IssuerAndSerialNumber, cert Certificate OPTIONAL }"
struct statement {
    bytes_view issuer;  // Name
    bytes_view serial;  // INTEGER, header included
    std::optional<certificate> carried;
};

result<statement> read_statement(const requested_attribute& attribute) {
    const auto bad = [] { return refuse("bad_statement", "The statement of possession of a request is malformed."); };
    if (attribute.values.size() != 1) {
        return bad();
    }
    bytes_view rest = attribute.values.front();
    auto fields = crypto::take_der(rest, der::sequence);
    auto signer = fields && rest.empty() ? crypto::take_der(*fields, der::sequence) : std::nullopt;
    if (!signer) {
        return bad();
    }
    const auto names = take_elements(*signer, 2);
    if (!names || names->size() != 2 || (*names)[0][0] != der::sequence || (*names)[1][0] != der::integer) {
        return bad();
    }
    statement out{(*names)[0], (*names)[1], {}};
    if (!fields->empty()) {
        auto carried = certificate::parse(*fields);
        if (!carried) {
            return bad();
        }
        // Two certificates would be two keys, and only one of them has signed.
        if (!same_octets(carried->issuer_der(), out.issuer) || !same_octets(serial_element(*carried), out.serial)) {
            return refuse("bad_statement", "The statement of possession names another certificate than the one it carries.");
        }
        out.carried = std::move(*carried);
    }
    return out;
}

result<certificate> find_signer(const statement& said, std::span<const certificate> known) {
    if (said.carried) {
        return *said.carried;
    }
    for (const certificate& one : known) {
        if (same_octets(one.issuer_der(), said.issuer) && same_octets(serial_element(one), said.serial)) {
            return one;
        }
    }
    return refuse("signer_unknown",
                  "The statement of possession names a certificate that is not known here: the request should carry it.");
}

std::vector<std::string> sorted(std::vector<std::string> texts) {
    std::ranges::sort(texts);
    return texts;
}

}  // namespace

bool same_names(const csr_contents& asked, const certificate_names& present) {
    if (asked.name.attributes != present.subject.attributes) {
        return false;
    }
    if (asked.alt_names_value == present.alt_names_value) {
        return true;
    }
    return asked.other_alt_names.empty() && present.other_alt_names.empty() &&
           sorted(asked.alt_names.dns) == sorted(present.alt_names.dns) &&
           sorted(asked.alt_names.uris) == sorted(present.alt_names.uris) &&
           asked.alt_names.hardware == present.alt_names.hardware &&
           asked.alt_names.permanent_id == present.alt_names.permanent_id;
}

result<bytes> build_kem_csr(const csr_template& contents, const crypto::kem_public_key& key, const certificate& signer,
                            const crypto::signing_key& signer_key, bool carry) {
    if (!same_octets(signer.spki(), signer_key.public_key().spki())) {
        return fail(error{error_category::usage, "issuer_key_mismatch",
                          "The private key given is not that of the certificate of " + signer.subject() + "."}
                        .with("issuer", signer.subject()));
    }
    const bytes named = crypto::der_tlv(der::sequence, {signer.issuer_der(), serial_element(signer)});
    csr_template all = contents;
    all.other_attributes.push_back({std::string(oid_statement_of_possession),
                                    {crypto::der_tlv(der::sequence, {named, carry ? signer.der() : bytes_view()})}});
    const unsigned char* at = key.spki().data();
    const crypto::evp_pkey_ptr subject_key(
        must(d2i_PUBKEY_ex(nullptr, &at, static_cast<long>(key.spki().size()), crypto::lib_context(), nullptr),
             "reading a public key that was accepted"));
    return make_request(all, subject_key.get(), signer_key);
}

result<verified_kem_csr> verified_kem_csr::parse(bytes_view der, const possession_rules& rules) {
    BERTH_TRY(read, unproved_csr::parse(der));
    return prove(read, rules);
}

result<verified_kem_csr> verified_kem_csr::prove(const unproved_csr& read, const possession_rules& rules) {
    csr_contents asks = read.asks();
    BERTH_TRY(key, crypto::kem_public_key::from_spki(asks.spki));
    const auto at = std::ranges::find(asks.other_attributes, oid_statement_of_possession, &requested_attribute::oid);
    if (at == asks.other_attributes.end()) {
        return refuse("statement_missing", "The request for a KEM key does not say who vouches for it (RFC 9883).");
    }
    BERTH_TRY(said, read_statement(*at));
    BERTH_TRY(signer, find_signer(said, rules.known));
    // RFC 9883 4: "The CA MUST validate the signature on the certificate request using the public key from the signature
    // certificate."
    BERTH_CHECK(check_request_signature(read.get().request.get(), X509_get0_pubkey(signer.get().x509.get())));
    // RFC 9883 4: "The CA MUST perform certification path validation for the signature certificate".
    std::vector<certificate> path{signer};
    path.insert(path.end(), rules.known.begin(), rules.known.end());
    verify_options options = rules.options;
    options.leaf = leaf_rule::signature;
    BERTH_TRY(chain, verify_chain(rules.trust, path, options));
    if (asks.key_usage && *asks.key_usage != key_encipherment) {
        return refuse("wrong_key_usage", "The request wants another use of a KEM key than keyEncipherment.");
    }
    if (rules.same_names) {
        BERTH_TRY(names, names_of(signer));
        if (!pki::same_names(asks, names)) {
            return refuse("names_differ", "The request for a KEM key is for " + asks.subject + ", but vouched for by " +
                                              signer.subject() + ": subject and subjectAltName must be the same.");
        }
    }
    asks.other_attributes.erase(asks.other_attributes.begin() + (at - asks.other_attributes.begin()));
    return verified_kem_csr(read.der(), std::move(key), std::move(asks), std::move(chain));
}

}  // namespace berth::pki
