// The keys that a device is known by all its life, from the templates of TCG TPM 2.0 Keys for Device Identity and Attestation
// (DevID) v1.0, 7.3: primary keys under the endorsement hierarchy, so that TPM2_Clear loses their handles but not them.
#pragma once

#include "keystore/tpm2/object.h"

namespace berth::keystore::tpm2 {

class session;

// Where makers keep them; other layouts are other profiles.
struct devid_layout {
    uint32_t idevid = 0x81020000;
    uint32_t iak = 0x81020001;
    uint32_t kem = 0x81020002;  // the P-256 half of the hybrid key
    uint32_t idevid_certificate = 0x01c90000;

    bool operator==(const devid_layout&) const = default;
};
// "tcg", as above, which is also that of the enrolment that Infineon and GlobalSign published; "st33ktpm": certificates where
// STMicroelectronics' factory has them, the IDevID's in NV 0x01c90200 (wolfTPM's sources). Error unknown_layout.
result<devid_layout> layout_named(std::string_view name);

// Template H-2 (P-256): signs anything that it is given.
attestation::public_area idevid_template();
// Template H-2 (P-256): restricted, signs what its TPM says.
attestation::public_area iak_template();
// Ours: an ECDH key that is bound to its TPM like the other two.
attestation::public_area kem_template();

// Makes the key from its template and gives it the handle. If the handle holds that very key already, that is fine: so a
// factory that was interrupted goes on, and a device restores its keys after TPM2_Clear. Error nv_exists: another key is there.
result<object> establish(const device_ptr& in, const attestation::public_area& as, uint32_t handle);

// Satisfies the policy of idevid_template() or iak_template() for TPM2_Certify or TPM2_ActivateCredential of such a key.
// Error tpm_unsupported: the key has another policy.
result<void> satisfy_devid_policy(const session& with, const attestation::public_area& key, uint32_t command);

}  // namespace berth::keystore::tpm2
