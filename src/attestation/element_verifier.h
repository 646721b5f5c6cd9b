// A verifier of elements for many devices at once: a server's half of the authentication in element.h, without the server.
//
//     POST /se/challenge      (nothing)                                  ->  element_invitation
//     POST /se/authenticate   element_answer                             ->  verified_element, or an error
//
// as JSON: {"challenge": B64, "audience": TEXT, "seconds": N}, and {"challenge": B64, "certificates": [B64, ...],
// "signature": B64}, leaf first.
//
// Nothing is kept of a challenge until it is answered, so that asking for many takes no room from anybody. It says when it was
// made, and carries an HMAC under a key of this verifier:
//
//     milliseconds(8) random(8) HMAC-SHA256(key, audience 00 milliseconds random), 16 octets of it
#pragma once

#include "attestation/element.h"
#include "base/secret.h"
#include "wire/json.h"

#include <map>
#include <set>
#include <vector>

namespace berth::attestation {

struct element_invitation {
    bytes challenge;
    std::string audience;
    int64_t seconds = 0;  // until it is over
};
wire::json::object to_json(const element_invitation& invitation);
// Errors `bad_json`, `bad_base64`, `malformed`.
result<element_invitation> read_invitation(std::string_view text);

struct element_answer {
    bytes challenge;
    std::vector<pki::certificate> chain;
    bytes signature;
};
inline constexpr size_t most_answer_octets = 32 * 1024;
inline constexpr size_t most_answer_certificates = 6;
wire::json::object to_json(const element_answer& answer);
// Errors `bad_json`, `bad_base64`, `malformed`, `too_large`, `bad_certificate`.
result<element_answer> read_answer(std::string_view text);

// {"authenticated": true, "subject", "maker", "serial", "fingerprint"}: what a verifier says of one.
wire::json::object describe(const verified_element& element);

struct element_verifier_limits {
    milliseconds lifetime = 60'000;    // of a challenge
    size_t most_answered = 262'144;    // that are remembered until their time is over
    size_t most_failures_of_one = 32;  // wrong answers of one client in ...
    milliseconds failures_during = 60'000;
    size_t most_accounts = 16'384;  // of clients that were wrong
};

class element_verifier {
public:
    // Error `bad_audience`.
    static result<element_verifier> make(std::string audience, const clock& time, random_source& random,
                                         const element_verifier_limits& limits = {});

    // `client` is whatever tells those who ask apart (an address). Error `too_many_requests`: it was wrong too often.
    result<element_invitation> invite(const std::string& client);

    // The challenge is used up, whatever comes of it. Errors `too_many_requests`: this client was wrong too often, or more
    // challenges were answered than are remembered; `unknown_challenge`: never made here, answered already, or its time is over;
    // those of verify_element_chain and of element_challenge::accept.
    result<verified_element> judge(const std::string& client, const pki::trust_store& makers, const element_answer& answer,
                                   pki::crl_policy lists = pki::crl_policy::if_present);

    // Answered challenges whose time is not over.
    [[nodiscard]] size_t remembered() const { return answered_.size(); }

private:
    struct account {
        size_t failures = 0;
        milliseconds until = 0;
    };
    element_verifier(std::string audience, const clock& time, random_source& random, const element_verifier_limits& limits);
    void forget_old();
    [[nodiscard]] bool was_wrong_too_often(const std::string& client) const;
    [[nodiscard]] milliseconds age() const { return clock_->steady() - made_at_; }
    [[nodiscard]] bool is_mine(const challenge_octets& challenge) const;
    [[nodiscard]] challenge_octets sealed(const std::array<uint8_t, 16>& time_and_random) const;
    result<verified_element> judge_open(const pki::trust_store& makers, const element_answer& answer, pki::crl_policy lists);

    std::string audience_;
    const clock* clock_;
    random_source* random_;
    element_verifier_limits limits_;
    milliseconds made_at_ = 0;
    secret_bytes key_;
    std::set<challenge_octets> answered_;  // in the order in which they were made, which is that in which they end
    std::map<std::string, account> accounts_;
    milliseconds next_sweep_ = 0;
};

}  // namespace berth::attestation
