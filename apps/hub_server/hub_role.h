// The hub of berthd: the registry of devices, and what else belongs to it, over HTTPS.
//
// Connections live on threads of their own (net/http_front.h); everything that is judged and kept, on the loop. What is served
// is a list of services, each with paths of its own (hub_service.h).
#pragma once

#include "broker/hub_brokers.h"
#include "hub_server/admin_service.h"
#include "hub_server/blob_service.h"
#include "hub_server/broker_reports.h"
#include "hub_server/carrier_service.h"
#include "hub_server/device_door.h"
#include "hub_server/device_messages.h"
#include "hub_server/device_requests.h"
#include "hub_server/event_streams.h"
#include "hub_server/file_service.h"
#include "hub_server/method_service.h"
#include "hub_server/ocsp_watch.h"
#include "hub_server/operational_issuer.h"
#include "hub_server/other_brokers.h"
#include "hub_server/provisioning_service.h"
#include "hub_server/telemetry_service.h"
#include "hub_server/websocket_relay.h"
#include "net/current.h"
#include "net/http_front.h"
#include "roles/config.h"
#include "roles/lists.h"
#include "store/sqlite/connection_store.h"

namespace berth::app {

class hub_role {
public:
    // Errors of files, keys and the hub's directory; `listen_failed`. `make_way`: as issuing_desk's.
    static result<std::unique_ptr<hub_role>> start(net::loop& on, const hub_config& config, const clock& time,
                                                   random_source& random, ops::metric_registry& metrics,
                                                   std::function<void()> make_way = {});

    // Another configuration while this one serves, as element_role's. Errors as start(), naming the file; `restart_needed`.
    struct prepared {
        hub_config config;
        std::shared_ptr<const net::tls_context> tls;
        size_t threads = 0;  // that the key of `tls` allows, of those that were asked for
        admin_service::settings admin;
        role_lists lists;
        std::vector<pki::certificate> webhook_anchors;  // read at start only
        std::shared_ptr<operational_issuer> issuer;
        std::optional<hub_brokers::prepared> brokers;  // while it serves
        other_brokers_files other_brokers;
        std::vector<event_sink_files> events, telemetry;  // one for each sink
        std::shared_ptr<const object_store_access> file_store;
    };
    // to_look: nothing is made or changed, and what a new file would mend later is told too.
    static result<prepared> read(const hub_config& config, const clock& time, store::opening how = store::opening::or_make);
    result<prepared> prepare(const hub_config& config);
    void apply(prepared ready);

    [[nodiscard]] uint16_t port() const { return server_->port(); }
    // 0: no such broker.
    [[nodiscard]] uint16_t mqtt_port() const { return brokers_->port(); }
    [[nodiscard]] uint16_t provisioning_port() const { return brokers_->provisioning_port(); }
    [[nodiscard]] const role_lists& lists() const { return serving_.lists; }
    // For readiness.
    [[nodiscard]] result<void> check_usable() { return desk_.check(); }
    [[nodiscard]] result<void> check_brokers() const { return brokers_->check_usable(); }

private:
    hub_role(net::loop& on, const clock& time, random_source& random, ops::metric_registry& metrics,
             std::unique_ptr<store::sqlite_hub_store> store, prepared serving, std::function<void()> make_way);
    // What devices ask over HTTPS.
    result<void> open_door(ops::metric_registry& metrics);
    result<void> open_files(const hub_files_config& config, ops::metric_registry& metrics);
    // Where devices find it: HOST, and its port where that is not 443.
    [[nodiscard]] std::string public_host() const;
    result<void> listen(ops::metric_registry& metrics);
    // What programs of this machine may ask of the hub's socket besides.
    void add_local(net::http_router& router);
    [[nodiscard]] hub::session_source sessions();
    std::optional<hub::carried_answer> answer(const hub::carried_message& message);

    prepared serving_;
    net::current<net::tls_context> tls_;  // for the threads of connections
    hub_desk desk_;
    store::sqlite_connection_store connections_;
    admin_service admin_;
    issuing_desk issuing_;
    device_requests device_requests_;
    std::optional<provisioning_service> provisioning_;
    std::unique_ptr<login_desk> logins_;  // of devices over HTTPS
    std::unique_ptr<device_door> door_;
    std::unique_ptr<device_messages> messages_;
    std::unique_ptr<file_desk> files_;
    std::unique_ptr<file_service> file_service_;
    std::unique_ptr<blob_service> blob_service_;
    std::unique_ptr<other_brokers> others_;
    std::unique_ptr<broker_line> line_;  // null: no broker of ours
    std::unique_ptr<broker_line> publishing_line_;
    std::shared_ptr<broker_line*> line_for_relays_;  // gone with it
    std::unique_ptr<method_desk> methods_;
    std::unique_ptr<method_service> method_calls_;
    std::unique_ptr<telemetry_service> telemetry_over_https_;
    std::vector<hub_service*> services_;
    std::shared_ptr<websocket_relay> websockets_;  // null: switched off
    std::unique_ptr<net::http_front> server_;
    broker_reports reports_;
    std::unique_ptr<carrier_service> carrier_;
    std::unique_ptr<hub_brokers> brokers_;
    std::unique_ptr<event_streams> events_, telemetry_;
    std::unique_ptr<ocsp_watch> ocsp_;
};

}  // namespace berth::app
