// Asks OCSP responders over plain HTTP (RFC 6960 A.1) for those verifiers that go by their answers.
#pragma once

#include "net/http_client.h"
#include "pki/ocsp_cache.h"

#include <memory>

namespace berth::app {

// About whom, and whose certificate it is.
struct ocsp_question {
    pki::certificate subject, issuer;
};

class ocsp_asker {
public:
    struct settings {
        std::string url = {};  // empty: where the certificate says
        pki::ocsp_cache::limits keep = {};
        milliseconds most_time = 5'000;
        size_t most_open = 64;
    };
    ocsp_asker(net::loop& on, const clock& time, random_source& random, settings how);
    ~ocsp_asker();  // those who wait are not called

    // Asks for all of these and calls `then` when each was answered, or could not be: answers() knows. From the loop, never from
    // within.
    void ask(const std::vector<ocsp_question>& questions, std::function<void()> then);
    [[nodiscard]] const pki::ocsp_cache& answers() const;
    // Of those, what should be asked now.
    [[nodiscard]] std::vector<ocsp_question> due(std::vector<ocsp_question> questions) const;
    // Whether there is an address for it.
    [[nodiscard]] bool has_address(const pki::certificate& subject) const;

private:
    struct state;
    std::shared_ptr<state> state_;
};

}  // namespace berth::app
