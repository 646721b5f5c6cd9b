// The manufacturer's side of a device that lost its IDevID-KEM key to TPM2_Clear (docs/factory.md, "After TPM2_Clear").
#pragma once

#include "base/clock.h"
#include "base/random.h"
#include "registry/masa_registry.h"
#include "setup/factory_lists.h"

namespace berth::app {

inline constexpr std::string_view recovery_request_label = "BERTH RECOVERY REQUEST";
inline constexpr std::string_view unit_challenge_label = "BERTH UNIT CHALLENGE";
inline constexpr std::string_view unit_answer_label = "BERTH UNIT ANSWER";
inline constexpr std::string_view unit_grant_label = "BERTH UNIT GRANT";

struct reissue_order {
    std::filesystem::path factory;
    std::vector<std::filesystem::path> tpm_makers;
    std::optional<secret_bytes> passphrase;
};

// A challenge to a recovery_request, and what is awaited for it below FACTORY/reissues. Of a request that was granted, the grant
// once more. Errors those of factory::known_device and factory::residency_check; `certificate_revoked`: by the factory's own
// records; `unknown_device`, `revoked`: by the MASA's; of files and keys.
struct reissue_reply {
    std::string serial;
    bytes octets;
    bool granted = false;
    factory_superseded superseded;  // by a grant
};
result<reissue_reply> challenge_recovery(const reissue_order& order, bytes_view request, registry::masa_registry& records,
                                         const clock& time, random_source& random);

// The certificate, for an answer that shows where the keys are. It is in the MASA's log, and the device's former ones are written
// down as revoked, before it is given away; a process that was killed does it again. Errors also `wrong_answer`: nothing was
// asked, or was answered since.
result<reissue_reply> grant_recovery(const reissue_order& order, bytes_view answer, registry::masa_registry& records,
                                     const clock& time, random_source& random);

}  // namespace berth::app
