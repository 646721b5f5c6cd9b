// Hybrid KEM keys: ECDH in the chip, ML-KEM here from a seed that only the chip can give back.
#include "keystore/held_keys.h"
#include "keystore/stsafe/commands/basic.h"
#include "keystore/stsafe/commands/keys.h"
#include "keystore/stsafe/key_record.h"
#include "keystore/stsafe/keys.h"
#include "keystore/stsafe/sealing.h"

namespace berth::keystore::stsafe {

namespace {

bytes_view curve_of(crypto::kem_algorithm alg) {
    return alg == crypto::kem_algorithm::mlkem768_p256 ? bytes_view(oid_p256) : bytes_view(oid_p384);
}

class slot_agreement final : public external_agreement {
public:
    slot_agreement(std::shared_ptr<device> chip, uint8_t slot) : chip_(std::move(chip)), slot_(slot) {}
    result<secret_bytes> agree(bytes_view peer) const override {
        BERTH_TRY(answer, chip_->run(establish_key{slot_, point::from(peer)}));
        if (answer.secret.value.size() != peer.size() / 2) {
            return fail(error_category::environment, "stsafe_wrong_answer", "The STSAFE-A's shared secret has the wrong length.");
        }
        return std::move(answer.secret.value);
    }

private:
    std::shared_ptr<device> chip_;
    uint8_t slot_;
};

// The chip and the operating system both: a weak generator in either is not enough for who guesses.
result<secret_bytes> draw_seed(device& chip, random_source& random) {
    BERTH_TRY(drawn, chip.run(generate_random{0, static_cast<uint8_t>(hybrid_seed_size)}));
    secret_bytes out(hybrid_seed_size);
    random.fill(out.writable());
    if (drawn.octets.value.size() != hybrid_seed_size) {
        return fail(error_category::environment, "stsafe_wrong_answer", "The STSAFE-A gave another number of random octets.");
    }
    for (size_t i = 0; i < hybrid_seed_size; ++i) {
        out.writable()[i] ^= drawn.octets.value.reveal()[i];
    }
    return out;
}

}  // namespace

result<kem_key_ptr> make_kem_key(std::shared_ptr<device> chip, const key_place& place, crypto::kem_algorithm alg,
                                 random_source& random) {
    if (!is_hybrid(alg)) {
        return fail(error_category::usage, "wrong_key_kind",
                    "An STSAFE-A takes part in hybrids with P-256 and P-384, and not in " + std::string(crypto::name_of(alg)) +
                        ".");
    }
    BERTH_CHECK(ensure_envelope_key(*chip, place.envelope));
    BERTH_TRY(seed, draw_seed(*chip, random));
    BERTH_TRY(wrapped, chip->run(wrap_envelope{place.envelope, {seed}}));
    generate_key command;
    command.slot = place.slot;
    command.curve = curve_name(curve_of(alg));
    BERTH_TRY(made, chip->run(command));
    const bytes octets = made.public_key.octets();
    BERTH_CHECK(write_record(*chip, place.zone,
                             {record_kind::hybrid, static_cast<uint16_t>(alg), place.envelope, lengthy(octets),
                              lengthy(std::move(wrapped.envelope.value))}));
    return held_hybrid_key(alg, seed, octets, std::make_shared<slot_agreement>(std::move(chip), place.slot), "stsafe");
}

result<kem_key_ptr> open_kem_key(std::shared_ptr<device> chip, const key_place& place, random_source& random) {
    BERTH_TRY(record, read_record(*chip, place.zone));
    const auto alg = record ? crypto::kem_algorithm_from_id(record->algorithm) : std::nullopt;
    if (!alg || !is_hybrid(*alg) || record->kind != record_kind::hybrid) {
        return fail(
            not_a_slots_key(*chip, place.zone,
                            error{error_category::environment, "key_not_found",
                                  "Zone " + std::to_string(place.zone) +
                                      " of the STSAFE-A holds no record of a KEM key; make one first, or name the right zone."}));
    }
    BERTH_TRY(opened, chip->run(unwrap_envelope{record->envelope_slot, {record->envelope.value}}));
    auto holder = std::make_shared<slot_agreement>(std::move(chip), place.slot);
    if (auto proved = prove_agreement(*alg, *holder, record->point.view(), random); !proved) {
        return fail(in_slot(std::move(proved).error(), place.slot));
    }
    return held_hybrid_key(*alg, opened.data.value, record->point.view(), std::move(holder), "stsafe");
}

namespace {

// RFC 8446 4.2.7.
constexpr uint16_t secp256r1 = 23, secp384r1 = 24;

std::optional<crypto::agreement_group> group_in(const std::optional<key_record>& record) {
    if (!record || record->kind != record_kind::agreement) {
        return std::nullopt;
    }
    return record->algorithm == secp256r1   ? std::optional(crypto::agreement_group::p256)
           : record->algorithm == secp384r1 ? std::optional(crypto::agreement_group::p384)
                                            : std::nullopt;
}

}  // namespace

result<agreement_key_ptr> make_agreement_key(std::shared_ptr<device> chip, const key_place& place,
                                             crypto::agreement_group group) {
    BERTH_TRY(as, hybrid_of_group(group));
    generate_key command;
    command.slot = place.slot;
    command.curve = curve_name(curve_of(as));
    BERTH_TRY(made, chip->run(command));
    const bytes octets = made.public_key.octets();
    const uint16_t named = group == crypto::agreement_group::p256 ? secp256r1 : secp384r1;
    BERTH_CHECK(write_record(*chip, place.zone, {record_kind::agreement, named, 0, lengthy(octets), {}}));
    return held_agreement_key(group, octets, std::make_shared<slot_agreement>(std::move(chip), place.slot), "stsafe");
}

result<agreement_key_ptr> open_agreement_key(std::shared_ptr<device> chip, const key_place& place, random_source& random) {
    BERTH_TRY(record, read_record(*chip, place.zone));
    const auto group = group_in(record);
    if (!group) {
        return fail(not_a_slots_key(
            *chip, place.zone,
            error{error_category::environment, "key_not_found",
                  "Zone " + std::to_string(place.zone) +
                      " of the STSAFE-A holds no record of a key for agreements; make one first, or name the right zone."}));
    }
    BERTH_TRY(as, hybrid_of_group(*group));
    auto holder = std::make_shared<slot_agreement>(std::move(chip), place.slot);
    if (auto proved = prove_agreement(as, *holder, record->point.view(), random); !proved) {
        return fail(in_slot(std::move(proved).error(), place.slot));
    }
    return held_agreement_key(*group, record->point.view(), std::move(holder), "stsafe");
}

error not_a_slots_key(device& chip, uint8_t zone, error why) {
    const auto record = read_record(chip, zone);
    if (!record || !*record || (*record)->kind != record_kind::trusted) {
        return why;
    }
    return error{
        error_category::usage, "zone_in_use",
        "Zone " + std::to_string(zone) +
            " of the STSAFE-A is in use: it holds the key that firmware is verified with, which is no slot's. Name another "
            "slot, or another zone beside it (zone=)."}
        .with("zone", std::to_string(zone));
}

error in_slot(error e, uint8_t slot) {
    const std::string number = std::to_string(slot);
    return std::move(e).during("slot " + number + " of the STSAFE-A").with("slot", number);
}

}  // namespace berth::keystore::stsafe
