// What berthd tells a broker of a client whose MQTT it passes on (WebSockets), in the place of the password in the client's
// CONNECT: who has shown what, for one login, within seconds. A MAC by a secret that both have for as long as the broker runs
// shows that berthd says it. Nothing else of it need be believed: the broker judges chain and password as it judges those of TLS.
#pragma once

#include "base/bytes.h"
#include "base/secret.h"
#include "wire/codec.h"

namespace berth::hub {

inline constexpr size_t relay_secret_octets = 32;
inline constexpr int64_t relay_token_life = 10'000;  // milliseconds
// MQTT has room for no more in a password.
inline constexpr size_t most_relay_token = 0xffff;

struct relay_claims {
    std::array<uint8_t, 16> nonce{};  // random: of no other token
    // By the machine's clock that never goes backwards, which both ends read (base/clock.h, steady).
    uint64_t expires = 0;
    wire::opaque<0, 255> peer;                             // its address, for logs
    wire::opaque<0, 0xffff> client_id;                     // that it is for
    wire::opaque<0, 0xffff> password;                      // the client's own, where it has said one
    wire::list<wire::opaque<1, 0xffff>, 0, 0xffff> chain;  // DER, leaf first, as it was sent; its key was proved
    BERTH_FIELDS(nonce, expires, peer, client_id, password, chain)
};

// A text that MQTT takes. Error `too_large` (peer): chain and password are too long for one.
result<secret_bytes> seal_relay_token(const relay_claims& claims, const secret_bytes& secret);
// Of a text that may be anybody's. Error (peer) `bad_relay_token`: it is not berthd's. Whether its time is over, and whether it
// was used, is the caller's to see.
result<relay_claims> open_relay_token(std::string_view text, const secret_bytes& secret);

}  // namespace berth::hub
