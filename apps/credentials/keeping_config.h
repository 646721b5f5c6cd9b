// BUNDLE/est.toml: which credentials a device keeps, and which EST servers certify them. The device's owner writes it
// (device.toml is the factory's); docs/credentials.md has all of it.
#pragma once

#include "crypto/kem.h"
#include "crypto/sign.h"
#include "est/renewal.h"
#include "net/address.h"
#include "pki/csr_contents.h"

#include <filesystem>
#include <variant>

namespace berth::app {

using key_algorithm = std::variant<crypto::signature_algorithm, crypto::kem_algorithm>;

// A credential that is to be there always.
struct kept_wish {
    std::string name;
    key_algorithm algorithm = crypto::signature_algorithm::ecdsa_p256_sha256;
    // URIs of places in a chip. None: files, and a new key each time. One: each renewal certifies the same key. Two: they are
    // used in turn, with a new key each time.
    std::vector<std::string> places;
    // Who the device is when it has no certificate of this kind that is good: "ldevid", or a name in installed/.
    std::string identity;
    est::renewal_policy policy;
    // What the first request asks for; empty: the names in the identity's certificate.
    std::vector<std::pair<std::string, std::string>> subject;
    pki::subject_alt_names alt_names;
    // Who says that a new certificate is accepted: the EST server, by a handshake in which it is shown; or somebody here
    // (berth-agent accepted).
    enum class acceptance : uint8_t { est, told };
    acceptance accept = acceptance::est;
    std::vector<std::vector<std::string>> hooks;  // programs with their arguments, one after the other
    uint32_t hook_seconds = 60;                   // for each
    bool over_authkem = false;                    // its server's way

    // Whether a certificate of this kind says to its server who we are: one of a KEM key does not in TLS, nor one of a signature
    // key in AuthKEM.
    [[nodiscard]] bool authenticates() const { return !is_kem() && !over_authkem; }
    [[nodiscard]] bool is_kem() const { return std::holds_alternative<crypto::kem_algorithm>(algorithm); }
};

struct kept_source {
    net::address at;
    std::string host;             // that its certificate names; empty: at.host
    std::string label;            // empty: none
    std::filesystem::path trust;  // roots, PEM
    // Lists of those roots and of the CAs below them: a server whose CA has one is judged by it, and by one that is too old not
    // at all. Read at each visit.
    std::vector<std::filesystem::path> crls;
    bool lists_required = false;  // a server whose CA has none is not believed either
    bool allow_tls12 = false;
    bool over_authkem = false;
    // What else the server wants to know of us; each with a file whose first line is the secret.
    std::string user, header;
    std::filesystem::path password_file, header_file;
    std::vector<kept_wish> credentials;
};

// What is done about a device whose credentials have all expired, and whose identity is refused for good.
enum class recovery : uint8_t {
    tell,     // it is logged
    onboard,  // and the device is onboarded again
};

struct keeping_config {
    std::vector<kept_source> sources;
    recovery recover = recovery::tell;
};

// Of a bundle; nothing: it has no est.toml, and keeps nothing. Errors of files; `bad_config` with the line.
result<std::optional<keeping_config>> read_keeping_config(const std::filesystem::path& bundle);
// Its text. `file` is absolute.
result<keeping_config> parse_keeping_config(const std::string& text, const std::filesystem::path& file);

}  // namespace berth::app
