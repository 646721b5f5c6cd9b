// Keys for tests of messages.
#pragma once

#include "jose/keys.h"
#include "support/given_random.h"
#include "wire/base64.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth::test {

inline wire::json::object new_jwk(std::string_view alg, jose::content_alg enc = jose::content_alg::a256gcm,
                                  crypto::agreement_group group = crypto::agreement_group::p256, std::string_view who = "a key") {
    named_random random(std::string(alg) + std::string(who) + std::string(crypto::name_of(group)));
    auto jwk = jose::generate_jwk(alg, enc, group, random);
    EXPECT_TRUE(jwk) << jwk.error().message;
    return jwk ? *jwk : wire::json::object();
}

inline jose::signing_key new_signer(std::string_view alg = "ES256", std::string_view who = "a key") {
    return jose::read_signing_key(new_jwk(alg, jose::content_alg::a256gcm, crypto::agreement_group::p256, who)).value();
}

inline jose::opening_key new_opener(std::string_view alg = "ECDH-ES", std::string_view who = "a key") {
    return jose::read_opening_key(new_jwk(alg, jose::content_alg::a256gcm, crypto::agreement_group::p256, who)).value();
}

// A token with a header, or a part, of one's own.
inline std::string with_part(const std::string& token, size_t which, const std::string& part) {
    size_t from = 0;
    for (size_t i = 0; i < which; ++i) {
        from = token.find('.', from) + 1;
    }
    const size_t to = std::min(token.find('.', from), token.size());
    return token.substr(0, from) + part + token.substr(to);
}
inline std::string part_of(const std::string& token, size_t which) {
    size_t from = 0;
    for (size_t i = 0; i < which; ++i) {
        from = token.find('.', from) + 1;
    }
    return token.substr(from, std::min(token.find('.', from), token.size()) - from);
}
inline std::string with_header(const std::string& token, std::string_view header) {
    return with_part(token, 0, wire::base64url(as_bytes(header)));
}

template <class T>
std::string name_of(const result<T>& r) {
    return r ? "accepted" : r.error().name;
}

}  // namespace berth::test
