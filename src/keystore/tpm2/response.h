// What a TPM, or the software on the way to it, answers when it does not do what it was told (TPM 2.0 Part 2, 6.6).
#pragma once

#include "base/result.h"

#include <cstdint>
#include <string_view>

namespace berth::keystore::tpm2 {

// The error for a response code other than success; `doing` goes before its sentence ("signing with the key 0x81020000").
// Names, all of category environment but the last:
//   tpm_unavailable        no answer: not there, no permission, the connection is gone
//   tpm_locked_out         too many wrong authorizations
//   tpm_no_slots           no room for another object or session
//   tpm_busy               testing itself, or worn NV memory wants rest
//   tpm_failed             in failure mode, or not started
//   tpm_auth_failed        a wrong authorization value (of a hierarchy or an object)
//   tpm_policy_failed      the conditions of a policy do not hold (another boot state)
//   tpm_wrong_tpm          data that was protected by or for another TPM
//   handle_not_found       nothing at this handle or index
//   nv_exists              the index (or persistent handle) is taken
//   nv_locked, nv_full, nv_unwritten, nv_not_authorized
//   tpm_unsupported        it has not this algorithm, curve or command
//   tpm_refused            anything else: a fault of ours, or of the TPM; category internal
// The parameters say more: rc (hexadecimal), tpm (TPM_RC_LOCKOUT), position ("parameter 2").
error response_error(uint32_t rc, std::string_view doing);

}  // namespace berth::keystore::tpm2
