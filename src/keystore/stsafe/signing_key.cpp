#include "crypto/external_key.h"
#include "crypto/hash.h"
#include "keystore/stsafe/commands/keys.h"
#include "keystore/stsafe/key_record.h"
#include "keystore/stsafe/keys.h"

namespace berth::keystore::stsafe {

namespace {

crypto::hash_algorithm hash_of(crypto::signature_algorithm alg) {
    return alg == crypto::signature_algorithm::ecdsa_p384_sha384 ? crypto::hash_algorithm::sha384
                                                                 : crypto::hash_algorithm::sha256;
}

// DER.
result<bytes> sign_digest_in(device& chip, uint8_t slot, crypto::signature_algorithm alg, bytes_view digest) {
    BERTH_TRY(answer, chip.run(generate_signature{slot, lengthy(digest)}));
    return crypto::ecdsa_raw_to_der(alg, concat({answer.made.r.view(), answer.made.s.view()}));
}

result<bytes> sign_in(device& chip, uint8_t slot, crypto::signature_algorithm alg, bytes_view message) {
    return sign_digest_in(chip, slot, alg, crypto::hash(hash_of(alg), message).view());
}

// How libcrypto reaches the chip.
class slot_signer final : public crypto::external_signer {
public:
    slot_signer(std::shared_ptr<device> chip, uint8_t slot, crypto::signature_algorithm alg)
        : chip_(std::move(chip)), slot_(slot), alg_(alg) {}
    result<bytes> sign_digest(bytes_view hashed) const override { return sign_digest_in(*chip_, slot_, alg_, hashed); }

private:
    std::shared_ptr<device> chip_;
    uint8_t slot_;
    crypto::signature_algorithm alg_;
};

class signer final : public signing_key {
public:
    signer(std::shared_ptr<device> chip, uint8_t slot, crypto::signing_key outer)
        : chip_(std::move(chip)), slot_(slot), outer_(std::move(outer)) {}
    crypto::signature_algorithm algorithm() const override { return outer_.algorithm(); }
    const crypto::verification_key& public_key() const override { return outer_.public_key(); }
    result<bytes> sign(bytes_view message) const override {
        auto signature = sign_in(*chip_, slot_, algorithm(), message);
        if (!signature) {
            return fail(keystore_failed(signature.error()));
        }
        return signature;
    }
    const crypto::signing_key& as_signing_key() const override { return outer_; }
    const capabilities& able() const override { return able_; }

private:
    std::shared_ptr<device> chip_;
    uint8_t slot_;
    crypto::signing_key outer_;
    capabilities able_{.exportable = false, .hardware = true, .post_quantum = false, .concurrent = false, .backend = "stsafe"};
};

result<signing_key_ptr> handle_of(std::shared_ptr<device> chip, uint8_t slot, const crypto::verification_key& key) {
    BERTH_TRY(outer, crypto::external_signing_key(key, std::make_shared<slot_signer>(chip, slot, key.algorithm())));
    return std::make_shared<signer>(std::move(chip), slot, std::move(outer));
}

// The public half that lies in the zone: in a record, or in a certificate.
result<crypto::verification_key> public_half(device& chip, uint8_t zone) {
    BERTH_TRY(record, read_record(chip, zone));
    if (record && record->kind == record_kind::signing) {
        const auto alg = crypto::signature_algorithm_from_scheme(record->algorithm);
        if (alg) {
            return crypto::verification_key::from_raw(*alg, record->point.view());
        }
    }
    auto certificate = read_certificate(chip, zone);
    if (!certificate) {
        if (!certificate.error().is("stsafe_no_certificate")) {
            return fail(std::move(certificate).error());
        }
        return fail(error_category::usage, "key_not_found",
                    "Zone " + std::to_string(zone) +
                        " of the STSAFE-A holds neither a certificate nor the record of a signing key; make one first, or name "
                        "the right zone.");
    }
    return crypto::verification_key::from_spki(certificate->spki());
}

}  // namespace

error keystore_failed(const error& cause) {
    error out{error_category::environment, "keystore_failed", cause.message, cause.params};
    return std::move(out).with("cause", cause.name);
}

result<void> prove_possession(device& chip, uint8_t slot, const crypto::verification_key& key, random_source& random) {
    const auto challenge = random.octets<32>();
    BERTH_TRY(signature, sign_in(chip, slot, key.algorithm(), challenge));
    if (!key.verify(challenge, signature)) {
        return fail(error{error_category::environment, "key_mismatch",
                          "The key in slot " + std::to_string(slot) +
                              " of the STSAFE-A is not the one whose public half is given; is it the right chip, and slot?"}
                        .with("slot", std::to_string(slot)));
    }
    return {};
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
    return handle_of(std::move(chip), place.slot, key);
}

result<signing_key_ptr> open_signing_key(std::shared_ptr<device> chip, const key_place& place, random_source& random) {
    BERTH_TRY(key, public_half(*chip, place.zone));
    if (key.algorithm() != crypto::signature_algorithm::ecdsa_p256_sha256 &&
        key.algorithm() != crypto::signature_algorithm::ecdsa_p384_sha384) {
        return fail(error_category::usage, "key_mismatch",
                    "The certificate in zone " + std::to_string(place.zone) + " is of a key that no STSAFE-A can hold.");
    }
    BERTH_CHECK(prove_possession(*chip, place.slot, key, random));
    return handle_of(std::move(chip), place.slot, key);
}

}  // namespace berth::keystore::stsafe
