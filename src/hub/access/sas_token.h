// Shared access signatures: tokens that someone who shares a key with us makes for himself, for a resource and a time.
//
//   SharedAccessSignature sr=RESOURCE&sig=BASE64&se=SECONDS[&skn=POLICY]
//
// each value percent-encoded; sig = HMAC-SHA-256( key, RESOURCE as it stands in the token || "\n" || SECONDS ). Back ends use
// them with the key of a named policy, devices with their own (if the hub takes keys at all: it does not, unless it is told to).
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"

#include <string>
#include <string_view>

namespace berth::hub {

inline constexpr size_t most_sas_token = 4'096;
inline constexpr unix_seconds longest_sas =
    365 * 24 * 3600;  // a token for longer than that is refused: it could not be taken back

struct sas_token {
    std::string resource;         // decoded: "hub.example/devices/dev1"
    std::string signed_resource;  // as it stands in the token
    bytes signature;
    unix_seconds expiry = 0;
    std::string policy;  // empty: the resource's own key

    // The header's or password's text, with or without the word in front. Error `bad_token` (peer), which quotes nothing of it.
    static result<sas_token> parse(std::string_view text);
    // Errors (peer) `token_expired`, also for one that lasts longer than longest_sas; `bad_token`: not by this key. In constant
    // time.
    [[nodiscard]] result<void> check(const secret_bytes& key, unix_seconds now) const;
    // Whether it is for `resource` or something below it: "h/devices" is for "h/devices/d" and not for "h/devicesx". Host names
    // compare without case, and without a port.
    [[nodiscard]] bool covers(std::string_view wanted) const;
};

std::string make_sas_token(std::string_view resource, const secret_bytes& key, unix_seconds expiry, std::string_view policy = {});

}  // namespace berth::hub
