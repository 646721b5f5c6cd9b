#include "authkem/certificate.h"

namespace berth::authkem {

result<bytes> encode_certificate(const der_chain& chain) {
    certificate message;
    for (const bytes& der : chain) {
        message.entries.items.push_back({wire::opaque<1, 0xffffff>(bytes_view(der)), {}});
    }
    return encode_message(handshake_type::certificate, message);
}

result<der_chain> parse_certificate(bytes_view body) {
    BERTH_TRY(message, decode_part<certificate>(body, "certificate"));
    // Profile 2: "certificate_request_context is empty in every Certificate, CertificateRequest and
    // KEMEncapsulation (else `illegal_parameter`)."
    if (!message.context.empty()) {
        return refuse(alert::illegal_parameter, "context_not_empty", "the peer's Certificate has a certificate_request_context");
    }
    // RFC 8446 4.4.2: "Extensions in the Certificate message from the server MUST correspond to ones from the
    // ClientHello message. Extensions in the Certificate message from the client MUST correspond to
    // extensions in the CertificateRequest message from the server."
    const offered_extensions none;
    der_chain chain;
    chain.reserve(message.entries.size());
    for (certificate_entry& entry : message.entries.items) {
        BERTH_CHECK(check_extensions(entry.extensions.items, extension_place::certificate, &none));
        chain.push_back(std::move(entry.data.value));
    }
    return chain;
}

}  // namespace berth::authkem
