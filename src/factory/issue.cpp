#include "factory/issue.h"

namespace berth::factory {

namespace {

constexpr std::string_view oid_hardware_type_tpm = "2.23.133.1.2";
constexpr std::string_view oid_assigner_ek_certificate = "2.23.133.12.1";

pki::hardware_module hardware_of(const resident_unit& unit, const issue_settings& settings) {
    if (!unit.endorsement()) {
        return {settings.hardware_type, unit.request().serial.value};
    }
    const std::string serial = to_hex(unit.endorsement()->authority_key_id()) + ":" + unit.endorsement()->serial_hex();
    return {std::string(oid_hardware_type_tpm), to_bytes(as_bytes(serial))};
}

chain_field chain_of(const pki::certificate& leaf, std::span<const pki::certificate> issuers) {
    chain_field out;
    out.items.emplace_back(leaf.der());
    for (const pki::certificate& c : issuers) {
        if (!c.is_self_issued()) {
            out.items.emplace_back(c.der());
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
        contents.alt_names.permanent_id =
            pki::permanent_identifier{to_hex(unit.endorsement()->sha256()), std::string(oid_assigner_ek_certificate)};
    }
    BERTH_TRY(signature_leaf, pki::issue(contents, unit.identity_spki(), identity.chain.front(), identity.key, random));
    BERTH_TRY(kem_chain, issue_kem(unit, kem, settings, random));
    unit_grant out;
    out.serial = unit.request().serial;
    out.request_hash = unit.request_hash();
    out.identity = chain_of(signature_leaf, identity.chain);
    out.kem = std::move(kem_chain);
    return out;
}

result<chain_field> issue_kem(const resident_unit& unit, const issuer_view& kem, const issue_settings& settings,
                              random_source& random) {
    const auto contents =
        pki::idevid_kem_template(settings.maker, unit.request().serial.text(), hardware_of(unit, settings), settings.validity);
    BERTH_TRY(leaf, pki::issue(contents, unit.kem_spki(), kem.chain.front(), kem.key, random));
    return chain_of(leaf, kem.chain);
}

}  // namespace berth::factory
