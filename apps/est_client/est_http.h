// Between EST, which knows no connections, and net, which has them.
#pragma once

#include "est/channel_binding.h"
#include "est/http.h"
#include "net/http.h"

namespace berth::app {

est::http_request est_request(const net::http_request& from);
net::http_request net_request(est::http_request from);
est::http_response est_response(net::http_response from);
net::http_response net_response(est::http_response from);

// What a request over this connection can be bound to: tls-exporter on TLS 1.3 and AuthKEM, tls-unique on TLS 1.2.
est::channel est_channel(const net::peer_info& peer);

}  // namespace berth::app
