// Messages: what is said, and how it is sealed and opened. Nested JSON Web Tokens, or for small and frequent ones a token that
// is sealed with a session's key alone: shorter, and no proof to third parties of who sent it. docs/message-security.md
// section 4.
#pragma once

#include "jose/nested.h"
#include "messaging/peer.h"

namespace berth::messaging {

inline constexpr size_t most_body = 32 * 1024;             // of a message, as JSON
inline constexpr unix_seconds most_message_life = 86'400;  // from iat to exp
inline constexpr unix_seconds clock_skew = 120;
inline constexpr std::string_view kind_answer = "answer";

enum class sealing : uint8_t { nested, session };

struct message {
    std::string kind;  // 1 to 32 of a-z 0-9 -, beginning with a letter; typ is "berth-KIND+jwt"
    uint64_t sequence = 0;
    std::string id;
    unix_seconds issued_at = 0, expires_at = 0;
    std::optional<uint64_t> answers;  // the request's number, and
    std::string answers_id;           // its id: what makes an answer fresh
    json::value body;
};

// Error bad_kind.
result<void> check_kind(std::string_view kind);
// Whether only a signature will do: what changes keys, and answers to challenges.
bool needs_signature(std::string_view kind);

// Keys that a party signs with: the current one, and those that peers may still know.
struct own_signatures {
    std::vector<const jose::signing_key*> keys;  // the first is current
    [[nodiscard]] const jose::signing_key* find(std::string_view kid) const;
};

// Errors: message_too_large, no_signature_key: the key that the peer knows is gone; no_session; those of jose::seal_nested.
result<std::string> seal_message(const peer_record& to, const own_signatures& by, sealing how, const message& m,
                                 random_source& random);

// A message that is its sender's: nobody but open_message() makes one.
class opened_message {
public:
    opened_message(opened_message&&) = default;
    opened_message& operator=(opened_message&&) = default;
    [[nodiscard]] const message& said() const { return said_; }
    [[nodiscard]] sealing how() const { return how_; }
    [[nodiscard]] const std::string& key() const { return key_; }        // that it was sealed for, or the session
    [[nodiscard]] const std::string& signer() const { return signer_; }  // thumbprint; empty: a session's

private:
    friend class message_opener;
    opened_message(message m, sealing how, std::string key, std::string signer)
        : said_(std::move(m)), how_(how), key_(std::move(key)), signer_(std::move(signer)) {}
    message said_;
    sealing how_;
    std::string key_, signer_;
};

// What a token names: an own encryption key or a session. Before any cryptography; not to be believed. Errors of jose::peek;
// not_sealed; no_key_named.
result<std::string> key_named_in(std::string_view token);

// Errors: those of jose::open_nested and open; wrong_type; bad_claims; unknown_key; needs_signature.
result<opened_message> open_message(const peer_record& from, std::string_view token, unix_seconds now);

}  // namespace berth::messaging
