// What a party keeps of another one, and where it keeps it. docs/message-security.md section 3.
#pragma once

#include "base/clock.h"
#include "base/secret.h"
#include "messaging/window.h"
#include "wire/json.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace berth::messaging {

namespace json = wire::json;

// Names of parties and of accounts: 1 to 64 of A-Z a-z 0-9 . _ - : and no leading dot. Error bad_name (peer).
result<void> check_name(std::string_view name);

enum class peer_state : uint8_t { active, revoked, ended };
std::string_view to_string(peer_state state);
std::optional<peer_state> peer_state_from(std::string_view name);

enum class role : uint8_t { manager, gateway };

// Keys for small messages, one for each direction. `id` is what tokens name them by.
struct session_keys {
    std::string id;
    secret_bytes send, receive;  // 32 octets each
    unix_seconds until = 0;      // 0: as long as it is the current one
};

// An own encryption key, as a private JWK.
struct own_key {
    std::string kid;
    secret_bytes jwk;
    unix_seconds until = 0;  // as above
};

// Where firmware is fetched from, as the manager has said (seed figure 5). A secret, all of it.
struct repository_access {
    std::string url, user;
    secret_bytes password;
};

struct peer_record {
    std::string id;       // the other party's name
    std::string own_id;   // ours, as the other one knows us
    std::string account;  // who registered it: a user's name, or "cert:" and a subject
    role own_role = role::gateway;
    peer_state state = peer_state::active;
    std::string reason;  // of its end
    uint64_t epoch = 1;  // of keys: one more with each rekey
    unix_seconds registered_at = 0, expires_at = 0, ended_at = 0;

    json::object signature_key, encryption_key;  // public JWKs; their algorithms are pinned with them
    json::object previous_signature_key;         // empty: none
    unix_seconds previous_signature_until = 0;
    std::string own_signature;       // thumbprint of ours that the other one has
    std::string next_own_signature;  // that was sent to it and is not acknowledged yet

    own_key own, own_next, own_previous;                   // an empty kid: none
    session_keys session, session_next, session_previous;  // an empty id: none
    repository_access repository;

    uint64_t next_out = 1;
    replay_window in;
    bool lost = false;           // the window cannot be trusted: nothing is acted upon before a fresh challenge is answered
    std::string challenge;       // that was sent; empty: none
    unix_seconds resync_at = 0;  // when the other one's last challenge was made: an older one is answered and no more

    // Of an ended record: the token that ended it and what was answered, for its repetition.
    std::string last_token_hash, last_answer;
};

// A message that was taken in: the window had it first.
struct taken_message {
    std::string peer;
    uint64_t sequence = 0;
    std::string id;      // jti, or that of a session's message
    std::string answer;  // sealed; empty: it is not known what became of it
};

struct queued_message {
    std::string peer;
    uint64_t sequence = 0;
    std::string id, kind;  // jti
    std::string body;      // JSON, to be sealed once more if numbers have to change
    bool by_session = false;
    std::string token;
    bool tried = false;   // it has left the house
    bool unread = false;  // the other one has said that it did not act upon it
    unix_seconds queued_at = 0, expires_at = 0;
};

inline constexpr size_t most_queued = 32;  // for one peer: well below the window's width, for they may overtake each other

// What protocol code needs from storage. Everything that a function has written is durable when it, or the together() around it,
// returns; several processes may use one store. Errors of the store (environment).
class peer_store {
public:
    virtual ~peer_store() = default;

    // All or nothing, and nobody else writes between what is read in it and what is written.
    virtual result<void> together(const std::function<result<void>()>& work) = 0;

    virtual result<std::vector<peer_record>> list() = 0;
    virtual result<std::optional<peer_record>> find(const std::string& id) = 0;
    // By an own encryption key's thumbprint or a session's id: current, next or previous.
    virtual result<std::optional<peer_record>> find_by_key(const std::string& kid) = 0;
    virtual result<void> put(const peer_record& record) = 0;
    // With its messages. False: it is not there.
    virtual result<bool> remove(const std::string& id) = 0;
    // Numbers only: next_out, in, lost, challenge, resync_at.
    virtual result<void> put_numbers(const peer_record& record) = 0;
    // Of all records: lost.
    virtual result<void> mark_all_lost() = 0;

    virtual result<std::optional<taken_message>> find_taken(const std::string& peer, uint64_t sequence) = 0;
    virtual result<void> put_taken(const taken_message& message) = 0;
    // Those numbered below `sequence`.
    virtual result<void> forget_taken(const std::string& peer, uint64_t below) = 0;

    // By their numbers.
    virtual result<std::vector<queued_message>> queued(const std::string& peer) = 0;
    virtual result<void> queue(const queued_message& message) = 0;
    virtual result<bool> unqueue(const std::string& peer, uint64_t sequence) = 0;
};

// What a record is called in a store, without its numbers: JSON, and back. Error corrupt_store.
secret_bytes to_document(const peer_record& record);
result<peer_record> from_document(bytes_view document);

}  // namespace berth::messaging
