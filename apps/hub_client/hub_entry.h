// The way to a hub, as the customer's configuration of an onboarded device names it (BUNDLE/installed/config.json):
//
//   {"provisioning": {"endpoint": "https://hub.example", "idScope": "0ne00000001",
//                     "credential": "device", "anchors": "-----BEGIN CERTIFICATE-----..."}}
//
// The last two may be left out: the first credential whose key signs and whose certificate has a common name, and the customer's
// own root.
#pragma once

#include "device/bundle.h"
#include "net/http.h"
#include "net/tls.h"
#include "wire/json.h"

namespace berth::app {

struct hub_entry {
    net::http_url endpoint;  // over TLS, at "/"
    std::string id_scope;
    std::string credential;                 // empty: as above
    std::vector<pki::certificate> anchors;  // empty: as above
    friend bool operator==(const hub_entry& a, const hub_entry& b);
};

// Nothing: the configuration names no hub. Error `bad_configuration` (peer), param "member".
result<std::optional<hub_entry>> read_hub_entry(const wire::json::object& configuration);

// Who the device is there, and whom it believes.
struct hub_identity {
    std::string name;  // of the credential
    std::string registration_id;
    net::tls_credential own;
    std::vector<pki::certificate> anchors;
};
// Read anew at each use: a renewal shows at the next one. Errors `no_such_identity`; `bad_credential`: a KEM's, or no common
// name; of files and keys.
result<hub_identity> open_hub_identity(const device_bundle& bundle, const hub_entry& entry);

}  // namespace berth::app
