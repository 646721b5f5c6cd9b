#include "keystore/pkcs11/response.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace berth::keystore::pkcs11 {

namespace {

struct entry {
    CK_RV value;
    error_category category;
    const char* name;
    const char* sentence;
};

constexpr auto usage = error_category::usage;
constexpr auto environment = error_category::environment;

constexpr const char* gone = "The token is gone, or its driver has lost it; plug it in, or start its service again.";
constexpr const char* full = "The token is full; delete what nobody needs.";
constexpr const char* cannot = "The token cannot do this; is it the right token for such a key?";

constexpr std::array table{
    entry{CKR_PIN_INCORRECT, usage, "pin_incorrect",
          "The PIN is wrong. The token counts such tries and locks itself after a few."},
    entry{CKR_PIN_INVALID, usage, "pin_incorrect", "The PIN has characters that the token does not know."},
    entry{CKR_PIN_LEN_RANGE, usage, "pin_incorrect", "The PIN is too short or too long for the token."},
    entry{CKR_PIN_LOCKED, environment, "pin_locked",
          "The token has locked its PIN after too many wrong ones; its security officer unlocks it."},
    entry{CKR_PIN_EXPIRED, environment, "pin_expired", "The token wants a new PIN; set one with its own tool."},
    entry{CKR_USER_PIN_NOT_INITIALIZED, environment, "pin_not_set", "The token has no PIN yet; set one with its own tool."},
    entry{CKR_USER_NOT_LOGGED_IN, environment, "token_gone", gone},
    entry{CKR_DEVICE_REMOVED, environment, "token_gone", gone},
    entry{CKR_TOKEN_NOT_PRESENT, environment, "token_gone", gone},
    entry{CKR_DEVICE_ERROR, environment, "token_gone", gone},
    entry{CKR_SESSION_HANDLE_INVALID, environment, "token_gone", gone},
    entry{CKR_SESSION_CLOSED, environment, "token_gone", gone},
    entry{CKR_SESSION_COUNT, environment, "token_busy", "Too many programs use the token; end one of them."},
    entry{CKR_DEVICE_MEMORY, environment, "token_full", full},
    entry{CKR_HOST_MEMORY, environment, "token_full", "The token's driver has no memory left."},
    entry{CKR_TOKEN_WRITE_PROTECTED, environment, "token_write_protected", "The token may be read only."},
    entry{CKR_SESSION_READ_ONLY, environment, "token_write_protected", "The token may be read only."},
    entry{CKR_MECHANISM_INVALID, usage, "token_unsupported", cannot},
    entry{CKR_MECHANISM_PARAM_INVALID, usage, "token_unsupported", cannot},
    entry{CKR_FUNCTION_NOT_SUPPORTED, usage, "token_unsupported", cannot},
    entry{CKR_RANDOM_NO_RNG, usage, "token_unsupported", "The token has no generator of random octets."},
    entry{CKR_KEY_TYPE_INCONSISTENT, usage, "token_unsupported", cannot},
    entry{CKR_KEY_FUNCTION_NOT_PERMITTED, usage, "key_not_permitted", "The key was made for another use; name another one."},
};

}  // namespace

error response_error(CK_RV rv, std::string_view doing) {
    const auto* const found = std::find_if(table.begin(), table.end(), [rv](const entry& e) { return e.value == rv; });
    const bool known = found != table.end();
    return error{known ? found->category : environment, known ? found->name : "token_failed",
                 std::string(doing) + ": " +
                     (known ? found->sentence : "The token, or its module, refused; its own log or manual says more.")}
        .with("ckr", fmt::format("0x{:08x}", rv));
}

bool session_lost(CK_RV rv) {
    constexpr std::array<CK_RV, 6> lost{CKR_SESSION_HANDLE_INVALID, CKR_SESSION_CLOSED,     CKR_DEVICE_REMOVED,
                                        CKR_TOKEN_NOT_PRESENT,      CKR_USER_NOT_LOGGED_IN, CKR_OBJECT_HANDLE_INVALID};
    return std::find(lost.begin(), lost.end(), rv) != lost.end();
}

}  // namespace berth::keystore::pkcs11
