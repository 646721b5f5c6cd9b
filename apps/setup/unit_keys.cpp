#include "setup/unit_keys.h"

#include "common/files.h"
#include "factory/issue.h"
#include "keystore/operations.h"
#include "keystore/software.h"
#include "keystore/tpm2/attest.h"
#include "keystore/tpm2/nv.h"
#include "pki/private_key_file.h"

namespace berth::app {

namespace fs = std::filesystem;

namespace {

// The OID arc for examples (RFC 7042 documentation use does not cover OIDs; 2.25 needs no registration): a hardware type
// of a maker that has not set its own.
constexpr const char* hardware_type = "2.25.205546254112486";

// Where an STSAFE keeps a device's two keys.
constexpr int stsafe_identity_slot = 1;
constexpr int stsafe_kem_slot = 2;

using unit_ptr = std::unique_ptr<factory::unit>;

result<unit_ptr> in_files(const fs::path& into, const factory::unit_name& name, const unit_algorithms& algorithms,
                          const std::optional<secret_bytes>& passphrase, random_source& random) {
    auto identity = crypto::signing_key::generate(algorithms.signature, random);
    auto kem = crypto::kem_private_key::generate(algorithms.kem, random);
    BERTH_CHECK(pki::save_private_key((into / "p3-sig.pem").string(), identity, passphrase));
    BERTH_CHECK(pki::save_private_key((into / "p3.pem").string(), kem, passphrase));
    return std::make_unique<factory::unit>(name, "software", keystore::software_signing_key(std::move(identity)),
                                           keystore::software_kem_key(std::move(kem)));
}

result<void> require_p256(const unit_algorithms& algorithms, const std::string& backend) {
    if (algorithms.kem != crypto::kem_algorithm::mlkem768_p256 ||
        algorithms.signature != crypto::signature_algorithm::ecdsa_p256_sha256) {
        return fail(
            error_category::usage, "operation_unsupported",
            fmt::format("the keys of a device with {} are p256 and mlkem768_p256: leave --signature and --kem out", backend));
    }
    return {};
}

result<unit_ptr> in_tpm(const fs::path& into, const unit_place& place, const factory::unit_name& name,
                        const unit_algorithms& algorithms, random_source& random) {
    BERTH_CHECK(require_p256(algorithms, "a TPM"));
    BERTH_TRY(in, keystore::tpm2::device::shared(place.tcti));
    factory::tpm_unit_settings settings;
    if (!place.pcrs.empty()) {
        settings.when = attestation::pcr_selection{attestation::tpm_alg::sha256, place.pcrs};
    }
    BERTH_TRY(made, factory::tpm_unit::make(in, name, settings, random));
    const std::string tcti = place.tcti.empty() ? "" : ";tcti=" + place.tcti;
    const auto handle = [&](uint32_t at) { return "tpm2:" + keystore::tpm2::handle_text(at); };
    BERTH_CHECK(pki::write_file_atomically((into / "p3.seed").string(), as_bytes(made->sealed().to_pem()), 0600));
    BERTH_CHECK(write_text(into / "p3.uri", handle(settings.at.kem) + ";seed=p3.seed" + tcti + "\n"));
    BERTH_CHECK(write_text(into / "p3-sig.uri", handle(settings.at.idevid) + tcti + "\n"));
    return unit_ptr(std::move(made));
}

result<unit_ptr> in_stsafe(const fs::path& into, const unit_place& place, const factory::unit_name& name,
                           const unit_algorithms& algorithms) {
    std::string chip = place.chip.empty() ? "" : ";device=" + place.chip;
    if (!place.host_key.empty()) {
        BERTH_TRY(host_key, absolute_path(place.host_key));
        chip += ";host-key=" + host_key.string();
    }
    const std::string identity_uri = fmt::format("stsafe:slot={}{}", stsafe_identity_slot, chip);
    const std::string kem_uri = fmt::format("stsafe:slot={}{}", stsafe_kem_slot, chip);
    BERTH_TRY(identity, keystore::make_signing_key(identity_uri, algorithms.signature));
    BERTH_TRY(kem, keystore::make_kem_key(kem_uri, algorithms.kem));
    BERTH_CHECK(write_text(into / "p3.uri", kem_uri + "\n"));
    BERTH_CHECK(write_text(into / "p3-sig.uri", identity_uri + "\n"));
    return std::make_unique<factory::unit>(name, "stsafe", std::move(identity), std::move(kem));
}

factory::issuer_view view_of(const authority& issuer) {
    return {issuer.chain, issuer.key->as_signing_key()};
}

bool is_classical(crypto::signature_algorithm algorithm) {
    return !crypto::is_post_quantum(algorithm);
}

// The certificate in NV takes the place of a new one when it is this unit's: the index was locked by an attempt that was
// interrupted, or the device comes back.
result<void> keep_in_tpm(factory::tpm_unit& unit, factory::unit_certificates& granted, const pki::certificate& root) {
    BERTH_TRY(there, unit.stored_identity());
    if (!there) {
        return unit.store_identity(granted.identity.front());
    }
    std::vector<pki::certificate> chain = granted.identity;
    chain.front() = *there;
    BERTH_TRY(trust, pki::trust_store::from_root(root));
    pki::verify_options options;
    options.time = pki::validity_instants::at(granted.identity.front().not_before());
    options.leaf = pki::leaf_rule::signature;
    if (there->device_serial().value_or("") == unit.name().serial &&
        same_octets(there->spki(), unit.identity().public_key().spki()) && pki::verify_chain(trust, chain, options)) {
        granted.identity = std::move(chain);
        return {};
    }
    return fail(error{error_category::usage,
                      "nv_exists",
                      fmt::format("the TPM holds the certificate of another device already ({}), locked for good: it is that "
                                  "device's for life",
                                  there->subject()),
                      {{"subject", there->subject()}}});
}

}  // namespace

result<unit_ptr> make_unit_keys(const fs::path& into, const unit_place& place, const factory::unit_name& name,
                                const unit_algorithms& algorithms, const std::optional<secret_bytes>& passphrase,
                                random_source& random) {
    if (place.backend == "software") {
        return in_files(into, name, algorithms, passphrase, random);
    }
    if (place.backend == "tpm2") {
        return in_tpm(into, place, name, algorithms, random);
    }
    if (place.backend == "stsafe") {
        return in_stsafe(into, place, name, algorithms);
    }
    return fail(error{error_category::usage,
                      "unknown_backend",
                      fmt::format("a device's keys are made by software, tpm2 or stsafe, not by \"{}\"", place.backend),
                      {{"backend", place.backend}}});
}

result<pki::trust_store> read_tpm_makers(const fs::path& file) {
    BERTH_TRY(all, read_chain(file));
    pki::trust_store::contents contents;
    for (auto& c : all) {
        (c.is_self_issued() ? contents.anchors : contents.intermediates).push_back(std::move(c));
    }
    return pki::trust_store::build(std::move(contents));
}

result<unit_issuers> open_unit_issuers(const fs::path& factory, const std::optional<secret_bytes>& passphrase) {
    BERTH_TRY(root, read_certificate(factory / "z1.pem"));
    BERTH_TRY(post_quantum, open_authority(factory, "idevid-ca", passphrase));
    BERTH_TRY(classical, open_authority(factory, "idevid-ca-classical", passphrase));
    return unit_issuers{root.organization().value_or(""), std::move(post_quantum), std::move(classical)};
}

result<factory::unit_certificates> certify_unit(factory::unit& unit, const unit_issuers& issuers, const pki::certificate& root,
                                                const unit_place& place, const clock& time, random_source& random) {
    factory::residency_policy policy;
    policy.now = time.now();
    if (!place.tpm_makers.empty()) {
        BERTH_TRY(makers, read_tpm_makers(place.tpm_makers));
        policy.tpm_makers = std::move(makers);
    }
    BERTH_TRY(request, unit.request());
    BERTH_TRY(check, factory::residency_check::begin(request, policy, random));
    BERTH_TRY(challenge, wire::encode(check.challenge()));
    BERTH_TRY(answer, unit.answer(challenge));
    BERTH_TRY(proved, check.finish(answer));
    // 802.1AR: an IDevID does not end; the issuer's own end still ends the chain.
    const factory::issue_settings settings{issuers.maker, hardware_type, {time.now() - 60, pki::no_expiry}};
    // A classical key's certificate by a classical issuer: it has to fit into the chip, and gains nothing from more.
    const bool classical = is_classical(unit.identity().algorithm()) && place.backend != "software";
    BERTH_TRY(grant, factory::issue_identity(proved, view_of(classical ? issuers.classical : issuers.post_quantum),
                                             view_of(issuers.post_quantum), settings, random));
    BERTH_TRY(octets, wire::encode(grant));
    BERTH_TRY(granted, unit.accept(octets));
    if (auto* const tpm = dynamic_cast<factory::tpm_unit*>(&unit)) {
        BERTH_CHECK(keep_in_tpm(*tpm, granted, root));
    }
    return granted;
}

}  // namespace berth::app
