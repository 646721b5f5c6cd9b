// berthd's configuration: one TOML file, every mistake named with its line. docs/berthd.md lists the keys.
#pragma once

#include "base/log.h"
#include "base/result.h"
#include "net/address.h"
#include "onboarding/registrar/integrity.h"
#include "roles/hub_config.h"
#include "roles/key_and_chain.h"
#include "roles/revocation_rule.h"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace berth::app {

struct masa_config {
    net::address listen;                        // KK1
    std::optional<net::address> direct_listen;  // KK3 by the direct way, and rendezvous
    std::vector<key_and_chain> keys;            // Z5: current, then spare
    std::vector<std::filesystem::path> device_roots;
    std::vector<std::filesystem::path> device_issuers;
    std::vector<std::filesystem::path> device_crls;
    std::vector<std::filesystem::path> registrar_crls;
    // lists_given or crl: of devices on KK3, of registrars on KK1 and at each decision.
    revocation_rule device_revocation = revocation_rule::lists_given;
    revocation_rule registrar_revocation = revocation_rule::lists_given;
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
    std::string est_label;  // of an EST server that is the CA, for this maker's devices; empty: that of [ca]
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
    bool announce = false;                                      // DNS-SD, `_brski-registrar._tcp`
    revocation_rule revocation = revocation_rule::lists_given;  // of devices on KK2
};

// A CA elsewhere that speaks EST.
struct est_ca_config {
    net::address at;
    std::string host;   // that its certificate names; empty: at.host
    std::string label;  // empty: none
    std::vector<std::filesystem::path> anchors;
    std::vector<std::filesystem::path> crls;                    // of those, for the server's certificate
    revocation_rule revocation = revocation_rule::lists_given;  // or crl
    std::optional<key_and_chain> identity;                      // a signature key's certificate
    std::string user;
    std::filesystem::path password_file;
    std::string header;  // whose value is a secret
    std::filesystem::path header_file;
    bool allow_tls12 = false;
};

// The customer's issuing CA: embedded, a profile of a directory of CAs, or one elsewhere.
struct ca_config {
    key_and_chain issuer;  // of the embedded one
    std::string profile = "operational";
    int64_t lifetime_hours = 24 * 30;
    std::filesystem::path crl;  // written whenever a certificate is revoked; empty: none

    std::filesystem::path directory = {};  // with ca.toml and ca.db; empty: not this one
    std::filesystem::path directory_passphrase_file = {};
    std::optional<est_ca_config> est = {};

    [[nodiscard]] bool is_embedded() const { return directory.empty() && !est; }
};

// Whether devices have a genuine secure element.
struct element_config {
    net::address listen;                         // HTTPS
    std::string host;                            // the name that devices know this server by, and that their elements sign for
    key_and_chain identity;                      // a TLS server's certificate and signature key
    std::vector<std::filesystem::path> makers;   // CAs of elements
    std::vector<std::filesystem::path> issuers;  // that may stand between these and an element, or have a list in `crls`
    std::vector<std::filesystem::path> crls;
    revocation_rule revocation = revocation_rule::lists_given;  // or crl
};

// Certificates by EST.
struct est_trust_config {
    std::string proof;  // what a certificate that leads there proves: "idevid", "ldevid", "operational", "endorsement"
    std::vector<std::filesystem::path> anchors;  // of each file the first certificate: what follows it is known, not trusted
    std::vector<std::filesystem::path> crls;
    revocation_rule revocation = revocation_rule::lists_given;
    std::string ocsp_url = {};  // empty: where certificates say
    int64_t ocsp_keep = 60;     // seconds that an answer counts
};
struct est_label_config {
    std::string where;    // it stands: "berthd.toml:34"
    std::string label;    // empty: requests without one
    std::string profile;  // of the CA directory's ca.toml
    bool binding_required = false;
    bool public_information = true;  // cacerts and csrattrs for everybody
    bool makes_keys = false;         // serverkeygen
    uint32_t retry_after = 60;       // seconds, for who waits for approval
    std::filesystem::path maker;     // root of the devices that registration authorities ask for here, who need it
};
struct est_config {
    net::address listen;                         // TLS 1.3
    std::optional<net::address> tls12_listen;    // for old clients: TLS 1.2, and 1.3
    std::optional<net::address> authkem_listen;  // AuthKEM
    key_and_chain identity;                      // a TLS server's certificate and signature key
    std::optional<key_and_chain> authkem_identity;
    std::filesystem::path directory;  // the CAs: docs/ca.md
    std::filesystem::path directory_passphrase_file;
    std::vector<est_trust_config> trust;
    std::vector<est_label_config> labels;
    std::filesystem::path users;  // of HTTP Basic
    std::string header;           // whose value is a secret
    std::filesystem::path header_file;
    std::vector<std::string> addresses;  // networks that the header is good from: "192.0.2.0/24"
    std::optional<size_t> threads;       // for connections of TLS; 0: on the loop; nothing: as the machine has processors
};

// What became of certificates, for everybody: lists, CA certificates and OCSP over plain HTTP.
struct publish_config {
    net::address listen;
    std::filesystem::path directory;  // the CAs: docs/ca.md
    std::filesystem::path directory_passphrase_file;
    std::vector<std::string> authorities;  // by name; empty: all that issue
    int64_t list_lifetime = 86'400;        // seconds
    int64_t delta_lifetime = 3'600;
    int64_t answer_lifetime = 3'600;  // of OCSP answers
    int64_t max_age = 60;             // for caches between
    uint32_t signatures_per_second = 2'000;
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
    std::optional<est_config> est;
    std::optional<publish_config> publish;
    std::optional<hub_config> hub;
};

// Relative paths are relative to the file's directory. Error `bad_config` with params "file" and "line".
result<daemon_config> read_config(const std::filesystem::path& file);

}  // namespace berth::app
