// Getting one file of known digest and size over HTTP, in pieces, as often as it takes and no oftener. Says what is to be asked
// next and is told what was answered; knows no connections and no files. Whoever asks looks between two pieces whether it is
// still wanted.
#pragma once

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "crypto/hash.h"
#include "firmware/manifest.h"

#include <memory>
#include <variant>

namespace berth::firmware {

struct fetch_limits {
    uint64_t piece = 1024 * 1024;         // octets of one request
    unsigned most_failures = 8;           // in a row; a piece that comes begins anew
    milliseconds first_wait = 1'000;      // doubled with each failure, and jittered: half of it to all of it
    milliseconds most_wait = 5 * 60'000;  // also of what a server asks for (Retry-After)
    unsigned most_redirects = 5;
};

// An answer as far as it matters here.
struct fetch_answer {
    unsigned status = 0;
    std::string_view location, content_range, retry_after;
    bytes_view body;
};

class fetch {
public:
    // `have`: how many octets of it are there already, and `hashed` has been fed. More than its size is `too_long`: begin anew.
    fetch(stored_octets what, std::string url, const fetch_limits& limits, random_source& random);
    fetch(const fetch&) = delete;
    fetch& operator=(const fetch&) = delete;
    result<void> resume(uint64_t have, crypto::hasher hashed);
    // A small file of unknown size and digest, whole in one answer: one that is signed, and looked at afterwards.
    static std::unique_ptr<fetch> whole(std::string url, uint64_t most, const fetch_limits& limits, random_source& random);

    struct ask {
        std::string url;
        std::string range;  // "bytes=0-1048575"; empty: all of it
    };
    struct wait {
        milliseconds time;
        error why;
    };
    struct done {};
    // What is to be done next.
    using step = std::variant<ask, wait, done>;
    [[nodiscard]] step next();

    // The octets to append to what is there, valid as long as the answer is. Errors end the fetch: `download_refused` (any 4xx
    // but 408, 425 and 429, with the parameter "status"), `download_failed` (too many failures in a row; the last one in the
    // sentence), `too_many_redirects`, `bad_redirect` (from https to something else, or no URL), `size_mismatch` (more, less or
    // others than the manifest says), `digest_mismatch` (all of it, and it is not what the manifest says: what was kept must be
    // forgotten).
    result<bytes_view> answered(const fetch_answer& answer);
    // There was no answer.
    result<void> broke(const error& why);

    [[nodiscard]] uint64_t have() const { return have_; }
    [[nodiscard]] const stored_octets& what() const { return what_; }

private:
    result<bytes_view> take(bytes_view body);
    result<void> failed(error why, milliseconds at_least);
    result<void> redirect(std::string_view location);

    stored_octets what_;
    std::string url_, first_url_;
    fetch_limits limits_;
    random_source& random_;
    crypto::hasher hashed_{crypto::hash_algorithm::sha256};
    uint64_t have_ = 0;
    std::optional<uint64_t> most_;  // of a whole() one
    bool complete_ = false;         // that is here
    unsigned failures_ = 0, redirects_ = 0;
    std::optional<wait> wait_;
};

// RFC 9110 10.2.3, as far as it is a number of seconds; 0 otherwise.
milliseconds retry_after(std::string_view text);
// `reference` (absolute, or a path) as seen from `base`. Errors bad_redirect.
result<std::string> resolve(std::string_view base, std::string_view reference);

}  // namespace berth::firmware
