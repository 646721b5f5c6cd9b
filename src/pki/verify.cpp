#include "pki/verify.h"

#include "pki/client_chain.h"
#include "pki/path_openssl.h"

namespace berth::pki {

namespace {

// The order and names of RFC 5280 section 4.2.1.3.
std::string usage_text(uint16_t bits) {
    static constexpr std::array<const char*, 9> names{"digitalSignature", "nonRepudiation", "keyEncipherment",
                                                      "dataEncipherment", "keyAgreement",   "keyCertSign",
                                                      "cRLSign",          "encipherOnly",   "decipherOnly"};
    std::string out;
    for (size_t i = 0; i < names.size(); ++i) {
        if ((bits & 1U << i) != 0) {
            out += (out.empty() ? "" : ", ") + std::string(names[i]);
        }
    }
    return out.empty() ? "nothing" : out;
}

error bad_usage(const certificate& leaf, std::string_view wanted) {
    return path_error("bad_key_usage", 0, leaf,
                      "its keyUsage is " + usage_text(leaf.key_usage().value_or(0)) + ", and must be " + std::string(wanted));
}

result<void> check_kem_leaf(const certificate& leaf) {
    if (!leaf.is_kem()) {
        return fail(path_error("unsupported_certificate", 0, leaf, "its key is not a KEM key that Berth knows"));
    }
    // Profile section 2: "keyUsage, if present, is keyEncipherment only."
    if (leaf.key_usage() && *leaf.key_usage() != key_encipherment) {
        return fail(bad_usage(leaf, "keyEncipherment alone"));
    }
    if (const auto key = leaf.kem_key(); !key) {
        return fail(path_error("bad_certificate", 0, leaf, "its key is not valid: " + key.error().message));
    }
    return {};
}

result<void> check_signature_leaf(const certificate& leaf) {
    const auto key = leaf.verification_key();
    if (!key) {
        return fail(path_error(key.error().is("bad_public_key") ? "bad_certificate" : "unsupported_certificate", 0, leaf,
                               "its key is not an ECDSA or ML-DSA key that Berth takes: " + key.error().message));
    }
    if (leaf.key_usage() && (*leaf.key_usage() & digital_signature) == 0) {
        return fail(bad_usage(leaf, "digitalSignature"));
    }
    // RFC 9881 5: keyEncipherment, dataEncipherment, keyAgreement, encipherOnly and decipherOnly MUST NOT be present.
    constexpr uint16_t encryption_uses = key_encipherment | data_encipherment | key_agreement | 0x0080 | 0x0100;
    if (leaf.key_usage() && crypto::is_post_quantum(key->algorithm()) && (*leaf.key_usage() & encryption_uses) != 0) {
        return fail(bad_usage(leaf, "without uses that encrypt, since its key is an ML-DSA key"));
    }
    return {};
}

result<void> check_ca(const certificate& leaf) {
    if (!leaf.is_ca()) {
        return fail(path_error("not_a_ca", 0, leaf, "it is not a CA's certificate"));
    }
    if (leaf.key_usage() && (*leaf.key_usage() & key_cert_sign) == 0) {
        return fail(bad_usage(leaf, "keyCertSign"));
    }
    return {};
}

// TCG EK Credential Profile 3.2: what an endorsement key's certificate says of itself.
result<void> check_endorsement_leaf(const certificate& leaf) {
    const EVP_PKEY* key = X509_get0_pubkey(leaf.get().x509.get());
    const bool rsa = key != nullptr && EVP_PKEY_is_a(key, "RSA") == 1 && EVP_PKEY_get_bits(key) >= 2048;
    const auto ecc = leaf.verification_key();
    if (!rsa && (!ecc || crypto::is_post_quantum(ecc->algorithm()))) {
        return fail(path_error("unsupported_certificate", 0, leaf, "its key is none of RSA-2048, P-256 and P-384"));
    }
    if (leaf.key_usage() && (*leaf.key_usage() & (key_encipherment | key_agreement)) == 0) {
        return fail(bad_usage(leaf, "keyEncipherment or keyAgreement"));
    }
    if (!leaf.has_eku(oid_tcg_ek_certificate)) {
        return fail(path_error("bad_certificate", 0, leaf, "it is not the certificate of a TPM's endorsement key"));
    }
    return {};
}

}  // namespace

result<void> check_leaf(const certificate& leaf, leaf_rule rule) {
    if (rule == leaf_rule::ca) {
        return check_ca(leaf);
    }
    // X509_check_ca alone would call a CA without keyCertSign a leaf.
    if (leaf.is_ca() || X509_check_ca(leaf.get().x509.get()) != 0) {
        return fail(path_error("bad_certificate", 0, leaf, "it is a CA's certificate where a leaf is needed"));
    }
    switch (rule) {
    case leaf_rule::kem: return check_kem_leaf(leaf);
    case leaf_rule::endorsement: return check_endorsement_leaf(leaf);
    case leaf_rule::signature:
    case leaf_rule::ca: break;
    }
    return check_signature_leaf(leaf);
}

result<void> check_times(const path& found, const validity_instants& time) {
    for (size_t i = 0; i < found.size(); ++i) {
        if (found[i].not_before() > time.not_before_at) {
            return fail(path_error("certificate_not_yet_valid", i, found[i],
                                   "it is valid from " + to_iso8601(found[i].not_before()) + " on, and now is " +
                                       to_iso8601(time.not_before_at) + "; check the clock"));
        }
        if (found[i].not_after() < time.not_after_at) {
            return fail(path_error("certificate_expired", i, found[i],
                                   "it was valid until " + to_iso8601(found[i].not_after()) + ", and now is " +
                                       to_iso8601(time.not_after_at) + "; renew it, or check the clock"));
        }
    }
    return {};
}

struct chain_verifier {
    static result<verified_chain> run(const trust_store& store, std::span<const certificate> leaf_first,
                                      const verify_options& options) {
        if (leaf_first.empty()) {
            return fail(error_category::peer, "bad_certificate", "The peer sent no certificate.");
        }
        BERTH_CHECK(check_leaf(leaf_first.front(), options.leaf));
        return run_above(store, leaf_first, options);
    }
    // The leaf's own rules have been judged.
    static result<verified_chain> run_above(const trust_store& store, std::span<const certificate> leaf_first,
                                            const verify_options& options) {
        BERTH_TRY(found, find_path(store, leaf_first, options));
        BERTH_CHECK(check_keys(found, options.allow_rsa));
        BERTH_CHECK(check_times(found, options.time));
        BERTH_CHECK(check_revocation(store, found, options));
        certificate anchor = found.back();
        if (found.size() > 1) {
            found.pop_back();
        }
        return verified_chain(std::move(found), std::move(anchor));
    }
};

result<verified_chain> verify_chain(const trust_store& store, std::span<const certificate> leaf_first,
                                    const verify_options& options) {
    return chain_verifier::run(store, leaf_first, options);
}

namespace {

bool has_rsa_key(const certificate& leaf) {
    const EVP_PKEY* key = X509_get0_pubkey(leaf.get().x509.get());
    return key != nullptr && (EVP_PKEY_is_a(key, "RSA") == 1 || EVP_PKEY_is_a(key, "RSA-PSS") == 1) &&
           EVP_PKEY_get_bits(key) >= 2048;
}

}  // namespace

result<verified_chain> verify_client_chain(const trust_store& store, std::span<const certificate> leaf_first,
                                           const verify_options& options) {
    if (leaf_first.empty() || !options.allow_rsa || !has_rsa_key(leaf_first.front())) {
        return verify_chain(store, leaf_first, options);
    }
    const certificate& leaf = leaf_first.front();
    if (leaf.is_ca() || X509_check_ca(leaf.get().x509.get()) != 0) {
        return fail(path_error("bad_certificate", 0, leaf, "it is a CA's certificate where a leaf is needed"));
    }
    if (leaf.key_usage() && (*leaf.key_usage() & digital_signature) == 0) {
        return fail(bad_usage(leaf, "digitalSignature"));
    }
    return chain_verifier::run_above(store, leaf_first, options);
}

}  // namespace berth::pki
