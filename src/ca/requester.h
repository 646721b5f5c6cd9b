// Who asks a CA for a certificate, as whoever authenticated him says: a certificate is issued on proof of an identity, and
// speaks of that identity alone.
#pragma once

#include "base/clock.h"
#include "pki/certificate.h"

#include <array>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace berth::ca {

using key_hash = std::array<uint8_t, 32>;  // SHA-256 of a SubjectPublicKeyInfo

// By what he has proved it; several at once may be asked for ("idevid+secret").
enum class proof : uint8_t {
    endorsement,  // a TPM's endorsement key: only that TPM can open the answer
    idevid,       // the maker's certificate of the device
    ldevid,       // the owner's long-lived certificate of the device
    operational,  // the owner's short-lived certificate
    basic,        // a name and password
    secret,       // a header's secret value
    address,      // where he comes from
    token,        // a one-time token, bound to the identity
    admin,        // a person with access to the CA itself
    ra,           // a registration authority's certificate (id-kp-cmcRA): it vouches for the device that it asks for
};
inline constexpr std::array all_proofs{proof::endorsement, proof::idevid,  proof::ldevid, proof::operational, proof::basic,
                                       proof::secret,      proof::address, proof::token,  proof::admin,       proof::ra};
std::string_view to_string(proof p) noexcept;  // "idevid"
std::optional<proof> proof_named(std::string_view name) noexcept;

// A device, by its maker and its serial; without a maker's root: one that the owner alone has named.
struct device_key {
    key_hash maker_root{};
    std::string serial;
    [[nodiscard]] bool empty() const { return serial.empty(); }
    friend auto operator<=>(const device_key&, const device_key&) = default;
};

struct requester {
    std::set<proof> proofs;
    std::string name;   // for logs, and {name} in profiles: a certificate's subject, a user, an operator
    device_key device;  // empty: no device asks
    // What he has shown, if it was a certificate; its chain was verified by whoever says so.
    std::optional<pki::certificate> certificate = {};
    key_hash issuer{};                   // of that certificate: the key of the CA that has issued it
    key_hash anchor{};                   // and of the root that it leads to
    std::vector<key_hash> between = {};  // and of the CAs between these two
    std::optional<uint32_t> epoch = {};  // that it says

    // "idevid+secret", in the order above.
    [[nodiscard]] std::string proofs_text() const;
};

}  // namespace berth::ca
