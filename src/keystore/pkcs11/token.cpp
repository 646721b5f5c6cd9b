#include "keystore/pkcs11/token.h"

#include "crypto/constant_time.h"
#include "crypto/hash.h"
#include "pki/private_key_file.h"

#include <set>

namespace berth::keystore::pkcs11 {

namespace {

constexpr size_t most_pin_file = 1024;

// Fixed-length fields are padded with blanks.
template <size_t N>
std::string text_of(const unsigned char (&field)[N]) {
    std::string out(reinterpret_cast<const char*>(field), N);
    out.erase(out.find_last_not_of(std::string_view(" \0", 2)) + 1);
    return out;
}

result<CK_TOKEN_INFO> look(CK_FUNCTION_LIST_PTR call, CK_SLOT_ID slot) {
    CK_TOKEN_INFO out{};
    BERTH_CHECK(check(call->C_GetTokenInfo(slot, &out), "asking a token what it is"));
    return out;
}

std::string identity_of(const std::string& module, const CK_TOKEN_INFO& info) {
    return module + '\0' + text_of(info.serialNumber) + '\0' + text_of(info.label);
}

bool is(const key_name& name, CK_SLOT_ID slot, const CK_TOKEN_INFO& info) {
    const auto fits = [](const auto& wanted, const auto& there) { return !wanted || *wanted == there; };
    return (info.flags & CKF_TOKEN_INITIALIZED) != 0 && fits(name.token, text_of(info.label)) &&
           fits(name.manufacturer, text_of(info.manufacturerID)) && fits(name.model, text_of(info.model)) &&
           fits(name.serial, text_of(info.serialNumber)) && fits(name.slot, uint64_t{slot});
}

result<std::vector<CK_SLOT_ID>> slots_of(CK_FUNCTION_LIST_PTR call) {
    const std::string_view doing = "listing tokens";
    CK_ULONG count = 0;
    BERTH_CHECK(check(call->C_GetSlotList(CK_TRUE, nullptr, &count), doing));
    std::vector<CK_SLOT_ID> out(count + 8);  // one may have been plugged in meanwhile
    count = out.size();
    BERTH_CHECK(check(call->C_GetSlotList(CK_TRUE, out.data(), &count), doing));
    out.resize(count);
    return out;
}

struct found_token {
    CK_SLOT_ID slot;
    std::string identity;
};

template <class Fits>
result<found_token> only_token(CK_FUNCTION_LIST_PTR call, const std::string& module, Fits fits) {
    BERTH_TRY(slots, slots_of(call));
    std::optional<found_token> out;
    std::string all;
    for (const CK_SLOT_ID slot : slots) {
        const auto info = look(call, slot);
        if (!info) {
            continue;  // pulled out meanwhile
        }
        if ((info->flags & CKF_TOKEN_INITIALIZED) != 0) {
            all += (all.empty() ? "" : ", ") + text_of(info->label);
        }
        if (!fits(slot, *info)) {
            continue;
        }
        if (out) {
            return fail(error_category::usage, "token_ambiguous",
                        "Several tokens fit the key's name; add serial= or slot-id= to it. The tokens of " + module + ": " + all +
                            ".");
        }
        out = found_token{slot, identity_of(module, *info)};
    }
    if (!out) {
        return fail(error{error_category::environment, "token_not_found",
                          "No token fits the key's name. " +
                              (all.empty() ? module + " has none." : "The tokens of " + module + ": " + all + ".")}
                        .with("module", module));
    }
    return std::move(*out);
}

result<std::optional<secret_bytes>> pin_of(const key_name& name, const open_options& options) {
    if (name.pin_source.empty()) {
        return options.passphrase ? std::optional(secret_bytes(options.passphrase->reveal())) : std::nullopt;
    }
    const std::string path = options.path(name.pin_source);
    BERTH_TRY(file, pki::read_secret_file(path, most_pin_file));
    const std::string_view text = as_text(file.reveal());
    const std::string_view line = text.substr(0, text.find_first_of("\r\n"));
    if (line.empty()) {
        return fail(
            error{error_category::usage, "pin_required", "The first line of " + path + " is to be the PIN, and is empty."}.with(
                "path", path));
    }
    return std::optional(secret_bytes(as_bytes(line)));
}

// From who sits there, if the token takes its PIN that way.
result<std::optional<secret_bytes>> asked_pin(CK_FUNCTION_LIST_PTR call, CK_SLOT_ID slot, const open_options& options) {
    BERTH_TRY(info, look(call, slot));
    if (!options.ask_pin || (info.flags & CKF_LOGIN_REQUIRED) == 0 || (info.flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0) {
        return std::nullopt;
    }
    BERTH_TRY(pin, options.ask_pin(text_of(info.label)));
    return std::optional(std::move(pin));
}

// PINs that a token has refused: not worth another of its few tries, however often a daemon is asked to open its key.
class refused_pins {
public:
    static refused_pins& of_process() {
        static refused_pins one;
        return one;
    }
    bool holds(const std::string& identity, const secret_bytes& pin) {
        const std::lock_guard guard(lock_);
        return digests_.contains(digest(identity, pin));
    }
    void add(const std::string& identity, const secret_bytes& pin) {
        const std::lock_guard guard(lock_);
        digests_.insert(digest(identity, pin));
    }

private:
    static bytes digest(const std::string& identity, const secret_bytes& pin) {
        secret_bytes both(as_bytes(identity));
        both.append(pin.reveal());
        return to_bytes(crypto::sha256(both.reveal()).view());
    }
    std::mutex lock_;
    std::set<bytes> digests_;
};

error refused(const char* name, error_category category, const char* sentence) {
    return error{category, name, sentence};
}

error pin_wanted() {
    return refused("pin_required", error_category::usage,
                   "The token wants a PIN. Put it into a file (mode 0600) and add ?pin-source=FILE to the key's name.");
}

// Which file is to be mended.
error with_pin_file(error e, const key_name& name, const open_options& options) {
    if (name.pin_source.empty() || (!e.is("pin_incorrect") && !e.is("pin_final_try"))) {
        return e;
    }
    const std::string path = options.path(name.pin_source);
    e.message += " It is the first line of " + path + ".";
    return std::move(e).with("path", path);
}

}  // namespace

result<token_ptr> token::open(const key_name& name, const open_options& options) {
    BERTH_TRY(call, load_module(name.module_path));
    const std::string module = chosen_module(name.module_path);
    BERTH_TRY(found, only_token(call, module, [&](auto slot, const auto& info) { return is(name, slot, info); }));
    BERTH_TRY(pin, pin_of(name, options));

    static std::mutex lock;
    static std::map<std::string, std::weak_ptr<token>> open_ones;
    const std::lock_guard guard(lock);
    token_ptr out = open_ones[found.identity].lock();
    if (!pin) {
        BERTH_TRY(asked, asked_pin(call, found.slot, options));
        pin = std::move(asked);
    }
    if (!out) {
        out = std::make_shared<token>(call, found.slot, found.identity);
        open_ones[found.identity] = out;
    }
    if (auto known = out->login(std::move(pin)); !known) {
        return fail(with_pin_file(std::move(known).error(), name, options));
    }
    return out;
}

token::~token() {
    end();
}

// A login holds for the whole process: who names a second key has to know the PIN all the same.
result<void> token::login(std::optional<secret_bytes> pin) {
    const std::lock_guard guard(mutex_);
    if (pin_ && !pin) {
        BERTH_TRY(info, look(call_, slot_));
        if ((info.flags & CKF_LOGIN_REQUIRED) != 0) {
            return fail(pin_wanted());
        }
    }
    if (session_.handle != CK_INVALID_HANDLE && pin_ && pin) {
        if (!crypto::equal(pin_->reveal(), pin->reveal())) {
            return fail(response_error(CKR_PIN_INCORRECT, "logging in to the token"));
        }
        return {};
    }
    if (pin) {
        pin_ = std::move(pin);
    }
    auto begun = begin();
    if (!begun) {
        pin_.reset();
    }
    return begun;
}

result<void> token::begin() {
    if (session_.handle != CK_INVALID_HANDLE) {
        return {};
    }
    const auto same = [this](auto, const auto& info) { return identity_.ends_with(identity_of("", info)); };
    BERTH_TRY(found, only_token(call_, identity_.substr(0, identity_.find('\0')), same));
    slot_ = found.slot;
    CK_SESSION_HANDLE handle = CK_INVALID_HANDLE;
    const CK_FLAGS flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
    CK_RV rv = call_->C_OpenSession(slot_, flags, nullptr, nullptr, &handle);
    if (rv == CKR_TOKEN_WRITE_PROTECTED) {
        rv = call_->C_OpenSession(slot_, CKF_SERIAL_SESSION, nullptr, nullptr, &handle);
    }
    BERTH_CHECK(check(rv, "opening a session with the token"));
    session_ = {call_, handle, session_.number + 1, false};
    auto known = authenticate();
    if (!known) {
        end();
    }
    return known;
}

result<void> token::authenticate() {
    BERTH_TRY(info, look(call_, slot_));
    if ((info.flags & CKF_LOGIN_REQUIRED) == 0) {
        return {};
    }
    CK_SESSION_INFO now{};
    BERTH_CHECK(check(call_->C_GetSessionInfo(session_.handle, &now), "asking about a session with the token"));
    if (now.state == CKS_RW_USER_FUNCTIONS || now.state == CKS_RO_USER_FUNCTIONS) {
        // Somebody in this process is logged in; whether this PIN is right cannot be asked without ending that. Only the module's
        // other users could be: our own sessions are all of one token object.
        return {};
    }
    return try_pin(info);
}

result<void> token::try_pin(const CK_TOKEN_INFO& info) {
    const std::string doing = "logging in to the token " + text_of(info.label);
    const bool own_keypad = (info.flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0;
    if (!pin_ && !own_keypad) {
        return fail(pin_wanted());
    }
    if ((info.flags & CKF_USER_PIN_LOCKED) != 0) {
        return fail(response_error(CKR_PIN_LOCKED, doing));
    }
    if (!own_keypad && (info.flags & CKF_USER_PIN_FINAL_TRY) != 0) {
        return fail(refused("pin_final_try", error_category::environment,
                            "One more wrong PIN locks the token, so none is tried. Log in once with the token's own tool, which "
                            "gives back all tries, and mend the PIN's file."));
    }
    if (!own_keypad && refused_pins::of_process().holds(identity_, *pin_)) {
        return fail(response_error(CKR_PIN_INCORRECT, doing));
    }
    const bytes_view octets = own_keypad ? bytes_view() : pin_->reveal();
    const CK_RV rv = call_->C_Login(session_.handle, CKU_USER, const_cast<unsigned char*>(octets.data()), octets.size());
    if (rv == CKR_PIN_INCORRECT && !own_keypad) {
        refused_pins::of_process().add(identity_, *pin_);
    }
    return rv == CKR_USER_ALREADY_LOGGED_IN ? result<void>() : check(rv, doing);
}

void token::end() noexcept {
    if (session_.handle != CK_INVALID_HANDLE) {
        call_->C_CloseSession(session_.handle);
        session_.handle = CK_INVALID_HANDLE;
    }
}

}  // namespace berth::keystore::pkcs11
