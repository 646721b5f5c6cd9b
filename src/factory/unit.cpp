#include "factory/unit.h"

#include "crypto/hash.h"
#include "factory/identity_claim.h"
#include "onboarding/possession.h"
#include "pki/csr.h"

namespace berth::factory {

namespace {

tl::unexpected<error> wrong_grant(std::string why) {
    return fail(error_category::peer, "wrong_grant", "The certificates that came are not this unit's: " + std::move(why) + ".");
}

}  // namespace

unit::unit(unit_name name, std::string backend, keystore::signing_key_ptr identity, keystore::kem_key_ptr kem)
    : name_(std::move(name)), backend_(std::move(backend)), identity_(std::move(identity)), kem_(std::move(kem)) {}

result<tpm_answer> unit::answer_tpm(const tpm_challenge&) {
    return fail(error_category::peer, "wrong_challenge", "The challenge is for a TPM, and this unit's keys are in none.");
}

result<bytes> unit::request() {
    pki::csr_template asked;
    asked.subject.add("serialNumber", name_.serial);
    BERTH_TRY(csr, pki::build_csr(asked, identity_->as_signing_key()));
    unit_request out;
    out.serial = serial_field(as_bytes(name_.serial));
    out.model = wire::opaque<0, 64>(as_bytes(name_.model));
    out.backend = name_field(as_bytes(backend_));
    out.identity = der_field(std::move(csr));
    out.kem_key = der_field(kem_->public_key().spki());
    BERTH_TRY(tpm, claim());
    out.tpm.items = std::move(tpm);
    BERTH_TRY(octets, wire::encode(out));
    request_hash_ = to_array<32>(crypto::sha256(octets).view());
    return octets;
}

result<void> unit::resume(bytes_view octets) {
    BERTH_TRY(request, wire::decode<unit_request>(octets));
    BERTH_TRY(csr, pki::verified_csr::parse(request.identity.view()));
    if (request.serial.text() != name_.serial || !same_octets(request.kem_key.view(), kem_->public_key().spki()) ||
        !same_octets(csr.key().spki(), identity_->public_key().spki())) {
        return fail(error_category::usage, "wrong_request", "The request was made by another unit, or with other keys.");
    }
    request_hash_ = to_array<32>(crypto::sha256(octets).view());
    return {};
}

result<bytes> unit::answer(bytes_view octets) {
    BERTH_TRY(challenge, wire::decode<unit_challenge>(octets));
    if (challenge.version != factory_version) {
        return fail(error_category::incompatible, "unsupported_version",
                    "The challenge is of a version that is not spoken here.");
    }
    if (challenge.request_hash != request_hash_) {
        return fail(error_category::peer, "wrong_challenge", "The challenge is not for this unit's request.");
    }
    unit_answer out;
    const answer_wiper wiper(out);
    out.serial = challenge.serial;
    out.request_hash = request_hash_;
    auto held = onboarding::answer_challenge(challenge.kem, *kem_, request_hash_);
    if (!held) {
        return fail(std::move(held).error());
    }
    out.kem_secret = held->secret;
    wipe(held->secret);
    for (const tpm_challenge& one : challenge.tpm) {
        BERTH_TRY(answered, answer_tpm(one));
        out.tpm.items.push_back(std::move(answered));
    }
    return wire::encode(out);
}

result<unit_certificates> unit::accept(bytes_view octets) const {
    BERTH_TRY(grant, wire::decode<unit_grant>(octets));
    if (grant.version != factory_version || grant.request_hash != request_hash_) {
        return wrong_grant("they answer another request");
    }
    unit_certificates out;
    BERTH_TRY(identity, parse_chain(grant.identity.items));
    BERTH_TRY(kem, parse_chain(grant.kem.items));
    if (!same_octets(identity.front().spki(), identity_->public_key().spki()) ||
        !same_octets(kem.front().spki(), kem_->public_key().spki())) {
        return wrong_grant("they are for other keys");
    }
    if (identity.front().device_serial().value_or("") != name_.serial ||
        kem.front().device_serial().value_or("") != name_.serial) {
        return wrong_grant("they name another serial");
    }
    BERTH_TRY(attests, attestation_spki());
    BERTH_TRY(attestation, parse_chain(grant.attestation.items));
    if (attestation.empty() != attests.empty()) {
        return wrong_grant(attests.empty() ? "they vouch for an attestation key, and there is none"
                                           : "they do not vouch for the TPM's attestation key");
    }
    if (!attestation.empty()) {
        if (!same_octets(attestation.front().spki(), attests)) {
            return wrong_grant("they are for another attestation key");
        }
        if (attestation.front().device_serial().value_or("") != name_.serial) {
            return wrong_grant("they name another serial");
        }
    }
    out.attestation = std::move(attestation);
    out.identity = std::move(identity);
    out.kem = std::move(kem);
    return out;
}

}  // namespace berth::factory
