// Linking identity and possession: the challengePassword of a request carries what only the two ends of this very connection
// know (RFC 7030 3.5; RFC 9266 for TLS 1.3).
#pragma once

#include "base/secret.h"
#include "pki/csr.h"

#include <functional>

namespace berth::est {

// RFC 9266 2: TLS 1.3's exporter (and AuthKEM's, which is the same), with an empty context.
inline constexpr std::string_view exporter_label = "EXPORTER-Channel-Binding";
inline constexpr size_t exporter_octets = 32;

enum class binding_kind : uint8_t {
    none,          // this channel has none to offer
    tls_exporter,  // TLS 1.3, AuthKEM
    tls_unique,    // TLS 1.2: the first Finished message of the handshake
};

struct channel {
    binding_kind kind = binding_kind::none;
    // Asked for once per request at most. tls_exporter: exporter_octets for exporter_label.
    std::function<result<secret_bytes>()> value;
};

// The challengePassword for a request that goes over this channel: base64, one line. Errors no_channel_binding; of `value`.
result<std::string> challenge_password_for(const channel& over);

enum class binding_rule : uint8_t { if_present, required };

// RFC 7030 3.5: a server verifies what links identity and possession wherever it is included. A challengePassword that is not
// this channel's is refused under either rule: it would be a field that is passed over. Errors channel_binding_missing,
// channel_binding_wrong; no_channel_binding.
result<void> judge_binding(const pki::csr_contents& asks, const channel& over, binding_rule rule);

}  // namespace berth::est
