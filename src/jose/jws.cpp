#include "jose/jws.h"

#include "wire/base64.h"

#include <cstdlib>

namespace berth::jose {

namespace json = wire::json;

namespace {

// RFC 7518 3.4: "the signature MUST be the concatenation R || S", not X.509's DER.
result<bytes> raw_signature(const signing_key& key, bytes_view message) {
    if (const auto* const ed = std::get_if<crypto::ed25519_private_key>(&key.key)) {
        return ed->sign(message);
    }
    const auto& handle = std::get<keystore::signing_key_ptr>(key.key);
    BERTH_TRY(signature, handle->sign(message));
    return crypto::is_post_quantum(handle->algorithm()) ? std::move(signature)
                                                        : crypto::ecdsa_der_to_raw(handle->algorithm(), signature);
}

result<void> check_signature(const verification_key& key, bytes_view message, bytes_view signature) {
    if (const auto* const ed = std::get_if<crypto::ed25519_public_key>(&key.key)) {
        return ed->verify(message, signature);
    }
    const auto& pub = std::get<crypto::verification_key>(key.key);
    if (crypto::is_post_quantum(pub.algorithm())) {
        return pub.verify(message, signature);
    }
    BERTH_TRY(der, crypto::ecdsa_raw_to_der(pub.algorithm(), signature));
    return pub.verify(message, der);
}

error mismatch(std::string_view said, std::string_view key) {
    return {error_category::peer,
            "algorithm_mismatch",
            "The token says \"" + std::string(said) + "\", and its key is for " + std::string(key) + ".",
            {{"algorithm", std::string(said)}}};
}

}  // namespace

result<std::string> sign(const signing_key& key, bytes_view payload, const json::object& extra) {
    json::object members{{"alg", name_of(key.pub.alg)}, {"kid", key.pub.kid}};
    for (const auto& [name, value] : extra) {
        if (!members.emplace(name, value).second) {
            std::abort();  // the key says these: our own mistake
        }
    }
    std::string token = write_header(members) + "." + wire::base64url(payload);
    BERTH_TRY(signature, raw_signature(key, as_bytes(token)));
    token += "." + wire::base64url(signature);
    return token;
}

result<verified> verify(const verification_key& key, std::string_view token, size_t most) {
    std::array<std::string_view, 3> parts;
    BERTH_CHECK(split(token, parts, most));
    BERTH_TRY(head, read_header(parts[0]));
    if (head.alg != name_of(key.alg)) {
        return fail(mismatch(head.alg, name_of(key.alg)));
    }
    if (!head.kid.empty() && head.kid != key.kid && head.kid != key.called) {
        return fail(error_category::peer, "wrong_key", "The token names another key than the one it is verified with.");
    }
    const auto signature = wire::from_base64url(parts[2]);
    auto payload = wire::from_base64url(parts[1]);
    if (!signature || !payload) {
        return fail(malformed("its payload or signature is not base64url without padding"));
    }
    const std::string_view signed_part = token.substr(0, parts[0].size() + 1 + parts[1].size());
    if (!check_signature(key, as_bytes(signed_part), *signature)) {
        return fail(error_category::peer, "bad_signature", "The token's signature is not its key's.");
    }
    return verified(std::move(head), key.kid, std::move(*payload));
}

result<header> peek(std::string_view token, size_t most) {
    BERTH_TRY(kind, kind_of(token.substr(0, most + 1)));
    std::array<std::string_view, 5> parts;
    const size_t count = kind == token_kind::signed_only ? 3 : parts.size();
    BERTH_CHECK(split(token, std::span(parts).first(count), most));
    return read_header(parts[0]);
}

}  // namespace berth::jose
