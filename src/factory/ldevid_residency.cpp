#include "factory/ldevid_residency.h"

#include "base/wipe.h"

namespace berth::factory {

namespace {

using attestation::public_area;

constexpr std::string_view oid_assigner_ek_certificate = "2.23.133.12.1";

struct saved_residency {
    wire::opaque<1, 16384> challenge;
    wire::opaque<1, 64> credential;
    BERTH_FIELDS(challenge, credential)
};

tl::unexpected<error> refused(std::string name, std::string message) {
    return fail(error_category::peer, std::move(name), std::move(message));
}

}  // namespace

result<ldevid_residency> ldevid_residency::judge(const ldevid_candidate& device, bytes& endorsement_spki) {
    if (!device.tpm()) {
        return refused("tpm_claim_missing", "The request speaks of no TPM that could show where the LDevID's key is.");
    }
    const ldevid_tpm_claim& claim = *device.tpm();
    BERTH_TRY(endorsement, pki::certificate::parse(claim.endorsement_certificate.view()));
    const auto& named = device.identity().leaf().permanent_id();
    if (!named || named->assigner_oid != oid_assigner_ek_certificate || named->value != to_hex(endorsement.sha256())) {
        return refused("ek_mismatch",
                       "The endorsement certificate of the request is not that of the TPM which the device's IDevID "
                       "certificate names.");
    }
    endorsement_spki = to_bytes(endorsement.spki());
    BERTH_TRY(iak_area, public_area::parse(claim.attestation_key.view()));
    BERTH_TRY(iak, attestation::attestation_key::accept(iak_area));
    BERTH_TRY(key, public_area::parse(claim.ldevid_key.view()));
    BERTH_TRY(spki, key.spki());
    if (!same_octets(spki, device.spki())) {
        return refused("key_mismatch", "The LDevID key that the TPM is said to hold is not the one of the PKCS#10.");
    }
    ldevid_residency out(std::move(iak), std::move(key));
    out.challenge_.serial = serial_field(as_bytes(device.serial()));
    out.challenge_.request_hash = device.request_hash();
    return out;
}

result<ldevid_residency> ldevid_residency::begin(const ldevid_candidate& device, random_source& random) {
    bytes endorsement;
    BERTH_TRY(out, judge(device, endorsement));
    BERTH_TRY(credential, attestation::credential_challenge::make(endorsement, out.iak_.area(), random));
    tpm_challenge& sent = out.challenge_.tpm;
    sent.credential_blob = tpm_field(credential.sent().blob);
    sent.encrypted_secret = tpm_field(credential.sent().encrypted_secret);
    random.fill(sent.freshness);
    out.credential_ = std::move(credential);
    return out;
}

result<ldevid_in_tpm> ldevid_residency::finish(bytes_view octets) {
    BERTH_TRY(answer, wire::decode<ldevid_answer>(octets));
    if (answer.version != factory_version || answer.request_hash != challenge_.request_hash || !credential_) {
        return refused("wrong_answer", "The answer is for another request than the one that was challenged.");
    }
    // Once, whatever comes of it.
    auto credential = std::exchange(credential_, std::nullopt);
    BERTH_CHECK(credential->accept(answer.activated.view()));
    BERTH_CHECK(attestation::verify_certify({answer.ldevid_key.attest.value, answer.ldevid_key.signature.value}, iak_,
                                            challenge_.tpm.freshness, key_));
    ldevid_in_tpm out;
    out.request_hash_ = challenge_.request_hash;
    return out;
}

secret_bytes ldevid_residency::save() const {
    saved_residency out;
    out.challenge = wire::opaque<1, 16384>(*wire::encode(challenge_));
    out.credential = wire::opaque<1, 64>(credential_->awaited().reveal());
    bytes octets = *wire::encode(out);
    secret_bytes secret{bytes_view(octets)};
    wipe(octets);
    wipe(out.credential.value);
    return secret;
}

result<ldevid_residency> ldevid_residency::restore(const ldevid_candidate& device, const secret_bytes& saved) {
    BERTH_TRY(kept, wire::decode<saved_residency>(saved.reveal()));
    BERTH_TRY(challenge, wire::decode<ldevid_challenge>(kept.challenge.view()));
    bytes endorsement;
    BERTH_TRY(out, judge(device, endorsement));
    if (challenge.request_hash != out.challenge_.request_hash) {
        return fail(error_category::environment, "malformed", "What was kept of a challenge does not fit its request.");
    }
    out.challenge_ = std::move(challenge);
    BERTH_TRY(credential,
              attestation::credential_challenge::resume(endorsement, out.iak_.area(), secret_bytes(kept.credential.view())));
    out.credential_ = std::move(credential);
    return out;
}

}  // namespace berth::factory
