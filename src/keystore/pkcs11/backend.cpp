#include "keystore/pkcs11/backend.h"

#include "crypto/random.h"
#include "keystore/held_keys.h"
#include "keystore/pkcs11/operations.h"
#include "wire/codec.h"

namespace berth::keystore::pkcs11 {

namespace {

constexpr const char* backend_name = "pkcs11";
constexpr size_t id_size = 16;

// What lies beside the pair of a hybrid.
struct hybrid_record {
    uint16_t algorithm = 0;     // HPKE kem_id
    wire::opaque<1, 512> seed;  // sealed
    BERTH_FIELDS(algorithm, seed)
};

class token_signer final : public crypto::external_signer {
public:
    token_signer(token_ptr in, const key_place& place, crypto::signature_algorithm alg)
        : in_(std::move(in)), key_(CKO_PRIVATE_KEY, place), alg_(alg) {}
    result<bytes> sign_digest(bytes_view digest) const override {
        return in_->with(again::yes, [&](session& now) -> result<bytes> {
            BERTH_TRY(key, key_.in(now));
            return pkcs11::sign_digest(now, key, alg_, digest);
        });
    }

private:
    token_ptr in_;
    mutable remembered key_;  // under the token's lock
    crypto::signature_algorithm alg_;
};

class token_agreement final : public external_agreement {
public:
    token_agreement(token_ptr in, const key_place& place) : in_(std::move(in)), key_(CKO_PRIVATE_KEY, place) {}
    result<secret_bytes> agree(bytes_view point) const override {
        return in_->with(again::yes, [&](session& now) -> result<secret_bytes> {
            BERTH_TRY(key, key_.in(now));
            return pkcs11::agree(now, key, point);
        });
    }

private:
    token_ptr in_;
    mutable remembered key_;
};

error wrong_use(const std::string& what) {
    return {error_category::usage, "wrong_key_kind", "The token's key of this name was not made for " + what + "."};
}

// The same error, saying which key it is about. What follows the question mark in its name is the machine's, and no part of it;
// parse_name() has seen to it that there is no PIN in the rest.
template <class T>
result<T> about(const std::string& rest, result<T> done) {
    if (done) {
        return done;
    }
    const std::string name = "pkcs11:" + rest.substr(0, rest.find('?'));
    return fail(std::move(done).error().during(name).with("uri", name));
}

// A key with its public half, as opening finds it.
struct found_pair {
    private_key key;
    bytes point;
};

result<found_pair> find_pair(token& in, const key_name& name) {
    return in.with(again::yes, [&](session& now) -> result<found_pair> {
        BERTH_TRY(key, find_private(now, name));
        BERTH_TRY(point, public_point(now, key));
        return found_pair{std::move(key), std::move(point)};
    });
}

// Where a new key comes to lie. Error key_exists.
result<key_place> vacant(session& in, const key_name& name) {
    if (!name.object) {
        return fail(error_category::usage, "bad_key_uri", "A new key in a token needs a name that people read: add object=NAME.");
    }
    attributes wanted;
    wanted.number(CKA_CLASS, CKO_PRIVATE_KEY).flag(CKA_TOKEN, true);
    name.id ? wanted.octets(CKA_ID, *name.id) : wanted.text(CKA_LABEL, *name.object);
    BERTH_TRY(there, find(in, wanted));
    if (!there.empty()) {
        return fail(
            error_category::usage, "key_exists",
            "The token has a key of this name already, and it stays as it is. Choose another name, or delete that key first.");
    }
    key_place out{name.id.value_or(bytes(id_size)), *name.object};
    if (!name.id) {
        crypto::system_random().fill(out.id);
    }
    return out;
}

class opened_token final : public holder {
public:
    opened_token(token_ptr in, key_name name) : in_(std::move(in)), name_(std::move(name)) {}

    result<secret_bytes> random(size_t size) const override {
        return in_->with(again::yes, [&](session& now) -> result<secret_bytes> {
            secret_bytes out(size);
            BERTH_CHECK(fill_random(now, out.writable()));
            return out;
        });
    }
    result<bytes> seal(const secret_bytes& secret) const override {
        return in_->with(again::yes, [&](session& now) -> result<bytes> {
            BERTH_CHECK(find_key(now));
            auto key = sealing_->in(now);
            if (!key && key.error().is("key_not_found")) {
                key = ensure_sealing_key(now, *place_);
            }
            if (!key) {
                return fail(std::move(key).error());
            }
            return pkcs11::seal(now, *key, *place_, secret);
        });
    }
    result<secret_bytes> unseal(bytes_view sealed) const override {
        return in_->with(again::yes, [&](session& now) -> result<secret_bytes> {
            BERTH_CHECK(find_key(now));
            auto key = sealing_->in(now);
            if (!key) {
                return fail(key.error().is("key_not_found") ? seal_invalid(std::move(key).error()) : std::move(key).error());
            }
            return pkcs11::unseal(now, *key, *place_, sealed);
        });
    }

private:
    // Where the named key lies, and beside it what seals; looked for once.
    result<void> find_key(session& now) const {
        if (!place_) {
            BERTH_TRY(key, find_private(now, name_));
            place_ = std::move(key.place);
            sealing_.emplace(CKO_SECRET_KEY, *place_);
        }
        return {};
    }

