#include "factory/residency.h"

#include "base/wipe.h"
#include "crypto/constant_time.h"
#include "crypto/hash.h"
#include "onboarding/possession.h"

namespace berth::factory {

namespace {

using attestation::public_area;

constexpr std::array<std::string_view, 4> backends{"software", "tpm2", "stsafe", "pkcs11"};

tl::unexpected<error> refused(std::string name, std::string message) {
    return fail(error_category::peer, std::move(name), std::move(message));
}

// The kinds of keys that a KEM challenge is for have one name each; here there is one key only.
onboarding::name_field kem_name() {
    return onboarding::name_field(as_bytes("idevid-kem"));
}

result<void> check_text(const unit_request& request) {
    if (request.version != factory_version) {
        return fail(
            error_category::incompatible, "unsupported_version",
            fmt::format("The request is of version {}; this program speaks version {}.", request.version, factory_version));
    }
    if (std::ranges::find(backends, request.backend.text()) == backends.end()) {
        return refused("unknown_backend", "The request's keys are in no back end that is known: software, tpm2, stsafe, pkcs11.");
    }
    const bool tpm = request.backend.text() == "tpm2";
    if (tpm && request.tpm.size() != 1) {
        return refused("tpm_claim_missing", "The request says that its keys are in a TPM, and does not say in which.");
    }
    if (!tpm && !request.tpm.empty()) {
        return refused("tpm_claim_unexpected", "The request speaks of a TPM, and its back end is another.");
    }
    return {};
}

result<std::vector<pki::certificate>> endorsement_chain(const tpm_claim& claim) {
    std::vector<pki::certificate> out;
    BERTH_TRY(leaf, pki::certificate::parse(claim.endorsement_certificate.view()));
    out.push_back(std::move(leaf));
    for (const der_field& der : claim.endorsement_issuers) {
        BERTH_TRY(issuer, pki::certificate::parse(der.view()));
        out.push_back(std::move(issuer));
    }
    return out;
}

// A half that the request names must be the one that is in the KEM key: its point comes last (composite ML-KEM).
result<void> check_half(const crypto::kem_public_key& kem, const public_area& half) {
    const auto sizes = crypto::sizes_of(kem.algorithm());
    const bytes point = concat({std::array<uint8_t, 1>{4}, half.x, half.y});
    if (sizes.point != point.size() || !same_octets(kem.raw().last(sizes.point), point)) {
        return refused("key_mismatch", "The KEM key of the request is not the one whose P-256 half the TPM is said to hold.");
    }
    return {};
}

attestation::signed_attest statement(const certification& c) {
    return {c.attest.value, c.signature.value};
}

struct saved_check {
    wire::opaque<1, 262144> request;
    wire::opaque<1, 65535> challenge;
    wire::opaque<32, 32> kem_secret;
    wire::opaque<0, 64> credential;
    BERTH_FIELDS(request, challenge, kem_secret, credential)
};

}  // namespace

result<residency_check> residency_check::judge(bytes_view octets, const residency_policy& policy) {
    residency_check out;
    BERTH_TRY(request, wire::decode<unit_request>(octets));
    BERTH_CHECK(check_text(request));
    BERTH_TRY(csr, pki::verified_csr::parse(request.identity.view()));
    // Else one unit's key would be certified for another's serial, by a PKCS#10 that somebody has seen.
    if (csr.attribute("serialNumber") != request.serial.text()) {
        return refused("bad_serial", "The request names another serial than the PKCS#10 in it.");
    }
    auto kem = crypto::kem_public_key::from_spki(request.kem_key.view());
    if (!kem) {
        return refused("kem_key_invalid", "The request's KEM key is not one of ours: " + kem.error().message);
    }
    out.octets_ = to_bytes(octets);
    out.request_hash_ = to_array<32>(crypto::sha256(octets).view());
    out.identity_spki_ = to_bytes(csr.key().spki());
    out.request_ = std::move(request);
    if (!out.request_.tpm.empty()) {
        BERTH_CHECK(out.judge_tpm(policy));
        if (out.kem_half_) {
            BERTH_CHECK(check_half(*kem, *out.kem_half_));
        }
    }
    return out;
}

result<void> residency_check::judge_tpm(const residency_policy& policy) {
    const tpm_claim& claim = request_.tpm.items.front();
    if (!policy.tpm_makers) {
        return fail(error_category::usage, "tpm_maker_unknown",
                    "No root of a TPM's maker is configured here, so no TPM is believed: name the maker's roots.");
    }
    BERTH_TRY(chain, endorsement_chain(claim));
    pki::verify_options options;
    options.time = pki::validity_instants::at(policy.now);
    options.leaf = pki::leaf_rule::endorsement;
    options.allow_rsa = true;
    auto verified = pki::verify_chain(*policy.tpm_makers, chain, options);
    if (!verified) {
        return fail(std::move(verified).error().during("whether a maker who is believed vouches for the TPM"));
    }
    endorsement_ = verified->leaf();

    BERTH_TRY(iak_area, public_area::parse(claim.attestation_key.view()));
    BERTH_TRY(iak, attestation::attestation_key::accept(iak_area));
    BERTH_TRY(identity, public_area::parse(claim.identity_key.view()));
    BERTH_TRY(spki, identity.spki());
    if (!same_octets(spki, identity_spki_)) {
        return refused("key_mismatch", "The identity key that the TPM is said to hold is not the one that signed the request.");
    }
    if (!claim.kem_half.empty()) {
        BERTH_TRY(half, public_area::parse(claim.kem_half.view()));
        kem_half_ = std::move(half);
    }
    iak_ = std::move(iak);
    identity_ = std::move(identity);
    return {};
}

result<residency_check> residency_check::begin(bytes_view request, const residency_policy& policy, random_source& random) {
    BERTH_TRY(out, judge(request, policy));
    BERTH_TRY(kem, crypto::kem_public_key::from_spki(out.request_.kem_key.view()));
    auto sealed = onboarding::challenge_kem_key(kem_name(), kem, out.request_hash_, random);
    out.kem_secret_ = std::move(sealed.secret);
    out.challenge_.serial = out.request_.serial;
    out.challenge_.request_hash = out.request_hash_;
    out.challenge_.kem = std::move(sealed.item);
    if (out.endorsement_) {
        BERTH_TRY(credential, attestation::credential_challenge::make(out.endorsement_->spki(), out.iak_->area(), random));
        tpm_challenge sent;
        sent.credential_blob = tpm_field(credential.sent().blob);
        sent.encrypted_secret = tpm_field(credential.sent().encrypted_secret);
        random.fill(sent.freshness);
        out.challenge_.tpm.items.push_back(std::move(sent));
        out.credential_ = std::move(credential);
    }
    return out;
}

result<resident_unit> residency_check::finish(bytes_view octets) {
    auto decoded = wire::decode<unit_answer>(octets);
    if (!decoded) {
        return fail(std::move(decoded).error());
    }
    const unit_answer& answer = *decoded;
    const answer_wiper wiper(*decoded);
    if (answer.version != factory_version || answer.request_hash != request_hash_ || answer.tpm.size() != request_.tpm.size()) {
        return refused("wrong_answer", "The answer is for another request than the one that was challenged.");
    }
    // Once, whatever comes of it.
    const secret_bytes awaited = std::exchange(kem_secret_, secret_bytes());
    if (awaited.empty() || !crypto::equal(awaited.reveal(), answer.kem_secret)) {
        return refused("possession_unconfirmed", "The unit did not show that it holds the KEM key of its request.");
    }
    if (!answer.tpm.empty()) {
        BERTH_CHECK(finish_tpm(answer.tpm.items.front()));
    }
    resident_unit out;
    out.request_ = request_;
    out.request_hash_ = request_hash_;
    out.identity_spki_ = identity_spki_;
    if (iak_) {
        out.attestation_spki_ = to_bytes(iak_->key().spki());
    }
    out.endorsement_ = endorsement_;
    return out;
}

// 6.2.2, step 7: the IAK is in the TPM of the endorsement certificate, and says of the other keys that they are too.
result<void> residency_check::finish_tpm(const tpm_answer& answer) {
    BERTH_CHECK(credential_->accept(answer.activated.view()));
    const bytes_view freshness = challenge_.tpm.items.front().freshness;
    BERTH_CHECK(attestation::verify_certify(statement(answer.identity_key), *iak_, freshness, *identity_));
    if (answer.kem_half.size() != (kem_half_ ? 1U : 0U)) {
        return refused("wrong_answer", "The answer does not certify the keys that the request names.");
    }
    if (kem_half_) {
        BERTH_CHECK(attestation::verify_certify(statement(answer.kem_half.items.front()), *iak_, freshness, *kem_half_));
    }
    return {};
}

secret_bytes residency_check::save() const {
    saved_check out;
    out.request = wire::opaque<1, 262144>(octets_);
    out.challenge = wire::opaque<1, 65535>(*wire::encode(challenge_));
    out.kem_secret = wire::opaque<32, 32>(kem_secret_.reveal());
    if (credential_) {
        out.credential = wire::opaque<0, 64>(credential_->awaited().reveal());
    }
    bytes octets = *wire::encode(out);
    secret_bytes secret{bytes_view(octets)};
    wipe(octets);
    wipe(out.kem_secret.value);
    wipe(out.credential.value);
    return secret;
}

result<residency_check> residency_check::restore(const secret_bytes& saved, const residency_policy& policy) {
    BERTH_TRY(kept, wire::decode<saved_check>(saved.reveal()));
    secret_bytes kem_secret(kept.kem_secret.view());
    secret_bytes awaited(kept.credential.view());
    wipe(kept.kem_secret.value);
    wipe(kept.credential.value);
    BERTH_TRY(out, judge(kept.request.view(), policy));
    BERTH_TRY(challenge, wire::decode<unit_challenge>(kept.challenge.view()));
    if (challenge.request_hash != out.request_hash_ || challenge.tpm.size() != out.request_.tpm.size()) {
        return fail(error_category::environment, "malformed", "What was kept of a challenge does not fit its request.");
    }
    out.challenge_ = std::move(challenge);
    out.kem_secret_ = std::move(kem_secret);
    if (out.endorsement_) {
        BERTH_TRY(credential,
                  attestation::credential_challenge::resume(out.endorsement_->spki(), out.iak_->area(), std::move(awaited)));
        out.credential_ = std::move(credential);
    }
    return out;
}

}  // namespace berth::factory
