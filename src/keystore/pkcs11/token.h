// One token, and this process's session with it: logged in, one command sequence at a time, begun anew when the session is lost.
// Internal to this folder.
#pragma once

#include "base/secret.h"
#include "keystore/key_uri.h"
#include "keystore/pkcs11/module.h"
#include "keystore/pkcs11/uri.h"

#include <map>
#include <mutex>
#include <type_traits>

namespace berth::keystore::pkcs11 {

// What a sequence of commands goes through. Handles of objects are good within one session only; `number` tells which.
struct session {
    CK_FUNCTION_LIST_PTR call = nullptr;
    CK_SESSION_HANDLE handle = CK_INVALID_HANDLE;
    uint64_t number = 0;
    bool lost = false;

    // Notes whether the session is lost, besides what pkcs11::check() does.
    result<void> check(CK_RV rv, std::string_view doing) {
        lost = lost || session_lost(rv);
        return pkcs11::check(rv, doing);
    }
};

// Whether doing it twice does what doing it once does.
enum class again : uint8_t { yes, no };

class token {
public:
    // The token that the name speaks of, logged in. The PIN: the file's that the name has, else options.passphrase, else whom
    // options.ask_pin asks. Errors
    // pkcs11_unavailable; token_not_found, token_ambiguous (the tokens that there are, are told); pin_required; pin_incorrect:
    // also for a PIN that this process has seen refused, without asking the token; pin_final_try: another wrong one would lock
    // it, so none is tried; pin_locked.
    static result<std::shared_ptr<token>> open(const key_name& name, const open_options& options);

    token(CK_FUNCTION_LIST_PTR call, CK_SLOT_ID slot, std::string identity)
        : call_(call), slot_(slot), identity_(std::move(identity)) {}
    token(const token&) = delete;
    token& operator=(const token&) = delete;
    ~token();

    // Runs `work` with a session. If the session turns out to be lost, a new one is begun; and for again::yes, so is the work.
    template <class Work>
    std::invoke_result_t<Work, session&> with(again repeat, const Work& work) {
        const std::lock_guard guard(mutex_);
        for (bool last = repeat == again::no;; last = true) {
            if (auto begun = begin(); !begun) {
                return fail(std::move(begun).error());
            }
            auto done = work(session_);
            if (!session_.lost) {
                return done;
            }
            end();
            if (done || last) {
                return done;
            }
        }
    }

private:
    result<void> login(std::optional<secret_bytes> pin);
    result<void> begin();
    result<void> authenticate();
    result<void> try_pin(const CK_TOKEN_INFO& info);
    void end() noexcept;

    std::mutex mutex_;
    CK_FUNCTION_LIST_PTR call_;
    CK_SLOT_ID slot_;
    std::string identity_;  // module, serial number and label: the token may come back in another slot
    std::optional<secret_bytes> pin_;
    session session_;
};

using token_ptr = std::shared_ptr<token>;

}  // namespace berth::keystore::pkcs11