    token_ptr in_;
    key_name name_;
    mutable std::optional<key_place> place_;  // both under the token's lock
    mutable std::optional<remembered> sealing_;
};

class tokens final : public backend {
public:
    const backend_abilities& able() const override {
        static const backend_abilities all{
            .name = backend_name,
            .signing = {crypto::signature_algorithm::ecdsa_p256_sha256, crypto::signature_algorithm::ecdsa_p384_sha384},
            .kem = {crypto::kem_algorithm::mlkem768_p256, crypto::kem_algorithm::mlkem1024_p384},
            .agreement = {crypto::agreement_group::p256, crypto::agreement_group::p384},
            .remove = true,
            .random = true,
            .seal = true};
        return all;
    }

    result<signing_key_ptr> open_signing_key(const std::string& rest, const open_options& options) const override {
        BERTH_TRY(name, parse_name(rest));
        return about(rest, open_signing(name, options));
    }

    result<kem_key_ptr> open_kem_key(const std::string& rest, const open_options& options) const override {
        BERTH_TRY(name, parse_name(rest));
        return about(rest, open_kem(name, options));
    }

    result<agreement_key_ptr> open_agreement_key(const std::string& rest, const open_options& options) const override {
        BERTH_TRY(name, parse_name(rest));
        return about(rest, open_agreement(name, options));
    }

    result<agreement_key_ptr> make_agreement_key(const std::string& rest, crypto::agreement_group group,
                                                 const open_options& options) const override {
        BERTH_TRY(name, parse_name(rest));
        return about(rest, make_agreement(name, group, options));
    }

    result<signing_key_ptr> make_signing_key(const std::string& rest, crypto::signature_algorithm alg,
                                             const open_options& options) const override {
        BERTH_TRY(name, parse_name(rest));
        return about(rest, make_signing(name, alg, options));
    }

    result<kem_key_ptr> make_kem_key(const std::string& rest, crypto::kem_algorithm alg,
                                     const open_options& options) const override {
        BERTH_TRY(name, parse_name(rest));
        return about(rest, make_kem(name, alg, options));
    }

    result<void> remove(const std::string& rest, const open_options& options) const override {
        BERTH_TRY(name, parse_name(rest));
        return about(rest, remove_named(name, options));
    }

