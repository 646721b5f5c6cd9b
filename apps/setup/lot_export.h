// What others need to know of a lot: labels for its units, and their registration with a cloud.
#pragma once

#include "pki/certificate.h"
#include "setup/lot.h"

namespace berth::app {

// A unit of a lot that is a device: its keys have their certificates.
struct finished_unit {
    std::string serial, model, backend, customer;
    std::string made_at;
    std::string z3;  // SHA-256 of its certificates, hexadecimal
    std::string z3_sig;
};
// Error `log_unsigned`: no signature covers the last lines, which anybody may have written.
result<std::vector<finished_unit>> finished_units(const std::filesystem::path& log, const lot_report& report);

// Whose a log must be, and whose its devices.
struct log_trust {
    crypto::verification_key key;
    std::optional<pki::certificate> root;  // z1.pem
    std::string order;                     // that the log says it is of; empty: a factory's own lot
};
// The key of `key`'s file if one is named. Else, like the root, by `directory`: a factory's, a line's, or that of the factory
// that has ordered what a line made. Errors of files; `bad_arguments`: neither is named.
result<log_trust> trust_for(const std::filesystem::path& log, const std::filesystem::path& directory,
                            const std::filesystem::path& key);
// As verify_lot; `bad_signature` says more of a line's log.
result<lot_report> verify_lot(const std::filesystem::path& log, const log_trust& trust);

// CSV (RFC 4180): serial, model, customer, backend, made_at, z3_sha256, label. `label` is for a code that is printed on the unit:
// berth:1:SERIAL:, and the first 16 digits of z3_sha256, by which a photograph of the label is found to be another device's.
std::string labels_csv(const std::vector<finished_unit>& units);

// JSON lines. Single: each unit's IDevID-signature and IDevID-KEM certificate. Family: the CAs that issued the former, one line
// each, that a cloud then takes all their devices by. The certificates are those of the bundles in `lot`, which must be those of
// the log, and the factory's. Errors of files; `other_device`: a bundle is not that of the log; `bad_arguments`: nobody has said
// whose devices they must be; those of pki::verify_chain.
enum class registration_kind : uint8_t { single, family };
result<std::string> registrations(const std::filesystem::path& lot, const std::vector<finished_unit>& units,
                                  const log_trust& trust, unix_seconds now, registration_kind kind);

}  // namespace berth::app
