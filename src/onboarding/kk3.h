// What K3 is used for: sealing BI1 and the voucher (docs/onboarding.md section 2, "Sealing with K3").
#pragma once

#include "base/secret.h"
#include "onboarding/channel.h"
#include "onboarding/messages/authorization_info.h"
#include "onboarding/messages/common.h"
#include "onboarding/messages/voucher.h"

namespace berth::onboarding {

// "AES-256-GCM, empty AAD, output = ciphertext || 16-octet tag. Keys and nonces are exporters of KK3". One KK3 carries
// one BI1 and one voucher, so each key seals once.
class kk3_keys {
public:
    static kk3_keys derive(const exporter_function& kk3);

    [[nodiscard]] const kk3_id_field& id() const { return id_; }

    // BI2 = seal(BI1). Errors of encoding are ours.
    [[nodiscard]] result<bytes> seal_authorization(const authorization_info& bi1) const;
    // The octets of BI1 and what they say. Errors `authorization_mismatch` (does not open), `malformed`.
    [[nodiscard]] result<std::pair<bytes, authorization_info>> open_authorization(bytes_view bi2) const;
    [[nodiscard]] result<bytes> seal_voucher(const voucher& v) const;
    // Error `voucher_invalid`.
    [[nodiscard]] result<voucher> open_voucher(bytes_view sealed) const;

    // 88 octets: both keys and nonces, for the MASA's shared store (which encrypts them), and back.
    [[nodiscard]] secret_bytes pack() const;
    static result<kk3_keys> unpack(const kk3_id_field& id, bytes_view packed);

private:
    kk3_id_field id_{};
    secret_bytes authorization_key_, authorization_nonce_, voucher_key_, voucher_nonce_;
};

}  // namespace berth::onboarding