    result<holder_ptr> open_holder(const std::string& rest, const open_options& options) const override {
        BERTH_TRY(name, parse_name(rest));
        return about(rest, hold(name, options));
    }

private:
    static result<signing_key_ptr> open_signing(const key_name& name, const open_options& options) {
        BERTH_TRY(in, token::open(name, options));
        BERTH_TRY(found, find_pair(*in, name));
        if (!found.key.signs) {
            return fail(wrong_use("signing"));
        }
        const auto alg =
            found.key.p256 ? crypto::signature_algorithm::ecdsa_p256_sha256 : crypto::signature_algorithm::ecdsa_p384_sha384;
        BERTH_TRY(pub, crypto::verification_key::from_raw(alg, found.point));
        auto holder = std::make_shared<token_signer>(std::move(in), found.key.place, alg);
        BERTH_CHECK(prove_signature(pub, *holder, crypto::system_random()));
        return held_signing_key(pub, std::move(holder), backend_name);
    }
    static result<kem_key_ptr> open_kem(const key_name& name, const open_options& options) {
        BERTH_TRY(in, token::open(name, options));
        BERTH_TRY(found, find_pair(*in, name));
        if (!found.key.agrees) {
            return fail(wrong_use("a KEM"));
        }
        BERTH_TRY(octets, in->with(again::yes, [&](session& now) { return get_record(now, found.key.place); }));
        const auto record = wire::decode<hybrid_record>(octets);
        const auto alg = record ? crypto::kem_algorithm_from_id(record->algorithm) : std::nullopt;
        if (!alg || !is_hybrid(*alg) || (*alg == crypto::kem_algorithm::mlkem768_p256) != found.key.p256) {
            return fail(error_category::environment, "key_mismatch",
                        "What lies beside the token's key is not the other half of a hybrid key.");
        }
        BERTH_TRY(seed, in->with(again::yes, [&](session& now) -> result<secret_bytes> {
            auto key = remembered(CKO_SECRET_KEY, found.key.place).in(now);
            if (!key) {
                return fail(key.error().is("key_not_found") ? seal_invalid(std::move(key).error()) : std::move(key).error());
            }
            return pkcs11::unseal(now, *key, found.key.place, record->seed.view());
        }));
        auto holder = std::make_shared<token_agreement>(std::move(in), found.key.place);
        BERTH_CHECK(prove_agreement(*alg, *holder, found.point, crypto::system_random()));
        return held_hybrid_key(*alg, seed, found.point, std::move(holder), backend_name);
    }
    static result<agreement_key_ptr> open_agreement(const key_name& name, const open_options& options) {
        BERTH_TRY(in, token::open(name, options));
        BERTH_TRY(found, find_pair(*in, name));
        if (!found.key.agrees) {
            return fail(wrong_use("agreeing on keys"));
        }
        const auto beside = in->with(again::yes, [&](session& now) { return get_record(now, found.key.place); });
        if (beside) {
            return fail(wrong_use("agreeing on keys by itself; it is half of a hybrid"));
        }
        if (!beside.error().is("key_not_found")) {
            return fail(beside.error());
        }
        const auto group = found.key.p256 ? crypto::agreement_group::p256 : crypto::agreement_group::p384;
        BERTH_TRY(as, hybrid_of_group(group));
        auto holder = std::make_shared<token_agreement>(std::move(in), found.key.place);
        BERTH_CHECK(prove_agreement(as, *holder, found.point, crypto::system_random()));
        return held_agreement_key(group, found.point, std::move(holder), backend_name);
    }
    static result<agreement_key_ptr> make_agreement(const key_name& name, crypto::agreement_group group,
                                                    const open_options& options) {
        BERTH_TRY(in, token::open(name, options));
        BERTH_CHECK(in->with(again::no, [&](session& now) -> result<void> {
            BERTH_TRY(place, vacant(now, name));
            return make_pair(now, place, group == crypto::agreement_group::p256, use::agree);
        }));
        return open_agreement(name, options);
    }
    static result<signing_key_ptr> make_signing(const key_name& name, crypto::signature_algorithm alg,
                                                const open_options& options) {
        BERTH_TRY(in, token::open(name, options));
        const bool p256 = alg == crypto::signature_algorithm::ecdsa_p256_sha256;
        BERTH_CHECK(in->with(again::no, [&](session& now) -> result<void> {
            BERTH_TRY(place, vacant(now, name));
            return make_pair(now, place, p256, use::sign);
        }));
        return open_signing(name, options);
    }
    static result<kem_key_ptr> make_kem(const key_name& name, crypto::kem_algorithm alg, const open_options& options) {
        BERTH_TRY(in, token::open(name, options));
        BERTH_CHECK(in->with(again::no, [&](session& now) -> result<void> {
            BERTH_TRY(place, vacant(now, name));
            auto made = make_hybrid(now, place, alg);
            if (!made) {
                static_cast<void>(destroy_all(now, place));  // half a key is none
            }
            return made;
        }));
        return open_kem(name, options);
    }
    static result<void> remove_named(const key_name& name, const open_options& options) {
        BERTH_TRY(in, token::open(name, options));
        return in->with(again::no, [&](session& now) -> result<void> {
            BERTH_TRY(key, find_private(now, name));
            return destroy_all(now, key.place);
        });
    }
    static result<holder_ptr> hold(const key_name& name, const open_options& options) {
        BERTH_TRY(in, token::open(name, options));
        return std::make_shared<const opened_token>(std::move(in), name);
    }
    // Half of the seed's randomness is the token's: a weak generator in one place is not enough for who guesses.
    static result<void> make_hybrid(session& now, const key_place& place, crypto::kem_algorithm alg) {
        secret_bytes seed(hybrid_seed_size);
        secret_bytes ours(hybrid_seed_size);
        BERTH_CHECK(fill_random(now, seed.writable()));
        crypto::system_random().fill(ours.writable());
        for (size_t i = 0; i < hybrid_seed_size; ++i) {
            seed.writable()[i] ^= ours.reveal()[i];
        }
        BERTH_CHECK(make_pair(now, place, alg == crypto::kem_algorithm::mlkem768_p256, use::agree));
        BERTH_TRY(key, ensure_sealing_key(now, place));
        BERTH_TRY(sealed, pkcs11::seal(now, key, place, seed));
        BERTH_TRY(record, wire::encode(hybrid_record{static_cast<uint16_t>(alg), std::move(sealed)}));
        return put_record(now, place, record);
    }
};

}  // namespace

const backend& pkcs11_backend() {
    static const tokens one;
    return one;
}

}  // namespace berth::keystore::pkcs11
