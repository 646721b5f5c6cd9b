#include "broker/hub_brokers.h"

#include "common/files.h"
#include "pki/private_key_file.h"

namespace berth::app {

namespace {

std::vector<const mqtt_listener_config*> listeners_of(const hub_brokers::config& c) {
    std::vector<const mqtt_listener_config*> out;
    if (c.mqtt) {
        out.push_back(&c.mqtt->listener);
    }
    if (c.provisioning && c.provisioning->mqtt) {
        out.push_back(&*c.provisioning->mqtt);
    }
    return out;
}

// What stands in the listeners' files now, which are judged first.
result<std::vector<hub_brokers::file_marks>> read_marks(const hub_brokers::config& c) {
    constexpr auto mark = [](bytes_view text) { return crypto::hash(crypto::hash_algorithm::sha256, text); };
    std::vector<hub_brokers::file_marks> out;
    for (const auto* one : listeners_of(c)) {
        BERTH_CHECK(check_mqtt_listener(*one));
        BERTH_TRY(chain, read_text(one->chain));
        BERTH_TRY(key, pki::read_secret_file(one->key.string(), most_file_octets));
        out.push_back({mark(as_bytes(chain)), mark(key.reveal())});
    }
    return out;
}

broker_settings settings_of(const hub_brokers::config& c, const mqtt_listener_config& listener, broker_role role) {
    broker_settings out;
    out.role = role;
    out.hub = c.hub;
    out.directory = c.hub / (role == broker_role::hub ? "broker" : "provisioning");
    out.listen = listener.listen;
    out.chain = listener.chain;
    out.key = listener.key;
    out.groups = listener.groups();
    out.shared_keys = role == broker_role::hub && c.mqtt && c.mqtt->shared_keys;
    out.alternative_names = c.mqtt && c.mqtt->alternative_names;
    out.most_connections = listener.most_connections == 0 ? -1 : listener.most_connections;
    out.service = c.service;
    if (role == broker_role::hub) {
        out.telemetry = c.telemetry;
        out.telemetry_most_mb = c.telemetry_most_mb;
    }
    out.relays = c.relays && role == broker_role::hub;
    return out;
}

bool same_listener(const mqtt_listener_config& a, const mqtt_listener_config& b) {
    return a.listen.host == b.listen.host && a.listen.port == b.listen.port && a.chain == b.chain && a.key == b.key &&
           a.pq_only == b.pq_only && a.most_connections == b.most_connections;
}

}  // namespace

hub_brokers::~hub_brokers() {
    for (auto* one : {hub_.get(), provisioning_.get()}) {
        if (one != nullptr) {
            one->begin_to_end();
        }
    }
}

result<void> hub_brokers::look(const config& wanted) {
    BERTH_CHECK(read_marks(wanted));
    if (!listeners_of(wanted).empty()) {
        BERTH_CHECK(find_broker(wanted.mqtt ? wanted.mqtt->mosquitto : std::filesystem::path()));
    }
    return {};
}

result<std::unique_ptr<hub_brokers>> hub_brokers::start(net::loop& on, const config& wanted, ops::metric_registry& metrics) {
    std::unique_ptr<hub_brokers> out(new hub_brokers);
    out->config_ = wanted;
    BERTH_TRY(marks, read_marks(wanted));
    out->marks_ = std::move(marks);
    if (listeners_of(wanted).empty()) {
        return out;
    }
    BERTH_TRY(program, find_broker(wanted.mqtt ? wanted.mqtt->mosquitto : std::filesystem::path()));
    if (wanted.mqtt) {
        BERTH_TRY(started, broker_process::start(on, program, settings_of(wanted, wanted.mqtt->listener, broker_role::hub)));
        out->hub_ = std::move(started);
    }
    if (wanted.provisioning && wanted.provisioning->mqtt) {
        BERTH_TRY(started,
                  broker_process::start(on, program, settings_of(wanted, *wanted.provisioning->mqtt, broker_role::provisioning),
                                        [first = out->hub_.get()] {
                                            if (first != nullptr) {
                                                first->listen();
                                            }
                                        }));
        out->provisioning_ = std::move(started);
    }
    const auto restarts = metrics.gauges("berth_broker_restarts", "How often a broker of this hub was started again", {"role"});
    const auto up = metrics.gauges("berth_broker_up", "1: the broker listens", {"role"});
    metrics.before_text([restarts, up, self = out.get()] {
        for (const auto* one : {self->hub_.get(), self->provisioning_.get()}) {
            if (one != nullptr) {
                const std::string role(to_string(one->settings().role));
                restarts.with({role}).set(static_cast<double>(one->restarts()));
                up.with({role}).set(one->check() ? 1 : 0);
            }
        }
    });
    return out;
}

result<hub_brokers::prepared> hub_brokers::prepare(const config& wanted) const {
    const auto before = listeners_of(config_);
    const auto after = listeners_of(wanted);
    const bool same = wanted.hub == config_.hub && wanted.mqtt.has_value() == config_.mqtt.has_value() &&
                      wanted.provisioning.has_value() == config_.provisioning.has_value() &&
                      std::ranges::equal(before, after, [](const auto* a, const auto* b) { return same_listener(*a, *b); }) &&
                      (!wanted.mqtt || (wanted.mqtt->shared_keys == config_.mqtt->shared_keys &&
                                        wanted.mqtt->alternative_names == config_.mqtt->alternative_names &&
                                        wanted.mqtt->mosquitto == config_.mqtt->mosquitto)) &&
                      (!wanted.provisioning || (wanted.provisioning->id_scope == config_.provisioning->id_scope &&
                                                wanted.provisioning->retry_after == config_.provisioning->retry_after &&
                                                wanted.provisioning->webhook_anchors == config_.provisioning->webhook_anchors));
    if (!same) {
        return fail(error_category::usage, "restart_needed",
                    "[hub.mqtt] and [hub.provisioning] are read at start only, but for what is in the files of certificates and "
                    "keys: restart berthd, or put them back");
    }
    BERTH_TRY(marks, read_marks(wanted));
    return prepared{wanted, std::move(marks)};
}

void hub_brokers::apply(prepared ready) {
    size_t at = 0;
    for (auto* one : {hub_.get(), provisioning_.get()}) {
        if (one != nullptr) {
            if (ready.marks.at(at) != marks_.at(at)) {
                one->read_certificate_again();
            }
            ++at;
        }
    }
    config_ = std::move(ready.next);
    marks_ = std::move(ready.marks);
}

result<void> hub_brokers::check_usable() const {
    for (const auto* one : {hub_.get(), provisioning_.get()}) {
        if (one != nullptr) {
            BERTH_CHECK(one->check());
        }
    }
    return {};
}

}  // namespace berth::app
