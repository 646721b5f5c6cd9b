#include "hub/carrier/relay_token.h"

#include "base/wipe.h"
#include "crypto/constant_time.h"
#include "crypto/hash.h"
#include "wire/base64.h"

namespace berth::hub {

namespace {

constexpr std::string_view label = "berth relay token, 1";

crypto::digest mac_of(bytes_view claims, const secret_bytes& secret) {
    bytes input = concat({as_bytes(label), claims});
    auto out = crypto::hmac(crypto::hash_algorithm::sha256, secret.reveal(), input);
    wipe(input);
    return out;
}

}  // namespace

result<secret_bytes> seal_relay_token(const relay_claims& claims, const secret_bytes& secret) {
    auto plain = wire::encode(claims);
    if (!plain) {
        return fail(error_category::peer, "too_large", "the certificates and the password are too long to be passed on");
    }
    const auto mac = mac_of(*plain, secret);
    bytes whole = concat({*plain, mac.view()});
    std::string text = wire::base64(whole);
    wipe(*plain);
    wipe(whole);
    secret_bytes out(as_bytes(text));
    wipe(text);
    if (out.size() > most_relay_token) {
        return fail(error_category::peer, "too_large", "the certificates and the password are too long to be passed on");
    }
    return out;
}

result<relay_claims> open_relay_token(std::string_view text, const secret_bytes& secret) {
    const auto bad = [] {
        return fail(error_category::peer, "bad_relay_token", "This is no token of the berthd that this broker belongs to.");
    };
    if (text.empty() || text.size() > most_relay_token || secret.size() != relay_secret_octets) {
        return bad();
    }
    auto whole = wire::from_base64(text);
    const size_t mac_octets = crypto::hash_size(crypto::hash_algorithm::sha256);
    if (!whole || whole->size() < mac_octets) {
        return bad();
    }
    const bytes_view plain = bytes_view(*whole).first(whole->size() - mac_octets);
    if (!crypto::equal(mac_of(plain, secret).view(), bytes_view(*whole).last(mac_octets))) {
        wipe(*whole);
        return bad();
    }
    auto out = wire::decode<relay_claims>(plain);
    wipe(*whole);
    if (!out) {
        return bad();
    }
    return out;
}

}  // namespace berth::hub
