#include "pki/ocsp_contents.h"

#include "crypto/der_openssl.h"
#include "pki/certificate_openssl.h"
#include "pki/ocsp_openssl.h"
#include "pki/pki_openssl.h"

#include <openssl/err.h>

namespace berth::pki {

namespace {

constexpr int most_answers = 1000;
constexpr int most_certificates = 16;

tl::unexpected<error> refuse(const std::string& why) {
    ERR_clear_error();
    return fail(error_category::peer, "bad_ocsp_response", "The OCSP response does not read: " + why + ".");
}

std::string responder_of(const OCSP_BASICRESP* basic) {
    const ASN1_OCTET_STRING* key = nullptr;
    const X509_NAME* name = nullptr;
    if (OCSP_resp_get0_id(basic, &key, &name) != 1) {
        return {};
    }
    return name != nullptr ? one_line(name) : to_hex(octets_of(key));
}

std::optional<ocsp_answer> read(OCSP_SINGLERESP* one) {
    auto* const named = const_cast<OCSP_CERTID*>(OCSP_SINGLERESP_get0_id(one));
    ASN1_INTEGER* serial = nullptr;
    if (OCSP_id_get0_info(nullptr, nullptr, nullptr, &serial, named) != 1) {
        return std::nullopt;
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
    ocsp_answer out;
    out.id = {crypto::to_der(named, i2d_OCSP_CERTID), magnitude_of(serial)};
    out.state = state == V_OCSP_CERTSTATUS_GOOD      ? ocsp_state::good
                : state == V_OCSP_CERTSTATUS_REVOKED ? ocsp_state::revoked
                                                     : ocsp_state::unknown;
    out.revoked_at = *revoked_at;
    out.reason = reason > 0 ? static_cast<revocation_reason>(reason) : revocation_reason::unspecified;
    out.this_update = *this_update;
    out.next_update = *next_update;
    return out;
}

}  // namespace

std::string_view name_of_ocsp_failure(int status) noexcept {
    switch (status) {
    case OCSP_RESPONSE_STATUS_MALFORMEDREQUEST: return "malformed_request";
    case OCSP_RESPONSE_STATUS_INTERNALERROR: return "internal_error";
    case OCSP_RESPONSE_STATUS_TRYLATER: return "try_later";
    case OCSP_RESPONSE_STATUS_SIGREQUIRED: return "signature_required";
    case OCSP_RESPONSE_STATUS_UNAUTHORIZED: return "unauthorized";
    default: return "other";
    }
}

result<ocsp_contents> parse_ocsp_contents(bytes_view der) {
    const unsigned char* at = der.data();
    const ocsp_response_ptr response(d2i_OCSP_RESPONSE(nullptr, &at, static_cast<long>(der.size())));
    if (!response || at != der.data() + der.size()) {
        return refuse("it is not exactly one DER OCSPResponse");
    }
    ocsp_contents out;
    if (const int status = OCSP_response_status(response.get()); status != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
        out.failure = name_of_ocsp_failure(status);
        return out;
    }
    const ocsp_basic_ptr basic(OCSP_response_get1_basic(response.get()));
    if (!basic || OCSP_resp_count(basic.get()) > most_answers) {
        return refuse("it is no basic response, or has too many answers");
    }
    out.responder = responder_of(basic.get());
    out.produced_at = to_unix(OCSP_resp_get0_produced_at(basic.get())).value_or(0);
    for (int i = 0; i < OCSP_resp_count(basic.get()); ++i) {
        auto answer = read(OCSP_resp_get0(basic.get(), i));
        if (!answer) {
            return refuse("an answer in it has no serial number or no time");
        }
        out.answers.push_back(std::move(*answer));
    }
    out.nonce = OCSP_BASICRESP_get_ext_by_NID(basic.get(), NID_id_pkix_OCSP_Nonce, -1) >= 0;
    const STACK_OF(X509)* sent = OCSP_resp_get0_certs(basic.get());
    for (int i = 0; i < sk_X509_num(sent) && i < most_certificates; ++i) {
        if (auto c = certificate_from_x509(sk_X509_value(sent, i))) {
            out.certificates.push_back(std::move(*c));
        }
    }
    return out;
}

}  // namespace berth::pki
