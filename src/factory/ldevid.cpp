#include "factory/ldevid.h"

#include "crypto/hash.h"
#include "factory/identity_claim.h"

namespace berth::factory {

namespace {

constexpr std::string_view context = "berth ldevid request 1";

tl::unexpected<error> refused(std::string name, std::string message) {
    return fail(error_category::peer, std::move(name), std::move(message));
}

hash_field hash_of(bytes_view octets) {
    return to_array<32>(crypto::sha256(octets).view());
}

}  // namespace

result<bytes> ask_ldevid(const ldevid_asker& device) {
    if (device.identity_chain.empty() ||
        !same_octets(device.identity_chain.front().spki(), device.identity.public_key().spki())) {
        return fail(error_category::usage, "bad_bundle", "The IDevID certificate of the bundle is not that of the device's key.");
    }
    pki::csr_template asked;
    asked.subject.add("serialNumber", device.serial);
    BERTH_TRY(csr, pki::build_csr(asked, device.ldevid.as_signing_key()));
    ldevid_claim claim;
    claim.serial = serial_field(as_bytes(device.serial));
    claim.backend = name_field(as_bytes(device.ldevid.able().backend));
    claim.identity = sent_chain(device.identity_chain);
    claim.ldevid = der_field(std::move(csr));
    if (device.tpm) {
        claim.tpm.items.push_back(*device.tpm);
    }
    BERTH_TRY(octets, wire::encode(claim));
    BERTH_TRY(signature, device.identity.sign(signed_octets(context, octets)));
    return wire::encode(ldevid_request{std::move(claim), signature_field(std::move(signature))});
}

result<ldevid_candidate> ldevid_candidate::verify(bytes_view octets, const pki::trust_store& maker, unix_seconds now) {
    BERTH_TRY(request, wire::decode<ldevid_request>(octets));
    const ldevid_claim& claim = request.claim;
    if (claim.version != factory_version) {
        return fail(error_category::incompatible, "unsupported_version",
                    fmt::format("The request is of version {}; this program speaks version {}.", claim.version, factory_version));
    }
    BERTH_TRY(identity, verify_identity(claim.identity, claim.serial.text(), maker, now));
    BERTH_TRY(said, wire::encode(claim));
    BERTH_CHECK(check_identity_signature(identity.leaf(), context, said, request.signature));
    BERTH_TRY(csr, pki::verified_csr::parse(claim.ldevid.view()));
    if (csr.attribute("serialNumber") != claim.serial.text()) {
        return refused("bad_serial", "The PKCS#10 of the request names another serial than the IDevID that makes it.");
    }
    if (same_octets(csr.key().spki(), identity.leaf().spki())) {
        return refused("key_reused", "The LDevID key of the request is the IDevID's: a customer's key is one of its own.");
    }
    ldevid_candidate out(std::move(identity));
    out.serial_ = claim.serial.text();
    out.backend_ = claim.backend.text();
    out.spki_ = to_bytes(csr.key().spki());
    if (!claim.tpm.empty()) {
        out.tpm_ = claim.tpm.items.front();
    }
    out.request_hash_ = hash_of(octets);
    return out;
}

result<ldevid_grant> issue_ldevid(const ldevid_candidate& device, const std::optional<ldevid_in_tpm>& shown,
                                  const issuer_view& by, pki::validity validity, random_source& random) {
    if (shown && shown->request_hash() != device.request_hash()) {
        return fail(error_category::internal, "wrong_request", "What was shown of the key answers another request.");
    }
    const pki::certificate& issuer = by.chain.front();
    validity.not_after = std::min(validity.not_after, issuer.not_after());
    auto contents =
        pki::operational_template(issuer.organization().value_or(""), device.serial(), device.identity().anchor().spki_sha256(),
                                  pki::credential_kind::signature, validity);
    if (shown) {
        contents.policies = {std::string(pki::oid_tcg_verified_residency), std::string(pki::oid_tcg_verified_fixed)};
    }
    BERTH_TRY(leaf, pki::issue(contents, device.spki(), issuer, by.key, random));
    // Whatever the template says: what leaves here is a device's certificate and nothing else.
    BERTH_CHECK(pki::check_operational(leaf, pki::credential_kind::signature));
    ldevid_grant out;
    out.serial = serial_field(as_bytes(device.serial()));
    out.request_hash = device.request_hash();
    std::vector<pki::certificate> chain{std::move(leaf)};
    chain.insert(chain.end(), by.chain.begin(), by.chain.end());
    out.ldevid = sent_chain(chain);
    return out;
}

result<std::vector<pki::certificate>> accept_ldevid(bytes_view octets, const ldevid_expected& expected,
                                                    const std::optional<pki::certificate>& customer) {
    BERTH_TRY(grant, wire::decode<ldevid_grant>(octets));
    if (grant.version != factory_version) {
        return fail(error_category::incompatible, "unsupported_version",
                    "The certificate came in a message of a version that is not spoken here.");
    }
    if (grant.request_hash != hash_of(expected.request)) {
        return refused("wrong_grant", "The certificate that came answers another request.");
    }
    BERTH_TRY(chain, parse_chain(grant.ldevid.items));
    const pki::certificate& leaf = chain.front();
    BERTH_CHECK(pki::check_operational(leaf, pki::credential_kind::signature));
    if (!same_octets(leaf.spki(), expected.spki) || leaf.device_serial().value_or("") != expected.serial ||
        *pki::maker_root_of(leaf) != expected.maker_root_spki) {
        return refused("wrong_grant", "The certificate that came is for another key, or names another device.");
    }
    if (!customer && chain.size() < 2) {
        return refused("wrong_grant", "The certificate came without that of the CA that issued it.");
    }
    BERTH_TRY(trust, pki::trust_store::build({{customer ? *customer : chain.back()}, {}, {}}));
    // Signatures and purposes alone: the device's clock may be anywhere.
    pki::verify_options options;
    options.time = pki::validity_instants::between(0, pki::no_expiry);
    options.leaf = pki::leaf_rule::signature;
    options.revocation = pki::crl_policy::none;
    BERTH_CHECK(pki::verify_chain(trust, chain, options));
    return chain;
}

}  // namespace berth::factory
