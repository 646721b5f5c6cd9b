// The device's side of a recovery after TPM2_Clear (docs/factory.md): its keys come back from their templates, what was below the
// storage root does not, and a new KEM key is certified by the factory.
//
//   BUNDLE/recovery/    request, p3.seed: what was asked for, with which key; z3.pem: granted, and not in its place yet
#pragma once

#include "base/random.h"
#include "device/bundle.h"
#include "factory/tpm_unit.h"
#include "keystore/tpm2/keys.h"

namespace berth::app {

struct recovery_state {
    std::vector<std::string> restored;  // handles that were empty
    std::vector<std::string> lost;      // what is gone for good: "p3.seed", "installed/NAME", "ldevid"
    bool nv_certificate = true;         // the IDevID is in the TPM's NV
    bool kem_lost = false;              // a certificate has to come from the factory
};

class device_recovery {
public:
    // Reads the bundle without its keys. Errors of files; `bad_config`, `bad_bundle`; `not_in_tpm`: its keys are elsewhere.
    static result<device_recovery> open(const std::filesystem::path& bundle, const std::filesystem::path& passphrase_file);

    // Gives the identity's keys their handles again, once they are shown to be this device's, and clears away what cannot be used
    // any more, of an LDevID or an onboarding whose keys are gone. Errors `tpm_wrong_tpm`: another TPM;
    // `endorsement_seed_changed`: TPM2_ChangeEPS; `nv_other_device`: the certificate in NV is another device's; `nv_exists`: a
    // key of something else has taken a handle; of the TPM.
    result<recovery_state> restore();

    // Makes the new key, or goes on with the one that was asked for before, and gives the octets of the recovery_request. Errors
    // of the TPM and of files.
    result<bytes> request(random_source& random);
    // The octets of the answer to a challenge. Errors `no_recovery`: nothing was asked; those of factory::unit.
    result<bytes> answer(bytes_view challenge, random_source& random);
    // Puts the certificate and its key in their places. Errors also those of pki::verify_chain: it leads elsewhere than to
    // z1.pem.
    result<void> accept(bytes_view grant, random_source& random);

    [[nodiscard]] const std::string& serial() const { return bundle_.identity.serial; }
    [[nodiscard]] std::filesystem::path directory() const { return bundle_.directory / "recovery"; }

private:
    device_recovery() = default;
    [[nodiscard]] result<bool> check_identity() const;  // whether the certificate is in NV
    [[nodiscard]] result<bool> kem_works() const;
    result<void> drop_lost(recovery_state& state);
    result<void> drop_lost_ldevid(recovery_state& state);
    // The seed that was asked for; error `no_recovery`.
    [[nodiscard]] result<keystore::tpm2::sealed_file> pending_seed() const;
    [[nodiscard]] result<keystore::tpm2::sealed_file> new_seed(random_source& random) const;
    [[nodiscard]] result<std::unique_ptr<factory::tpm_unit>> unit_with(keystore::tpm2::sealed_file seed,
                                                                       random_source& random) const;
    [[nodiscard]] result<std::unique_ptr<factory::tpm_unit>> unit_that_asked(random_source& random) const;
    result<void> put_in_place();

    device_bundle bundle_;  // without P3
    std::optional<pki::certificate> root_;
    std::vector<pki::certificate> z3_sig_;
    keystore::tpm2::key_name p3_, p3_sig_;
    keystore::tpm2::device_ptr tpm_;
};

}  // namespace berth::app
