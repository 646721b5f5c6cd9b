// What an operator does with the CAs of a hub's registry, by command or over its API.
#pragma once

#include "registry/hub/hub_registry.h"

namespace berth::registry {

// Errors of check_ca_name, read_ca_upload and hub_registry::add_ca.
result<registered_ca> register_ca(hub_registry& hub, const std::string& name, bytes_view file, random_source& random,
                                  unix_seconds now);
// Error `unknown_ca` (peer).
result<registered_ca> require_ca(hub_registry& hub, const std::string& name);
// Errors of require_ca and verify_registration.
result<registered_ca> prove_ca(hub_registry& hub, const std::string& name, bytes_view proof, unix_seconds now);
// Another code, also where one has expired. Error `already_verified`.
result<registered_ca> draw_another_code(hub_registry& hub, const std::string& name, random_source& random, unix_seconds now);

// From `at` on it lets nobody in; 0: it stays after all. Live sessions of whom it let in end then. Errors of require_ca,
// `not_verified` (usage): it lets nobody in anyway; delete it.
result<registered_ca> retire_ca(hub_registry& hub, const std::string& name, unix_seconds at);
// `successor` takes its place: both count until `at`. Errors of retire_ca for either; `same_ca`.
result<registered_ca> replace_ca(hub_registry& hub, const std::string& name, const std::string& successor, unix_seconds at,
                                 unix_seconds now);

// Takes it out, and tells how many devices and modules had logged in through it last. Without `cut_them_off` the error
// `would_cut_off` (usage), param "count", when there are any: a successor that they have logged in through since is not counted.
// `would_forget_lists` (usage), param "count", without `forget_lists`: as many lists of signers below it (ca_lists.h) would go as
// well, that lie below no other CA in as new a version.
// `ca_enrolled` (usage), in any case: an enrolment group names it.
result<uint64_t> remove_ca(hub_registry& hub, const std::string& name, bool cut_them_off, bool forget_lists = false);

}  // namespace berth::registry
