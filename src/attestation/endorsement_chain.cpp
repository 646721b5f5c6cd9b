#include "attestation/endorsement_chain.h"

#include "pki/certificate_openssl.h"

namespace berth::attestation {

namespace {

// TCG EK Credential Profile 3.2.16: "tcg-kp-EKCertificate".
constexpr std::string_view endorsement_use = "2.23.133.8.1";

tl::unexpected<error> untrusted(const pki::certificate& endorsement, const std::string& why) {
    return fail(error{error_category::peer, "ek_certificate_untrusted",
                      "The TPM's endorsement certificate (" + endorsement.issuer() + ") is not one to believe: " + why +
                          ". Is its maker among those whose roots are given?"}
                    .with("issuer", endorsement.issuer()));
}

using store_ptr = crypto::openssl_ptr<X509_STORE, X509_STORE_free>;
using context_ptr = crypto::openssl_ptr<X509_STORE_CTX, X509_STORE_CTX_free>;

}  // namespace

result<maker_roots> maker_roots::from(std::vector<pki::certificate> certificates) {
    if (certificates.empty()) {
        return fail(error_category::usage, "bad_anchor", "No root of a maker of TPMs is given.");
    }
    for (const auto& c : certificates) {
        // A leaf among anchors would be believed for its own sake.
        if (!c.is_ca()) {
            return fail(error{error_category::usage, "bad_anchor", "This is no CA's certificate: " + c.subject() + "."}.with(
                "subject", c.subject()));
        }
    }
    return maker_roots(std::move(certificates));
}

result<verified_endorsement> verify_endorsement(const pki::certificate& endorsement, const maker_roots& makers,
                                                unix_seconds now) {
    if (endorsement.is_ca()) {
        return untrusted(endorsement, "it is a CA's");
    }
    if (!endorsement.has_eku(endorsement_use)) {
        return untrusted(endorsement, "it is not marked as one of an endorsement key");
    }
    const store_ptr store(crypto::must(X509_STORE_new(), "making a certificate store"));
    for (const auto& maker : makers.certificates()) {
        crypto::must(X509_STORE_add_cert(store.get(), maker.get().x509.get()), "adding a certificate to a store");
    }
    const context_ptr context(crypto::must(X509_STORE_CTX_new_ex(crypto::lib_context(), nullptr), "making a verification"));
    crypto::must(X509_STORE_CTX_init(context.get(), store.get(), endorsement.get().x509.get(), nullptr),
                 "starting a verification");
    X509_VERIFY_PARAM* const how = X509_STORE_CTX_get0_param(context.get());
    X509_VERIFY_PARAM_set_flags(how, X509_V_FLAG_PARTIAL_CHAIN);
    X509_VERIFY_PARAM_set_time(how, now);
    if (X509_verify_cert(context.get()) != 1) {
        const int why = X509_STORE_CTX_get_error(context.get());
        crypto::openssl_errors();
        return untrusted(endorsement, X509_verify_cert_error_string(why));
    }
    return verified_endorsement(endorsement);
}

}  // namespace berth::attestation
