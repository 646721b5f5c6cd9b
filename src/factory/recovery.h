// A device that was made before and has lost its IDevID-KEM key, as TPM2_Clear makes it lose the ML-KEM half: what it asks, and
// whether it may.
#pragma once

#include "factory/issue.h"
#include "factory/messages/recovery_request.h"
#include "factory/unit.h"

namespace berth::factory {

// The octets of a recovery_request, with a unit_request of `of` in it. `identity`: its IDevID-signature chain, leaf first.
// Errors those of unit::request() and of its key; bad_bundle: the chain is of another key.
result<bytes> ask_recovery(unit& of, std::span<const pki::certificate> identity, const std::optional<pki::certificate>& former);

// That a request is of a device that has its IDevID still, and that its maker vouches for. Where its keys are, residency_check
// shows.
class known_device {
public:
    // `maker`: its root, and what it has revoked. Errors malformed, unsupported_version; those of verify_identity and
    // check_identity_signature; key_mismatch: keys are to be certified that are not the IDevID's; operation_unsupported: they are
    // in no TPM; wrong_certificate: the former certificate is none of this device's KEM certificates.
    static result<known_device> verify(bytes_view request, const pki::trust_store& maker, unix_seconds now);

    known_device(known_device&&) noexcept = default;
    known_device& operator=(known_device&&) noexcept = default;
    known_device(const known_device&) = delete;
    known_device& operator=(const known_device&) = delete;

    std::string_view serial() const noexcept { return claim_.serial.text(); }
    const pki::certificate& identity() const noexcept { return identity_; }
    const std::optional<pki::certificate>& former() const noexcept { return former_; }
    bytes_view request() const noexcept { return claim_.request.view(); }  // for residency_check
    const chain_field& chain() const noexcept { return claim_.identity; }

private:
    known_device(recovery_claim claim, pki::certificate identity) : claim_(std::move(claim)), identity_(std::move(identity)) {}
    recovery_claim claim_;
    pki::certificate identity_;
    std::optional<pki::certificate> former_;
};

// A new IDevID-KEM certificate beside the IDevID that it has, and one for the attestation key, which an older device may lack.
// `identity` issues the latter. Errors those of pki::issue; wrong_request: `unit` was shown for another request than `device`.
result<unit_grant> issue_again(const known_device& device, const resident_unit& unit, const issuer_view& identity,
                               const issuer_view& kem, const issue_settings& settings, random_source& random);

}  // namespace berth::factory
