#include "roles/event_config.h"

#include "common/config_reader.h"
#include "net/http.h"

namespace berth::app {

namespace {

constexpr size_t most_name = 64;
constexpr size_t most_topic = 256;
constexpr int64_t most_batch = 1'000;

bool good_name(const std::string& name) {
    return !name.empty() && name.size() <= most_name &&
           std::ranges::all_of(name, [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.'; });
}

void read_webhook(table_reader& t, event_sink_config& out) {
    out.to = event_sink_config::kind::webhook;
    out.webhook = t.text("webhook");
    const auto url = net::parse_url(out.webhook);
    const bool here = url && (url->host.host == "localhost" || url->host.host == "127.0.0.1" || url->host.host == "::1");
    if (!url || url->transport == net::transport_kind::authkem || (url->transport == net::transport_kind::plain && !here)) {
        t.complain_of("webhook", "a webhook is asked over HTTPS, or over plain HTTP on this machine alone");
    } else if (url->transport == net::transport_kind::tls && !t.has("anchors")) {
        t.complain(nullptr, "\"anchors\" must name the CAs that vouch for the webhook");
    }
    if (t.has("anchors")) {
        out.anchors = t.paths("anchors", true);
    }
    if (t.has("chain") || t.has("key")) {
        out.identity = read_key_names(t, true);
    }
    out.secret_file = t.path("secret_file", false);
    out.dead_letters = t.path("dead_letters", false);
}

void read_topic(table_reader& t, event_sink_config& out, bool has_broker) {
    out.to = event_sink_config::kind::topic;
    out.topic = t.text("topic");
    if (out.topic.empty() || out.topic.size() > most_topic || out.topic.find_first_of("+#") != std::string::npos ||
        out.topic.find('\0') != std::string::npos || out.topic.starts_with('$') || out.topic.starts_with("devices/")) {
        t.complain_of("topic", "a topic without wildcards that is none of the hub's own ($..., devices/...), as berth/events");
    }
    out.socket = t.path("socket", false);
    if (out.socket.empty() && !has_broker) {
        t.complain(nullptr,
                   "\"topic\" wants a broker: [hub.mqtt], or \"socket\", where another one lets programs of this machine in");
    }
}

enum class taken : uint8_t { events, telemetry };

result<event_sink_config> read_one(table_reader t, bool has_broker, taken what) {
    event_sink_config out;
    out.name = t.text("name");
    if (!good_name(out.name)) {
        t.complain_of("name", fmt::format("a name of 1 to {} letters, digits, '-', '_' and '.'", most_name));
    }
    const int kinds = int{t.has("webhook")} + int{t.has("file")} + int{t.has("topic")};
    if (what == taken::telemetry && t.has("topic")) {
        (void)t.text("topic");
        t.complain_of("topic", "what devices send is in topics of the broker already; it goes to a \"webhook\" or a \"file\"");
    } else if (kinds != 1) {
        (void)(t.text("webhook", "") + t.text("file", "") + t.text("topic", ""));
        t.complain(nullptr, "events go to a \"webhook\", a \"file\" or a \"topic\": give one of them");
    } else if (t.has("webhook")) {
        read_webhook(t, out);
    } else if (t.has("file")) {
        out.file = t.path("file", true);
    } else {
        read_topic(t, out, has_broker);
    }
    out.batch = static_cast<size_t>(t.integer("batch", 1, most_batch, 100));
    out.from_start = t.flag("from_start", false);
    BERTH_CHECK(t.finish());
    return out;
}

result<std::vector<event_sink_config>> read_all(table_reader& hub, const char* table, bool has_broker, taken what) {
    std::vector<event_sink_config> out;
    for (auto& each : hub.tables(table, false)) {
        BERTH_TRY(one, read_one(std::move(each), has_broker, what));
        if (std::ranges::any_of(out, [&](const auto& other) { return other.name == one.name; })) {
            hub.complain(nullptr, fmt::format("two [[hub.{}]] are \"{}\": the name is what their positions are kept under", table,
                                              one.name));
        }
        out.push_back(std::move(one));
    }
    return out;
}

}  // namespace

bool same_sink(const event_sink_config& a, const event_sink_config& b) {
    const auto same_identity = [](const std::optional<key_and_chain>& x, const std::optional<key_and_chain>& y) {
        return x.has_value() == y.has_value() &&
               (!x || (x->chain == y->chain && x->key == y->key && x->passphrase_file == y->passphrase_file));
    };
    return a.name == b.name && a.to == b.to && a.webhook == b.webhook && a.anchors == b.anchors &&
           same_identity(a.identity, b.identity) && a.secret_file == b.secret_file && a.file == b.file &&
           a.dead_letters == b.dead_letters && a.topic == b.topic && a.socket == b.socket && a.batch == b.batch &&
           a.from_start == b.from_start;
}

result<std::vector<event_sink_config>> read_event_sinks(table_reader& hub, bool has_broker) {
    return read_all(hub, "events", has_broker, taken::events);
}

result<std::vector<event_sink_config>> read_telemetry_sinks(table_reader& hub) {
    return read_all(hub, "telemetry", true, taken::telemetry);
}

}  // namespace berth::app
