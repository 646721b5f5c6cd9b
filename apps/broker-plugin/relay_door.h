// The broker's side of what berthd passes on (hub/carrier/relay_token.h): who comes by the relay's socket, as his token says, and
// what is to be known of his session. Knows nothing of Mosquitto or TLS.
#pragma once

#include "base/clock.h"
#include "hub/carrier/relay_token.h"
#include "hub/login/refusal.h"
#include "pki/certificate.h"

#include <filesystem>
#include <map>
#include <unordered_map>

namespace berth::app {

class relay_door {
public:
    using handle = const void*;

    // `secret`: the file that berthd has written for this broker. Errors of pki::read_secret_file, `bad_secret`.
    static result<relay_door> open(const std::filesystem::path& secret);

    struct caller {
        std::string peer;
        std::vector<pki::certificate> chain;  // leaf first; none: he has shown none
        secret_bytes password;                // his own; empty: none
    };
    struct refusal {
        hub::login_refusal reason;
        std::string why;
    };
    // At CONNECT: `token` stands in the password's place. It is good once. `now`: steady.
    tl::expected<caller, refusal> let_in(std::string_view client_id, std::string_view token, milliseconds now);

    // Of those who are in.
    void came(handle at, const caller& who);
    void left(handle at) { leaves_.erase(at); }
    // The certificate by which he has come; null: none, or nobody.
    [[nodiscard]] const bytes* leaf_of(handle at) const;

    // Forgets what can be used no more. `now`: steady.
    void tick(milliseconds now);

private:
    using nonce = std::array<uint8_t, 16>;
    explicit relay_door(secret_bytes secret) : secret_(std::move(secret)) {}

    secret_bytes secret_;
    std::map<nonce, milliseconds> used_;  // until when they would have been good
    std::multimap<milliseconds, nonce> ends_;
    std::unordered_map<handle, bytes> leaves_;
};

}  // namespace berth::app
