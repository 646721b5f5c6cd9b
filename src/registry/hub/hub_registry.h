// What the hub knows: identities of devices and modules, and the CAs by which devices are let in. store/ implements it; a broker
// reads it and never waits for anybody else.
//
// All calls of one object are made on one thread. What several calls must do together stands in one all_or_nothing() of the
// store.
#pragma once

#include "pki/crl.h"
#include "registry/hub/ca_registration.h"
#include "registry/hub/group_policy.h"
#include "registry/hub/identity.h"
#include "registry/hub/shared_keys.h"
#include "registry/hub/signer_list.h"

#include <vector>

namespace berth::registry {

enum class identity_change : uint8_t { created, changed, enabled, disabled, revoked, deleted };
// "created", ... "deleted".
std::string_view to_string(identity_change c);
std::optional<identity_change> identity_change_from(std::string_view text);

// One line of the stream of life-cycle events. Numbers go up, without saying how many there were.
struct identity_event {
    uint64_t number = 0;
    unix_seconds at = 0;
    identity_change what = identity_change::created;
    identity_name name;
    uint64_t generation = 0;
    friend bool operator==(const identity_event&, const identity_event&) = default;
};

struct identity_query {
    bool modules = false;               // modules, else devices
    std::optional<std::string> device;  // only this device's modules
    std::optional<bool> enabled;
    std::optional<std::string> group;
    identity_name after;  // the last one of the page before; empty: from the start
    size_t most = 1000;
};

struct identity_tally {
    uint64_t devices = 0, disabled_devices = 0, modules = 0;
    friend bool operator==(const identity_tally&, const identity_tally&) = default;
};

class hub_registry {
public:
    virtual ~hub_registry() = default;

    // ---- identities
    // A new one; its generation is drawn by who makes it. Errors (usage) `identity_exists`; `unknown_identity` for a module of a
    // device that is not there; `too_many_modules` (50 for each device, as the service that SDKs know).
    virtual result<void> add(const identity& fresh) = 0;
    virtual result<std::optional<identity>> find(const identity_name& name) = 0;
    // By name; the next page begins behind the last one's.
    virtual result<std::vector<identity>> list(const identity_query& query) = 0;
    // Sets all settings of the one whose version was read before. Errors `unknown_identity` (peer), `etag_mismatch` (peer).
    virtual result<identity> change(const identity& before, const identity_settings& settings, unix_seconds now) = 0;
    // A device goes with its modules. Errors as change().
    virtual result<void> remove(const identity& before, unix_seconds now) = 0;
    // From now on certificates of earlier epochs are refused, and those without one that are valid already. Error
    // `unknown_identity`.
    virtual result<identity> raise_epoch(const identity_name& name, unix_seconds now) = 0;
    // Whether anybody logs in by a certificate with this thumbprint: who shows it is worth a CONNECT.
    virtual result<bool> knows_thumbprint(const thumbprint& print) = 0;
    // That it has logged in, through which CA (zeroes: none). Is not a change: its etag stays. One that is not there is passed
    // over.
    virtual result<void> note_login(const identity_name& name, const std::array<uint8_t, 32>& ca, unix_seconds now) = 0;
    virtual result<identity_tally> tally() = 0;

    // ---- keys that are shared with devices and modules, and what is set of the hub as a whole
    // They go when the identity does, and when it logs in another way.
    virtual result<std::optional<shared_keys>> keys_of(const identity_name& name) = 0;
    // Both, in place of those before: a change of the identity. Errors as change().
    virtual result<identity> set_keys(const identity& before, const shared_keys& keys, unix_seconds now) = 0;
    virtual result<hub_settings> settings() = 0;
    virtual result<void> set(const hub_settings& settings) = 0;
    // One more with each set(): whether what was let in by them is to be judged again.
    virtual result<uint64_t> settings_generation() = 0;

    // ---- what groups may do
    // By group's name.
    virtual result<std::vector<group_policy>> policies() = 0;
    // In place of the one that the group had. Error `too_many_policies` (usage).
    virtual result<void> set_policy(const group_policy& policy) = 0;
    // Whether there was one.
    virtual result<bool> remove_policy(const std::string& group) = 0;
    // One more with each change of them.
    virtual result<uint64_t> policy_generation() = 0;

    // ---- life-cycle events, from behind `after` on; older ones than are kept are gone (forget_events).
    virtual result<std::vector<identity_event>> events(uint64_t after, size_t most) = 0;
    virtual result<uint64_t> newest_event() = 0;
    virtual result<void> forget_events(uint64_t up_to) = 0;

    // ---- CAs
    // Errors (usage) `ca_name_taken`; `ca_exists`: this certificate is registered, whatever its name.
    virtual result<void> add_ca(const registered_ca& fresh) = 0;
    virtual result<std::optional<registered_ca>> find_ca(const std::string& name) = 0;
    virtual result<std::vector<registered_ca>> list_cas() = 0;
    // State, code and times of the one whose version is one less. Errors (peer) `unknown_ca`, `etag_mismatch`.
    virtual result<void> change_ca(const registered_ca& after) = 0;
    // As change_ca(); `ca_enrolled` (usage), param "id": an enrolment group names it, and would go to the next CA of that name.
    virtual result<void> remove_ca(const registered_ca& before) = 0;
    // How many devices and modules have logged in through it last: whom its removal cuts off.
    virtual result<uint64_t> count_logins(const std::array<uint8_t, 32>& ca) = 0;
    // The list of what it has revoked, in place of the one before; it goes with the CA. Errors as change_ca().
    virtual result<void> keep_list(const registered_ca& of, const pki::crl& list) = 0;
    virtual result<void> drop_list(const registered_ca& of) = 0;
    virtual result<std::optional<pki::crl>> list_of(const registered_ca& ca) = 0;
    // Of a CA below it, in place of the one that the same key has signed before; it goes with the registered CA. Errors as
    // change_ca().
    virtual result<void> keep_signer_list(const registered_ca& above, const signer_list& one) = 0;
    // By the SHA-256 of the signer's key. Whether there was one.
    virtual result<bool> drop_signer_list(const registered_ca& above, const std::array<uint8_t, 32>& key) = 0;
    // Of signers below CAs that have proved to have their key, whether these are in force or not.
    virtual result<std::vector<signer_list>> signer_lists() = 0;
    // One more with each change of the CAs or their lists: whether a trust store that was built from them still holds.
    virtual result<uint64_t> trust_generation() = 0;
};

// A new identity, all its times now.
identity make_identity(identity_name name, identity_settings settings, random_source& random, unix_seconds now);

}  // namespace berth::registry
