#include "unit/authkem/support.h"

#include "keystore/software.h"

#include <map>

namespace berth::authkem::test {

void seeded_random::fill(std::span<uint8_t> out) {
    // splitmix64
    for (uint8_t& octet : out) {
        state_ += 0x9e3779b97f4a7c15ULL;
        uint64_t z = state_;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
        octet = static_cast<uint8_t>(z >> 56);
    }
}

namespace {

pki::certificate_template ca_template(std::string name) {
    pki::certificate_template t;
    t.subject.add("CN", std::move(name));
    t.not_before = now - 10 * day;
    t.not_after = now + 1000 * day;
    t.is_ca = true;
    t.key_usage = static_cast<uint16_t>(pki::key_cert_sign | pki::crl_sign);
    return t;
}

}  // namespace

authority::authority(std::string name, crypto::signature_algorithm alg, uint64_t seed)
    : certificate_([&] {
          seeded_random random(seed);
          const auto key = crypto::signing_key::generate(alg, random);
          return pki::issue_self_signed(ca_template(name), key, random).value();
      }()),
      key_([&] {
          seeded_random random(seed);
          return crypto::signing_key::generate(alg, random);
      }()),
      random_(seed + 1) {}

pki::trust_store authority::trust() const {
    return pki::trust_store::from_root(certificate_).value();
}

credential authority::issue(scheme s, const leaf_options& options) const {
    const auto key = crypto::kem_private_key::generate(s, random_);
    pki::certificate_template t;
    t.subject.add("CN", options.name);
    t.not_before = options.not_before;
    t.not_after = options.not_after;
    t.key_usage = options.key_usage;
    t.extended_key_usages = options.purposes;
    t.alt_names.dns = {options.name};
    for (size_t filled = 0; filled < options.padding; filled += 200) {
        t.alt_names.uris.push_back("https://" + options.name + "/" + std::to_string(filled) + std::string(180, 'x'));
    }
    credential out;
    out.chain.push_back(pki::issue(t, key.public_key().spki(), certificate_, key_, random_).value());
    out.chain.insert(out.chain.end(), above_.begin(), above_.end());
    out.key = keystore::software_kem_key(key);
    return out;
}

authority authority::subordinate(std::string name) const {
    auto key = crypto::signing_key::generate(key_.algorithm(), random_);
    auto issued = pki::issue(ca_template(std::move(name)), key.public_key().spki(), certificate_, key_, random_).value();
    std::vector<pki::certificate> above{issued};
    above.insert(above.end(), above_.begin(), above_.end());
    return {std::move(issued), std::move(key), std::move(above), random_.number()};
}

const authority& root() {
    static const authority made("AuthKEM unit test root", crypto::signature_algorithm::mldsa65, 100);
    return made;
}

const authority& other_root() {
    static const authority made("Another root", crypto::signature_algorithm::mldsa65, 200);
    return made;
}

namespace {

const credential& kept(std::map<scheme, credential>& all, scheme s, const leaf_options& options) {
    auto at = all.find(s);
    if (at == all.end()) {
        at = all.emplace(s, root().issue(s, options)).first;
    }
    return at->second;
}

}  // namespace

const credential& server_credential(scheme s) {
    static std::map<scheme, credential> all;
    return kept(all, s, {.name = "server.example"});
}

const credential& client_credential(scheme s) {
    static std::map<scheme, credential> all;
    return kept(all, s, {.name = "client.example"});
}

client_config plain_client() {
    client_config config;
    config.server.trust = root().trust();
    config.server_name = "server.example";
    return config;
}

server_config plain_server(scheme s) {
    server_config config;
    config.credentials = {server_credential(s)};
    config.client.trust = root().trust();
    return config;
}

void make_mutual(client_config& client, server_config& server, scheme client_scheme) {
    client.own = client_credential(client_scheme);
    client.expect_certificate_request = true;
    server.client_auth = client_auth::require;
}

void predistribute(client_config& client, const server_config& server, bool early_auth) {
    client.pdk = client_config::predistributed_key{server.credentials.front().key->public_key(), early_auth, false};
}

link::link(client_config client, server_config server, uint64_t seed)
    : link(client_context::make(std::move(client)).value(), server_context::make(std::move(server)).value(), seed) {}

link::link(std::shared_ptr<const client_context> client, std::shared_ptr<const server_context> server, uint64_t seed)
    : client_random_(seed * 2),
      server_random_(seed * 2 + 1),
      client_(std::make_unique<connection>(std::move(client), clock_, client_random_)),
      server_(std::make_unique<connection>(std::move(server), clock_, server_random_)) {
    (void)client_->start();
    (void)server_->start();
}

bool link::carry(role from, size_t piece) {
    connection& sender = from == role::client ? *client_ : *server_;
    connection& receiver = from == role::client ? *server_ : *client_;
    bytes octets = sender.take_output();
    if (on_wire) {
        on_wire(from, octets);
    }
    bool fine = true;
    for (bytes_view left = octets; !left.empty();) {
        const bytes_view part = left.first(std::min(piece, left.size()));
        left = left.subspan(part.size());
        fine = receiver.receive(part).has_value() && fine;
    }
    return fine;
}

bool link::pump(size_t piece) {
    bool fine = true;
    while (client_->has_output() || server_->has_output()) {
        fine = carry(role::client, piece) && fine;
        fine = carry(role::server, piece) && fine;
    }
    return fine;
}

std::string failure_of(const connection& c) {
    return c.failure() != nullptr ? c.failure()->name : "";
}

std::string alert_of(const connection& c) {
    return c.alert_sent() ? std::string(name_of(*c.alert_sent())) : "";
}

std::vector<std::pair<uint8_t, bytes>> records_in(bytes_view stream) {
    std::vector<std::pair<uint8_t, bytes>> out;
    while (stream.size() >= record_header_size) {
        const size_t length = size_t{stream[3]} << 8 | stream[4];
        out.emplace_back(stream[0], to_bytes(stream.subspan(record_header_size, length)));
        stream = stream.subspan(record_header_size + length);
    }
    return out;
}

bytes record_of(uint8_t type, bytes_view fragment) {
    bytes out{type, 3, 3, static_cast<uint8_t>(fragment.size() >> 8), static_cast<uint8_t>(fragment.size())};
    append(out, fragment);
    return out;
}

}  // namespace berth::authkem::test
