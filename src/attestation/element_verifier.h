// A verifier of elements for many devices at once: a server's half of the authentication in element.h, without the server.
//
//     POST /se/challenge      (nothing)                                  ->  element_invitation
//     POST /se/authenticate   element_answer                             ->  verified_element, or an error
//
// as JSON: {"challenge": B64, "audience": TEXT, "seconds": N}, and {"challenge": B64, "certificates": [B64, ...],
// "signature": B64}, leaf first. Challenges are kept until they are answered, rightly or not, or their time is over.
#pragma once

#include "attestation/element.h"
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
    size_t most_open = 16'384;         // challenges at once
    size_t most_open_of_one = 64;      // of one client
    size_t most_failures_of_one = 32;  // wrong answers of one client in ...
    milliseconds failures_during = 60'000;
};

class element_verifier {
public:
    // Error `bad_audience`.
    static result<element_verifier> make(std::string audience, const clock& time, random_source& random,
                                         const element_verifier_limits& limits = {});

    // `client` is whatever tells those who ask apart (an address). Error `too_many_requests`.
    result<element_invitation> invite(const std::string& client);

    // The challenge is used up, whatever comes of it. Errors `too_many_requests`: this client was wrong too often;
    // `unknown_challenge`: never made here, answered already, or its time is over; those of pki::verify_chain and of
    // element_challenge::accept.
    result<verified_element> judge(const std::string& client, const pki::trust_store& makers, const element_answer& answer);

    [[nodiscard]] size_t open() const { return open_.size(); }

private:
    struct entry {
        element_challenge challenge;
        std::string client;
        milliseconds until = 0;
    };
    struct account {
        size_t open = 0;
        size_t failures = 0;
        milliseconds failures_until = 0;
    };
    element_verifier(std::string audience, const clock& time, random_source& random, const element_verifier_limits& limits)
        : audience_(std::move(audience)), clock_(&time), random_(&random), limits_(limits) {}
    void forget_old();
    void close(std::map<bytes, entry>::iterator which);
    result<verified_element> judge_open(const pki::trust_store& makers, const element_answer& answer);

    std::string audience_;
    const clock* clock_;
    random_source* random_;
    element_verifier_limits limits_;
    std::map<bytes, entry> open_;
    std::set<std::pair<milliseconds, bytes>> ends_;  // of the open ones
    std::map<std::string, account> accounts_;
    milliseconds next_sweep_ = 0;
};

}  // namespace berth::attestation
