#include "pki/certificate_openssl.h"
#include "pki/issued_extras.h"
#include "pki/ocsp.h"
#include "pki/ocsp_openssl.h"

#include <openssl/err.h>

namespace berth::pki {

namespace {

using crypto::must;

result<void> add_answer(OCSP_BASICRESP* to, const ocsp_answer& answer) {
    const auto this_update = to_asn1(answer.this_update);
    const auto next_update = to_asn1(answer.next_update);
    const auto revoked_at = to_asn1(answer.revoked_at);
    if (!this_update || !next_update || !revoked_at || (answer.next_update != 0 && answer.next_update < answer.this_update)) {
        return fail(error_category::usage, "bad_template",
                    "This OCSP answer cannot be made: its times are out of order or outside 1970 to 9999.");
    }
    const bool revoked = answer.state == ocsp_state::revoked;
    const int state = revoked                               ? V_OCSP_CERTSTATUS_REVOKED
                      : answer.state == ocsp_state::unknown ? V_OCSP_CERTSTATUS_UNKNOWN
                                                            : V_OCSP_CERTSTATUS_GOOD;
    const int reason = revoked && answer.reason != revocation_reason::unspecified ? static_cast<int>(answer.reason)
                                                                                  : OCSP_REVOKED_STATUS_NOSTATUS;
    const ocsp_certid_ptr named = to_certid(answer.id.der);
    if (!named) {
        return fail(error_category::usage, "bad_template", "An OCSP response names certificates by DER CertIDs.");
    }
    must(OCSP_basic_add1_status(to, named.get(), state, reason, revoked ? revoked_at.get() : nullptr, this_update.get(),
                                answer.next_update == 0 ? nullptr : next_update.get()),
         "filling an OCSP response");
    return {};
}

}  // namespace

std::string_view to_string(ocsp_state state) noexcept {
    switch (state) {
    case ocsp_state::good: return "good";
    case ocsp_state::revoked: return "revoked";
    case ocsp_state::unknown: break;
    }
    return "unknown";
}

result<bytes> sign_ocsp_response(std::span<const ocsp_answer> answers, const std::optional<bytes>& nonce, unix_seconds now,
                                 const certificate& responder, const crypto::signing_key& key) {
    if (!same_octets(responder.spki(), key.public_key().spki())) {
        return fail(error{error_category::usage, "issuer_key_mismatch",
                          "The private key given is not that of the responder " + responder.subject() + "."}
                        .with("issuer", responder.subject()));
    }
    const ocsp_basic_ptr basic(must(OCSP_BASICRESP_new(), "making an OCSP response"));
    for (const ocsp_answer& answer : answers) {
        BERTH_CHECK(add_answer(basic.get(), answer));
    }
    if (nonce) {
        bytes octets = *nonce;
        must(OCSP_basic_add1_nonce(basic.get(), octets.data(), static_cast<int>(octets.size())), "filling an OCSP response");
    }
    // libcrypto has no other way to say when, and would ask the system's clock.
    auto* produced = const_cast<ASN1_GENERALIZEDTIME*>(OCSP_resp_get0_produced_at(basic.get()));
    must(ASN1_GENERALIZEDTIME_set(produced, now), "writing a time");
    unsigned long flags = OCSP_NOTIME | OCSP_RESPID_KEY;
    flags |= responder.is_ca() ? OCSP_NOCERTS : 0U;
    if (OCSP_basic_sign(basic.get(), responder.get().x509.get(), evp_of(key), digest_for(key.algorithm()), nullptr, flags) != 1) {
        return fail(error_category::environment, "signing_failed",
                    "The holder of the responder's key did not sign: " + crypto::openssl_errors() + ".");
    }
    const ocsp_response_ptr response(
        must(OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic.get()), "making an OCSP response"));
    return crypto::to_der(response.get(), i2d_OCSP_RESPONSE);
}

bytes ocsp_failure_response(ocsp_failure what) {
    const ocsp_response_ptr response(must(OCSP_response_create(static_cast<int>(what), nullptr), "making an OCSP response"));
    return crypto::to_der(response.get(), i2d_OCSP_RESPONSE);
}

}  // namespace berth::pki
