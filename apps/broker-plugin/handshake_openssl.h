// What the broker's TLS asks us about certificates. Mosquitto has no say for its plugins in the handshake; libssl has: whoever
// registers extra data for SSL_CTX and SSL is told of each that is made (CRYPTO_get_ex_new_index(3)).
#pragma once

#include "base/result.h"
#include "hub/login/chain.h"

#include <functional>

#include <openssl/x509.h>

namespace berth::app {

struct handshake_rules {
    // Judges what a peer sent; leaf first, never empty.
    std::function<hub::judged_chain(std::span<const pki::certificate>)> judge;
    // Whether the handshake goes on.
    std::function<bool(const hub::judged_chain&)> may_go_on;
    std::string groups = "X25519MLKEM768:X25519";
    // Told of each that does not.
    std::function<void(hub::login_refusal)> refused = [](hub::login_refusal) {};
};

// From now on every TLS server context of this process asks for client certificates, which it may require or not, and asks us of
// them. Sessions are not resumed:
// resumption passes over certificates. Once in a process, before its listeners are opened; the rules hold until
// forget_handshakes(), after which every handshake is refused. Error `tls_failed`.
result<void> judge_handshakes(handshake_rules rules);
void forget_handshakes();

// What was found of the certificate in its handshake. Null: it was not judged, and whoever shows it is not let in.
hub::judged_chain* judged_of(const X509* leaf);
// As it was sent.
bytes der_of(const X509* c);

}  // namespace berth::app
