// The manufacturer's factory: Z1, the IDevID issuing CA, and devices with Z3 and P3.
#pragma once

#include "onboarding/identity.h"
#include "registry/masa_registry.h"
#include "setup/factory_lists.h"
#include "setup/keys.h"
#include "setup/unit_keys.h"

namespace berth::app {

struct factory_settings {
    std::string maker;
    crypto::signature_algorithm algorithm = crypto::signature_algorithm::mldsa65;
    std::optional<secret_bytes> passphrase = {};
    // Whether to make idevid-ca-classical too, for certificates that are kept in chips.
    bool for_chips = true;
};

// DIR: z1.pem z1.key (root), idevid-ca.pem idevid-ca.key, idevid-ca-classical.pem idevid-ca-classical.key. Errors of files,
// `file_exists`.
result<void> factory_init(const std::filesystem::path& directory, const factory_settings& settings, const clock& time,
                          random_source& random);

// Whether a device may have this serial. Error `bad_serial`.
result<void> check_serial(const std::string& serial);

struct device_order {
    std::string serial;
    std::string model = "model-1";
    std::string firmware = "1.0.0";
    // The device takes no voucher that was made before; none: a minute ago, for
    // what a device is made with was built by then.
    std::optional<unix_seconds> firmware_built;
    crypto::kem_algorithm kem = crypto::kem_algorithm::mlkem768_p256;
    std::vector<std::string> registrars;  // host:port
    std::string masa;                     // host:port, for rendezvous and direct KK3; empty: none
    std::vector<std::string> discovery;
    bool direct = false;
    // name=algorithm, or name=algorithm@URI of a key that the device's chip makes and keeps
    std::vector<std::pair<std::string, std::string>> credentials{{"device", "p256"}, {"device-pq", "mldsa65"}};
    uint32_t pending_jitter_ms = 60'000;
    std::vector<uint8_t> quoted = {};  // platform registers that the device quotes to registrars; a TPM's, empty: none
    std::optional<secret_bytes> factory_passphrase = {};  // of the factory's keys
    // Of the device's own keys, these and those that it makes later; device.toml names the file.
    std::filesystem::path passphrase_file = {};
    crypto::signature_algorithm signature = crypto::signature_algorithm::ecdsa_p256_sha256;  // of the IDevID-signature key
    // Names of keys that the device's chip makes and keeps, as the device will know them: they go into p3.uri and p3-sig.uri.
    // Empty: files of the bundle. Relative paths in them are relative to the bundle.
    std::string p3_uri = {};
    std::string p3_sig_uri = {};
    tpm_order tpm = {};  // when they name a TPM
    // Where the chip is on a line's station rather than on the device: the names that the bundle has in the end; empty: those
    // above.
    std::string p3_uri_of_device = {};
    std::string p3_sig_uri_of_device = {};
    // The factory's CAs, opened once for many devices; none: they are opened for this one.
    std::shared_ptr<const unit_issuers> issuers = {};
    // What the factory has certified, read once for many devices; none: it is read for this one.
    std::shared_ptr<certified_keys> certified = {};
    // It is one of a lot's, which has asked for all of its serials (setup/spoken_serials.h).
    bool of_lot = false;
};

// The text of its device.toml. Error `file_error`: where its passphrase file is cannot be told.
result<std::string> device_toml(const device_order& order, unix_seconds built);

// Where a back end ("software", "tpm2", "stsafe") keeps a device's keys unless the order says otherwise. Error `unknown_backend`.
result<void> place_keys(device_order& order, const std::string& backend);
// One bundle directory, complete or not at all: whatever an interrupted attempt has left is cleared away. `masa_keys` is
// masa-kem.pem's text. Errors of files; `bad_serial`; those of order_checks.h; `file_exists`: there is something at `out`;
// `in_use`; `key_exists`: the chip has such a key already, which is some device's identity; those of keystore/operations.h. Keys
// in a chip go with a failed attempt.
result<onboarding::device_identity> factory_make(const std::filesystem::path& factory, const std::filesystem::path& out,
                                                 const device_order& order, const std::string& masa_keys, const clock& time,
                                                 random_source& random);

// The same, and the device's record at the MASA. A device that has a record is refused before anything is made, and a bundle
// whose record cannot be made does not stay: it would be a second identity of the same name. An attempt that was interrupted
// after the record is brought to its end when it is repeated. Errors also `device_exists`; `serial_ordered`: a line or a lot is
// to make it; those of the records.
result<onboarding::device_identity> factory_make_recorded(const std::filesystem::path& factory, const std::filesystem::path& out,
                                                          const device_order& order, const std::string& masa_keys,
                                                          registry::masa_registry& records, const clock& time,
                                                          random_source& random);

// Whether the record of a device, which is there, speaks of this Z3, its first or one that took its place: the same serial may
// have been made elsewhere meanwhile.
// Errors of the records.
result<bool> is_recorded(const onboarding::device_identity& device, const pki::certificate& z3, registry::masa_registry& records);
// Whether the records speak of the device in this bundle, and of no other with its serial. Errors of files and of the records.
result<bool> bundle_is_recorded(const std::filesystem::path& bundle, registry::masa_registry& records);

}  // namespace berth::app
