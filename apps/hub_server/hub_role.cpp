#include "hub_server/hub_role.h"

#include "base/log.h"
#include "common/admin.h"
#include "common/files.h"
#include "crypto/random.h"
#include "hub_server/life_cycle_source.h"
#include "hub_server/relayed_messages.h"
#include "hub_server/telemetry_source.h"
#include "keystore/key_uri.h"
#include "roles/server_certificate.h"
#include "setup/hub.h"
#include "setup/hub_policies.h"

#include <thread>

namespace berth::app {

namespace {

constexpr std::array methods{"GET", "POST", "PUT", "PATCH", "DELETE"};

result<net::tls_credential> open_tls(const key_and_chain& from) {
    BERTH_TRY(chain, read_chain(from.chain));
    BERTH_TRY(passphrase, read_passphrase(from.passphrase_file));
    auto key = keystore::open_signing_key(from.key, {from.base.string(), std::move(passphrase)});
    if (!key) {
        return fail(std::move(key).error().during("[hub] key"));
    }
    return net::tls_credential{std::move(chain), std::move(*key)};
}

// Whoever shows a certificate has its key; whether it counts, and for what, is judged for each request.
result<std::shared_ptr<const net::tls_context>> tls_for(const net::tls_credential& own, const clock& time) {
    net::tls_server_config config;
    config.credentials.push_back(own);
    config.clients = net::tls_server_config::client_certificate::request;
    config.client.possession_only = true;
    config.client.allow_rsa = true;
    return net::tls_context::make(std::move(config), time);
}

// A key in a chip is for one thread.
size_t threads_for(const hub_config& config, const keystore::signing_key& key) {
    const size_t processors = std::max(1U, std::thread::hardware_concurrency());
    return net::front_threads_for(key, config.threads.value_or(std::min<size_t>(processors, 4)));
}

// Who only looks wants to hear of everything; who serves goes on with what a new file and a SIGHUP mend.
result<void> judge_own(const hub_config& config, const std::vector<pki::certificate>& chain, unix_seconds now, bool only_looks) {
    const server_chain own{config.identity.chain, chain};
    BERTH_CHECK(check_server_certificate(own));
    if (!chain.front().has_dns_name(config.host)) {
        return fail(error{error_category::usage,
                          "bad_profile",
                          fmt::format("{}: its subjectAltName has no DNS:{}, which [hub] host says the server is called",
                                      config.identity.chain.string(), config.host),
                          {{"file", config.identity.chain.string()}}});
    }
    const auto good = check_server_certificate_now(own, {}, now);
    if (!good && !only_looks) {
        log::warning("server_certificate_bad", good.error().message,
                     {{"error", good.error().name}, {"file", config.identity.chain.string()}, {"party", "hub"}});
        return {};
    }
    return good;
}

hub_brokers::config brokers_of(const hub_config& config) {
    return {config.directory,
            config.directory / "service",
            config.telemetry_log ? config.directory / "telemetry" : std::filesystem::path(),
            static_cast<uint64_t>(config.telemetry_most_mb),
            config.mqtt,
            config.provisioning,
            config.websockets.enabled};
}

result<std::shared_ptr<const hub::gate>> gate_of(const hub_config& config, role_lists& lists) {
    hub::gate::rules by;
    by.host = config.host;
    by.by_name = config.admin_rights;
    by.lists = lists_of_rule(config.admin_revocation);
    if (!config.admins.empty()) {
        BERTH_TRY(anchors, read_anchors(config.admins));
        BERTH_TRY(own, read_hub_lists(config, anchors));
        lists.add(std::move(own.all));
        BERTH_TRY(store, pki::trust_store::build({std::move(anchors), {}, std::move(own.crls)}));
        by.admins = std::move(store);
    }
    return std::make_shared<const hub::gate>(std::move(by));
}

// With a store of its own: what is served is opened by whoever serves.
result<void> look_at_store(const hub_config& config, const operational_issuer* issuer, unix_seconds now) {
    BERTH_TRY(store, read_hub_store(config.directory));
    if (!issuer) {
        return {};
    }
    BERTH_TRY(known, store->list_cas());
    return issuer->check_registered(known, now);
}

}  // namespace

result<hub_role::prepared> hub_role::read(const hub_config& config, const clock& time, store::opening how) {
    const bool only_looks = how == store::opening::to_look;
    prepared out;
    out.config = config;
    BERTH_TRY(own, open_tls(config.identity));
    auto tls = tls_for(own, time);
    if (!tls) {
        return fail(std::move(tls).error().during(config.identity.chain.string()));
    }
    out.tls = std::move(*tls);
    out.threads = threads_for(config, *own.key);
    BERTH_CHECK(judge_own(config, own.chain, time.now(), only_looks));
    BERTH_TRY(gate, gate_of(config, out.lists));
    out.admin.gate = std::move(gate);
    if (config.sas) {
        BERTH_CHECK(read_policies(config.directory));
        out.admin.keys = std::make_shared<policies_watch>(config.directory);
    }
    if (config.provisioning && !config.provisioning->webhook_anchors.empty()) {
        BERTH_TRY(anchors, read_anchors(config.provisioning->webhook_anchors));
        out.webhook_anchors = std::move(anchors);
    }
    if (config.other_brokers) {
        BERTH_TRY(files, read_other_brokers_files(*config.other_brokers));
        out.other_brokers = std::move(files);
    }
    for (const auto& sink : config.events) {
        BERTH_TRY(files, read_event_files(sink, time));
        out.events.push_back(std::move(files));
    }
    for (const auto& sink : config.telemetry) {
        BERTH_TRY(files, read_event_files(sink, time, "hub.telemetry"));
        out.telemetry.push_back(std::move(files));
    }
    if (config.files && config.files->store) {
        BERTH_TRY(store, open_object_store(*config.files->store, time));
        out.file_store = std::move(store);
    }
    if (config.issuer) {
        BERTH_TRY(issuer, operational_issuer::open(*config.issuer, how));
        out.issuer = std::move(issuer);
    }
    if (only_looks) {
        BERTH_CHECK(look_at_store(config, out.issuer.get(), time.now()));
        BERTH_CHECK(hub_brokers::look(brokers_of(config)));
        if (config.files) {
            BERTH_CHECK(file_disk::look(file_desk::directory_of(*config.files, config.directory)));
            if (out.file_store) {
                BERTH_CHECK(look_at_object_store(out.file_store, time));
            }
        }
    }
    return out;
}

hub_role::hub_role(net::loop& on, const clock& time, random_source& random, ops::metric_registry& metrics,
                   std::unique_ptr<store::sqlite_hub_store> store, prepared serving, std::function<void()> make_way)
    : serving_(std::move(serving)),
      desk_(on, time, random, std::move(store)),
      connections_(desk_.registry(), serving_.config.directory),
      admin_(desk_, serving_.admin, metrics, sessions()),
      issuing_({time, random, desk_.registry(), std::move(make_way)}),
      device_requests_(desk_, issuing_, metrics),
      services_{&admin_},
      reports_(metrics, time) {
    issuing_.set(serving_.issuer);
    if (const auto& provisioning = serving_.config.provisioning) {
        provisioning_.emplace(desk_, admin_, issuing_, *provisioning, serving_.webhook_anchors, metrics);
        const auto more = provisioning_->services();
        services_.insert(services_.end(), more.begin(), more.end());
    }
    if (serving_.config.websockets.enabled) {
        const auto& mqtt = serving_.config.mqtt;
        websockets_ =
            std::make_shared<websocket_relay>(websocket_relay::settings{serving_.config.websockets, serving_.config.host,
                                                                        mqtt.has_value(), mqtt && mqtt->shared_keys},
                                              time, crypto::system_random(), metrics);
    }
    tls_.set(serving_.tls);
}

void hub_role::add_local(net::http_router& router) {
    for (const char* const path : {"/methods/{id}", "/methods/{id}/{module}"}) {
        router.add_async("POST", path,
                         [this](const net::http_request& request, const net::http_responder& respond) {
                             if (!method_calls_) {
                                 return respond(net::http_response::failure({error_category::environment, "no_broker",
                                                                             "this hub has no broker of its own: [hub.mqtt]"}));
                             }
                             method_calls_->serve_local(request, respond);
                         },
                         {.most_body = hub::most_method_body});
    }
}

hub::session_source hub_role::sessions() {
    hub::session_source out;
    out.facts = [this](const registry::identity_name& name) {
        auto found = connections_.facts_of(name);
        if (!found) {
            log::failure("connections_unknown", found.error(), {{"party", "hub"}});
        }
        return found.value_or(registry::connection_facts{});
    };
    out.connected = [this] { return connections_.connected_devices(); };
    return out;
}

result<void> hub_role::open_door(ops::metric_registry& metrics) {
    const auto& config = serving_.config;
    const hub::name_rule names{config.mqtt && config.mqtt->alternative_names};
    BERTH_TRY(logins, login_desk::open(desk_, config.directory / "hub.db", names));
    logins_ = std::move(logins);
    door_ = std::make_unique<device_door>(desk_, *logins_, metrics);
    messages_ = std::make_unique<device_messages>(desk_, *door_, admin_, metrics);
    services_.push_back(messages_.get());
    return {};
}

std::string hub_role::public_host() const {
    constexpr uint16_t https = 443;
    const auto& host = serving_.config.host;
    return port() == https ? host : fmt::format("{}:{}", host, port());
}

result<void> hub_role::open_files(const hub_files_config& config, ops::metric_registry& metrics) {
    BERTH_TRY(files, file_desk::open(desk_, config, serving_.config.directory));
    files_ = std::move(files);
    if (serving_.file_store) {
        files_->keep_in(serving_.file_store, metrics);
    }
    const auto host = [this, said = config.host] { return said.empty() ? public_host() : said; };
    file_service_ = std::make_unique<file_service>(*files_, *door_, admin_, host, metrics);
    blob_service_ = std::make_unique<blob_service>(*files_, *logins_, metrics);
    services_.push_back(file_service_.get());
    services_.push_back(blob_service_.get());
    return {};
}

result<void> hub_role::listen(ops::metric_registry& metrics) {
    auto router = std::make_shared<net::http_router>();
    net::http_front_options options;
    options.threads = serving_.threads;
    options.limits.handling = hub::longest_call;
    for (hub_service* const service : services_) {
        for (const auto& mount : service->mounts()) {
            options.limits.size.most_body = std::max(options.limits.size.most_body, mount.most_body);
            net::http_router::async_handler at_head;
            if (mount.judges_head) {
                at_head = [service](const net::http_request& head, const net::http_responder& respond) {
                    service->judge_head(head, respond);
                };
            }
            for (const char* const method : methods) {
                router->add_async(method, mount.path,
                                  [service](const net::http_request& request, const net::http_responder& respond) {
                                      service->serve(request, respond);
                                  },
                                  {.most_body = mount.most_body, .at_head = at_head});
            }
        }
    }
    if (websockets_) {
        const auto& limits = serving_.config.websockets;
        options.limits.most_connections += limits.most_connections;
        options.limits.most_connections_per_address += limits.most_per_address;
        router->add_websocket(websocket_relay::path, websockets_->route());
    }
    using tls_answer = result<std::shared_ptr<const net::tls_context>>;
    BERTH_TRY(server, net::http_front::listen(desk_.loop(), serving_.config.listen,
                                              net::tls_http{[this]() -> tls_answer { return tls_.get(); }}, std::move(router),
                                              desk_.time(), std::move(options)));
    server_ = std::move(server);
    count_http(*server_, metrics, "hub");
    return {};
}

result<std::unique_ptr<hub_role>> hub_role::start(net::loop& on, const hub_config& config, const clock& time,
                                                  random_source& random, ops::metric_registry& metrics,
                                                  std::function<void()> make_way) {
    BERTH_TRY(ready, read(config, time));
    BERTH_TRY(store, open_hub_store(config.directory));
    std::unique_ptr<hub_role> role(
        new hub_role(on, time, random, metrics, std::move(store), std::move(ready), std::move(make_way)));
    BERTH_CHECK(role->open_door(metrics));
    if (config.files) {
        BERTH_CHECK(role->open_files(*config.files, metrics));
    }
    if (config.other_brokers) {
        BERTH_TRY(others, other_brokers::start(role->desk_, *config.other_brokers, std::move(role->serving_.other_brokers),
                                               config.directory / "hub.db", metrics));
        role->others_ = std::move(others);
        role->services_.push_back(role->others_.get());
    }
    if (config.mqtt) {
        role->line_ = std::make_unique<broker_line>(on, config.directory / "broker" / local_socket_name);
        // Of its own: a broker that cannot keep what is published ends the session that has published it.
        role->publishing_line_ =
            std::make_unique<broker_line>(on, config.directory / "broker" / local_socket_name, "$berthd-https");
        role->line_for_relays_ = std::make_shared<broker_line*>(role->line_.get());
        if (role->websockets_) {
            role->websockets_->watch([&on, line = std::weak_ptr(role->line_for_relays_)](const std::string&) {
                return std::make_unique<relayed_messages>(on, line);
            });
        }
        role->methods_ = std::make_unique<method_desk>(role->desk_, *role->line_, metrics);
        role->method_calls_ = std::make_unique<method_service>(*role->methods_, role->admin_);
        role->services_.push_back(role->method_calls_.get());
        role->telemetry_over_https_ = std::make_unique<telemetry_service>(*role->door_, *role->publishing_line_);
        role->services_.push_back(role->telemetry_over_https_.get());
    }
    BERTH_CHECK(role->listen(metrics));
    BERTH_TRY(carrier, carrier_service::listen(
                           role->desk_, brokers_of(config).service,
                           [self = role.get()](const auto& message) { return self->answer(message); },
                           [self = role.get()](const auto& report) { self->reports_.take(report); },
                           [self = role.get()](net::http_router& router) { self->add_local(router); }));
    role->carrier_ = std::move(carrier);
    BERTH_TRY(brokers, hub_brokers::start(on, brokers_of(config), metrics));
    role->brokers_ = std::move(brokers);
    if (role->websockets_) {
        role->websockets_->serve(role->brokers_->relay());
    }
    if (role->line_) {
        role->line_->begin();
        role->publishing_line_->begin();
        role->desk_.watch([line = role->line_.get()] { line->look(); });
    }
    const event_world sinks{config.host, config.mqtt ? config.directory / "broker" / local_socket_name : ""};
    BERTH_TRY(events, event_streams::start(role->desk_, std::make_unique<life_cycle_source>(role->desk_.registry()),
                                           config.events, std::exchange(role->serving_.events, {}), sinks, metrics));
    role->events_ = std::move(events);
    if (config.telemetry_log) {
        BERTH_TRY(telemetry, event_streams::start(role->desk_,
                                                  std::make_unique<telemetry_source>(
                                                      config.directory / "telemetry", time, config.telemetry_keep_hours * 3'600,
                                                      static_cast<uint64_t>(config.telemetry_most_mb) << 20U),
                                                  config.telemetry, std::exchange(role->serving_.telemetry, {}), sinks, metrics));
        role->telemetry_ = std::move(telemetry);
    }
    role->ocsp_ = std::make_unique<ocsp_watch>(role->desk_, metrics);
    return role;
}

result<hub_role::prepared> hub_role::prepare(const hub_config& config) {
    const auto& now = serving_.config;
    const bool same_port = config.listen.port == now.listen.port || config.listen.port == port();
    if (config.listen.host != now.listen.host || !same_port || config.threads != now.threads ||
        config.directory.lexically_normal() != now.directory.lexically_normal()) {
        return fail(error_category::usage, "restart_needed",
                    "listen, directory and threads of [hub] are read at start only: restart berthd, or put them back");
    }
    if (!std::ranges::equal(config.telemetry, now.telemetry, same_sink) || config.telemetry_log != now.telemetry_log ||
        config.telemetry_keep_hours != now.telemetry_keep_hours || config.telemetry_most_mb != now.telemetry_most_mb) {
        return fail(
            error_category::usage, "restart_needed",
            "[[hub.telemetry]] and [hub.telemetry_log] are read at start only, but for what is in the files that they name: "
            "restart berthd, or put them back");
    }
    if (config.files != now.files) {
        return fail(error_category::usage, "restart_needed", "[hub.files] is read at start only: restart berthd, or put it back");
    }
    if (config.websockets != now.websockets) {
        return fail(error_category::usage, "restart_needed",
                    "[hub.websockets] is read at start only: restart berthd, or put it back");
    }
    // Whose pages may open a WebSocket is judged by it, on threads that serve.
    if (websockets_ && config.host != now.host) {
        return fail(
            error_category::usage, "restart_needed",
            "host of [hub] is read at start only where there are WebSockets ([hub.websockets]): restart berthd, or put it "
            "back");
    }
    if (!std::ranges::equal(config.events, now.events, same_sink) || !same_brokers(config.other_brokers, now.other_brokers)) {
        return fail(error_category::usage, "restart_needed",
                    "[[hub.events]] and [hub.other_brokers] are read at start only, but for what is in the files that they name: "
                    "restart berthd, or put them back");
    }
    issuing_.make_way();  // also who only opens the records would wait for whoever writes to them
    const bool same_issuer = config.issuer && now.issuer && config.issuer->directory == now.issuer->directory;
    BERTH_TRY(ready, read(config, desk_.time(), same_issuer ? store::opening::again : store::opening::or_make));
    if (serving_.threads > 0 && ready.threads == 0) {
        return fail(error_category::usage, "restart_needed",
                    "the key of [hub] is in a chip now, which several threads must not use: restart berthd");
    }
    BERTH_TRY(brokers, brokers_->prepare(brokers_of(config)));
    ready.brokers.emplace(std::move(brokers));
    return ready;
}

std::optional<hub::carried_answer> hub_role::answer(const hub::carried_message& message) {
    if (device_requests::is_one(message)) {
        return device_requests_.answer(message);
    }
    if (provisioning_) {
        return provisioning_->answer(message);
    }
    log::warning("carried_unknown", "a broker carries what nobody here answers",
                 {{"party", "hub"}, {"topic", message.topic.substr(0, 200)}});
    return std::nullopt;
}

void hub_role::apply(prepared ready) {
    brokers_->apply(std::move(*ready.brokers));
    ready.brokers.reset();
    if (others_) {
        others_->renew(std::move(ready.other_brokers));
    }
    events_->renew(std::exchange(ready.events, {}));
    if (telemetry_) {
        telemetry_->renew(std::exchange(ready.telemetry, {}));
    }
    if (files_) {
        files_->renew(ready.file_store);
    }
    ready.threads = serving_.threads;
    serving_ = std::move(ready);
    tls_.set(serving_.tls);
    admin_.judge_by(serving_.admin);
    issuing_.set(serving_.issuer);
}

}  // namespace berth::app
