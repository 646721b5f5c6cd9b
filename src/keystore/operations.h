// What one may do with a key by its name alone, wherever it is kept. Opening is in key_uri.h.
//
// Everything here ends in `operation_unsupported` (category usage) where the back end does not declare it (abilities_of), in
// bad_key_uri for what is no name, and in the back end's own errors, by their own names.
#pragma once

#include "keystore/backend.h"

namespace berth::keystore {

// Error bad_key_uri.
result<backend_abilities> abilities_of(std::string_view uri);

// A new key under that name. Error key_exists: there is one already, and it stays as it was.
result<signing_key_ptr> make_signing_key(std::string_view uri, crypto::signature_algorithm alg, const open_options& options = {});
result<kem_key_ptr> make_kem_key(std::string_view uri, crypto::kem_algorithm alg, const open_options& options = {});
// A key for Diffie-Hellman by itself (ECDH-ES), which is no half of a hybrid's, and none that signs.
result<agreement_key_ptr> make_agreement_key(std::string_view uri, crypto::agreement_group group,
                                             const open_options& options = {});
// Errors as those of opening others (key_uri.h); wrong_key_kind, tpm_unsupported: the key of that name is for something else.
result<agreement_key_ptr> open_agreement_key(std::string_view uri, const open_options& options = {});

// The key and what lies beside it, for good. Errors key_not_found; key_restricted: a key that others stand on (of a TPM);
// file_not_found and those of reading it: the name speaks of a file beside the key (;seed=) that is none such, and nothing is
// gone.
result<void> remove_key(std::string_view uri, const open_options& options = {});
// Whom the certificate names that its keeper has beside the key, as an STSAFE-A has a device's: who deletes the key deletes that
// identity. Empty: there is none.
result<std::string> certified_subject(std::string_view uri, const open_options& options = {});
// The name without the file beside the key: for who removes a key whose file is gone already.
std::string without_file(std::string_view uri);

// For who seals, unseals or draws more than once: the same as below, and the name is resolved once.
result<holder_ptr> open_holder(std::string_view uri, const open_options& options = {});

// From the generator of whoever keeps the key.
result<secret_bytes> random_octets(std::string_view uri, size_t size, const open_options& options = {});

// For whoever keeps the named key, and nobody else, to open again. At most most_sealed octets. Errors too_large;
// seal_invalid: not sealed here, or changed since.
inline constexpr size_t most_sealed = 128;  // what the tightest of them, a TPM, takes
result<bytes> seal(std::string_view uri, const secret_bytes& secret, const open_options& options = {});
result<secret_bytes> unseal(std::string_view uri, bytes_view sealed, const open_options& options = {});

// `nonce`: at most 64 octets, of who will verify it.
result<key_attestation> attest(std::string_view uri, bytes_view nonce, const open_options& options = {});

// Of the platform that the named key's keeper is part of: its registers (0 to 23, SHA-256 bank), and what they are, signed with
// the nonce as above.
result<attestation::pcr_values> platform_registers(std::string_view uri, std::vector<uint8_t> which,
                                                   const open_options& options = {});
result<platform_statement> quote(std::string_view uri, bytes_view nonce, std::vector<uint8_t> registers,
                                 const open_options& options = {});

}  // namespace berth::keystore
