#include "factory/issue.h"

#include "attestation/iak.h"

namespace berth::factory {

namespace {

constexpr std::string_view oid_assigner_ek_certificate = "2.23.133.12.1";

pki::hardware_module hardware_of(const resident_unit& unit, const issue_settings& settings) {
    if (!unit.endorsement()) {
        return {settings.hardware_type, unit.request().serial.value};
    }
    const std::string serial = to_hex(unit.endorsement()->authority_key_id()) + ":" + unit.endorsement()->serial_hex();
    return {std::string(attestation::oid_hardware_type_tpm), to_bytes(as_bytes(serial))};
}

pki::permanent_identifier endorsement_of(const pki::certificate& endorsement) {
    return {to_hex(endorsement.sha256()), std::string(oid_assigner_ek_certificate)};
}

std::vector<der_field> chain_of(const pki::certificate& leaf, std::span<const pki::certificate> issuers) {
    std::vector<der_field> out{der_field(leaf.der())};
    for (const pki::certificate& c : issuers) {
        if (!c.is_self_issued()) {
            out.emplace_back(c.der());
        }
    }
    return out;
}

}  // namespace

result<unit_grant> issue_identity(const resident_unit& unit, const issuer_view& identity, const issuer_view& kem,
                                  const issue_settings& settings, random_source& random) {
    const std::string serial(unit.request().serial.text());
    const pki::hardware_module hardware = hardware_of(unit, settings);
    auto contents = pki::idevid_signature_template(settings.maker, serial, hardware, settings.validity);
    if (unit.endorsement()) {
        contents.policies = {std::string(pki::oid_tcg_verified_residency), std::string(pki::oid_tcg_verified_fixed)};
        contents.alt_names.permanent_id = endorsement_of(*unit.endorsement());
    }
    BERTH_TRY(signature_leaf, pki::issue(contents, unit.identity_spki(), identity.chain.front(), identity.key, random));
    BERTH_TRY(kem_chain, issue_kem(unit, kem, settings, random));
    unit_grant out;
    out.serial = unit.request().serial;
    out.request_hash = unit.request_hash();
    out.identity = chain_of(signature_leaf, identity.chain);
    out.kem = std::move(kem_chain);
    BERTH_TRY(attests, issue_attestation(unit, identity, settings, random));
    out.attestation = std::move(attests);
    return out;
}

result<chain_field> issue_kem(const resident_unit& unit, const issuer_view& kem, const issue_settings& settings,
                              random_source& random) {
    const auto contents =
        pki::idevid_kem_template(settings.maker, unit.request().serial.text(), hardware_of(unit, settings), settings.validity);
    BERTH_TRY(leaf, pki::issue(contents, unit.kem_spki(), kem.chain.front(), kem.key, random));
    return chain_field(chain_of(leaf, kem.chain));
}

result<std::vector<der_field>> issue_attestation(const resident_unit& unit, const issuer_view& by, const issue_settings& settings,
                                                 random_source& random) {
    if (!unit.endorsement()) {
        return std::vector<der_field>();
    }
    const auto contents = attestation::iak_certificate_template(settings.maker, std::string(unit.request().serial.text()),
                                                                hardware_of(unit, settings), endorsement_of(*unit.endorsement()),
                                                                settings.validity);
    BERTH_TRY(leaf, pki::issue(contents, unit.attestation_spki(), by.chain.front(), by.key, random));
    return chain_of(leaf, by.chain);
}

}  // namespace berth::factory
