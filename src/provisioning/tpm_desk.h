// Devices that show a TPM instead of a certificate, over HTTPS alone, as Azure's provisioning service has it:
//
//   PUT .../register  {"tpm": {"endorsementKey", "storageRootKey"}}                       -> 401 {"authenticationKey", ...}
//   PUT .../register  the same, Authorization: SharedAccessSignature by that key         -> 202
//
// Only the TPM with the endorsement key that is enrolled can take the key in (attestation/shared_key.h), so whoever signs with it
// has that TPM. A key lets register once: a token that is repeated is answered by another key.
#pragma once

#include "attestation/shared_key.h"
#include "base/clock.h"
#include "wire/json.h"

#include <list>
#include <unordered_map>

namespace berth::provisioning {

struct tpm_claim {
    attestation::public_area endorsement, storage_root;
    // Of whom it is, as certificates have theirs: SHA-256 of the endorsement key's Name.
    [[nodiscard]] std::array<uint8_t, 32> print() const;
};

// The body's "tpm": base64 of TPM2B_PUBLIC. Nothing: it has none. Errors (peer) `bad_body`; those of storage_key_from().
result<std::optional<tpm_claim>> read_tpm(const wire::json::object& body);

class tpm_desk {
public:
    explicit tpm_desk(size_t most, unix_seconds lasts) : most_(most), lasts_(lasts) {}

    // What is to be sent to it: base64. The same key as long as nobody has registered with it, so that who asks in its name takes
    // nothing from it; but each answer is sealed anew. Errors of shared_key_for().
    result<std::string> challenge(const std::string& registration, const tpm_claim& claim, random_source& random,
                                  unix_seconds now);
    // A token by the key that waits for this claim, for `resource`: true, and the key lets nobody register again.
    bool redeem(const std::string& registration, const tpm_claim& claim, std::string_view token, std::string_view resource,
                unix_seconds now);
    // Whose it is who asks on with the token's key: claim's print. Nothing: nobody's.
    [[nodiscard]] std::optional<std::array<uint8_t, 32>> holder(const std::string& registration, std::string_view token,
                                                                std::string_view resource, unix_seconds now) const;
    // Who has registered under this id.
    void forget(const std::string& registration);

private:
    struct entry {
        std::string registration;
        bytes endorsement, storage_root;  // Names
        std::array<uint8_t, 32> print{};
        secret_bytes key;
        bool used = false;
        unix_seconds since = 0;
    };
    using place = std::list<entry>::iterator;
    void forget_old(unix_seconds now);

    size_t most_;
    unix_seconds lasts_;
    std::list<entry> entries_;  // the oldest first
    std::unordered_map<std::string, place> waiting_, used_;
};

}  // namespace berth::provisioning
