#include "attestation/element.h"

#include "attestation/iak.h"

namespace berth::attestation {

namespace {

constexpr std::string_view label = "Berth element authentication 1";

// An attestation key signs what TPM2_Hash vouches for, and an IDevID in a TPM whatever it is given: a device with either would
// pass for an element.
result<void> check_is_no_tpm(const pki::certificate& leaf) {
    const auto& hardware = leaf.hardware_module_name();
    if (!leaf.has_eku(oid_tcg_aik_certificate) && !leaf.has_eku(pki::oid_tcg_ek_certificate) &&
        !(hardware && hardware->type_oid == oid_hardware_type_tpm)) {
        return {};
    }
    return fail(error{error_category::peer, "not_an_element",
                      "The certificate of " + leaf.subject() + " is that of a TPM's key, and not of a secure element's."}
                    .with("subject", leaf.subject()));
}

}  // namespace

bytes element_message(std::string_view audience, bytes_view challenge) {
    bytes out = to_bytes(as_bytes(label));
    out.push_back(0);
    out.push_back(static_cast<uint8_t>(audience.size()));
    append(out, as_bytes(audience));
    append(out, challenge);
    return out;
}

result<pki::verified_chain> verify_element_chain(const pki::trust_store& makers, std::span<const pki::certificate> leaf_first,
                                                 unix_seconds now, pki::crl_policy lists) {
    pki::verify_options options;
    options.time = pki::validity_instants::at(now);
    options.leaf = pki::leaf_rule::signature;
    options.revocation = lists;
    BERTH_TRY(chain, pki::verify_chain(makers, leaf_first, options));
    BERTH_CHECK(check_is_no_tpm(chain.leaf()));
    return chain;
}

result<element_challenge> element_challenge::draw(std::string audience, random_source& random) {
    return resume(std::move(audience), random.octets<element_challenge_size>());
}

result<element_challenge> element_challenge::resume(std::string audience, const challenge_octets& octets) {
    if (audience.empty() || audience.size() > most_audience) {
        return fail(error_category::usage, "bad_audience", "The name of who verifies an element has 1 to 255 octets.");
    }
    return element_challenge(std::move(audience), octets);
}

result<verified_element> element_challenge::accept(pki::verified_chain chain, bytes_view signature) {
    if (std::exchange(used_, true)) {
        return fail(error_category::peer, "challenge_used", "This challenge has been answered already; ask for another one.");
    }
    BERTH_TRY(key, chain.leaf().verification_key());
    if (!key.verify(message(), signature)) {
        return fail(error{error_category::peer, "element_signature_invalid",
                          "The challenge is not signed by the key of the certificate: the certificate was copied into another "
                          "chip (a clone), its key is in another slot, or the answer is to another challenge."}
                        .with("subject", chain.leaf().subject()));
    }
    return verified_element(std::move(chain));
}

}  // namespace berth::attestation
