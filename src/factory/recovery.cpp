#include "factory/recovery.h"

#include "crypto/hash.h"
#include "factory/identity_claim.h"
#include "pki/csr.h"

namespace berth::factory {

namespace {

constexpr std::string_view context = "berth recovery request 1";

tl::unexpected<error> refused(std::string name, std::string message) {
    return fail(error_category::peer, std::move(name), std::move(message));
}

// The keys that are to be certified are this device's: its serial in the request, its IDevID in the PKCS#10.
result<void> check_inner(const recovery_claim& claim, const pki::certificate& identity) {
    BERTH_TRY(request, wire::decode<unit_request>(claim.request.view()));
    BERTH_TRY(csr, pki::verified_csr::parse(request.identity.view()));
    if (request.serial != claim.serial || csr.attribute("serialNumber") != claim.serial.text()) {
        return refused("bad_serial", "Keys of another serial are asked to be certified than that of the device that asks.");
    }
    if (!same_octets(csr.key().spki(), identity.spki())) {
        return refused("key_mismatch", "The identity key of the request is not that of the IDevID that makes it.");
    }
    // A device that was made with its keys in a TPM does not get a certificate for some that are elsewhere.
    if (request.backend.text() != "tpm2") {
        return refused("operation_unsupported",
                       "Only a device whose keys are in a TPM is given a new IDevID-KEM certificate: others lose none by "
                       "TPM2_Clear.");
    }
    return {};
}

result<pki::certificate> check_former(const der_field& der, std::string_view serial) {
    BERTH_TRY(former, pki::certificate::parse(der.view()));
    if (!pki::check_idevid_kem(former) || former.device_serial().value_or("") != serial) {
        return refused("wrong_certificate", "What the request calls its former certificate is no IDevID-KEM certificate of it.");
    }
    return former;
}

}  // namespace

result<bytes> ask_recovery(unit& of, std::span<const pki::certificate> identity, const std::optional<pki::certificate>& former) {
    if (identity.empty() || !same_octets(identity.front().spki(), of.identity().public_key().spki())) {
        return fail(error_category::usage, "bad_bundle", "The IDevID certificate of the bundle is not that of the device's key.");
    }
    recovery_claim claim;
    claim.serial = serial_field(as_bytes(of.name().serial));
    claim.identity = sent_chain(identity);
    if (former) {
        claim.former.items.emplace_back(former->der());
    }
    BERTH_TRY(request, of.request());
    claim.request = wire::opaque<1, 262144>(std::move(request));
    BERTH_TRY(octets, wire::encode(claim));
    BERTH_TRY(signature, of.identity().sign(signed_octets(context, octets)));
    return wire::encode(recovery_request{std::move(claim), signature_field(std::move(signature))});
}

result<known_device> known_device::verify(bytes_view octets, const pki::trust_store& maker, unix_seconds now) {
    BERTH_TRY(request, wire::decode<recovery_request>(octets));
    const recovery_claim& claim = request.claim;
    if (claim.version != factory_version) {
        return fail(error_category::incompatible, "unsupported_version",
                    fmt::format("The request is of version {}; this program speaks version {}.", claim.version, factory_version));
    }
    BERTH_TRY(chain, verify_identity(claim.identity, claim.serial.text(), maker, now));
    BERTH_TRY(said, wire::encode(claim));
    BERTH_CHECK(check_identity_signature(chain.leaf(), context, said, request.signature));
    BERTH_CHECK(check_inner(claim, chain.leaf()));
    known_device out(claim, chain.leaf());
    if (!claim.former.empty()) {
        BERTH_TRY(former, check_former(claim.former.items.front(), claim.serial.text()));
        out.former_ = std::move(former);
    }
    return out;
}

result<unit_grant> issue_again(const known_device& device, const resident_unit& unit, const issuer_view& identity,
                               const issuer_view& kem, const issue_settings& settings, random_source& random) {
    if (!same_octets(unit.request_hash(), crypto::sha256(device.request()).view())) {
        return fail(error_category::internal, "wrong_request", "What was shown of the keys answers another request.");
    }
    BERTH_TRY(leaf, issue_kem(unit, kem, settings, random));
    BERTH_TRY(attests, issue_attestation(unit, identity, settings, random));
    unit_grant out;
    out.serial = unit.request().serial;
    out.request_hash = unit.request_hash();
    out.identity = device.chain();
    out.kem = std::move(leaf);
    out.attestation = std::move(attests);
    return out;
}

}  // namespace berth::factory
