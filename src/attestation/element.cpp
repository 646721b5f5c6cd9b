#include "attestation/element.h"

namespace berth::attestation {

namespace {

constexpr std::string_view label = "Berth element authentication 1";

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
                                                 unix_seconds now) {
    pki::verify_options options;
    options.time = pki::validity_instants::at(now);
    options.leaf = pki::leaf_rule::signature;
    return pki::verify_chain(makers, leaf_first, options);
}

result<element_challenge> element_challenge::draw(std::string audience, random_source& random) {
    if (audience.empty() || audience.size() > most_audience) {
        return fail(error_category::usage, "bad_audience", "The name of who verifies an element has 1 to 255 octets.");
    }
    return element_challenge(std::move(audience), random.octets<element_challenge_size>());
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
