// Internal to this folder: sessions, flushed at the end of their use.
#pragma once

#include "keystore/tpm2/device_tss2.h"
#include "keystore/tpm2/object.h"

namespace berth::keystore::tpm2 {

class session {
public:
    // `salt_key` is a decryption key of this TPM, or ESYS_TR_NONE: what the salted session encrypts (TPMA_SESSION_ENCRYPT: the
    // answer, TPMA_SESSION_DECRYPT: the command) only that key's holder could read (Part 1, 19.6.8 and 21).
    static result<session> start(const device_ptr& in, TPM2_SE kind, ESYS_TR salt_key, TPMA_SESSION encrypted = 0);

    session(session&& other) noexcept : owner_(std::move(other.owner_)), esys_(other.esys_) { other.owner_.reset(); }
    session& operator=(session&&) = delete;
    session(const session&) = delete;
    session& operator=(const session&) = delete;
    ~session();

    ESYS_TR esys() const noexcept { return esys_; }

    // Policy commands (Part 3, 23), each narrowing what the session allows.
    result<void> policy_secret(hierarchy who) const;
    result<void> policy_command(uint32_t code) const;
    result<void> policy_or(std::span<const bytes> branches) const;
    result<void> policy_pcr(const attestation::pcr_selection& selection) const;

private:
    session(device_ptr owner, ESYS_TR esys) : owner_(std::move(owner)), esys_(esys) {}
    device_ptr owner_;
    ESYS_TR esys_;
};

}  // namespace berth::keystore::tpm2
