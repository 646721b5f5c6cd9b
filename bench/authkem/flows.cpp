#include "authkem/flows.h"

namespace berth::authkem::bench {

contexts make_contexts(mode m, scheme s, bool with_cache) {
    client_config client = plain_client();
    server_config server = plain_server(s);
    if (both_sides(m)) {
        make_mutual(client, server, s);
    }
    if (predistributed(m)) {
        predistribute(client, server, both_sides(m));
    }
    if (with_cache) {
        client.server.cache = std::make_shared<verified_leaf_cache>(16);
        server.client.cache = std::make_shared<verified_leaf_cache>(16);
    }
    return {client_context::make(std::move(client)).value(), server_context::make(std::move(server)).value()};
}

std::optional<size_t> run_handshake(connection& client, connection& server) {
    size_t octets = 0;
    (void)client.start();
    while (client.has_output() || server.has_output()) {
        const bytes up = client.take_output();
        (void)server.receive(up);
        const bytes down = server.take_output();
        (void)client.receive(down);
        octets += up.size() + down.size();
    }
    return client.completed() && server.completed() ? std::optional(octets) : std::nullopt;
}

}  // namespace berth::authkem::bench
