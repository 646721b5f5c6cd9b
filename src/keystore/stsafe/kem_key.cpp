// Hybrid KEM keys: ECDH in the chip, ML-KEM here from a seed that only the chip can give back.
#include "crypto/constant_time.h"
#include "crypto/curve_openssl.h"
#include "keystore/stsafe/commands/basic.h"
#include "keystore/stsafe/commands/keys.h"
#include "keystore/stsafe/key_record.h"
#include "keystore/stsafe/keys.h"

#include <cstring>

namespace berth::keystore::stsafe {

namespace {

constexpr size_t seed_size = 64;  // d || z (FIPS 203)

struct hybrid {
    crypto::kem_algorithm algorithm;
    crypto::kem_algorithm ml_kem;
    const crypto::curve& ec;
    bytes_view curve_oid;
};

std::optional<hybrid> hybrid_of(crypto::kem_algorithm alg) {
    switch (alg) {
    case crypto::kem_algorithm::mlkem768_p256:
        return hybrid{alg, crypto::kem_algorithm::mlkem768, crypto::curve::p256(), oid_p256};
    case crypto::kem_algorithm::mlkem1024_p384:
        return hybrid{alg, crypto::kem_algorithm::mlkem1024, crypto::curve::p384(), oid_p384};
    default: return std::nullopt;
    }
}

// Hands out the seed: generating from it is expanding it.
class seed_source final : public random_source {
public:
    explicit seed_source(const secret_bytes& seed) : seed_(seed) {}
    void fill(std::span<uint8_t> out) override {
        const bytes_view some = seed_.reveal().subspan(at_, out.size());
        std::copy(some.begin(), some.end(), out.begin());
        at_ += out.size();
    }

private:
    const secret_bytes& seed_;
    size_t at_ = 0;
};

result<secret_bytes> agree_in(device& chip, uint8_t slot, bytes_view peer) {
    BERTH_TRY(answer, chip.run(establish_key{slot, point::from(peer)}));
    if (answer.secret.value.size() != peer.size() / 2) {
        return fail(error_category::environment, "stsafe_wrong_answer", "The STSAFE-A's shared secret has the wrong length.");
    }
    return std::move(answer.secret.value);
}

class hybrid_key final : public kem_key {
public:
    hybrid_key(std::shared_ptr<device> chip, uint8_t slot, const hybrid& kind, crypto::kem_private_key ml_kem,
               crypto::kem_public_key pub)
        : chip_(std::move(chip)), slot_(slot), kind_(kind), ml_kem_(std::move(ml_kem)), pub_(std::move(pub)) {}

    crypto::kem_algorithm algorithm() const override { return kind_.algorithm; }
    const crypto::kem_public_key& public_key() const override { return pub_; }
    const capabilities& able() const override { return able_; }

    result<secret_bytes> decapsulate(bytes_view enc) const override {
        const auto sizes = crypto::sizes_of(kind_.algorithm);
        if (enc.size() != sizes.encapsulation) {
            return refuse("it has " + std::to_string(enc.size()) + " octets instead of " + std::to_string(sizes.encapsulation));
        }
        const bytes_view ephemeral = enc.subspan(sizes.ml_kem_encapsulation);
        // "A recipient MUST check that the point is on the curve and not infinity": here, not only in the chip, whose error would
        // look like a fault of ours.
        if (!kind_.ec.point_from(ephemeral)) {
            return refuse("its second part is not an uncompressed point of the curve");
        }
        BERTH_TRY(secret, ml_kem_.decapsulate(enc.first(sizes.ml_kem_encapsulation)));
        const auto x = agree_in(*chip_, slot_, ephemeral);
        if (!x) {
            return fail(keystore_failed(x.error()));
        }
        return crypto::combine_hybrid(kind_.algorithm, secret.reveal(), x->reveal(), ephemeral,
                                      pub_.raw().subspan(sizes.ml_kem_public_key));
    }

private:
    [[nodiscard]] tl::unexpected<error> refuse(const std::string& why) const {
        return fail(error{error_category::peer, "bad_encapsulation",
                          "The " + std::string(crypto::name_of(kind_.algorithm)) + " encapsulation is not valid: " + why + "."}
                        .with("algorithm", std::string(crypto::name_of(kind_.algorithm))));
    }

