#include "authkem/certificate_request.h"

namespace berth::authkem {

result<bytes> encode_certificate_request(const std::vector<scheme>& schemes) {
    certificate_request message;
    signature_schemes leaf;
    for (const scheme s : schemes) {
        leaf.schemes.items.push_back(code_of(s));
    }
    BERTH_TRY(algorithms, make_extension(extension_type::signature_algorithms, leaf));
    message.extensions.items.push_back(std::move(algorithms));
    BERTH_TRY(ca_algorithms,
              make_extension(extension_type::signature_algorithms_cert,
                             signature_schemes{{{ca_signature_algorithms.begin(), ca_signature_algorithms.end()}}}));
    message.extensions.items.push_back(std::move(ca_algorithms));
    return encode_message(handshake_type::certificate_request, message);
}

result<std::vector<uint16_t>> parse_certificate_request(bytes_view body) {
    BERTH_TRY(message, decode_part<certificate_request>(body, "certificate_request"));
    // Profile 4: "CertificateRequest carries an empty context".
    if (!message.context.empty()) {
        return refuse(alert::illegal_parameter, "context_not_empty",
                      "the server's CertificateRequest has a certificate_request_context");
    }
    const std::vector<extension>& list = message.extensions.items;
    BERTH_CHECK(check_extensions(list, extension_place::certificate_request, nullptr));
    // Profile 4: "`signature_algorithms` = KEM schemes accepted for the client leaf, and
    // `signature_algorithms_cert` (either absent: `missing_extension`)".
    BERTH_TRY(leaf, require(list, extension_type::signature_algorithms, "CertificateRequest"));
    BERTH_TRY(ca, require(list, extension_type::signature_algorithms_cert, "CertificateRequest"));
    BERTH_TRY(schemes, body_of<signature_schemes>(*leaf));
    BERTH_CHECK(body_of<signature_schemes>(*ca));
    return std::move(schemes.schemes.items);
}

}  // namespace berth::authkem
