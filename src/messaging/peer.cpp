#include "messaging/peer.h"

#include "base/wipe.h"
#include "wire/base64.h"

#include <array>

namespace berth::messaging {

namespace {

constexpr std::array<std::string_view, 3> state_names{"active", "revoked", "ended"};

constexpr bool in_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-' ||
           c == ':';
}

std::string encoded(const secret_bytes& secret) {
    return wire::base64url(secret.reveal());
}

json::object to_json(const session_keys& s) {
    return {{"id", s.id}, {"send", encoded(s.send)}, {"receive", encoded(s.receive)}, {"until", s.until}};
}

json::object to_json(const own_key& k) {
    return {{"kid", k.kid}, {"jwk", encoded(k.jwk)}, {"until", k.until}};
}

// Reads members one after the other; what is missing or of another kind is remembered.
class reader {
public:
    explicit reader(const json::object& from) : from_(from) {}
    std::string text(std::string_view name) {
        const auto* const v = from_.if_contains(name);
        const auto* const s = v != nullptr ? v->if_string() : nullptr;
        good_ = good_ && s != nullptr;
        return s != nullptr ? std::string(*s) : std::string();
    }
    int64_t number(std::string_view name) {
        const auto* const v = from_.if_contains(name);
        const auto* const n = v != nullptr ? v->if_int64() : nullptr;
        good_ = good_ && n != nullptr;
        return n != nullptr ? *n : 0;
    }
    secret_bytes secret(std::string_view name) {
        std::string coded = text(name);
        auto octets = wire::from_base64url(coded);
        wipe(coded);
        good_ = good_ && octets.has_value();
        secret_bytes out(octets ? bytes_view(*octets) : bytes_view());
        if (octets) {
            wipe(*octets);
        }
        return out;
    }
    json::object object(std::string_view name) {
        const auto* const v = from_.if_contains(name);
        const auto* const o = v != nullptr ? v->if_object() : nullptr;
        good_ = good_ && o != nullptr;
        return o != nullptr ? *o : json::object();
    }
    session_keys session(std::string_view name) {
        const auto members = object(name);
        reader r(members);
        session_keys out{r.text("id"), r.secret("send"), r.secret("receive"), r.number("until")};
        good_ = good_ && r.good_;
        return out;
    }
    own_key own(std::string_view name) {
        const auto members = object(name);
        reader r(members);
        own_key out{r.text("kid"), r.secret("jwk"), r.number("until")};
        good_ = good_ && r.good_;
        return out;
    }
    [[nodiscard]] bool good() const { return good_; }

private:
    const json::object& from_;
    bool good_ = true;
};

}  // namespace

result<void> check_name(std::string_view name) {
    if (name.empty() || name.size() > 64 || name.front() == '.' || !std::ranges::all_of(name, in_name)) {
        return fail(error_category::peer, "bad_name",
                    "A name is 1 to 64 characters of A-Z, a-z, 0-9, and . _ - : and begins with no dot.");
    }
    return {};
}

std::string_view to_string(peer_state state) {
    return state_names[static_cast<size_t>(state)];
}

std::optional<peer_state> peer_state_from(std::string_view name) {
    const auto* const at = std::ranges::find(state_names, name);
    return at != state_names.end() ? std::optional(static_cast<peer_state>(at - state_names.begin())) : std::nullopt;
}

secret_bytes to_document(const peer_record& r) {
    const json::object out{{"id", r.id},
                           {"own_id", r.own_id},
                           {"account", r.account},
                           {"own_role", static_cast<int64_t>(r.own_role)},
                           {"state", to_string(r.state)},
                           {"reason", r.reason},
                           {"epoch", static_cast<int64_t>(r.epoch)},
                           {"registered_at", r.registered_at},
                           {"expires_at", r.expires_at},
                           {"ended_at", r.ended_at},
                           {"signature_key", r.signature_key},
                           {"encryption_key", r.encryption_key},
                           {"previous_signature_key", r.previous_signature_key},
                           {"previous_signature_until", r.previous_signature_until},
                           {"own_signature", r.own_signature},
                           {"next_own_signature", r.next_own_signature},
                           {"own", to_json(r.own)},
                           {"own_next", to_json(r.own_next)},
                           {"own_previous", to_json(r.own_previous)},
                           {"session", to_json(r.session)},
                           {"session_next", to_json(r.session_next)},
                           {"session_previous", to_json(r.session_previous)},
                           {"repository_url", r.repository.url},
                           {"repository_user", r.repository.user},
                           {"repository_password", encoded(r.repository.password)},
                           {"last_token_hash", r.last_token_hash},
                           {"last_answer", r.last_answer}};
    std::string text = wire::to_text(out);
    secret_bytes document(as_bytes(text));
    wipe(text);
    return document;
}

result<peer_record> from_document(bytes_view document) {
    const auto members = wire::parse_json_object(as_text(document));
    const auto corrupt = [] {
        return fail(error_category::environment, "corrupt_store",
                    "A peer's record cannot be read: restore the file from a backup.");
    };
    if (!members) {
        return corrupt();
    }
    reader r(*members);
    peer_record out;
    out.id = r.text("id");
    out.own_id = r.text("own_id");
    out.account = r.text("account");
    out.own_role = r.number("own_role") == 0 ? role::manager : role::gateway;
    const auto state = peer_state_from(r.text("state"));
    out.state = state.value_or(peer_state::revoked);
    out.reason = r.text("reason");
    out.epoch = static_cast<uint64_t>(r.number("epoch"));
    out.registered_at = r.number("registered_at");
    out.expires_at = r.number("expires_at");
    out.ended_at = r.number("ended_at");
    out.signature_key = r.object("signature_key");
    out.encryption_key = r.object("encryption_key");
    out.previous_signature_key = r.object("previous_signature_key");
    out.previous_signature_until = r.number("previous_signature_until");
    out.own_signature = r.text("own_signature");
    out.next_own_signature = r.text("next_own_signature");
    out.own = r.own("own");
    out.own_next = r.own("own_next");
    out.own_previous = r.own("own_previous");
    out.session = r.session("session");
    out.session_next = r.session("session_next");
    out.session_previous = r.session("session_previous");
    out.repository = {r.text("repository_url"), r.text("repository_user"), r.secret("repository_password")};
    out.last_token_hash = r.text("last_token_hash");
    out.last_answer = r.text("last_answer");
    if (!r.good() || !state) {
        return corrupt();
    }
    return out;
}

}  // namespace berth::messaging
