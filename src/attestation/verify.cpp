#include "attestation/verify.h"

#include "attestation/iak.h"

namespace berth::attestation {

namespace {

error refused(std::string name, std::string message) {
    return {error_category::peer, std::move(name), std::move(message)};
}

struct requirement {
    uint32_t attribute;
    std::string_view lacking;
};

// A key that is bound to its TPM and was born there (TPM 2.0 Part 1, 27.2).
constexpr std::array bound{
    requirement{fixed_tpm, "it may be moved to another TPM (fixedTPM is not set)"},
    requirement{fixed_parent, "it may be moved below another parent (fixedParent is not set)"},
    requirement{sensitive_data_origin, "it was not made by the TPM (sensitiveDataOrigin is not set)"},
};

std::string_view lacking(const public_area& area, std::span<const requirement> all) {
    for (const requirement& r : all) {
        if (!area.has(r.attribute)) {
            return r.lacking;
        }
    }
    return {};
}

// What every attestation must pass, whatever it says.
result<attest> checked(const signed_attest& what, const attestation_key& by, bytes_view qualifying_data) {
    BERTH_TRY(signature, ecdsa_signature_der(what.signature, by.key().algorithm()));
    if (!by.key().verify(what.octets, signature)) {
        return fail(refused("attestation_signature_invalid",
                            "The signature under a TPM's attestation is not that of the attestation key."));
    }
    BERTH_TRY(said, attest::parse(what.octets));
    if (!same_octets(said.extra_data, qualifying_data)) {
        return fail(refused("attestation_stale",
                            "A TPM's attestation answers another question than the one that was asked: it may be an old one."));
    }
    return said;
}

error wrong_kind(std::string_view is, std::string_view wanted) {
    return refused("attestation_wrong_kind",
                   "A TPM's attestation is " + std::string(is) + " where " + std::string(wanted) + " was asked for.");
}

}  // namespace

result<attestation_key> attestation_key::accept(const public_area& area) {
    constexpr std::array of_its_kind{
        requirement{sign, "it does not sign"},
        requirement{restricted, "it signs anything that it is given, forged attestations too (it is not restricted)"},
    };
    std::string_view why = lacking(area, of_its_kind);
    if (why.empty()) {
        why = lacking(area, bound);
    }
    if (why.empty() && area.has(decrypt)) {
        why = "it also decrypts";
    }
    if (!why.empty()) {
        return fail(refused("not_an_attestation_key", "The key cannot attest to anything: " + std::string(why) + "."));
    }
    BERTH_TRY(key, area.verification_key());
    return attestation_key(area, std::move(key));
}

result<attestation_key> attestation_key::vouched_for(const pki::verified_chain& chain) {
    BERTH_CHECK(check_iak_certificate(chain.leaf()));
    BERTH_TRY(key, chain.leaf().verification_key());
    BERTH_TRY(area, public_area_of(key));
    area.attributes = fixed_tpm | fixed_parent | sensitive_data_origin | restricted | sign;
    return attestation_key(std::move(area), std::move(key));
}

result<certified_key> verify_certify(const signed_attest& what, const attestation_key& by, bytes_view qualifying_data,
                                     const public_area& claimed) {
    BERTH_TRY(said, checked(what, by, qualifying_data));
    const auto* info = std::get_if<certify_info>(&said.said);
    if (info == nullptr) {
        return fail(wrong_kind("a quote", "the certification of a key"));
    }
    // The Name is a digest of the whole public area: another key, or the same with other attributes, has another Name.
    if (!same_octets(info->name, claimed.name())) {
        return fail(refused("attestation_other_key", "The TPM certified another key than the one that was presented."));
    }
    if (const std::string_view why = lacking(claimed, bound); !why.empty()) {
        return fail(refused("key_not_bound", "The certified key is not bound to its TPM: " + std::string(why) + "."));
    }
    return certified_key(claimed, said.clock);
}

result<bytes> pcr_digest(tpm_alg hash, const pcr_selection& selection, const pcr_values& values) {
    const auto algorithm = hash_of(hash);
    const auto bank = hash_of(selection.bank);
    if (!algorithm || !bank) {
        return fail(error_category::incompatible, "tpm_unsupported",
                    "Platform registers are judged in banks of SHA-256, SHA-384 and SHA-512 only.");
    }
    crypto::hasher h(*algorithm);
    for (const uint8_t pcr : selection.registers) {
        const auto at = values.find(pcr);
        if (at == values.end() || at->second.size() != crypto::hash_size(*bank)) {
            return fail(error{error_category::usage, "pcr_value_missing",
                              "No value of the right length is given for platform register " + std::to_string(pcr) + "."}
                            .with("pcr", std::to_string(pcr)));
        }
        h.update(at->second);
    }
    return h.finish().to_bytes();
}

result<verified_quote> verify_quote(const signed_attest& what, const attestation_key& by, bytes_view qualifying_data,
                                    const pcr_selection& selection, const pcr_values& expected) {
    BERTH_TRY(said, checked(what, by, qualifying_data));
    const auto* info = std::get_if<quote_info>(&said.said);
    if (info == nullptr) {
        return fail(wrong_kind("the certification of a key", "a quote"));
    }
    // A bank of which nothing is selected says nothing, and some TPMs list it all the same.
    std::vector<pcr_selection> selected;
    std::copy_if(info->selected.begin(), info->selected.end(), std::back_inserter(selected),
                 [](const pcr_selection& s) { return !s.registers.empty(); });
    if (selected.size() != 1 || selected[0] != selection) {
        return fail(refused("pcr_selection_mismatch", "The TPM quoted other platform registers than those asked for."));
    }
    const tpm_alg hash = by.area().curve == tpm_curve::p256 ? tpm_alg::sha256 : tpm_alg::sha384;
    BERTH_TRY(digest, pcr_digest(hash, selection, expected));
    if (!same_octets(digest, info->digest)) {
        return fail(
            refused("pcr_mismatch", "The device did not start as its policy asks: its platform registers have other values."));
    }
    return verified_quote(expected, said);
}

}  // namespace berth::attestation
