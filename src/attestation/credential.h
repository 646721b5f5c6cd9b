// Credential protection (TPM 2.0 Part 1, 24): a secret that only the TPM with a certain endorsement key can read, and only if
// a certain other key (the one with this Name) is in the same TPM. Whoever returns the secret has shown both.
#pragma once

#include "attestation/public_area.h"
#include "base/random.h"
#include "base/secret.h"

namespace berth::attestation {

// What TPM2_ActivateCredential takes: the content of TPM2B_ID_OBJECT, and of TPM2B_ENCRYPTED_SECRET.
struct protected_credential {
    bytes blob;
    bytes encrypted_secret;
};

// TPM2_MakeCredential (Part 3, 12.6) without a TPM. Errors tpm_unsupported, bad_public_key; credential_too_large: the secret
// has more octets than a digest of the EK's hash.
result<protected_credential> make_credential(const public_area& ek, bytes_view object_name, bytes_view secret,
                                             random_source& random);

// That a key is in the TPM of an endorsement key. Made by credential_challenge::accept() alone.
class activated_key {
public:
    activated_key(activated_key&&) noexcept = default;
    activated_key& operator=(activated_key&&) noexcept = default;
    activated_key(const activated_key&) = delete;
    activated_key& operator=(const activated_key&) = delete;

    const public_area& key() const noexcept { return key_; }
    const public_area& endorsement_key() const noexcept { return ek_; }

private:
    friend class credential_challenge;
    activated_key(public_area key, public_area ek) : key_(std::move(key)), ek_(std::move(ek)) {}
    public_area key_;
    public_area ek_;
};

// One challenge of a server to a device. It answers once: a second answer is a replay.
class credential_challenge {
public:
    // `ek_spki` is that of an endorsement certificate that has been verified. Errors as make_credential();
    // not_an_attestation_key is for verify.h to find: any key can be activated.
    static result<credential_challenge> make(bytes_view ek_spki, public_area key, random_source& random);

    // One that was sent before: what is awaited was kept meanwhile (an answer that comes as a file, perhaps tomorrow). Whoever
    // keeps it sees to it that it is not accepted twice. Errors as make().
    static result<credential_challenge> resume(bytes_view ek_spki, public_area key, secret_bytes awaited);

    const protected_credential& sent() const noexcept { return sent_; }
    const secret_bytes& awaited() const noexcept { return secret_; }
    // Error credential_not_activated: the secret is another one, or was accepted already.
    result<activated_key> accept(bytes_view returned);

private:
    credential_challenge() = default;
    public_area ek_;
    public_area key_;
    protected_credential sent_;
    secret_bytes secret_;
};

}  // namespace berth::attestation
