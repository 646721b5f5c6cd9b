// Keys in a TPM as the rest of Berth holds them (keystore/key.h).
#pragma once

#include "base/random.h"
#include "keystore/agreement_key.h"
#include "keystore/key.h"
#include "keystore/tpm2/devid.h"
#include "keystore/tpm2/sealed_file.h"

namespace berth::keystore::tpm2 {

// The ECDSA key at a persistent handle. Errors key_not_found; key_restricted: it signs attestations only; tpm_unsupported.
result<signing_key_ptr> signing_key_at(const device_ptr& in, uint32_t handle);

// mlkem768_p256 whose two halves this TPM guards in two ways. The P-256 key is at a persistent handle and never leaves the
// chip. The ML-KEM seed comes out of `sealed` once, here, and what it expands to is in this process's memory from then on:
// no chip computes ML-KEM yet. So who only records, or only takes the disk, has nothing; who rules this process while it runs
// has the ML-KEM half, and still needs the chip for the other.
// Errors key_not_found, tpm_unsupported, and those of unseal().
result<kem_key_ptr> hybrid_key_at(const device_ptr& in, uint32_t handle, const sealed_file& sealed);

// The key at a persistent handle by itself: it has no scheme, and the halves of hybrids have ECDH for theirs, so that neither is
// taken for the other. Errors as of signing_key_at().
result<agreement_key_ptr> agreement_key_at(const device_ptr& in, uint32_t handle);

// Makes both halves: kem_template() at the handle (as establish() does), and a new seed, sealed on the condition.
result<sealed_file> make_hybrid_key(const device_ptr& in, uint32_t handle, const seal_condition& when, random_source& random);

// What follows "tpm2:" in a key's name: 0x81020000[;seed=FILE][;tcti=NAME][;layout=NAME][;iak=HANDLE][;nv=INDEX].
struct key_name {
    uint32_t handle = 0;
    std::string seed;  // empty: none
    std::string tcti;
    // Of an identity's key: where the rest of that identity is.
    devid_layout at = {};
};
// Errors bad_key_uri, unknown_layout.
result<key_name> parse_key_name(std::string_view rest);
// Of a whole name. Error bad_key_uri also for the name of a key that is in no TPM.
result<key_name> key_name_of(std::string_view uri);

}  // namespace berth::keystore::tpm2
