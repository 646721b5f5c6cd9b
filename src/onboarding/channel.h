// What a state machine is told of the AuthKEM channel below it (docs/onboarding.md section 1).
#pragma once

#include "authkem/session.h"
#include "base/secret.h"
#include "pki/certificate.h"

#include <functional>
#include <string_view>
#include <vector>

namespace berth::onboarding {

// exporter(label, length) of a completed channel; "All exporters on this page have an empty context."
using exporter_function = std::function<secret_bytes(std::string_view label, size_t length)>;

// The exporter of an AuthKEM session; the session must live as long.
exporter_function exporter_of(const authkem::session& session);

// A completed, mutually authenticated channel.
struct channel {
    exporter_function exporter;
    std::vector<pki::certificate> peer_chain;  // leaf first, as the peer sent it
};

inline constexpr std::string_view alpn_kk1 = "berth-kk1/1";
inline constexpr std::string_view alpn_kk2 = "berth-kk2/1";
inline constexpr std::string_view alpn_kk3 = "berth-kk3/1";

inline constexpr std::string_view label_kk2_binding = "EXPORTER-berth-kk2";
inline constexpr std::string_view label_csr = "EXPORTER-berth-csr";
inline constexpr std::string_view label_quote = "EXPORTER-berth-quote";
inline constexpr std::string_view label_authorization = "EXPORTER-berth-authorization";
inline constexpr std::string_view label_authorization_nonce = "EXPORTER-berth-authorization-nonce";
inline constexpr std::string_view label_voucher = "EXPORTER-berth-voucher";
inline constexpr std::string_view label_voucher_nonce = "EXPORTER-berth-voucher-nonce";
inline constexpr std::string_view label_kk3_id = "EXPORTER-berth-kk3-id";

}  // namespace berth::onboarding
