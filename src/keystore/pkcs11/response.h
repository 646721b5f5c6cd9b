// What a PKCS#11 module answers, as errors that a person can act on. Internal to this folder.
#pragma once

#include "base/result.h"

#include <p11-kit/pkcs11.h>

namespace berth::keystore::pkcs11 {

// The parameter "ckr" holds the number.
error response_error(CK_RV rv, std::string_view doing);

inline result<void> check(CK_RV rv, std::string_view doing) {
    if (rv != CKR_OK) {
        return fail(response_error(rv, doing));
    }
    return {};
}

// Whether the session is gone, and what was asked for was not done: a new one may be tried.
bool session_lost(CK_RV rv);

}  // namespace berth::keystore::pkcs11
