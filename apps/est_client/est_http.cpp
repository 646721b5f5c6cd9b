#include "est_client/est_http.h"

namespace berth::app {

namespace {

template <class To, class From>
To headers_of(const From& from) {
    To out;
    for (const auto& [name, value] : from) {
        out.add(name, value);
    }
    return out;
}

}  // namespace

est::http_request est_request(const net::http_request& from) {
    return {from.method, from.path, headers_of<est::http_headers>(from.headers), from.body};
}

net::http_request net_request(est::http_request from) {
    net::http_request out;
    out.method = std::move(from.method);
    out.target = std::move(from.path);
    out.headers = headers_of<net::http_headers>(from.headers.fields);
    out.body = std::move(from.body);
    return out;
}

est::http_response est_response(net::http_response from) {
    return {from.status, headers_of<est::http_headers>(from.headers), std::move(from.body)};
}

net::http_response net_response(est::http_response from) {
    return {from.status, headers_of<net::http_headers>(from.headers.fields), std::move(from.body)};
}

est::channel est_channel(const net::peer_info& peer) {
    if (peer.protocol == "TLSv1.2") {
        return {est::binding_kind::tls_unique, peer.tls_unique};
    }
    if (peer.protocol == "TLSv1.3" || peer.protocol == "AuthKEM") {
        return {est::binding_kind::tls_exporter,
                [ask = peer.exporter] { return ask(est::exporter_label, {}, est::exporter_octets); }};
    }
    return {};
}

}  // namespace berth::app
