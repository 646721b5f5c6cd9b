#include "attestation/iak.h"

#include "attestation/tpm.h"

#include <algorithm>
#include <array>

namespace berth::attestation {

namespace {

struct rule {
    bool kept;
    std::string_view text;
};

bool has_policy(const pki::certificate& c, std::string_view oid) {
    return std::ranges::find(c.policies(), oid) != c.policies().end();
}

bool is_attesting_key(const pki::certificate& c) {
    const auto key = c.verification_key();
    return key && curve_of(key->algorithm()).has_value();
}

}  // namespace

pki::certificate_template iak_certificate_template(std::string_view organization, std::string_view serial,
                                                   pki::hardware_module hardware, pki::permanent_identifier endorsement,
                                                   pki::validity v) {
    auto out = pki::idevid_signature_template(organization, serial, std::move(hardware), v);
    out.extended_key_usages = {std::string(oid_tcg_aik_certificate)};
    out.policies = {std::string(pki::oid_tcg_verified_residency), std::string(pki::oid_tcg_verified_restricted)};
    out.alt_names.permanent_id = std::move(endorsement);
    return out;
}

result<void> check_iak_certificate(const pki::certificate& c) {
    const auto& usages = c.extended_key_usages();
    const std::array rules{
        rule{!c.is_ca(), "it is a CA"},
        rule{is_attesting_key(c), "its key is not of ECDSA on P-256 or P-384"},
        rule{c.key_usage() == uint16_t{pki::digital_signature}, "its keyUsage is not digitalSignature alone"},
        rule{usages.size() == 1 && usages.front() == oid_tcg_aik_certificate,
             "its extended key usage is not tcg-kp-AIKCertificate alone"},
        rule{has_policy(c, pki::oid_tcg_verified_residency), "nobody has verified that its key is in a TPM"},
        rule{has_policy(c, pki::oid_tcg_verified_restricted),
             "nobody has verified that its key signs only what the TPM says (restricted)"},
        rule{c.device_serial().has_value(), "its subject has no usable serialNumber"},
        rule{c.hardware_module_name() && c.hardware_module_name()->type_oid == oid_hardware_type_tpm, "it names no TPM"},
    };
    const auto* const broken = std::ranges::find(rules, false, &rule::kept);
    if (broken == rules.end()) {
        return {};
    }
    return fail(error{error_category::peer, "bad_profile",
                      "The certificate of " + c.subject() + " is not a valid IAK: " + std::string(broken->text) + "."}
                    .with("profile", "IAK")
                    .with("subject", c.subject()));
}

}  // namespace berth::attestation
