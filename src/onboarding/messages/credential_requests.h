#pragma once
#include "onboarding/messages/common.h"

namespace berth::onboarding {

inline constexpr size_t most_credentials = 4;

enum class credential_kind : uint8_t {
    signature = 1,  // the request is a PKCS#10
    kem = 2,        // the request is a SubjectPublicKeyInfo
};

struct credential_request {
    name_field name;
    credential_kind kind = credential_kind::signature;
    der_field request;
    BERTH_FIELDS(name, kind, request)
};

// 5, KK2, device to registrar: the certificates that the device asks for, "at most four".
struct credential_requests {
    name_field model;
    name_field firmware;
    wire::opaque<0, 65535> quote;  // a platform_quote, or nothing
    wire::list<credential_request, 1, 65535> requests;
    BERTH_FIELDS(model, firmware, quote, requests)
};

// Credential names match [a-z0-9][a-z0-9-]*, at most 64, and are not "domain-root".
bool valid_credential_name(std::string_view name);

}  // namespace berth::onboarding
