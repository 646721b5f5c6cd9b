// Devices by the lot: what factory_make_recorded does for one, for many, in several stations at once.
#pragma once

#include "setup/factory.h"
#include "setup/lot.h"

namespace berth::app {

struct personalise_order {
    std::filesystem::path factory;
    std::filesystem::path masa;
    device_order device;  // serial, issuers and names of keys on the device left out
    std::string backend = "software";
    // What comes behind the names of keys in a chip while it is in a station: "device=/dev/i2c-{station}",
    // "tcti=device:/dev/tpmrm{station}". {station}, {unit} and {serial} are replaced. Empty: as on the device.
    std::string station;
    std::string customer;                                // whom the devices are given; empty: nobody
    std::optional<pki::certificate> customer_root = {};  // the one that the MASA must know of that customer
    std::string configuration;                           // what the MASA tells each of them, JSON; empty: nothing
    // Files that go into each bundle as they are.
    std::vector<std::pair<std::string, std::string>> files;
    // Of a unit that was in a station when an earlier run was killed: keys in its chip are deleted when no record speaks of the
    // device. Only whoever knows that the stations hold those units still may say so.
    bool clear_interrupted = false;
    lot_settings lot;
};

// Errors of run_lot, open_unit_issuers, the records; before the first unit is begun `device_exists`: a serial is used already;
// those of check_customer; `bad_lot`: several units in one chip.
result<lot_summary> personalise(const personalise_order& order, const clock& time, random_source& random, lot_watcher& watcher);

// Whether the MASA knows the customer, by this root if one is given. Errors `unknown_customer`, `customer_ca_mismatch`.
result<void> check_customer(const std::string& customer, const std::optional<pki::certificate>& root,
                            registry::masa_registry& records);

// Found before the first unit is begun: each of them would fail for it. Error `device_exists`.
result<void> require_new_serials(const serial_plan& serials, const onboarding::hash_field& root,
                                 registry::masa_registry& records);

// A station's template, for one unit.
std::string for_unit(std::string text, const lot_unit& unit);
// A name that a chip has on the device, as it is in a station.
std::string at_station(const std::string& uri, const std::string& station, const lot_unit& unit);
// Found before the first unit is begun: what `station` makes of the device's names. Errors `bad_lot`: it has a placeholder that
// is none; `bad_key_uri`.
result<void> check_station(const device_order& device, const std::string& station);
// Error `key_exists`: what is in the unit's station has keys of `whose`, and is not cleared.
tl::unexpected<error> not_cleared(const lot_unit& unit, const std::string& whose);
// `key_exists` of a unit that was interrupted: what is there may be its own, and how one goes on then.
error may_be_its_own(error e, const lot_unit& unit);
// Each unit needs a chip of its own: somebody puts it there, or its place tells which. Error `bad_lot`.
result<void> require_chips(bool in_chips, const std::string& station, const lot_settings& lot);

}  // namespace berth::app
