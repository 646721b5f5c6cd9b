#include "messaging/keys.h"

#include "base/wipe.h"
#include "crypto/hkdf.h"
#include "wire/base64.h"

namespace berth::messaging {

namespace {

constexpr size_t key_octets = 32, id_octets = 12;

result<void> check_public(const json::object& jwk) {
    if (jwk.contains("d") || jwk.contains("priv") || jwk.contains("k")) {
        return fail(error_category::peer, "secret_in_key",
                    "The key that was sent has its private half with it. It is known to others now: make a new one.");
    }
    return {};
}

}  // namespace

result<own_key> make_own_key(std::string_view alg, random_source& random) {
    BERTH_TRY(jwk, jose::generate_jwk(alg, jose::content_alg::a256gcm, crypto::agreement_group::p256, random));
    own_key out;
    BERTH_TRY(kid, jose::thumbprint(jwk));
    out.kid = std::move(kid);
    std::string text = wire::to_text(jwk);
    out.jwk = secret_bytes(as_bytes(text));
    wipe(text);
    return out;
}

result<jose::opening_key> opening_key_of(const own_key& key) {
    BERTH_TRY(jwk, wire::parse_json_object(as_text(key.jwk.reveal())));
    return jose::read_opening_key(jwk);
}

result<json::object> public_half(const own_key& key) {
    BERTH_TRY(opening, opening_key_of(key));
    return jose::to_jwk(opening.pub);
}

result<json::object> take_signature_key(const json::object& jwk) {
    BERTH_CHECK(check_public(jwk));
    BERTH_TRY(key, jose::read_verification_key(jwk));
    return jose::to_jwk(key);
}

result<json::object> take_encryption_key(const json::object& jwk) {
    BERTH_CHECK(check_public(jwk));
    BERTH_TRY(key, jose::read_recipient_key(jwk));
    if (key.alg == jose::key_alg::dir) {
        return fail(jose::algorithm_refused("dir"));
    }
    return jose::to_jwk(key);
}

session_keys derive_session(bytes_view secret, bytes_view transcript, role own, const std::string& manager,
                            const std::string& gateway) {
    using enum crypto::hash_algorithm;
    const auto prk = crypto::hkdf_extract(sha256, crypto::sha256(transcript).view(), secret);
    const auto derive = [&](std::string_view use, size_t length) {
        static constexpr std::array<uint8_t, 1> end{0};
        // Names have no octet 0 (check_name), so that nothing can be read in two ways.
        const bytes info =
            concat({as_bytes("Berth messaging session 1"), end, as_bytes(use), end, as_bytes(manager), end, as_bytes(gateway)});
        return crypto::hkdf_expand(sha256, prk.reveal(), info, length);
    };
    session_keys out;
    out.id = wire::base64url(derive("id", id_octets).reveal());
    auto to_gateway = derive("to gateway", key_octets);
    auto to_manager = derive("to manager", key_octets);
    if (own == role::gateway) {
        std::swap(to_gateway, to_manager);
    }
    out.send = std::move(to_gateway);
    out.receive = std::move(to_manager);
    return out;
}

}  // namespace berth::messaging
