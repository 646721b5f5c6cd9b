// Keys that a hub shares with devices and modules, for those that can show nothing else (row B4), and the switches without which
// none is taken.
//
// Such a key lies in two places and is worth an identity to whoever reads it in either: a certificate is better. Devices may be
// let in by key, modules may be (Azure's Node.js SDK knows nothing else for them), each by a switch of its own; both are off at
// first.
#pragma once

#include "base/random.h"
#include "base/secret.h"
#include "registry/hub/identity.h"

namespace berth::registry {

inline constexpr size_t least_shared_key = 16, most_shared_key = 64, drawn_shared_key = 32;  // octets

// Either counts; one is changed while the other is in use. Empty: there is none.
struct shared_keys {
    secret_bytes primary, secondary;
};

shared_keys draw_shared_keys(random_source& random);
secret_bytes draw_shared_key(random_source& random);
// Base64, of 16 to 64 octets. Error `bad_shared_key` (usage), which quotes nothing of it.
result<secret_bytes> shared_key_from_text(std::string_view text);
// A file's: one line with the primary one, or two; without a second, the secondary one is drawn. Error `bad_shared_key`.
result<shared_keys> shared_keys_from_text(std::string_view text, random_source& random);

// What an operator sets of the hub as a whole.
struct hub_settings {
    bool device_sas = false;  // devices may log in by key
    bool module_sas = false;  // modules may
    std::string host_name;    // in lower case; what tokens must be for. Empty: any.

    [[nodiscard]] bool takes_key_of(const identity_name& name) const { return name.is_module() ? module_sas : device_sas; }
    friend bool operator==(const hub_settings&, const hub_settings&) = default;
};

// A host's name in lower case: letters, digits, '-' and '.', no port; empty is empty. Error `bad_host_name` (usage).
result<std::string> host_name_from_text(std::string_view text);

// Errors (usage) `shared_keys_refused`: its switch is off; `login_not_by_key`: its entry says that it logs in another way.
result<void> check_has_key(const identity& who, const hub_settings& hub);

}  // namespace berth::registry
