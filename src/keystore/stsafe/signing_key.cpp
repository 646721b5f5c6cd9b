#include "keystore/held_keys.h"
#include "keystore/stsafe/commands/keys.h"
#include "keystore/stsafe/key_record.h"
#include "keystore/stsafe/keys.h"

namespace berth::keystore::stsafe {

namespace {

class slot_signer final : public crypto::external_signer {
public:
    slot_signer(std::shared_ptr<device> chip, uint8_t slot, crypto::signature_algorithm alg)
        : chip_(std::move(chip)), slot_(slot), alg_(alg) {}
    result<bytes> sign_digest(bytes_view hashed) const override { return sign_in_slot(*chip_, slot_, alg_, hashed); }

private:
    std::shared_ptr<device> chip_;
    uint8_t slot_;
    crypto::signature_algorithm alg_;
};

}  // namespace

result<bytes> sign_in_slot(device& chip, uint8_t slot, crypto::signature_algorithm alg, bytes_view hashed) {
    BERTH_TRY(answer, chip.run(generate_signature{slot, lengthy(hashed)}));
    return crypto::ecdsa_raw_to_der(alg, concat({answer.made.r.view(), answer.made.s.view()}));
}

result<crypto::verification_key> public_half(device& chip, uint8_t zone, protection how) {
    BERTH_TRY(record, read_record(chip, zone, how));
    if (record && record->kind != record_kind::hybrid && record->kind != record_kind::agreement) {
        const auto alg = crypto::signature_algorithm_from_scheme(record->algorithm);
        if (alg) {
            return crypto::verification_key::from_raw(*alg, record->point.view());
        }
    }
    auto certificate = read_certificate(chip, zone, how);
    if (!certificate) {
        if (!certificate.error().is("stsafe_no_certificate")) {
            return fail(std::move(certificate).error());
        }
        return fail(error_category::environment, "key_not_found",
                    "Zone " + std::to_string(zone) +
                        " of the STSAFE-A holds neither a certificate nor the record of a signing key; make one first, or name "
                        "the right zone.");
    }
    return crypto::verification_key::from_spki(certificate->spki());
}

result<signing_key_ptr> make_signing_key(std::shared_ptr<device> chip, const key_place& place, crypto::signature_algorithm alg) {
    const bool p256 = alg == crypto::signature_algorithm::ecdsa_p256_sha256;
    if (!p256 && alg != crypto::signature_algorithm::ecdsa_p384_sha384) {
        return fail(error_category::usage, "wrong_key_kind",
                    "An STSAFE-A has keys for ECDSA on P-256 and P-384, and not for " + std::string(crypto::name_of(alg)) + ".");
    }
    generate_key command;
    command.slot = place.slot;
    command.curve = p256 ? curve_name(bytes_view(oid_p256)) : curve_name(bytes_view(oid_p384));
    BERTH_TRY(made, chip->run(command));
    const bytes octets = made.public_key.octets();
    BERTH_TRY(key, crypto::verification_key::from_raw(alg, octets));
    BERTH_CHECK(write_record(*chip, place.zone, {record_kind::signing, static_cast<uint16_t>(alg), 0, lengthy(octets), {}}));
    return held_signing_key(key, std::make_shared<slot_signer>(std::move(chip), place.slot, alg), "stsafe");
}

result<signing_key_ptr> open_signing_key(std::shared_ptr<device> chip, const key_place& place, random_source& random) {
    BERTH_TRY(key, public_half(*chip, place.zone));
    if (key.algorithm() != crypto::signature_algorithm::ecdsa_p256_sha256 &&
        key.algorithm() != crypto::signature_algorithm::ecdsa_p384_sha384) {
        return fail(error_category::usage, "key_mismatch",
                    "The certificate in zone " + std::to_string(place.zone) + " is of a key that no STSAFE-A can hold.");
    }
    auto holder = std::make_shared<slot_signer>(chip, place.slot, key.algorithm());
    if (auto proved = prove_signature(key, *holder, random); !proved) {
        return fail(not_a_slots_key(*chip, place.zone, in_slot(std::move(proved).error(), place.slot)));
    }
    return held_signing_key(key, std::move(holder), "stsafe");
}

}  // namespace berth::keystore::stsafe
