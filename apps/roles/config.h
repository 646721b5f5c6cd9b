// berthd's configuration: one TOML file, every mistake named with its line. docs/berthd.md lists the keys.
#pragma once

#include "base/log.h"
#include "base/result.h"
#include "net/address.h"
#include "onboarding/registrar/integrity.h"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace berth::app {

struct key_and_chain {
    std::filesystem::path chain;                 // PEM, leaf first; for a MASA key may be missing: pre-distributed use only
    std::string key;                             // key URI
    std::filesystem::path passphrase_file = {};  // unlocks an encrypted key; empty: it is not encrypted
    std::filesystem::path base = {};             // where a relative key URI begins
};

struct masa_config {
    net::address listen;                        // KK1
    std::optional<net::address> direct_listen;  // KK3 by the direct way, and rendezvous
    std::vector<key_and_chain> keys;            // Z5: current, then spare
    std::vector<std::filesystem::path> device_roots;
    std::vector<std::filesystem::path> device_issuers;
    std::vector<std::filesystem::path> device_crls;
    std::vector<std::filesystem::path> registrar_crls;
    std::filesystem::path store;
    std::filesystem::path store_key;  // 32 octets, 0600
    std::string checkpoint_key;       // key URI, ML-DSA-65
    std::filesystem::path base;       // where it begins, if it is relative
    std::filesystem::path checkpoint_passphrase_file;
};

struct maker_config {
    std::filesystem::path root;  // Z1
    net::address masa;
    std::string masa_host;                       // the name that its certificate must carry
    std::vector<std::filesystem::path> issuers;  // CAs below Z1 that may have a list in `crls`
    std::vector<std::filesystem::path> crls;
};

struct registrar_config {
    net::address listen;     // KK2
    key_and_chain identity;  // Z4
    // Another identity on KK1 than on KK2: what a registrar in the middle would use. For demonstrations and tests of that
    // attack; no key of the file sets it.
    std::optional<key_and_chain> kk1_identity;
    std::filesystem::path domain_root;  // Z2
    std::vector<maker_config> makers;
    std::filesystem::path store;
    bool manual_approval = false;
    std::vector<onboarding::integrity_rule> integrity;  // what devices' platform registers must hold; empty: nobody asks
    uint32_t retry_after = 5;
    bool announce = false;  // DNS-SD, `_brski-registrar._tcp`
};

struct ca_config {
    key_and_chain issuer;
    std::string profile = "operational";
    int64_t lifetime_hours = 24 * 30;
    std::filesystem::path crl;  // written whenever a certificate is revoked; empty: none
};

// Whether devices have a genuine secure element.
struct element_config {
    net::address listen;                         // HTTPS
    std::string host;                            // the name that devices know this server by, and that their elements sign for
    key_and_chain identity;                      // a TLS server's certificate and signature key
    std::vector<std::filesystem::path> makers;   // CAs of elements
    std::vector<std::filesystem::path> issuers;  // that may stand between these and an element, or have a list in `crls`
    std::vector<std::filesystem::path> crls;
};

struct daemon_config {
    log::level log_level = log::level::info;
    log::format log_format = log::format::json;
    std::optional<net::address> admin;   // /metrics, /healthz, /readyz
    bool admin_beyond_loopback = false;  // plain HTTP on another address than loopback
    std::optional<masa_config> masa;
    std::optional<registrar_config> registrar;
    std::optional<ca_config> ca;
    std::optional<element_config> element;
};

// Relative paths are relative to the file's directory. Error `bad_config` with params "file" and "line".
result<daemon_config> read_config(const std::filesystem::path& file);

}  // namespace berth::app
