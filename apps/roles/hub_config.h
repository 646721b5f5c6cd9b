// [hub] of berthd.toml: the registry of devices over HTTPS.
#pragma once

#include "hub/access/rights.h"
#include "net/address.h"
#include "roles/broker_config.h"
#include "roles/event_config.h"
#include "roles/file_config.h"
#include "roles/hub_issuer_config.h"
#include "roles/key_and_chain.h"
#include "roles/other_brokers_config.h"
#include "roles/revocation_rule.h"
#include "roles/websockets_config.h"

#include <map>
#include <optional>
#include <vector>

namespace berth::app {

struct hub_config {
    std::filesystem::path directory;            // docs/hub.md
    net::address listen;                        // TLS 1.3
    std::string host;                           // that the certificate names, and that tokens are for
    key_and_chain identity;                     // a TLS server's certificate and signature key
    std::vector<std::filesystem::path> admins;  // CAs of administrators; empty: certificates count for nothing
    std::vector<std::filesystem::path> admin_crls;
    revocation_rule admin_revocation = revocation_rule::lists_given;  // or crl
    std::map<std::string, hub::right_set> admin_rights;               // by common name; empty: all rights
    bool sas = false;                                                 // tokens of policies are taken
    std::optional<size_t> threads;  // for connections; 0: on the loop; nothing: as the machine has processors
    std::optional<hub_mqtt_config> mqtt;
    std::optional<hub_provisioning_config> provisioning;
    std::optional<other_brokers_config> other_brokers;
    std::vector<event_sink_config> events;
    std::vector<event_sink_config> telemetry;  // [[hub.telemetry]]
    bool telemetry_log = false;                // what devices send is kept: there is one of these, or [hub.telemetry_log]
    int64_t telemetry_keep_hours = 24;         // also once every sink has it
    int64_t telemetry_most_mb = 1'024;         // of the log; more is not taken from devices
    std::optional<hub_issuer_config> issuer;
    std::optional<hub_files_config> files;
    websockets_config websockets;
};

result<hub_config> read_hub(table_reader t);

}  // namespace berth::app
