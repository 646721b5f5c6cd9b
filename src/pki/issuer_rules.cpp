#include "pki/issuer_rules.h"

#include "pki/path_openssl.h"

namespace berth::pki {

bool is_accepted_issuer_key(const certificate& issuer, bool allow_rsa) {
    if (issuer.verification_key()) {
        return true;
    }
    const EVP_PKEY* key = X509_get0_pubkey(issuer.get().x509.get());
    return allow_rsa && key != nullptr && (EVP_PKEY_is_a(key, "RSA") == 1 || EVP_PKEY_is_a(key, "RSA-PSS") == 1);
}

result<void> check_issuer(const certificate& ca, unix_seconds now, bool allow_rsa) {
    const auto refused = [&ca](const char* name, const std::string& why) {
        return fail(
            error{error_category::usage, name, "The certificate of " + ca.subject() + " " + why}.with("subject", ca.subject()));
    };
    if (!ca.is_ca()) {
        return refused("not_a_ca", "is not a CA's (basicConstraints): give that of the CA which signs the devices.");
    }
    if (const auto usage = ca.key_usage(); usage && (*usage & key_cert_sign) == 0) {
        return refused("bad_key_usage", "may not sign certificates (keyUsage).");
    }
    if (now > ca.not_after()) {
        return refused("certificate_expired", "expired at " + to_iso8601(ca.not_after()) + ".");
    }
    if (now < ca.not_before()) {
        return refused("certificate_not_yet_valid", "is valid from " + to_iso8601(ca.not_before()) + " on only.");
    }
    // RSA of 2048 bits has 112 bits of security.
    constexpr int least_security = 112;
    const EVP_PKEY* key = X509_get0_pubkey(ca.get().x509.get());
    if (!is_accepted_issuer_key(ca, allow_rsa) || EVP_PKEY_get_security_bits(key) < least_security) {
        return refused("weak_key", std::string("has a key that is not accepted: ML-DSA, ECDSA P-256 or P-384") +
                                       (allow_rsa ? ", RSA of 2048 bits or more." : "."));
    }
    return {};
}

}  // namespace berth::pki
