#include "hub/files/blob_token.h"

#include "crypto/constant_time.h"
#include "crypto/hash.h"
#include "hub/access/percent.h"
#include "wire/base64.h"

#include <fmt/format.h>

namespace berth::hub {

namespace {

constexpr const char* version = "2018-03-28";
constexpr const char* one_blob = "b";
constexpr const char* read_and_write = "rw";

struct said {
    std::string sv, sr, sp, se;
};

bytes signature_of(const blob_grant& g, const said& s, const secret_bytes& key) {
    const std::string text = fmt::format("berth file 1\n{}\n{}\n{}\n{}\n{}\n{}\n{}/{}", s.sv, s.sr, s.sp, s.se, g.generation,
                                         g.epoch, g.container, g.name.text());
    return crypto::hmac(crypto::hash_algorithm::sha256, key.reveal(), as_bytes(text)).to_bytes();
}

}  // namespace

std::string make_blob_token(const blob_grant& to, const secret_bytes& key, unix_seconds expiry) {
    const said s{version, one_blob, read_and_write, to_iso8601(expiry)};
    return fmt::format("?sv={}&sr={}&sig={}&se={}&sp={}", s.sv, s.sr, percent_encoded(wire::base64(signature_of(to, s, key))),
                       percent_encoded(s.se), s.sp);
}

result<void> check_blob_token(const blob_grant& wanted, const std::map<std::string, std::string>& query, const secret_bytes& key,
                              blob_use use, unix_seconds now) {
    const auto part = [&query](const char* name) {
        const auto found = query.find(name);
        return found != query.end() ? found->second : std::string();
    };
    if (!query.contains("sig")) {
        return fail(error_category::peer, "no_token", "The request has no signed query.");
    }
    const said s{part("sv"), part("sr"), part("sp"), part("se")};
    const auto shown = wire::from_base64(part("sig"));
    if (!shown || !crypto::equal(*shown, signature_of(wanted, s, key))) {
        return fail(error_category::peer, "bad_token", "The signed query is none of this hub's for this file.");
    }
    // It is our own text by now: times of one length compare as what they stand for.
    if (to_iso8601(now) >= s.se) {
        return fail(error_category::peer, "token_expired", fmt::format("The signed query was good until {}.", s.se));
    }
    if (s.sp.find(use == blob_use::write ? 'w' : 'r') == std::string::npos) {
        return fail(error_category::peer, "use_not_allowed", "The signed query is for something else.");
    }
    return {};
}

}  // namespace berth::hub
