// A handshake between our own endpoints with changes on the way: the first octet chooses the flow, then follow changes of
// five octets: flight, position (2), what to do, with what. Whoever completes agrees with the other side.
#include "unit/authkem/support.h"

#include <algorithm>

using namespace berth;
using namespace berth::authkem::test;

namespace {

struct contexts {
    std::shared_ptr<const authkem::client_context> client;
    std::shared_ptr<const authkem::server_context> server;
};

contexts make(bool mutual, bool pdk) {
    authkem::client_config client = plain_client();
    authkem::server_config server = plain_server();
    if (mutual) {
        make_mutual(client, server);
    }
    if (pdk) {
        predistribute(client, server, mutual);
    }
    return {authkem::client_context::make(client).value(), authkem::server_context::make(server).value()};
}

void change(bytes& octets, size_t position, uint8_t what, uint8_t with) {
    if (octets.empty()) {
        return;
    }
    const auto at = octets.begin() + static_cast<ptrdiff_t>(position % octets.size());
    switch (what % 4) {
    case 0: *at = with; break;
    case 1:
        octets.erase(at, octets.begin() + std::min<ptrdiff_t>(at - octets.begin() + with, octets.end() - octets.begin()));
        break;
    case 2: octets.insert(at, with, with); break;
    default:
        octets.insert(at, at, octets.begin() + std::min<ptrdiff_t>(at - octets.begin() + with, octets.end() - octets.begin()));
        break;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const std::array all{make(false, false), make(true, false), make(false, true), make(true, true)};
    if (size == 0) {
        return 0;
    }
    const contexts& chosen = all[data[0] % all.size()];
    authkem::test::link l(chosen.client, chosen.server);
    uint8_t flight = 0;
    l.on_wire = [&](authkem::role, bytes& octets) {
        for (size_t i = 1; i + 5 <= size && i < 100; i += 5) {
            if (data[i] == flight) {
                change(octets, size_t{data[i + 1]} << 8 | data[i + 2], data[i + 3], data[i + 4]);
            }
        }
        ++flight;
    };
    (void)l.pump();
    if (l.client().completed() && l.server().completed()) {
        const auto ours = l.client().session()->exporter("EXPORTER-fuzz", {}, 32).value();
        const auto theirs = l.server().session()->exporter("EXPORTER-fuzz", {}, 32).value();
        if (!same_octets(ours.reveal(), theirs.reveal())) {
            __builtin_trap();
        }
    }
    return 0;
}
