#include "factory/tpm_unit.h"

#include "keystore/tpm2/attest.h"
#include "keystore/tpm2/keys.h"
#include "keystore/tpm2/nv.h"

namespace berth::factory {

namespace {

using namespace keystore::tpm2;
using attestation::ek_kind;

// Small and quick ones first: RSA takes a TPM seconds.
constexpr std::array preference{ek_kind::p256, ek_kind::p256_high, ek_kind::p384_high, ek_kind::rsa2048, ek_kind::rsa2048_high};

result<endorsement_certificate> choose(std::vector<endorsement_certificate> there, const std::optional<ek_kind>& wanted) {
    for (const ek_kind kind : preference) {
        for (endorsement_certificate& c : there) {
            if (c.kind == kind && (!wanted || *wanted == kind)) {
                return std::move(c);
            }
        }
    }
    return fail(error{error_category::environment, "ek_without_certificate",
                      "The TPM holds no certificate of its endorsement key" +
                          (wanted ? " of the kind " + std::string(attestation::profile_of(*wanted).name) : std::string()) +
                          ": its maker did not put one there, or it was cleared. Nobody can tell this TPM from a forged one."});
}

result<certification> certified(const object& key, const object& iak, bytes_view freshness) {
    BERTH_TRY(said, certify(key, iak, freshness));
    return certification{tpm_field(std::move(said.octets)), tpm_field(std::move(said.signature))};
}

}  // namespace

tpm_unit::tpm_unit(const device_ptr& in, unit_name name, const tpm_unit_settings& settings, parts made)
    : unit(std::move(name), "tpm2", std::move(made.identity), std::move(made.kem)),
      in_(in),
      settings_(settings),
      sealed_(std::move(made.sealed)),
      endorsement_(std::move(made.endorsement)) {}

result<std::unique_ptr<tpm_unit>> tpm_unit::make(const device_ptr& in, unit_name name, const tpm_unit_settings& settings,
                                                 random_source& random, std::optional<sealed_file> sealed) {
    BERTH_TRY(certificates, endorsement_certificates(in));
    BERTH_TRY(chosen, choose(std::move(certificates), settings.endorsement));
    // A TPM that is not the one of its certificate makes no unit; found here, before anything is made.
    BERTH_CHECK(certified_endorsement_key(in, chosen));
    BERTH_CHECK(establish(in, iak_template(), settings.at.iak));
    BERTH_CHECK(establish(in, idevid_template(), settings.at.idevid));
    if (!sealed) {
        BERTH_TRY(made, make_hybrid_key(in, settings.at.kem, settings.when, random));
        sealed = std::move(made);
    }
    BERTH_TRY(kem, hybrid_key_at(in, settings.at.kem, *sealed));
    BERTH_TRY(identity, signing_key_at(in, settings.at.idevid));
    return std::unique_ptr<tpm_unit>(new tpm_unit(
        in, std::move(name), settings, parts{std::move(identity), std::move(kem), std::move(*sealed), std::move(chosen)}));
}

result<std::vector<tpm_claim>> tpm_unit::claim() {
    tpm_claim out;
    out.endorsement_certificate = der_field(endorsement_.der);
    for (const pki::certificate& c : settings_.endorsement_issuers) {
        out.endorsement_issuers.items.emplace_back(c.der());
    }
    BERTH_TRY(iak, open_persistent(in_, settings_.at.iak));
    out.attestation_key = tpm_field(iak.area().encode());
    BERTH_TRY(identity, open_persistent(in_, settings_.at.idevid));
    out.identity_key = tpm_field(identity.area().encode());
    BERTH_TRY(half, open_persistent(in_, settings_.at.kem));
    out.kem_half = wire::opaque<0, 1024>(half.area().encode());
    return std::vector<tpm_claim>{std::move(out)};
}

result<tpm_answer> tpm_unit::answer_tpm(const tpm_challenge& challenge) {
    tpm_answer out;
    BERTH_TRY(iak, open_persistent(in_, settings_.at.iak));
    BERTH_TRY(identity, open_persistent(in_, settings_.at.idevid));
    BERTH_TRY(of_identity, certified(identity, iak, challenge.freshness));
    out.identity_key = std::move(of_identity);
    BERTH_TRY(half, open_persistent(in_, settings_.at.kem));
    BERTH_TRY(of_half, certified(half, iak, challenge.freshness));
    out.kem_half.items.push_back(std::move(of_half));
    // Last: nothing fails behind it that would leave the secret lying about.
    BERTH_TRY(ek, certified_endorsement_key(in_, endorsement_));
    BERTH_TRY(activated, activate_credential(iak, ek, endorsement_.kind,
                                             {challenge.credential_blob.value, challenge.encrypted_secret.value}));
    out.activated = wire::opaque<1, 64>(activated.reveal());
    return out;
}

result<bytes> tpm_unit::attestation_spki() const {
    BERTH_TRY(iak, open_persistent(in_, settings_.at.iak));
    return iak.area().spki();
}

result<std::optional<pki::certificate>> tpm_unit::stored_identity() {
    auto der = read_certificate(in_, settings_.at.idevid_certificate);
    if (!der && der.error().is("nv_not_found")) {
        return std::optional<pki::certificate>();
    }
    BERTH_TRY(octets, std::move(der));
    BERTH_TRY(parsed, pki::certificate::parse(octets));
    return std::optional(std::move(parsed));
}

result<void> tpm_unit::store_identity(const pki::certificate& leaf) {
    const auto there = read_certificate(in_, settings_.at.idevid_certificate);
    if (there && same_octets(*there, leaf.der())) {
        return {};
    }
    constexpr std::array writable{"nv_not_found", "nv_unwritten", "bad_certificate"};
    if (!there && std::ranges::none_of(writable, [&there](const char* name) { return there.error().is(name); })) {
        return fail(there.error());
    }
    return store_certificate(in_, settings_.at.idevid_certificate, leaf.der());
}

}  // namespace berth::factory