    std::shared_ptr<device> chip_;
    uint8_t slot_;
    hybrid kind_;
    crypto::kem_private_key ml_kem_;
    crypto::kem_public_key pub_;
    capabilities able_{.exportable = false, .hardware = true, .post_quantum = true, .concurrent = false, .backend = "stsafe"};
};

result<kem_key_ptr> assemble(std::shared_ptr<device> chip, uint8_t slot, const hybrid& kind, const secret_bytes& seed,
                             bytes_view public_point) {
    seed_source source(seed);
    auto ml_kem = crypto::kem_private_key::generate(kind.ml_kem, source);
    BERTH_TRY(pub, crypto::kem_public_key::from_raw(kind.algorithm, concat({ml_kem.public_key().raw(), public_point})));
    return std::make_shared<hybrid_key>(std::move(chip), slot, kind, std::move(ml_kem), std::move(pub));
}

// The chip and the operating system both: a weak generator in either is not enough for who guesses.
result<secret_bytes> draw_seed(device& chip, random_source& random) {
    BERTH_TRY(drawn, chip.run(generate_random{0, static_cast<uint8_t>(seed_size)}));
    secret_bytes out(seed_size);
    random.fill(out.writable());
    if (drawn.octets.value.size() != seed_size) {
        return fail(error_category::environment, "stsafe_wrong_answer", "The STSAFE-A gave another number of random octets.");
    }
    for (size_t i = 0; i < seed_size; ++i) {
        out.writable()[i] ^= drawn.octets.value.reveal()[i];
    }
    return out;
}

result<void> ensure_envelope_key(device& chip, uint8_t slot) {
    BERTH_TRY(table, chip.ask<envelope_keys_content>(attribute::envelope_keys));
    wire::reader r(table.entries.value);
    while (r.ok() && r.left() > 0) {
        envelope_key_entry entry;
        wire::get(r, entry);
        if (r.ok() && entry.slot == slot && entry.present != 0) {
            return {};
        }
    }
    BERTH_CHECK(chip.run(generate_envelope_key{.slot = slot, .size = envelope_key_size::aes256}));
    return {};
}

// That the slot's key is the one of this point: both sides of a Diffie-Hellman that only it can do.
result<void> prove_agreement(device& chip, uint8_t slot, const hybrid& kind, bytes_view public_point, random_source& random) {
    const auto theirs = kind.ec.point_from(public_point);
    if (!theirs) {
        return fail(error_category::environment, "key_mismatch",
                    "The record of the key in the STSAFE-A holds no point of its curve.");
    }
    const auto scalar = kind.ec.draw_scalar(random);
    bytes ours(kind.ec.point_size());
    kind.ec.write_point(kind.ec.base_times(scalar.get()).get(), ours);
    BERTH_TRY(x, agree_in(chip, slot, ours));
    if (!crypto::equal(x.reveal(), kind.ec.shared_x(theirs.get(), scalar.get()).reveal())) {
        return fail(error{error_category::environment, "key_mismatch",
                          "The key in slot " + std::to_string(slot) +
                              " of the STSAFE-A is not the one that its zone describes; it was made anew since."}
                        .with("slot", std::to_string(slot)));
    }
    return {};
}

}  // namespace

result<kem_key_ptr> make_kem_key(std::shared_ptr<device> chip, const key_place& place, crypto::kem_algorithm alg,
                                 random_source& random) {
    const auto kind = hybrid_of(alg);
    if (!kind) {
        return fail(error_category::usage, "wrong_key_kind",
                    "An STSAFE-A takes part in hybrids with P-256 and P-384, and not in " + std::string(crypto::name_of(alg)) +
                        ".");
    }
    BERTH_CHECK(ensure_envelope_key(*chip, place.envelope));
    BERTH_TRY(seed, draw_seed(*chip, random));
    BERTH_TRY(wrapped, chip->run(wrap_envelope{place.envelope, {seed}}));
    generate_key command;
    command.slot = place.slot;
    command.curve = curve_name(kind->curve_oid);
    BERTH_TRY(made, chip->run(command));
    const bytes octets = made.public_key.octets();
    BERTH_CHECK(write_record(*chip, place.zone,
                             {record_kind::hybrid, static_cast<uint16_t>(alg), place.envelope, lengthy(octets),
                              lengthy(std::move(wrapped.envelope.value))}));
    return assemble(std::move(chip), place.slot, *kind, seed, octets);
}

result<kem_key_ptr> open_kem_key(std::shared_ptr<device> chip, const key_place& place, random_source& random) {
    BERTH_TRY(record, read_record(*chip, place.zone));
    const auto alg = record ? crypto::kem_algorithm_from_id(record->algorithm) : std::nullopt;
    const auto kind = alg ? hybrid_of(*alg) : std::nullopt;
    if (!kind || record->kind != record_kind::hybrid) {
        return fail(error_category::usage, "key_not_found",
                    "Zone " + std::to_string(place.zone) +
                        " of the STSAFE-A holds no record of a KEM key; make one first, or name the right zone.");
    }
    BERTH_TRY(opened, chip->run(unwrap_envelope{record->envelope_slot, {record->envelope.value}}));
    if (opened.data.value.size() != seed_size) {
        return fail(error_category::environment, "stsafe_wrong_answer", "The envelope in the STSAFE-A's zone holds no seed.");
    }
    BERTH_CHECK(prove_agreement(*chip, place.slot, *kind, record->point.view(), random));
    return assemble(std::move(chip), place.slot, *kind, opened.data.value, record->point.view());
}

}  // namespace berth::keystore::stsafe
