// Octets from a hostile peer, into a client and into a server. The first octet is the size of the pieces.
#include "unit/authkem/support.h"

#include <algorithm>

using namespace berth;
using namespace berth::authkem::test;

namespace {

template <class Context>
void feed(const std::shared_ptr<const Context>& context, bytes_view stream, size_t piece) {
    static const manual_clock clock(now);
    seeded_random random(1);
    authkem::connection line(context, clock, random);
    (void)line.start();
    while (!stream.empty()) {
        const bytes_view part = stream.first(std::min(piece, stream.size()));
        stream = stream.subspan(part.size());
        (void)line.receive(part);
        (void)line.take_output();
    }
    if (line.completed() || line.has_received()) {
        __builtin_trap();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) {
        return 0;
    }
    static const auto client = authkem::client_context::make(plain_client()).value();
    static const auto server = [] {
        authkem::client_config unused = plain_client();
        authkem::server_config config = plain_server();
        make_mutual(unused, config);
        config.client_auth = authkem::client_auth::request;
        return authkem::server_context::make(config).value();
    }();
    const bytes_view stream(data + 1, size - 1);
    feed(client, stream, size_t{1} + data[0]);
    feed(server, stream, size_t{1} + data[0]);
    return 0;
}
