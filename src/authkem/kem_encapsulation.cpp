#include "authkem/kem_encapsulation.h"

namespace berth::authkem {

result<bytes> encode_kem_encapsulation(bytes_view encapsulation) {
    return encode_message(handshake_type::kem_encapsulation, kem_encapsulation{{}, wire::opaque<0, 65535>(encapsulation)});
}

result<bytes> parse_kem_encapsulation(bytes_view body) {
    BERTH_TRY(message, decode_part<kem_encapsulation>(body, "kem_encapsulation"));
    // Profile 2: "certificate_request_context is empty in every Certificate, CertificateRequest and
    // KEMEncapsulation (else `illegal_parameter`)."
    if (!message.context.empty()) {
        return refuse(alert::illegal_parameter, "context_not_empty",
                      "the peer's KEMEncapsulation is for a certificate_request_context that does not exist");
    }
    return std::move(message.encapsulation.value);
}

}  // namespace berth::authkem
