#include "roles/broker_config.h"

#include "common/config_reader.h"
#include "common/files.h"
#include "keystore/key_uri.h"
#include "roles/server_certificate.h"

namespace berth::app {

namespace {

constexpr int64_t most_connections = 10'000'000;
constexpr size_t most_scope = 64;

std::filesystem::path read_broker_key(table_reader& t, const std::filesystem::path& fallback) {
    if (!t.has("key") && !fallback.empty()) {
        return fallback;
    }
    const std::string text = t.text("key");
    const auto uri = keystore::parse_key_uri(text);
    if (uri && uri->kind != keystore::key_store_kind::file) {
        t.complain_of("key", "the broker's key must be a file: Mosquitto reads it itself, and knows no chips");
        return {};
    }
    const std::filesystem::path path = uri ? uri->rest : text;
    return path.is_relative() ? t.directory() / path : path;
}

void read_listener(table_reader& t, mqtt_listener_config& out) {
    if (t.has("chain") || out.chain.empty()) {
        out.chain = t.path("chain", true);
    }
    out.key = read_broker_key(t, out.key);
    out.pq_only = t.flag("pq_only", out.pq_only);
    out.most_connections = t.integer("most_connections", 1, most_connections, out.most_connections);
}

}  // namespace

result<hub_mqtt_config> read_hub_mqtt(table_reader t) {
    hub_mqtt_config out;
    out.listener.listen = t.address("listen");
    read_listener(t, out.listener);
    out.alternative_names = t.flag("alternative_names", false);
    out.shared_keys = t.flag("shared_keys", false);
    out.mosquitto = t.path("mosquitto", false);
    BERTH_CHECK(t.finish());
    return out;
}

result<hub_provisioning_config> read_hub_provisioning(table_reader t, const std::optional<hub_mqtt_config>& mqtt) {
    hub_provisioning_config out;
    out.id_scope = t.text("id_scope");
    const bool good =
        !out.id_scope.empty() && out.id_scope.size() <= most_scope &&
        std::ranges::all_of(out.id_scope, [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_'; });
    if (!good) {
        t.complain_of("id_scope", fmt::format("an id scope has 1 to {} letters, digits, '-' and '_'", most_scope));
    }
    out.retry_after = static_cast<unsigned>(t.integer("retry_after", 1, 3'600, 2));
    out.webhook_anchors = t.paths("webhook_anchors", false);
    if (const auto listen = t.optional_address("listen")) {
        mqtt_listener_config listener = mqtt ? mqtt->listener : mqtt_listener_config{};
        listener.listen = *listen;
        read_listener(t, listener);
        out.mqtt = std::move(listener);
    }
    BERTH_CHECK(t.finish());
    return out;
}

result<void> check_mqtt_listener(const mqtt_listener_config& config) {
    BERTH_TRY(chain, read_chain(config.chain));
    BERTH_TRY(key, keystore::open_signing_key(config.key.string()));
    if (!same_octets(chain.front().spki(), key->public_key().spki())) {
        return fail(error{
            error_category::usage, "credential_key_mismatch",
            fmt::format("the key {} does not belong to the first certificate of {}", config.key.string(), config.chain.string())}
                        .with("path", config.chain.string()));
    }
    return check_server_certificate({config.chain, std::move(chain)});
}

}  // namespace berth::app
