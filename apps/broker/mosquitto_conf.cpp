#include "broker/mosquitto_conf.h"

#include <fmt/format.h>

namespace berth::app {

std::string_view to_string(broker_role r) {
    return r == broker_role::hub ? "hub" : "provisioning";
}

result<std::string> mosquitto_conf(const broker_settings& s) {
    for (const auto& value : {s.hub.string(), s.directory.string(), s.chain.string(), s.key.string(), s.plugin.string(),
                              s.service.string(), s.telemetry.string(), s.groups, s.listen.host}) {
        if (value.find_first_of("\r\n") != std::string::npos) {
            return fail(error_category::usage, "bad_config", "a value of the broker's has a line break in it");
        }
    }
    // Options of a listener stand below it: above all listeners they make another one, which nobody has asked for.
    std::string out = "# Written by berthd at each start.\n";
    const auto say = [&out](std::string_view name, std::string_view value) { out += fmt::format("{} {}\n", name, value); };
    if (s.as_root) {
        say("user", "root");
    }
    say("per_listener_settings", "false");
    say("allow_anonymous", "false");
    say("set_tcp_nodelay", "true");
    say("connection_messages", "false");
    say("log_dest", "stderr");
    say("log_timestamp", "false");
    for (const auto* type : {"error", "warning", "notice", "information"}) {
        say("log_type", type);
    }
    // A session that is to last (clean = 0) outlives the broker.
    const bool keeps = s.role == broker_role::hub;
    say("persistence", keeps ? "true" : "false");
    if (keeps) {
        say("persistence_location", s.directory.string() + "/");
        say("autosave_interval", "60");
    }
    say("max_packet_size", std::to_string(most_mqtt_packet));
    say("max_keepalive", "1767");
    say("plugin", s.plugin.string());
    say("plugin_opt_role", to_string(s.role));
    say("plugin_opt_hub", s.hub.string());
    say("plugin_opt_groups", s.groups);
    say("plugin_opt_local_socket", local_socket_name);
    if (s.relays) {
        say("plugin_opt_relay_socket", relay_socket_name);
        say("plugin_opt_relay_secret", relay_secret_name);
    }
    if (!s.service.empty()) {
        say("plugin_opt_service", s.service.string());
    }
    if (s.alternative_names) {
        say("plugin_opt_alternative_names", "true");
    }
    if (!s.telemetry.empty()) {
        say("plugin_opt_telemetry", s.telemetry.string());
        say("plugin_opt_telemetry_most_mb", std::to_string(s.telemetry_most_mb));
    }
    out += '\n';
    // Mosquitto cuts a path at its first blank, and takes none that is longer than the system's addresses: it runs in there.
    say("listener", fmt::format("0 {}", local_socket_name));
    out += '\n';
    if (s.relays) {
        say("listener", fmt::format("0 {}", relay_socket_name));
        say("max_qos", "1");
        out += '\n';
    }
    say("listener", fmt::format("{} {}", s.listen.port, s.listen.host));
    say("certfile", s.chain.string());
    say("keyfile", s.key.string());
    say("max_qos", "1");
    say("require_certificate", s.shared_keys ? "false" : "true");
    say("tls_version", "tlsv1.3");
    say("max_connections", std::to_string(s.most_connections));
    return out;
}

}  // namespace berth::app
