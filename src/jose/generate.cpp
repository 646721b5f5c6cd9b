// New keys as JWKs.
#include "jose/jwk_members.h"
#include "jose/keys.h"
#include "wire/base64.h"

namespace berth::jose {

namespace json = wire::json;

namespace {

// Gives out what another draws, and keeps it: a key's seed, which its holder does not give back.
class kept_random final : public random_source {
public:
    explicit kept_random(random_source& from) : from_(from) {}
    void fill(std::span<uint8_t> out) override {
        from_.fill(out);
        last_ = secret_bytes(bytes_view(out));
    }
    [[nodiscard]] std::string last() const { return wire::base64url(last_.reveal()); }

private:
    random_source& from_;
    secret_bytes last_;
};

template <class Key>
result<json::object> with(Key pub, std::string_view member, std::string value) {
    auto jwk = to_jwk(pub);
    BERTH_TRY(kid, thumbprint(jwk));
    jwk["kid"] = kid;
    jwk[member] = std::move(value);
    return jwk;
}

result<json::object> generate_signing(signature_alg alg, random_source& random) {
    kept_random source(random);
    if (alg == signature_alg::eddsa) {
        const auto key = crypto::ed25519_private_key::generate(source);
        return with(verification_key{alg, "", key.public_key()}, "d", source.last());
    }
    const auto key = crypto::signing_key::generate(*in_crypto(alg), source);
    return with(verification_key{alg, "", key.public_key()}, crypto::is_post_quantum(key.algorithm()) ? "priv" : "d",
                source.last());
}

result<json::object> generate_hpke(key_alg alg, random_source& random) {
    const auto kem = crypto::kem_algorithm_from_id(kem_id_of(alg));
    // ML-KEM alone has d || z for a seed.
    constexpr size_t ml_kem_seed = 64;
    secret_bytes seed(kem && crypto::sizes_of(*kem).scalar == 0 ? ml_kem_seed : crypto::hybrid_seed_size);
    random.fill(seed.writable());
    recipient_key pub{alg, content_alg::a256gcm, "", secret_bytes()};
    if (kem) {
        BERTH_TRY(key, crypto::kem_from_hpke_seed(*kem, seed.reveal()));
        pub.key = key.public_key();
    } else {
        BERTH_TRY(key, crypto::x_wing_private_key::from_seed(seed.reveal()));
        pub.key = key.public_key();
    }
    return with(std::move(pub), "priv", wire::base64url(seed.reveal()));
}

}  // namespace

result<json::object> generate_jwk(std::string_view name, content_alg enc, crypto::agreement_group group, random_source& random) {
    if (const auto alg = signature_alg_from(name)) {
        return generate_signing(*alg, random);
    }
    const auto alg = key_alg_from(name);
    if (!alg) {
        return fail(algorithm_refused(name));
    }
    if (is_hpke(*alg)) {
        return generate_hpke(*alg, random);
    }
    if (*alg == key_alg::dir) {
        secret_bytes secret(key_size(enc));
        random.fill(secret.writable());
        // Its name says nothing of it.
        return json::object{{"kty", "oct"}, {"k", wire::base64url(secret.reveal())},      {"alg", "dir"}, {"enc", name_of(enc)},
                            {"use", "enc"}, {"kid", wire::base64url(random.octets<16>())}};
    }
    const auto key = crypto::agreement_private_key::generate(group, random);
    return with(recipient_key{*alg, enc, "", key.public_key()}, "d", wire::base64url(key.raw().reveal()));
}

result<json::object> public_jwk(const json::object& jwk) {
    const jwk_members members(jwk);
    BERTH_TRY(kty, members.text("kty"));
    if (kty == "oct") {
        return fail(bad_jwk("it is a secret (kty oct), of which nothing is public"));
    }
    json::object out;
    // Only what is known to be public: a name that we do not know may be anything.
    for (const std::string_view name : {"kty", "crv", "x", "y", "pub", "alg", "enc", "draft", "use", "kid"}) {
        if (const auto* const value = jwk.if_contains(name)) {
            out[name] = *value;
        }
    }
    return out;
}

}  // namespace berth::jose
