// A key for which the device asks a certificate.
#pragma once

#include "keystore/key.h"
#include "onboarding/channel.h"
#include "onboarding/messages/credential_requests.h"

#include <string>
#include <variant>

namespace berth::onboarding {

struct device_credential {
    std::string name;
    std::variant<keystore::signing_key_ptr, keystore::kem_key_ptr> key;

    [[nodiscard]] credential_kind kind() const { return key.index() == 0 ? credential_kind::signature : credential_kind::kem; }
    // DER SubjectPublicKeyInfo.
    [[nodiscard]] bytes_view spki() const {
        return kind() == credential_kind::signature ? std::get<0>(key)->public_key().spki()
                                                    : std::get<1>(key)->public_key().spki();
    }
    // "kind 1: PKCS#10, signed anew for each KK2 [...]; kind 2: SubjectPublicKeyInfo" (section 6).
    [[nodiscard]] result<credential_request> request(std::string_view serial, const exporter_function& kk2) const;
};

}  // namespace berth::onboarding
