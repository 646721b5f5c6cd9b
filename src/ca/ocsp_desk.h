// Answers to OCSP queries over HTTP: signed when they are asked for with a nonce, and else taken from those that were signed
// before, unless something has ended since.
#pragma once

#include "ca/publish.h"

#include <list>
#include <unordered_map>

namespace berth::ca {

inline constexpr size_t most_ocsp_query = 8 * 1024;

// RFC 6960 A.1.1: "GET {url}/{url-encoding of base-64 encoding of the DER encoding of the OCSPRequest}"; `text` is what follows
// the address, still encoded for URLs or not. Error `malformed`.
result<bytes> ocsp_query_in_path(std::string_view text);

struct desk_limits {
    unix_seconds answer_lifetime = 3'600;
    size_t most_kept = 4'096;                // answers that are kept
    uint32_t signatures_per_second = 2'000;  // beyond: try_later
};

class ocsp_desk {
public:
    struct party {
        pki::certificate issuer;
        pki::certificate responder;  // the issuer itself, or whom it has appointed
        keystore::signing_key_ptr key;
    };
    struct answer {
        bytes der;
        const char* outcome = "";  // signed, kept, malformed, unauthorized, try_later, failed
        // Of an answer that anybody may keep: without nonce, about one certificate.
        bool may_be_kept = false;
        unix_seconds this_update = 0;
        unix_seconds next_update = 0;
    };
    explicit ocsp_desk(std::vector<party> parties, desk_limits limits = {}) : parties_(std::move(parties)), limits_(limits) {}

    // Never fails: what goes wrong is an answer, too.
    answer serve(bytes_view query, ca_records& records, const clock& time);
    [[nodiscard]] const std::vector<party>& parties() const { return parties_; }
    [[nodiscard]] size_t kept() const { return kept_.size(); }
    // Error `responder_expired` (environment): a responder's certificate does not count now.
    [[nodiscard]] result<void> check(unix_seconds now) const;

private:
    bool may_sign(const clock& time);
    [[nodiscard]] const party* party_for(const pki::ocsp_query& query) const;

    std::vector<party> parties_;
    desk_limits limits_;
    uint64_t endings_ = 0;  // when the answers that are kept were signed
    std::unordered_map<std::string, answer> kept_;
    std::list<std::string> oldest_first_;
    std::optional<milliseconds> second_;  // began when
    uint32_t signed_in_it_ = 0;
};

}  // namespace berth::ca
