#include "est/channel_binding.h"

#include "crypto/constant_time.h"
#include "wire/base64.h"

namespace berth::est {

result<std::string> challenge_password_for(const channel& over) {
    if (over.kind == binding_kind::none || !over.value) {
        return fail(error_category::incompatible, "no_channel_binding",
                    "This connection has nothing that could link identity and possession of the key (RFC 7030 3.5).");
    }
    BERTH_TRY(value, over.value());
    if (value.empty() || (over.kind == binding_kind::tls_exporter && value.size() != exporter_octets)) {
        return fail(error_category::internal, "no_channel_binding", "The channel binding has not the length that RFC 9266 says.");
    }
    return wire::base64(value.reveal());
}

result<void> judge_binding(const pki::csr_contents& asks, const channel& over, binding_rule rule) {
    if (!asks.challenge_password) {
        if (rule == binding_rule::required) {
            return fail(error_category::peer, "channel_binding_missing",
                        "Linking identity and proof of possession is required here: the request needs a challengePassword with "
                        "the tls-exporter (TLS 1.2: tls-unique) value of this connection (RFC 7030 3.5, RFC 9266).");
        }
        return {};
    }
    const auto expected = challenge_password_for(over);
    if (!expected && expected.error().category == error_category::internal) {
        return fail(expected.error());
    }
    if (!expected) {
        // An old TLS 1.2 connection has none that would be safe (RFC 7627); nothing else is known to be without.
        return fail(error{error_category::peer, "no_channel_binding",
                          "The request has a challengePassword, and this connection has no channel binding that it could be "
                          "compared with (TLS 1.2 needs the extended master secret): leave it out, or come over TLS 1.3."}
                        .with("cause", expected.error().name));
    }
    if (!crypto::equal(as_bytes(*expected), as_bytes(*asks.challenge_password))) {
        return fail(error_category::peer, "channel_binding_wrong",
                    "The challengePassword of the request is not the channel binding of this connection (RFC 7030 3.5).");
    }
    return {};
}

}  // namespace berth::est
