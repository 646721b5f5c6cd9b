// A small PKI and a pair of endpoints in memory.
#pragma once

#include "authkem/connection.h"
#include "pki/issue.h"

#include <functional>

namespace berth::authkem::test {

inline constexpr unix_seconds now = 1800000000;
inline constexpr unix_seconds day = 86400;

// Reproducible, and good for nothing else.
class seeded_random final : public random_source {
public:
    explicit seeded_random(uint64_t seed) : state_(seed) {}
    void fill(std::span<uint8_t> out) override;

private:
    uint64_t state_;
};

struct leaf_options {
    std::string name = "leaf.example";
    unix_seconds not_before = now - day;
    unix_seconds not_after = now + day;
    std::optional<uint16_t> key_usage = pki::key_encipherment;
    std::vector<std::string> purposes{std::string(pki::oid_server_auth), std::string(pki::oid_client_auth)};
    size_t padding = 0;  // octets of certificate policies and names that make it large
};

// A root with its key; issues leaves and further CAs.
class authority {
public:
    authority(std::string name, crypto::signature_algorithm alg, uint64_t seed);

    [[nodiscard]] const pki::certificate& certificate() const { return certificate_; }
    [[nodiscard]] const crypto::signing_key& key() const { return key_; }
    [[nodiscard]] pki::trust_store trust() const;
    // A credential for a new key of that scheme.
    [[nodiscard]] credential issue(scheme s, const leaf_options& options = {}) const;
    // A CA below this one; its leaves carry it in their chains.
    [[nodiscard]] authority subordinate(std::string name) const;

private:
    authority(pki::certificate certificate, crypto::signing_key key, std::vector<pki::certificate> above, uint64_t seed)
        : certificate_(std::move(certificate)), key_(std::move(key)), above_(std::move(above)), random_(seed) {}
    pki::certificate certificate_;
    crypto::signing_key key_;
    std::vector<pki::certificate> above_;  // between this CA and the root, this one first; empty for a root
    mutable seeded_random random_;
};

// Shared by all tests: one root, one credential per scheme and side.
const authority& root();
const authority& other_root();
const credential& server_credential(scheme s);
const credential& client_credential(scheme s);

client_config plain_client();
server_config plain_server(scheme s = scheme::mlkem768);
// What mutual authentication adds.
void make_mutual(client_config& client, server_config& server, scheme client_scheme = scheme::mlkem768);
// What a pre-distributed key adds.
void predistribute(client_config& client, const server_config& server, bool early_auth);

// A client and a server, and the octets between them.
class link {
public:
    link(client_config client, server_config server, uint64_t seed = 1);
    link(std::shared_ptr<const client_context> client, std::shared_ptr<const server_context> server, uint64_t seed = 1);

    connection& client() { return *client_; }
    connection& server() { return *server_; }
    manual_clock& time() { return clock_; }

    link(const link&) = delete;
    link& operator=(const link&) = delete;

    // Carries octets both ways until nothing moves; at most `piece` octets at a time. False when an endpoint
    // failed.
    bool pump(size_t piece = SIZE_MAX);
    // pump(), and both completed.
    bool complete(size_t piece = SIZE_MAX) { return pump(piece) && client_->completed() && server_->completed(); }
    // One flight each way, with a chance to change it. False when an endpoint failed.
    bool carry(role from, size_t piece = SIZE_MAX);
    // May change what is carried.
    std::function<void(role from, bytes& octets)> on_wire;

private:
    manual_clock clock_{now};
    seeded_random client_random_;
    seeded_random server_random_;
    std::unique_ptr<connection> client_;
    std::unique_ptr<connection> server_;
};

// The name of the failure of that endpoint; empty: none.
std::string failure_of(const connection& c);
// The name of the alert that it sent; empty: none.
std::string alert_of(const connection& c);

// The records in a stream: type and fragment.
std::vector<std::pair<uint8_t, bytes>> records_in(bytes_view stream);
bytes record_of(uint8_t type, bytes_view fragment);

}  // namespace berth::authkem::test
