#include "roles/hub_config.h"

#include "common/config_reader.h"

#include <fmt/ranges.h>

namespace berth::app {

result<hub_config> read_hub(table_reader t) {
    hub_config out;
    out.directory = t.path("directory", true);
    out.listen = t.address("listen");
    out.host = t.text("host");
    out.identity = read_key_names(t, true);
    out.admins = t.paths("admins", false);
    out.admin_crls = t.paths("admin_crls", false);
    out.admin_revocation = read_insistence(t, "admin_revocation", "admin_crls");
    for (auto& each : t.tables("admin", false)) {
        const std::string name = each.text("name");
        const auto rights = hub::rights_from(fmt::format("{}", fmt::join(each.texts("rights"), ",")));
        if (!rights) {
            each.complain_of("rights", rights.error().message);
        } else if (!out.admin_rights.emplace(name, *rights).second) {
            each.complain_of("name", fmt::format("two [[hub.admin]] are \"{}\"", name));
        }
        BERTH_CHECK(each.finish());
    }
    out.sas = t.flag("sas", false);
    if (t.has("threads")) {
        out.threads = static_cast<size_t>(t.integer("threads", 0, 64, 0));
    }
    if (auto mqtt = t.table("mqtt")) {
        BERTH_TRY(read, read_hub_mqtt(std::move(*mqtt)));
        out.mqtt = std::move(read);
    }
    if (auto provisioning = t.table("provisioning")) {
        BERTH_TRY(read, read_hub_provisioning(std::move(*provisioning), out.mqtt));
        out.provisioning = std::move(read);
    }
    if (auto others = t.table("other_brokers")) {
        BERTH_TRY(read, read_other_brokers(std::move(*others)));
        out.other_brokers = std::move(read);
    }
    BERTH_TRY(events, read_event_sinks(t, out.mqtt.has_value()));
    out.events = std::move(events);
    BERTH_TRY(telemetry, read_telemetry_sinks(t));
    out.telemetry = std::move(telemetry);
    out.telemetry_log = !out.telemetry.empty();
    if (auto log = t.table("telemetry_log")) {
        out.telemetry_log = true;
        out.telemetry_keep_hours = log->integer("keep_hours", 0, 24 * 366, 24);
        out.telemetry_most_mb = log->integer("most_mb", 32, 1'000'000, 1'024);
        BERTH_CHECK(log->finish());
    }
    if (out.telemetry_log && !out.mqtt) {
        t.complain(nullptr, "[[hub.telemetry]] and [hub.telemetry_log] are of what the broker of [hub.mqtt] is sent: give that");
    }
    if (auto issuer = t.table("issuer")) {
        BERTH_TRY(read, read_hub_issuer(std::move(*issuer)));
        out.issuer = std::move(read);
    }
    if (auto files = t.table("files")) {
        BERTH_TRY(read, read_hub_files(std::move(*files)));
        out.files = std::move(read);
    }
    if (auto websockets = t.table("websockets")) {
        BERTH_TRY(read, read_websockets(std::move(*websockets)));
        out.websockets = std::move(read);
        if (!out.mqtt && out.websockets.enabled) {
            t.complain(nullptr, "[hub.websockets] passes MQTT on to the broker of [hub.mqtt]: give that, too");
        }
    }
    if (out.admins.empty() && !out.sas && !out.mqtt && !out.provisioning) {
        t.complain(nullptr, "nobody could ask this hub for anything: give \"admins\", a CA of administrators, or \"sas\" = true, "
                            "or [hub.mqtt]");
    }
    if (out.admins.empty() && (!out.admin_crls.empty() || !out.admin_rights.empty())) {
        t.complain(nullptr, "\"admin_crls\" and [[hub.admin]] are about administrators: give \"admins\", their CA");
    }
    BERTH_CHECK(t.finish());
    return out;
}

}  // namespace berth::app
