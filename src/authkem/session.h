// What a completed handshake leaves behind.
#pragma once

#include "authkem/key_schedule.h"
#include "authkem/peer.h"
#include "authkem/proof.h"

namespace berth::authkem {

// What the last state of a handshake hands over.
struct session_parts {
    cipher_suite suite{};
    handshake_flow flow = handshake_flow::full;
    authkem::scheme scheme{};  // of the server's key
    std::string alpn;
    std::string server_name;
    peer_identity peer = peer_identity::anonymous();
    secret_bytes exporter_master;
    traffic_secrets application;
};

// Exists only after the peer's Finished was accepted: its constructor demands the proof.
// Profile 7: "Exporter, peer chain and completion are released to the caller only after the peer's Finished
// has been accepted."
class session {
public:
    session(finished_verified, session_parts parts) : parts_(std::move(parts)) {}

    // RFC 8446 7.5. Error `too_large` (usage): more than the hash can give.
    [[nodiscard]] result<secret_bytes> exporter(std::string_view label, bytes_view context, size_t length) const {
        return export_keying_material(hash_of(parts_.suite), parts_.exporter_master, label, context, length);
    }
    [[nodiscard]] const peer_identity& peer() const { return parts_.peer; }
    // Judges a peer that was accepted provisionally; see peer_identity::verify.
    result<void> verify_peer(const chain_rules& rules, const clock& time) { return parts_.peer.verify(rules, time); }
    // Frees the peer's certificates (tens of kB), for connections that live long; its state and the
    // fingerprint of its key stay.
    void forget_peer_chain() { parts_.peer.forget_chain(); }
    [[nodiscard]] handshake_flow flow() const { return parts_.flow; }
    [[nodiscard]] cipher_suite suite() const { return parts_.suite; }
    // Of the server's key.
    [[nodiscard]] authkem::scheme scheme() const { return parts_.scheme; }
    // Empty: none was negotiated.
    [[nodiscard]] const std::string& alpn() const { return parts_.alpn; }
    // The name that the client sent; empty: none.
    [[nodiscard]] const std::string& server_name() const { return parts_.server_name; }

private:
    friend class connection;
    session_parts parts_;
};

}  // namespace berth::authkem
