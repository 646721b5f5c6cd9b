// Registration over TLS 1.3 (docs/message-security.md section 2; seed figure 5, de-registration figure 7): what the gateway
// does with the bodies of its requests, and what the manager asks. Sans I/O.
#pragma once

#include "messaging/message.h"
#include "messaging/party.h"
#include "messaging/transitions.h"

#include <map>

namespace berth::messaging {

inline constexpr int64_t protocol_version = 1;
inline constexpr size_t most_registration_body = 32 * 1024;
// RFC 8446 section 7.5, RFC 9266's pattern: what a token is bound to, and what the first session's keys come from. Both with an
// empty context, 32 octets.
inline constexpr std::string_view binding_label = "EXPORTER-Berth-registration";
inline constexpr std::string_view secret_label = "EXPORTER-Berth-messaging";
inline constexpr size_t exported_octets = 32;

// The TLS session that a request came over.
struct tls_session {
    secret_bytes binding, secret;
};

// Everything that was sent in a registration, both ways, each with its length in front.
class transcript {
public:
    void add(std::string_view text);
    [[nodiscard]] bytes_view octets() const { return octets_; }
    [[nodiscard]] std::string hash() const;  // SHA-256, hexadecimal

private:
    bytes octets_;
};

class registration_desk {
public:
    struct settings {
        unix_seconds token_life = 120, key_life = 365 * 86'400;
        size_t most_open = 256, most_open_of_one = 4, most_peers = 10'000;
        std::string key_algorithm = std::string("HPKE-9");
    };
    registration_desk(peer_store& store, own_signatures signatures, const clock& time, random_source& random, settings s)
        : store_(store), signatures_(std::move(signatures)), time_(time), random_(random), settings_(std::move(s)) {}
    registration_desk(peer_store& store, own_signatures signatures, const clock& time, random_source& random)
        : registration_desk(store, std::move(signatures), time, random, settings()) {}

    // `account` was authenticated by the caller. The answer's body: {"token", "expires_in"}. Error too_many_requests.
    result<std::string> login(const std::string& account, const tls_session& over);

    struct answer {
        std::string body;
        bool last = false;       // the token is void, and the connection is to be closed
        std::string registered;  // a peer's name, once its record is kept
        std::string ended;       // of one that was deregistered
    };
    // `step`: "exchange", "identity", "repository", "confirm", "deregister". Whatever is refused ends the login. Errors (peer):
    // token_invalid: none that was given out, void, expired, or of another TLS session; unexpected_message; malformed;
    // unsupported_version; bad_name; id_taken; too_many_peers; bad_repository; transcript_mismatch; not_registered; those of
    // keys.h and open_message().
    result<answer> handle(std::string_view step, std::string_view token, const tls_session& over, std::string_view body);

    [[nodiscard]] size_t open() const { return open_.size(); }

private:
    struct login_state {
        std::string account;
        secret_bytes binding;
        unix_seconds until = 0;
        stage at = stage::logged_in;
        transcript said;
        peer_record record;
    };
    result<login_state*> find(std::string_view token, const tls_session& over);
    result<answer> exchange(login_state& l, const json::object& body);
    result<answer> identity(login_state& l, const json::object& body);
    result<answer> repository(login_state& l, const json::object& body);
    result<answer> confirm(login_state& l, const tls_session& over, const json::object& body);
    result<answer> deregister(login_state& l, const json::object& body);

    peer_store& store_;
    own_signatures signatures_;
    const clock& time_;
    random_source& random_;
    settings settings_;
    std::map<std::string, login_state, std::less<>> open_;  // by jti
};

// The manager's side. Each step takes the answer to the one before and gives the next body.
class registrant {
public:
    struct settings {
        std::string manager, gateway;  // names
        repository_access repository;  // an empty URL: none
        std::string key_algorithm = std::string("HPKE-9");
    };
    // Error bad_name.
    static result<registrant> make(settings s, own_signatures signatures, const clock& time, random_source& random);

    result<std::string> exchange();
    result<std::string> identity(std::string_view answer);
    // Nothing: there is none to be told, and confirm() is next.
    result<std::optional<std::string>> repository(std::string_view answer);
    // `answer`: to repository, or of identity where that was left out.
    result<std::string> confirm(std::string_view answer, const tls_session& over);
    result<peer_record> finish(std::string_view answer);
    [[nodiscard]] stage at() const { return at_; }

private:
    registrant(settings s, own_signatures signatures, const clock& time, random_source& random)
        : settings_(std::move(s)), signatures_(std::move(signatures)), time_(&time), random_(&random) {}
    result<void> move_on(event e);
    result<json::object> take(std::string_view answer);
    std::string say(const json::object& body);

    settings settings_;
    own_signatures signatures_;
    const clock* time_;
    random_source* random_;
    stage at_ = stage::logged_in;
    transcript said_;
    peer_record record_;
    std::string confirmation_id_;
    unix_seconds key_life_ = 0;
};

}  // namespace berth::messaging
