#include "vectors/authkem/vector_file.h"

#include "keystore/software.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

namespace berth::authkem::vectors {

namespace json = wire::json;

std::optional<std::filesystem::path> directory() {
    const char* const given = std::getenv("BERTH_VECTORS_DIR");
    std::filesystem::path path = std::filesystem::path(given != nullptr ? given : BERTH_DEFAULT_VECTORS_DIR) / "authkem";
    if (!std::filesystem::exists(path / "mutual.json")) {
        return std::nullopt;
    }
    return path;
}

std::vector<std::filesystem::path> positive_files() {
    std::vector<std::filesystem::path> out;
    if (const auto path = directory()) {
        for (const auto& entry : std::filesystem::directory_iterator(*path)) {
            if (entry.path().extension() == ".json" && entry.path().filename() != "negative.json") {
                out.push_back(entry.path());
            }
        }
    }
    std::sort(out.begin(), out.end());
    return out;
}

void recorded_random::fill(std::span<uint8_t> out) {
    if (left() < out.size()) {
        ADD_FAILURE() << "more randomness was drawn than was recorded";
        std::fill(out.begin(), out.end(), uint8_t{1});
        return;
    }
    std::copy_n(stream_.begin() + static_cast<ptrdiff_t>(at_), out.size(), out.begin());
    at_ += out.size();
}

bytes hex(const json::value& value) {
    return from_hex(std::string_view(value.as_string())).value();
}

const json::object& member(const json::object& object, std::string_view name) {
    return object.at(name).as_object();
}

std::string text(const json::object& object, std::string_view name) {
    return std::string(object.at(name).as_string());
}

material::material(const json::object& file) : file_(file) {
    for (const auto& [name, der] : member(file, "certificates")) {
        auto parsed = pki::certificate::parse(hex(der));
        EXPECT_TRUE(parsed.has_value()) << std::string_view(name);
        if (parsed) {
            certificates_.emplace(std::string(name), std::move(*parsed));
        }
    }
}

const pki::certificate& material::certificate(std::string_view name) const {
    return certificates_.find(name)->second;
}

credential material::make_credential(const json::object& description) const {
    credential out;
    for (const json::value& name : description.at("chain").as_array()) {
        out.chain.push_back(certificate(std::string_view(name.as_string())));
    }
    const bytes der = hex(member(file_, "private_keys").at(text(description, "private_key")));
    out.key = keystore::software_kem_key(crypto::kem_private_key::from_pkcs8(der).value());
    EXPECT_EQ(crypto::name_of(out.key->algorithm()), text(description, "scheme"));
    return out;
}

crypto::kem_public_key material::public_key(std::string_view name) const {
    return crypto::kem_public_key::from_spki(hex(member(file_, "public_keys").at(name))).value();
}

pki::trust_store material::trust(const json::object& endpoint) const {
    pki::trust_store::contents contents;
    for (const json::value& name : endpoint.at("roots").as_array()) {
        contents.anchors.push_back(certificate(std::string_view(name.as_string())));
    }
    return pki::trust_store::build(std::move(contents)).value();
}

namespace {

template <class Config>
void read_common(const json::object& endpoint, Config& config) {
    config.suites.clear();
    for (const json::value& name : endpoint.at("cipher_suites").as_array()) {
        config.suites.push_back(cipher_suite_from_name(std::string_view(name.as_string())).value());
    }
    config.schemes.clear();
    for (const json::value& name : endpoint.at("schemes").as_array()) {
        config.schemes.push_back(scheme_from_name(std::string_view(name.as_string())).value());
    }
    if (endpoint.contains("alpn")) {
        for (const json::value& name : endpoint.at("alpn").as_array()) {
            config.alpn.emplace_back(name.as_string());
        }
    }
    config.alpn_required = endpoint.contains("alpn_required") && endpoint.at("alpn_required").as_bool();
}

}  // namespace

client_config client_from(const json::object& endpoint, const material& named) {
    client_config config;
    read_common(endpoint, config);
    config.server.trust = named.trust(endpoint);
    if (!endpoint.at("server_name").is_null()) {
        config.server_name = text(endpoint, "server_name");
    }
    if (!endpoint.at("credential").is_null()) {
        config.own = named.make_credential(member(endpoint, "credential"));
    }
    config.expect_certificate_request = endpoint.at("expect_certificate_request").as_bool();
    if (!endpoint.at("pdk").is_null()) {
        const json::object& pdk = member(endpoint, "pdk");
        config.pdk = client_config::predistributed_key{named.public_key(text(pdk, "public_key")), pdk.at("early_auth").as_bool(),
                                                       pdk.at("refusal_is_fatal").as_bool()};
    }
    return config;
}

server_config server_from(const json::object& endpoint, const material& named) {
    server_config config;
    read_common(endpoint, config);
    config.client.trust = named.trust(endpoint);
    for (const json::value& description : endpoint.at("credentials").as_array()) {
        config.credentials.push_back(named.make_credential(description.as_object()));
    }
    const std::string wanted = text(endpoint, "client_auth");
    config.client_auth = wanted == "none" ? client_auth::none : wanted == "request" ? client_auth::request : client_auth::require;
    return config;
}

endpoint::endpoint(const json::object& description, const material& named, role side, unix_seconds now)
    : clock_(now), random_(hex(description.at("randomness"))) {
    const observers watch{
        .secrets = [this](std::string_view name, bytes_view secret) { secrets_.emplace_back(name, to_bytes(secret)); },
        .steps = {}};
    if (side == role::client) {
        client_config config = client_from(description, named);
        config.observe = watch;
        line_ = std::make_unique<connection>(client_context::make(std::move(config)).value(), clock_, random_);
    } else {
        server_config config = server_from(description, named);
        config.observe = watch;
        line_ = std::make_unique<connection>(server_context::make(std::move(config)).value(), clock_, random_);
    }
}

bytes endpoint::secret(std::string_view name) const {
    for (auto it = secrets_.rbegin(); it != secrets_.rend(); ++it) {
        if (it->first == name) {
            return it->second;
        }
    }
    return {};
}

json::object load(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    const std::string content{std::istreambuf_iterator<char>(in), {}};
    return wire::parse_json_object(content, 64 * 1024 * 1024).value();
}

}  // namespace berth::authkem::vectors
