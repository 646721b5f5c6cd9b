// One of the two who exchange messages: what it does with a token that came, and what it sends. Sans I/O: tokens in, tokens out;
// a carrier (HTTP, files, a broker) takes them from here to there. docs/message-security.md sections 4 to 7.
//
// At least once on the way, once in effect: a request is kept and sent until it is answered or expires; the receiver notes its
// number durably before it acts, and answers a repetition with what it answered first.
#pragma once

#include "messaging/message.h"

#include <map>

namespace berth::messaging {

// What is done with a request of some kind. An error is its refusal, and goes to the sender with name and message.
struct handler {
    std::function<result<json::value>(const peer_record& from, const message& m)> act;
    // Acting twice on one message is as good as once: after a crash between noting and answering it is done again. Of others
    // nobody knows then whether they were done, and the answer says so.
    bool repeatable = false;
};
// By kind. What is not here is refused (`unknown_kind`).
using handler_table = std::map<std::string, handler, std::less<>>;

struct answer {
    uint64_t request = 0;  // its number
    std::string kind;      // of the request
    enum class status_of : uint8_t { done, refused, unknown } status = status_of::done;
    json::value result;          // of done
    std::string error, message;  // of refused
};

struct received {
    std::string peer;
    std::string outcome;            // "acted", "refused", "repeated", "answered", "stale_answer", "challenged", "resynced"
    std::string kind;               // of what was received
    std::vector<std::string> send;  // tokens that go back
    std::vector<answer> answers;    // to what was sent from here
};

struct party_settings {
    unix_seconds key_life = 365 * 86'400;
    unix_seconds message_life = 3'600;  // unless a message says otherwise; at most most_message_life
    std::string key_algorithm = std::string("HPKE-9");
};

struct options_for_one {
    sealing by = sealing::nested;
    unix_seconds life = 0;  // seconds; 0: the settings'
};

class party {
public:
    // Everything outlives the party.
    party(peer_store& store, own_signatures signatures, const handler_table& handlers, const clock& time, random_source& random,
          party_settings settings = {})
        : store_(store),
          signatures_(std::move(signatures)),
          handlers_(handlers),
          time_(time),
          random_(random),
          settings_(std::move(settings)) {}

    // Errors (peer), after which nothing has happened: those of key_named_in() and open_message(); unknown_key; revoked;
    // deregistered; keys_expired. Errors of the store.
    result<received> receive(std::string_view token);

    // Into the outbox. Errors: not_registered, outbox_full, bad_kind, message_lives_too_long; those of seal_message().
    result<queued_message> send(const std::string& peer, std::string_view kind, json::value body, options_for_one options = {});
    // New keys for both directions' small messages and for what is sealed for us; with signatures' first key, if that is
    // another than the peer knows. They count once it has answered.
    result<queued_message> rekey(const std::string& peer);
    result<queued_message> deregister(const std::string& peer, const std::string& reason);

    // What waits for the peer, noted as tried. Those that have expired go, and are said.
    struct waiting {
        std::vector<queued_message> messages;
        std::vector<uint64_t> expired;
    };
    result<waiting> pending(const std::string& peer);
    // A challenge for a peer whose numbers, or ours, are not to be trusted (a backup was restored).
    result<std::string> resync(const std::string& peer);
    // This side alone: its keys go, and messages are refused as `revoked`. Error not_registered.
    result<void> revoke(const std::string& peer, const std::string& reason);

private:
    result<peer_record> active(const std::string& peer);
    result<queued_message> enqueue(peer_record& to, std::string_view kind, json::value body, options_for_one options);
    result<received> ended(const peer_record& r, std::string_view token);
    result<received> take_answer(const std::string& peer, const opened_message& m);
    result<received> take_challenge(const std::string& peer, const opened_message& m);
    result<received> take_challenge_answer(const std::string& peer, const opened_message& m);
    result<received> take_request(const std::string& peer, const opened_message& m, std::string_view token);
    result<void> seal_again(peer_record& r, const message& question, std::vector<answer>& unknown);
    result<std::string> challenge(peer_record& r, const message* refused);
    result<std::string> seal_answer(const peer_record& to, const opened_message& request, json::object body);
    result<void> finish(peer_record& r, const queued_message& request, const answer& said);
    result<json::value> take_keys(peer_record& r, const message& m);
    result<void> act_and_answer(const std::string& peer, const opened_message& m, std::string_view token, received& out);

    peer_store& store_;
    own_signatures signatures_;
    const handler_table& handlers_;
    const clock& time_;
    random_source& random_;
    party_settings settings_;
};

// Keys and what waits go; kids stay, so that messages are refused by name.
void end_record(peer_record& r, peer_state as, const std::string& reason, unix_seconds now);

}  // namespace berth::messaging
