// The signed query by which whoever has it may write and read one file for a while, as storage SDKs add it to their requests:
//
//   ?sv=2018-03-28&sr=b&sig=BASE64&se=2026-11-23T12:00:00Z&sp=rw
//
//   sig = HMAC-SHA-256( key, "berth file 1\n" sv "\n" sr "\n" sp "\n" se "\n" GENERATION "\n" EPOCH "\n"
//                            CONTAINER "/" DEVICE "/" NAME )
//
// with a key that the hub alone has. GENERATION is the device's (registry/hub/identity.h): what one has been given is worth
// nothing to another that is made under its name. EPOCH, too: whoever ends its certificates ends its tokens.
#pragma once

#include "base/clock.h"
#include "base/secret.h"
#include "hub/files/blob_name.h"

#include <map>

namespace berth::hub {

inline constexpr size_t blob_key_octets = 32;

struct blob_grant {
    std::string container;
    blob_name name;
    uint64_t generation = 0;
    uint32_t epoch = 0;
};

// With the question mark in front.
std::string make_blob_token(const blob_grant& to, const secret_bytes& key, unix_seconds expiry);

enum class blob_use : uint8_t { write, read };
// `query`: a request's, decoded. Errors (peer) `no_token`, `bad_token`: none of this key for this file; `token_expired`;
// `use_not_allowed`. In constant time.
result<void> check_blob_token(const blob_grant& wanted, const std::map<std::string, std::string>& query, const secret_bytes& key,
                              blob_use use, unix_seconds now);

}  // namespace berth::hub
