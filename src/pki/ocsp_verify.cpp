// Whose word an OCSP response is, and whether it is of now (RFC 6960 3.2 and 4.2.2.2).
//
// libcrypto's OCSP_basic_verify is not used: it takes the clock from the system, and a responder for any issuer of a store.
#include "pki/certificate_openssl.h"
#include "pki/issued_extras.h"
#include "pki/ocsp.h"
#include "pki/ocsp_openssl.h"

#include <openssl/err.h>

namespace berth::pki {

namespace {

tl::unexpected<error> refuse(std::string name, const certificate& subject, std::string why) {
    ERR_clear_error();
    return fail(
        error{error_category::peer, std::move(name),
              "The OCSP response about the certificate of " + subject.subject() + " is not accepted: " + std::move(why) + "."}
            .with("subject", subject.subject()));
}

std::string_view name_of_failure(int status) {
    switch (status) {
    case OCSP_RESPONSE_STATUS_MALFORMEDREQUEST: return "malformed_request";
    case OCSP_RESPONSE_STATUS_INTERNALERROR: return "internal_error";
    case OCSP_RESPONSE_STATUS_TRYLATER: return "try_later";
    case OCSP_RESPONSE_STATUS_SIGREQUIRED: return "signature_required";
    case OCSP_RESPONSE_STATUS_UNAUTHORIZED: return "unauthorized";
    default: return "other";
    }
}

result<ocsp_basic_ptr> read(bytes_view der, const certificate& subject) {
    const unsigned char* at = der.data();
    const ocsp_response_ptr response(d2i_OCSP_RESPONSE(nullptr, &at, static_cast<long>(der.size())));
    if (!response || at != der.data() + der.size()) {
        return refuse("bad_ocsp_response", subject, "it is not exactly one DER OCSPResponse");
    }
    if (const int status = OCSP_response_status(response.get()); status != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
        const std::string name(name_of_failure(status));
        error e = refuse("bad_ocsp_response", subject, "the responder answers nothing (" + name + ")").value();
        return fail(std::move(e).with("status", name));
    }
    ocsp_basic_ptr basic(OCSP_response_get1_basic(response.get()));
    if (!basic) {
        return refuse("bad_ocsp_response", subject, "it is no basic response");
    }
    return basic;
}

bool is_named(const OCSP_BASICRESP* basic, const certificate& c) {
    const ASN1_OCTET_STRING* key = nullptr;
    const X509_NAME* name = nullptr;
    if (OCSP_resp_get0_id(basic, &key, &name) != 1) {
        return false;
    }
    const X509* x509 = c.get().x509.get();
    if (name != nullptr) {
        return X509_NAME_cmp(name, X509_get_subject_name(x509)) == 0;
    }
    std::array<uint8_t, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    // RFC 6960 4.2.1: KeyHash, "SHA-1 hash of responder's public key".
    return X509_pubkey_digest(x509, EVP_sha1(), digest.data(), &size) == 1 &&
           same_octets(octets_of(key), bytes_view(digest).first(size));
}

bool has_signed(const OCSP_BASICRESP* basic, const certificate& c) {
    const X509_ALGOR* algorithm = OCSP_resp_get0_tbs_sigalg(basic);
    EVP_PKEY* key = X509_get0_pubkey(c.get().x509.get());
    const bool good = key != nullptr && is_accepted_signature(OBJ_obj2nid(algorithm->algorithm), true) &&
                      ASN1_item_verify_ex(ASN1_ITEM_rptr(OCSP_RESPDATA), algorithm, OCSP_resp_get0_signature(basic),
                                          OCSP_resp_get0_respdata(basic), nullptr, key, crypto::lib_context(), nullptr) == 1;
    ERR_clear_error();
    return good;
}

// Why a certificate that came along may not answer for the issuer; empty: it may.
std::string cannot_speak(const certificate& responder, const certificate& issuer, const ocsp_policy& policy) {
    // RFC 6960 4.2.2.2: delegation needs the extended key usage in a certificate "issued directly by the CA" that is asked about.
    if (!same_octets(responder.issuer_der(), issuer.subject_der()) || !responder.check_signature(issuer)) {
        return "its responder was not appointed by the issuer of the certificate";
    }
    if (!responder.has_eku(oid_ocsp_signing)) {
        return "its responder's certificate is for something else (it lacks id-kp-OCSPSigning)";
    }
    if (responder.key_usage() && (*responder.key_usage() & digital_signature) == 0) {
        return "its responder's keyUsage does not allow it to sign";
    }
    if (responder.not_before() > policy.time.not_before_at + policy.skew || responder.not_after() < policy.time.not_after_at) {
        return "its responder's certificate was valid from " + to_iso8601(responder.not_before()) + " to " +
               to_iso8601(responder.not_after());
    }
    if (!has_ocsp_no_check(responder) && !policy.accept_unchecked_responder) {
        return "nobody knows whether its responder's certificate still counts (it lacks id-pkix-ocsp-nocheck)";
    }
    return {};
}

result<void> check_signer(const OCSP_BASICRESP* basic, const certificate& subject, const certificate& issuer,
                          const ocsp_policy& policy) {
    if (is_named(basic, issuer) && has_signed(basic, issuer)) {
        return {};
    }
    std::string why = "its responder is neither the issuer of the certificate nor did it send a certificate";
    bool any_signed = false;
    const STACK_OF(X509)* sent = OCSP_resp_get0_certs(basic);
    for (int i = 0; i < sk_X509_num(sent) && i < 8; ++i) {
        const auto responder = certificate_from_x509(sk_X509_value(sent, i));
        if (!responder || !is_named(basic, *responder)) {
            continue;
        }
        auto what = cannot_speak(*responder, issuer, policy);
        const bool is_signed = has_signed(basic, *responder);
        if (what.empty() && is_signed) {
            return {};
        }
        any_signed = any_signed || is_signed;
        why = what.empty() ? why : what;
    }
    // Named, and yet no signature of theirs: of no interest who they are.
    if (is_named(basic, issuer) || (sk_X509_num(sent) > 0 && !any_signed)) {
        return refuse("bad_ocsp_signature", subject, "its signature is not that of its responder");
    }
    return refuse("ocsp_not_authorized", subject, std::move(why));
}

result<void> check_nonce(OCSP_BASICRESP* basic, const certificate& subject, const ocsp_policy& policy) {
    const int at = OCSP_BASICRESP_get_ext_by_NID(basic, NID_id_pkix_OCSP_Nonce, -1);
    if (at < 0) {
        return policy.nonce_required ? refuse("ocsp_replayed", subject, "it has no nonce, so it may be of any age")
                                     : result<void>{};
    }
    const auto nonce = read_nonce(OCSP_BASICRESP_get_ext(basic, at));
    if (policy.nonce && (!nonce || *nonce != *policy.nonce)) {
        return refuse("ocsp_replayed", subject, "it answers another request (its nonce is another)");
    }
    return policy.nonce_required && !policy.nonce ? refuse("ocsp_replayed", subject, "nothing was asked with a nonce")
                                                  : result<void>{};
}

result<void> check_times(const ocsp_answer& answer, const certificate& subject, const ocsp_policy& policy) {
    if (answer.this_update > policy.time.not_before_at + policy.skew) {
        return refuse("ocsp_not_yet_valid", subject,
                      "it is dated " + to_iso8601(answer.this_update) + ", which is in the future; check the clock");
    }
    if (answer.next_update != 0 && answer.next_update + policy.skew < policy.time.not_after_at) {
        return refuse("ocsp_expired", subject, "it was to be renewed by " + to_iso8601(answer.next_update));
    }
    if (answer.this_update + policy.most_age + policy.skew < policy.time.not_after_at) {
        return refuse("ocsp_expired", subject,
                      "it was true at " + to_iso8601(answer.this_update) + ", which is longer ago than is accepted here");
    }
    if (answer.this_update < policy.newest_seen) {
        return refuse("ocsp_replayed", subject, "a newer one was seen before, of " + to_iso8601(policy.newest_seen));
    }
    return {};
}

std::optional<ocsp_answer> answer_about(OCSP_BASICRESP* basic, const certificate& subject, const certificate& issuer) {
    for (int i = 0; i < OCSP_resp_count(basic); ++i) {
        OCSP_SINGLERESP* one = OCSP_resp_get0(basic, i);
        const OCSP_CERTID* named = OCSP_SINGLERESP_get0_id(one);
        ocsp_answer out;
        out.id.der = crypto::to_der(named, i2d_OCSP_CERTID);
        out.id.serial = subject.serial();
        ASN1_INTEGER* serial = nullptr;
        OCSP_id_get0_info(nullptr, nullptr, nullptr, &serial, const_cast<OCSP_CERTID*>(named));
        if (magnitude_of(serial) != out.id.serial || !is_of_issuer(out.id, issuer)) {
            continue;
        }
        int reason = 0;
        ASN1_GENERALIZEDTIME *at = nullptr, *from = nullptr, *to = nullptr;
        const int state = OCSP_single_get0_status(one, &reason, &at, &from, &to);
        const auto this_update = to_unix(from);
        const auto next_update = to == nullptr ? std::optional<unix_seconds>(0) : to_unix(to);
        const auto revoked_at = at == nullptr ? std::optional<unix_seconds>(0) : to_unix(at);
        if (!this_update || !next_update || !revoked_at) {
            return std::nullopt;
        }
        out.state = state == V_OCSP_CERTSTATUS_GOOD      ? ocsp_state::good
                    : state == V_OCSP_CERTSTATUS_REVOKED ? ocsp_state::revoked
                                                         : ocsp_state::unknown;
        out.this_update = *this_update;
        out.next_update = *next_update;
        out.revoked_at = *revoked_at;
        out.reason = reason > 0 ? static_cast<revocation_reason>(reason) : revocation_reason::unspecified;
        return out;
    }
    return std::nullopt;
}

}  // namespace

result<ocsp_answer> verify_ocsp_response(bytes_view der, const certificate& subject, const certificate& issuer,
                                         const ocsp_policy& policy) {
    BERTH_TRY(basic, read(der, subject));
    BERTH_CHECK(check_signer(basic.get(), subject, issuer, policy));
    BERTH_CHECK(check_nonce(basic.get(), subject, policy));
    const auto answer = answer_about(basic.get(), subject, issuer);
    if (!answer) {
        return refuse("ocsp_about_another", subject, "it says nothing about this certificate");
    }
    BERTH_CHECK(check_times(*answer, subject, policy));
    ERR_clear_error();
    return *answer;
}

result<void> require_good(const ocsp_answer& answer, const certificate& subject) {
    if (answer.state == ocsp_state::good) {
        return {};
    }
    if (answer.state == ocsp_state::unknown) {
        return fail(error{error_category::peer, "certificate_unknown",
                          "The issuer of the certificate of " + subject.subject() + " does not know it."}
                        .with("subject", subject.subject()));
    }
    return fail(error{error_category::peer, "certificate_revoked",
                      "The certificate of " + subject.subject() + " was revoked at " + to_iso8601(answer.revoked_at) + " (" +
                          std::string(to_string(answer.reason)) + ")."}
                    .with("subject", subject.subject())
                    .with("reason", std::string(to_string(answer.reason))));
}

}  // namespace berth::pki
