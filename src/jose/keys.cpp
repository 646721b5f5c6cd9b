#include "jose/keys.h"

#include "jose/compact.h"
#include "jose/jwk_members.h"
#include "keystore/software.h"
#include "wire/base64.h"

#include <cstdlib>

namespace berth::jose {

namespace json = wire::json;

namespace {

constexpr std::string_view draft_member = "draft", enc_member = "enc";

std::string curve_name(signature_alg alg) {
    return alg == signature_alg::es256 ? "P-256" : "P-384";
}

std::optional<crypto::agreement_group> group_named(std::string_view name) {
    using enum crypto::agreement_group;
    for (const auto group : {p256, p384, x25519}) {
        if (crypto::name_of(group) == name) {
            return group;
        }
    }
    return std::nullopt;
}

// Of keys that do not say: the curve of an EC key has one signature algorithm, and so has Ed25519 (RFC 8037).
result<signature_alg> signature_alg_of(const jwk_members& jwk) {
    BERTH_TRY(said, jwk.optional_text("alg"));
    if (said.empty()) {
        BERTH_TRY(crv, jwk.text("crv"));
        said = crv == "P-256" ? "ES256" : crv == "P-384" ? "ES384" : crv == "Ed25519" ? "EdDSA" : crv;
    }
    const auto alg = signature_alg_from(said);
    if (!alg) {
        return fail(key_alg_from(said) ? wrong_key_use("it is for encryption (\"alg\": \"" + said + "\")")
                                       : algorithm_refused(said));
    }
    return *alg;
}

// An uncompressed point out of "x" and "y", each of the field's full length (RFC 7518 6.2.1.2).
result<bytes> point_of(const jwk_members& jwk, size_t field) {
    BERTH_TRY(x, jwk.octets("x", field));
    BERTH_TRY(y, jwk.octets("y", field));
    static constexpr std::array<uint8_t, 1> uncompressed{4};
    return concat({uncompressed, x, y});
}

void write_point(json::object& jwk, bytes_view raw, std::string_view crv) {
    const size_t field = (raw.size() - 1) / 2;
    jwk["kty"] = "EC";
    jwk["crv"] = crv;
    jwk["x"] = wire::base64url(raw.subspan(1, field));
    jwk["y"] = wire::base64url(raw.subspan(1 + field));
}

// Gives out some octets once, for keys that are made of a given seed.
class given final : public random_source {
public:
    explicit given(bytes_view octets) : octets_(octets) {}
    void fill(std::span<uint8_t> out) override {
        if (out.size() > octets_.size()) {
            std::abort();  // a key is made of exactly its seed: our own mistake
        }
        std::copy_n(octets_.begin(), out.size(), out.begin());
        octets_ = octets_.subspan(out.size());
    }

private:
    bytes_view octets_;
};

template <class Variant>
result<verification_key> named(signature_alg alg, Variant key) {
    verification_key out{alg, "", std::move(key)};
    BERTH_TRY(kid, thumbprint(to_jwk(out)));
    out.kid = std::move(kid);
    return out;
}

result<crypto::signing_key> signing_key_from(signature_alg alg, const jwk_members& jwk) {
    const auto in = in_crypto(alg).value();
    if (!crypto::is_post_quantum(in)) {
        const auto group = alg == signature_alg::es256 ? crypto::agreement_group::p256 : crypto::agreement_group::p384;
        BERTH_TRY(d, jwk.secret("d", crypto::private_size(group)));
        BERTH_CHECK(crypto::agreement_private_key::from_raw(group, d.reveal()));  // 0 < d < n, so that the next takes it at once
        given source(d.reveal());
        return crypto::signing_key::generate(in, source);
    }
    // RFC 9964 3: "priv" is the seed, 32 octets.
    constexpr size_t seed_size = 32;
    BERTH_TRY(seed, jwk.secret("priv", seed_size));
    given source(seed.reveal());
    return crypto::signing_key::generate(in, source);
}

// What a JWK's maker calls it.
result<std::string> called_by(const jwk_members& jwk, const std::string& thumbprint) {
    BERTH_TRY(kid, jwk.optional_text("kid"));
    return kid == thumbprint || kid.size() > most_kid ? std::string() : kid;
}

error halves_differ() {
    return bad_jwk("its private half belongs to another public half");
}

}  // namespace

namespace {

// What "use" and "key_ops" say has been looked at.
result<verification_key> public_half(const jwk_members& jwk) {
    BERTH_TRY(alg, signature_alg_of(jwk));
    if (alg == signature_alg::eddsa) {
        BERTH_CHECK(jwk.is("kty", "OKP"));
        BERTH_CHECK(jwk.is("crv", "Ed25519"));
        BERTH_TRY(x, jwk.octets("x", crypto::ed25519_key_size));
        BERTH_TRY(key, crypto::ed25519_public_key::from_raw(x));
        return named(alg, std::move(key));
    }
    if (alg == signature_alg::es256 || alg == signature_alg::es384) {
        BERTH_CHECK(jwk.is("kty", "EC"));
        BERTH_CHECK(jwk.is("crv", curve_name(alg)));
        BERTH_TRY(point, point_of(jwk, alg == signature_alg::es256 ? 32 : 48));
        BERTH_TRY(key, crypto::verification_key::from_raw(*in_crypto(alg), point));
        return named(alg, std::move(key));
    }
    BERTH_CHECK(jwk.is("kty", "AKP"));
    BERTH_TRY(pub, jwk.octets("pub"));
    BERTH_TRY(key, crypto::verification_key::from_raw(*in_crypto(alg), pub));
    return named(alg, std::move(key));
}

}  // namespace

result<verification_key> read_verification_key(const json::object& object) {
    const jwk_members jwk(object);
    BERTH_CHECK(jwk.may("sig", "verify"));
    BERTH_TRY(out, public_half(jwk));
    BERTH_TRY(called, called_by(jwk, out.kid));
    out.called = std::move(called);
    return out;
}

result<signing_key> read_signing_key(const json::object& object) {
    const jwk_members jwk(object);
    BERTH_CHECK(jwk.may("sig", "sign"));
    BERTH_TRY(pub, public_half(jwk));
    if (pub.alg == signature_alg::eddsa) {
        BERTH_TRY(d, jwk.secret("d", crypto::ed25519_key_size));
        BERTH_TRY(key, crypto::ed25519_private_key::from_seed(d.reveal()));
        if (!same_octets(key.public_key().raw(), std::get<crypto::ed25519_public_key>(pub.key).raw())) {
            return fail(halves_differ());
        }
        return signing_key{std::move(pub), std::move(key)};
    }
    BERTH_TRY(key, signing_key_from(pub.alg, jwk));
    if (!(key.public_key() == std::get<crypto::verification_key>(pub.key))) {
        return fail(halves_differ());
    }
    return signing_key{std::move(pub), keystore::software_signing_key(std::move(key))};
}

result<signing_key> signing_key_of(keystore::signing_key_ptr key) {
    BERTH_TRY(pub, named(from_crypto(key->algorithm()), key->public_key()));
    return signing_key{std::move(pub), std::move(key)};
}

namespace {

result<content_alg> enc_of(const jwk_members& jwk) {
    BERTH_TRY(said, jwk.optional_text(enc_member));
    const auto enc = content_alg_from(said.empty() ? "A256GCM" : said);
    return enc ? result<content_alg>(*enc) : fail(algorithm_refused(said));
}

result<key_alg> key_alg_of(const jwk_members& jwk) {
    BERTH_TRY(said, jwk.text("alg"));
    const auto alg = key_alg_from(said);
    if (!alg) {
        return fail(signature_alg_from(said) ? wrong_key_use("it is for signatures (\"alg\": \"" + said + "\")")
                                             : algorithm_refused(said));
    }
    return *alg;
}

// RFC 8037 2: of an OKP key "x" is all there is.
result<crypto::agreement_public_key> agreement_key_of(const jwk_members& jwk, crypto::point_validation points) {
    BERTH_TRY(crv, jwk.text("crv"));
    const auto group = group_named(crv);
    if (!group) {
        return fail(bad_jwk("\"crv\" is none of P-256, P-384, X25519"));
    }
    if (*group == crypto::agreement_group::x25519) {
        BERTH_CHECK(jwk.is("kty", "OKP"));
        BERTH_TRY(x, jwk.octets("x", crypto::public_size(*group)));
        return crypto::agreement_public_key::from_raw(*group, x);
    }
    BERTH_CHECK(jwk.is("kty", "EC"));
    BERTH_TRY(point, point_of(jwk, crypto::private_size(*group)));
    return crypto::agreement_public_key::from_raw(*group, point, points);
}

result<recipient_key> with_kid(recipient_key key) {
    BERTH_TRY(kid, thumbprint(to_jwk(key)));
    key.kid = std::move(kid);
    return key;
}

std::optional<crypto::kem_algorithm> kem_of(key_alg alg) {
    return crypto::kem_algorithm_from_id(kem_id_of(alg));
}

// A secret has no thumbprint that one might tell, and its makers name it.
result<void> check_name(std::string_view kid) {
    if (kid.empty() || kid.size() > most_kid) {
        return fail(bad_jwk("\"kid\" has not 1 to " + std::to_string(most_kid) + " characters"));
    }
    return {};
}

// What "use" and "key_ops" say has been looked at.
result<recipient_key> half_by_kind(const jwk_members& jwk, crypto::point_validation points) {
    BERTH_TRY(alg, key_alg_of(jwk));
    BERTH_TRY(enc, enc_of(jwk));
    if (alg == key_alg::dir) {
        BERTH_CHECK(jwk.is("kty", "oct"));
        BERTH_TRY(secret, jwk.secret("k", key_size(enc)));
        BERTH_TRY(kid, jwk.text("kid"));
        BERTH_CHECK(check_name(kid));
        return recipient_key{alg, enc, std::move(kid), std::move(secret)};
    }
    if (!is_hpke(alg)) {
        BERTH_TRY(key, agreement_key_of(jwk, points));
        return with_kid({alg, enc, "", std::move(key)});
    }
    BERTH_CHECK(jwk.is("kty", "AKP"));
    if (!jwk.is(draft_member, hpke_pq_draft)) {
        return fail(
            bad_jwk("\"draft\" is not \"" + std::string(hpke_pq_draft) +
                    "\": the numbers of HPKE suites mean other things in other drafts, so ask who made the key which one it "
                    "is of, and say so there"));
    }
    BERTH_TRY(pub, jwk.octets("pub"));
    if (const auto kem = kem_of(alg)) {
        BERTH_TRY(key, crypto::kem_public_key::from_raw(*kem, pub));
        return with_kid({alg, content_alg::a256gcm, "", std::move(key)});
    }
    BERTH_TRY(key, crypto::x_wing_public_key::from_raw(pub));
    return with_kid({alg, content_alg::a256gcm, "", std::move(key)});
}

result<recipient_key> recipient_half(const jwk_members& jwk, crypto::point_validation points) {
    BERTH_TRY(out, half_by_kind(jwk, points));
    BERTH_TRY(called, called_by(jwk, out.kid));
    out.called = std::move(called);
    return out;
}

}  // namespace

result<recipient_key> read_recipient_key(const json::object& object, crypto::point_validation points) {
    const jwk_members jwk(object);
    BERTH_CHECK(jwk.may("enc", "deriveKey", "deriveBits", "encrypt", "wrapKey"));
    return recipient_half(jwk, points);
}

result<opening_key> read_opening_key(const json::object& object, crypto::point_validation points) {
    const jwk_members jwk(object);
    BERTH_CHECK(jwk.may("enc", "deriveKey", "deriveBits", "decrypt", "unwrapKey"));
    BERTH_TRY(pub, recipient_half(jwk, points));
    if (pub.alg == key_alg::dir) {
        return opening_key{std::move(pub), std::monostate()};
    }
    if (const auto* const agreed = std::get_if<crypto::agreement_public_key>(&pub.key)) {
        BERTH_TRY(d, jwk.secret("d", crypto::private_size(agreed->group())));
        BERTH_TRY(key, crypto::agreement_private_key::from_raw(agreed->group(), d.reveal()));
        if (!(key.public_key() == *agreed)) {
            return fail(halves_differ());
        }
        return opening_key{std::move(pub), keystore::software_agreement_key(std::move(key)), points};
    }
    BERTH_TRY(seed, jwk.secret("priv"));
    if (const auto kem = kem_of(pub.alg)) {
        BERTH_TRY(key, crypto::kem_from_hpke_seed(*kem, seed.reveal()));
        if (!(key.public_key() == std::get<crypto::kem_public_key>(pub.key))) {
            return fail(halves_differ());
        }
        return opening_key{std::move(pub), keystore::software_kem_key(std::move(key))};
    }
    BERTH_TRY(key, crypto::x_wing_private_key::from_seed(seed.reveal()));
    if (!same_octets(key.public_key().raw(), std::get<crypto::x_wing_public_key>(pub.key).raw())) {
        return fail(halves_differ());
    }
    return opening_key{std::move(pub), std::move(key)};
}

result<opening_key> opening_key_of(keystore::kem_key_ptr key) {
    for (const auto alg : all_key_algs) {
        if (is_hpke(alg) && kem_of(alg) == key->algorithm()) {
            BERTH_TRY(pub, with_kid({alg, content_alg::a256gcm, "", key->public_key()}));
            return opening_key{std::move(pub), std::move(key)};
        }
    }
    std::abort();  // each KEM of kem.h has its suite
}

result<opening_key> opening_key_of(keystore::agreement_key_ptr key, key_alg alg, content_alg enc) {
    if (alg != key_alg::ecdh_es && alg != key_alg::ecdh_es_a256kw) {
        std::abort();  // our own mistake
    }
    BERTH_TRY(pub, with_kid({alg, enc, "", key->public_key()}));
    return opening_key{std::move(pub), std::move(key)};
}

result<opening_key> shared_key_of(const secret_bytes& secret, content_alg enc, std::string kid) {
    if (secret.size() != key_size(enc)) {
        return fail(bad_jwk("a secret for " + std::string(name_of(enc)) + " has " + std::to_string(key_size(enc)) + " octets"));
    }
    BERTH_CHECK(check_name(kid));
    return opening_key{{key_alg::dir, enc, std::move(kid), secret}, std::monostate()};
}

json::object to_jwk(const verification_key& key) {
    json::object out;
    if (const auto* const ed = std::get_if<crypto::ed25519_public_key>(&key.key)) {
        out = {{"kty", "OKP"}, {"crv", "Ed25519"}, {"x", wire::base64url(ed->raw())}};
    } else {
        const auto& pub = std::get<crypto::verification_key>(key.key);
        if (crypto::is_post_quantum(pub.algorithm())) {
            out = {{"kty", "AKP"}, {"pub", wire::base64url(pub.raw())}};
        } else {
            write_point(out, pub.raw(), curve_name(key.alg));
        }
    }
    out["alg"] = name_of(key.alg);
    out["use"] = "sig";
    if (!key.kid.empty()) {
        out["kid"] = key.kid;
    }
    return out;
}

json::object to_jwk(const recipient_key& key) {
    json::object out;
    if (const auto* const agreed = std::get_if<crypto::agreement_public_key>(&key.key)) {
        if (agreed->group() == crypto::agreement_group::x25519) {
            out = {{"kty", "OKP"}, {"crv", "X25519"}, {"x", wire::base64url(agreed->raw())}};
        } else {
            write_point(out, agreed->raw(), crypto::name_of(agreed->group()));
        }
        out[enc_member] = name_of(key.enc);
    } else if (std::holds_alternative<secret_bytes>(key.key)) {
        std::abort();  // a secret has no public half: our own mistake
    } else {
        const auto* const kem = std::get_if<crypto::kem_public_key>(&key.key);
        const bytes_view raw = kem != nullptr ? kem->raw() : std::get<crypto::x_wing_public_key>(key.key).raw();
        out = {{"kty", "AKP"}, {"pub", wire::base64url(raw)}, {draft_member, hpke_pq_draft}};
    }
    out["alg"] = name_of(key.alg);
    out["use"] = "enc";
    if (!key.kid.empty()) {
        out["kid"] = key.kid;
    }
    return out;
}

}  // namespace berth::jose
