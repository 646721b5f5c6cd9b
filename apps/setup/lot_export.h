// What others need to know of a lot: labels for its units, and their registration with a cloud.
#pragma once

#include "setup/lot.h"

namespace berth::app {

// A unit of a lot that is a device: its keys have their certificates.
struct finished_unit {
    std::string serial, model, backend, customer;
    std::string made_at;
    std::string z3;  // SHA-256 of its certificates, hexadecimal
    std::string z3_sig;
};
std::vector<finished_unit> finished_units(const lot_report& report);

// CSV (RFC 4180): serial, model, customer, backend, made_at, z3_sha256, label. `label` is for a code that is printed on the unit:
// berth:1:SERIAL:, and the first 16 digits of z3_sha256, by which a photograph of the label is found to be another device's.
std::string labels_csv(const std::vector<finished_unit>& units);

// JSON lines. Single: each unit's IDevID-signature and IDevID-KEM certificate. Family: the CAs that issued the former, one line
// each, that a cloud then takes all their devices by. The certificates are those of the bundles in `lot`, which must be those of
// the log. Errors of files; `other_device`: a bundle is not that of the log.
enum class registration_kind : uint8_t { single, family };
result<std::string> registrations(const std::filesystem::path& lot, const std::vector<finished_unit>& units,
                                  registration_kind kind);

}  // namespace berth::app
