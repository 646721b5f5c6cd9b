// libcrypto's verification codes in our names, with sentences a person can act on.
#include "pki/path_openssl.h"

namespace berth::pki {

namespace {

struct explanation {
    int code;
    const char* name;
    const char* text;
};

constexpr std::array explanations{
    explanation{X509_V_ERR_CERT_SIGNATURE_FAILURE, "bad_certificate_signature", "its signature is not that of its issuer"},
    explanation{X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE, "bad_certificate_signature",
                "its signature is not that of its issuer"},
    explanation{X509_V_ERR_SIGNATURE_ALGORITHM_MISMATCH, "bad_certificate_signature",
                "it is signed with another kind of key than its issuer's"},
    explanation{X509_V_ERR_SIGNATURE_ALGORITHM_INCONSISTENCY, "bad_certificate_signature",
                "it names two different signature algorithms"},
    explanation{X509_V_ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY, "bad_certificate", "its issuer's key cannot be read"},
    explanation{X509_V_ERR_INVALID_CA, "not_a_ca", "it issued a certificate and is not a CA"},
    explanation{X509_V_ERR_INVALID_NON_CA, "bad_certificate", "it is a CA's certificate where a leaf is needed"},
    explanation{X509_V_ERR_PATH_LENGTH_EXCEEDED, "path_too_long",
                "it allows fewer CAs below it than there are (pathLenConstraint)"},
    explanation{X509_V_ERR_CERT_CHAIN_TOO_LONG, "path_too_long", "there are too many CAs above it"},
    explanation{X509_V_ERR_PERMITTED_VIOLATION, "name_constraint_violated", "an issuer permits only other names than it has"},
    explanation{X509_V_ERR_EXCLUDED_VIOLATION, "name_constraint_violated", "an issuer excludes a name that it has"},
    explanation{X509_V_ERR_SUBTREE_MINMAX, "name_constraint_violated", "an issuer's name constraints are not usable"},
    explanation{X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE, "name_constraint_violated",
                "an issuer constrains a kind of name that cannot be judged"},
    explanation{X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX, "name_constraint_violated",
                "an issuer's name constraints are malformed"},
    explanation{X509_V_ERR_UNSUPPORTED_NAME_SYNTAX, "name_constraint_violated",
                "it has a name that its issuer's constraints cannot be applied to"},
    explanation{X509_V_ERR_EE_KEY_TOO_SMALL, "weak_key", "its key is too weak"},
    explanation{X509_V_ERR_CA_KEY_TOO_SMALL, "weak_key", "its key is too weak"},
    explanation{X509_V_ERR_CA_MD_TOO_WEAK, "weak_key", "the hash of its signature is too weak"},
    explanation{X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION, "bad_certificate",
                "it has a critical extension that Berth does not know"},
};

// Errors of a path that ends before an anchor.
bool is_dead_end(int code) {
    switch (code) {
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_UNTRUSTED: return true;
    default: return false;
    }
}

// libcrypto calls both "invalid CA".
std::optional<error> cannot_issue(size_t index, const certificate& issuer) {
    if (!issuer.is_ca()) {
        return path_error("not_a_ca", index, issuer, "it issued a certificate and is not a CA");
    }
    if (issuer.key_usage() && (*issuer.key_usage() & key_cert_sign) == 0) {
        return path_error("bad_key_usage", index, issuer, "its keyUsage does not allow it to sign certificates");
    }
    return std::nullopt;
}

// libcrypto passes over a candidate that may not sign certificates without a word; say it where the name
// fits.
error dead_end(size_t index, const certificate& at, std::span<const certificate> candidates) {
    const bool self_signed = same_octets(at.issuer_der(), at.subject_der());
    for (const certificate& candidate : candidates) {
        if (self_signed || !same_octets(candidate.subject_der(), at.issuer_der()) || candidate == at) {
            continue;
        }
        if (auto why = cannot_issue(index + 1, candidate)) {
            return std::move(*why);
        }
    }
    return path_error("unknown_issuer", index, at,
                      self_signed ? "it is a root that is not among the trusted ones"
                                  : "its issuer, " + at.issuer() +
                                        ", is not among the trusted ones, nor does the chain "
                                        "lead to one of them")
        .with("issuer", at.issuer());
}

}  // namespace

error explain(int code, size_t index, const certificate& at, std::span<const certificate> candidates) {
    if (is_dead_end(code)) {
        return dead_end(index, at, candidates);
    }
    if (code == X509_V_ERR_INVALID_CA) {
        if (auto why = cannot_issue(index, at)) {
            return std::move(*why);
        }
    }
    for (const explanation& e : explanations) {
        if (e.code == code) {
            return path_error(e.name, index, at, e.text);
        }
    }
    return path_error("bad_certificate", index, at, X509_verify_cert_error_string(code));
}

}  // namespace berth::pki
