// Devices that show a TPM instead of a certificate, over HTTPS alone, as Azure's provisioning service has it:
//
//   PUT .../register  {"tpm": {"endorsementKey", "storageRootKey"}}                       -> 401 {"authenticationKey", ...}
//   PUT .../register  the same, Authorization: SharedAccessSignature by that key         -> 202
//
// Only the TPM with the endorsement key that is enrolled can take the key in (attestation/shared_key.h), so whoever signs with it
// has that TPM. A key lets register once: a token that is repeated is answered by another key.
//
// An endorsement key's public half is no secret: anybody may ask for a challenge in a device's name, with storage root keys of
// his own. So nothing is kept for a challenge: its key is computed, for this TPM, each time that it is needed (HMAC under a
// secret of this process), and no number of questions keeps the device out. Only what was redeemed, by TPMs alone, takes room.
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
    // `most` that have registered are known again, for as long as `lasts`. A key is good for as long, and up to twice that.
    explicit tpm_desk(size_t most, unix_seconds lasts) : most_(most), lasts_(lasts) {}

    // What is to be sent to it: base64. The same key as long as nobody has registered with it, so that who asks in its name takes
    // nothing from it; but each answer is sealed anew. Errors of shared_key_for().
    result<std::string> challenge(const std::string& registration, const tpm_claim& claim, random_source& random,
                                  unix_seconds now);
    // A token by the key of this claim, for `resource`: true, and the key lets nobody register again.
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
        std::array<uint8_t, 32> print{};
        secret_bytes key;
        unix_seconds since = 0;  // redeemed
    };
    using place = std::list<entry>::iterator;
    // Of one claim: from where its keys come, and the place of its count.
    struct source {
        secret_bytes keys;
        size_t slot = 0;
    };
    [[nodiscard]] source source_of(const std::string& registration, const tpm_claim& claim) const;
    [[nodiscard]] secret_bytes key_of(const source& from, unix_seconds period) const;
    void forget_old(unix_seconds now);

    size_t most_;
    unix_seconds lasts_;
    secret_bytes secret_;  // drawn for the first challenge
    // How many keys were redeemed, of all claims that fall in one place: which these are is not to be chosen without the secret.
    // Who shares one is challenged once more at worst, and no key ever comes back.
    std::vector<uint32_t> redeemed_;
    std::list<entry> entries_;  // the oldest first
    std::unordered_map<std::string, place> used_;
};

}  // namespace berth::provisioning
