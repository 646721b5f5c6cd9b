#include "factory/identity_claim.h"

#include "pki/profiles.h"

namespace berth::factory {

bytes signed_octets(std::string_view context, bytes_view octets) {
    return concat({as_bytes(context), octets});
}

result<pki::verified_chain> verify_identity(const chain_field& field, std::string_view serial, const pki::trust_store& maker,
                                            unix_seconds now) {
    BERTH_TRY(chain, parse_chain(field.items));
    pki::verify_options options;
    options.time = pki::validity_instants::at(now);
    options.leaf = pki::leaf_rule::signature;
    auto verified = pki::verify_chain(maker, chain, options);
    if (!verified) {
        return fail(std::move(verified).error().during("whether the device's maker vouches for its IDevID"));
    }
    BERTH_CHECK(pki::check_idevid_signature(verified->leaf()));
    if (verified->leaf().device_serial().value_or("") != serial) {
        return fail(error_category::peer, "bad_serial", "The request names another serial than the IDevID that makes it.");
    }
    return verified;
}

result<void> check_identity_signature(const pki::certificate& leaf, std::string_view context, bytes_view octets,
                                      const signature_field& signature) {
    BERTH_TRY(key, leaf.verification_key());
    if (!key.verify(signed_octets(context, octets), signature.view())) {
        return fail(error_category::peer, "bad_signature",
                    "The request was changed, or was not made by the device whose IDevID it names.");
    }
    return {};
}

chain_field sent_chain(std::span<const pki::certificate> leaf_first) {
    chain_field out;
    for (const pki::certificate& c : leaf_first) {
        if (!c.is_self_issued()) {
            out.items.emplace_back(c.der());
        }
    }
    return out;
}

result<std::vector<pki::certificate>> parse_chain(std::span<const der_field> field) {
    std::vector<pki::certificate> out;
    for (const der_field& der : field) {
        BERTH_TRY(c, pki::certificate::parse(der.view()));
        out.push_back(std::move(c));
    }
    return out;
}

}  // namespace berth::factory
