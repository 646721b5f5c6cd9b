// What comes by a WebSocket: its frames, and in them the first packet of MQTT, as a hub's relay reads both. The first octet says
// how the input is cut: however that is, what is read is the same.
#include "hub/access/origin.h"
#include "hub/carrier/relay_token.h"
#include "hub/mqtt/connect_packet.h"
#include "net/websocket_frames.h"
#include "support/memory_file.h"

using namespace berth;
using namespace berth::test;

namespace {

constexpr size_t most_message = 4'096;

// The octets of messages, and what ended the reading.
std::pair<bytes, std::string> read_frames(bytes input, size_t at_once) {
    net::websocket_reader reader(most_message);
    bytes out;
    for (std::span<uint8_t> rest = input; !rest.empty();) {
        auto some = rest.first(std::min(at_once, rest.size()));
        rest = rest.subspan(some.size());
        while (true) {
            const auto piece = reader.next(some);
            explained(piece);
            if (!piece) {
                require(net::close_code_of(piece.error()) >= net::websocket_code::protocol_error);
                return {std::move(out), piece.error().name};
            }
            if (!*piece) {
                require(some.empty());
                break;
            }
            if ((*piece)->what == net::websocket_opcode::binary) {
                append(out, (*piece)->octets);
            } else {
                require((*piece)->octets.size() <= 125);
            }
        }
    }
    return {std::move(out), ""};
}

std::pair<bytes, std::string> collect(bytes_view input, size_t at_once) {
    hub::connect_collector collector;
    while (!input.empty()) {
        bytes_view some = input.first(std::min(at_once, input.size()));
        input = input.subspan(some.size());
        auto packet = collector.take(some);
        explained(packet);
        if (!packet) {
            return {{}, packet.error().name};
        }
        if (*packet) {
            return {std::move(**packet), ""};
        }
        require(some.empty());
    }
    return {{}, "more"};
}

void connect(bytes_view packet) {
    const auto read = hub::read_connect(packet);
    explained(read);
    if (!read) {
        return;
    }
    // What is written is what was read, and nothing else in the world: the broker reads it once more.
    const auto written = hub::write_connect(*read);
    require(written && *written == to_bytes(packet));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) {
        return 0;
    }
    const size_t at_once = 1U + data[0];
    const bytes_view input(data + 1, size - 1);
    const auto whole = read_frames(to_bytes(input), input.size());
    require(whole == read_frames(to_bytes(input), at_once));
    for (const bytes_view stream : {input, bytes_view(whole.first)}) {
        const auto packet = collect(stream, stream.size());
        require(packet == collect(stream, at_once));
        connect(packet.first);
    }
    const std::string_view text = as_text(input);
    explained(hub::open_relay_token(text, secret_bytes(bytes(hub::relay_secret_octets, 1))));
    const std::string origin = hub::normal_origin(text);
    require(origin.empty() || hub::normal_origin(origin) == origin);
    return 0;
}
