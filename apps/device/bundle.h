// A device's bundle directory: what the factory put there, and what the device keeps.
//
//   z1.pem, z3.pem, p3.pem or p3.uri, masa-kem.pem, device.toml     made at the factory; z3.pem anew after TPM2_Clear
//   z3-sig.pem, p3-sig.pem or p3-sig.uri    the same, where the device has a signature key too
//   z3-iak.pem    the same, where a TPM has its identity: the certificate of the key that quotes its registers
//   ldevid.pem, ldevid.uri, recovery/       setup/device_ldevid.h, setup/device_recovery.h
//   pending/NAME.key or NAME.uri, pending/registrar     keys made for an onboarding that has not ended; one set per registrar
//   installed/                              the outcome: domain-root.pem, NAME.pem, NAME.key or NAME.uri, config.json, state.json
//   time                                    it is not earlier: what an accepted voucher told, issue dates of own certificates
//   est.toml, credentials/                  what its owner wants renewed by EST, and what has become of it: credentials/
#pragma once

#include "keystore/key.h"
#include "net/address.h"
#include "onboarding/device/credential.h"
#include "onboarding/identity.h"

#include <filesystem>

namespace berth::app {

enum class kk3_way : uint8_t { tunnel, direct };

// A credential to ask for, as device.toml names it.
struct wanted_credential {
    std::string name;
    std::string algorithm;  // p256, mldsa65, mlkem768, mlkem768_p256
    std::string key = {};   // the URI of the place in a chip where the key is made and stays; empty: a file
};

struct device_bundle {
    std::filesystem::path directory;
    onboarding::device_identity identity;
    std::string model;
    std::string firmware;
    unix_seconds firmware_built = 0;
    std::vector<pki::certificate> z3;  // leaf, then its issuers
    std::string p3_uri;
    keystore::kem_key_ptr p3;
    std::vector<crypto::kem_public_key> masa_keys;  // current, then the spare
    std::vector<net::address> registrars;           // configured
    std::optional<net::address> masa;               // for direct KK3 and rendezvous
    bool dns_sd = false;
    bool rendezvous = false;
    kk3_way way = kk3_way::tunnel;
    bool has_clock = true;
    uint32_t pending_jitter_ms = 60'000;
    std::vector<wanted_credential> credentials;
    std::vector<uint8_t> quoted;             // platform registers to be quoted to registrars, ascending; empty: no quote is made
    std::vector<pki::certificate> iak;       // who quotes them: leaf, then its issuers
    std::filesystem::path passphrase_file;   // as device.toml names it; empty: keys are not encrypted
    std::optional<secret_bytes> passphrase;  // what it holds

    // `passphrase_file`, where it is given, takes the place of device.toml's. Errors of files and keys; `bad_config` with the
    // line; `bad_bundle`: what is missing or does not fit together (chains, keys, serials; never times: the clock may be wrong).
    static result<device_bundle> open(const std::filesystem::path& directory, const std::filesystem::path& passphrase_file = {});
    // The same without its keys, for who only looks or forgets: no chip is asked, nothing is unlocked or unsealed; `p3` is none.
    static result<device_bundle> look(const std::filesystem::path& directory, const std::filesystem::path& passphrase_file = {});

    // The latest of the firmware's build and the last persisted time.
    [[nodiscard]] unix_seconds earliest() const;
    result<void> remember_time(unix_seconds t) const;

    // The credential keys for this registrar: those pending for it, or new ones, on disk before they are shown to anybody.
    result<std::vector<onboarding::device_credential>> pending_keys(const std::string& registrar, random_source& random) const;
    // "After a refusal, and after a reset, the device makes new keys". Those in a chip are deleted there, unless they are
    // installed.
    void drop_pending_keys() const;
    // The same without that: they have been installed.
    void forget_pending_keys() const;
    // The keys of chips that the NAME.uri of a directory name. Errors of keystore::remove_key; what is not there any more is
    // none.
    result<void> delete_chip_keys(const std::filesystem::path& named_in) const;
};

// A bundle of which device.toml, the passphrase and z1.pem were read alone: no other certificate, and no key. Errors of files;
// `bad_config` with the line.
struct begun_bundle {
    device_bundle bundle;
    pki::certificate root;
};
result<begun_bundle> begin_bundle(const std::filesystem::path& directory, const std::filesystem::path& passphrase_file);

// Which key of the device in `bundle` is at the place that a name speaks of: "p3", "p3-sig", "ldevid"; empty: none of them.
// Errors of keystore::location_of.
result<std::string> identity_key_at(const std::string& uri, const std::filesystem::path& bundle);

}  // namespace berth::app
