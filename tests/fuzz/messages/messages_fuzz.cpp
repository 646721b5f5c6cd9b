// What goes by on a connection of MQTT, in whatever pieces it comes; property bags; fields of messages to devices.
#include "crypto/random.h"
#include "hub/access/iso_time.h"
#include "hub/messages/bag.h"
#include "hub/messages/message_headers.h"
#include "hub/mqtt/packet_watch.h"
#include "support/memory_file.h"

using namespace berth;
using namespace berth::test;

namespace {

using hub::packet_watch;

std::vector<std::string> told(packet_watch::direction d, bytes_view all, size_t size) {
    packet_watch watch(d);
    std::vector<std::string> out;
    while (!all.empty()) {
        bytes_view piece = all.first(std::min(size, all.size()));
        all = all.subspan(piece.size());
        while (const auto seen = watch.next(piece)) {
            require(seen->topic.size() <= 65'535);
            out.push_back(std::to_string(seen->number) + " " + std::to_string(seen->reason) + " " + std::string(seen->topic));
        }
        require(piece.empty());
    }
    out.push_back(watch.is_lost() ? "lost" : "found");
    return out;
}

void packets(bytes_view octets) {
    for (const auto d : {packet_watch::direction::to_client, packet_watch::direction::from_client}) {
        const auto whole = told(d, octets, octets.size() + 1);
        require(told(d, octets, 1) == whole);
        require(told(d, octets, 3) == whole);
        require(told(d, octets, 100) == whole);
    }
}

void bags(std::string_view text) {
    (void)hub::device_of_message(text);
    (void)hub::time_from(text);
    const auto bag = hub::parse_bag(text);
    if (!bag) {
        return;
    }
    registry::device_message m;
    m.device = "d";
    m.expires = 2;
    m.properties = *bag;
    const auto good = hub::check_sendable(m, 1);
    explained(good);
    if (good) {
        const std::string topic = hub::message_topic(m);
        require(topic.find_first_of("+#") == std::string::npos && hub::device_of_message(topic) == "d");
        auto again = hub::parse_bag(std::string_view(topic).substr(hub::message_root("d").size()));
        // Behind what the hub says of it: $.to and $.exp.
        require(again && again->size() == bag->size() + 2);
        again->erase(again->begin(), again->begin() + 2);
        require(*again == *bag);
    }
}

// "NAME: VALUE" lines, and a body behind an empty one.
void fields(std::string_view text) {
    hub::message_fields all;
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        if (line.empty()) {
            break;
        }
        const size_t colon = std::min(line.find(':'), line.size());
        if (hub::is_message_field(line.substr(0, colon))) {
            all.emplace_back(line.substr(0, colon), line.substr(std::min(colon + 1, line.size())));
        }
    }
    const auto m = hub::message_from("d", all, text, crypto::system_random(), 1'800'000'000);
    explained(m);
    for (const auto& [name, value] : m ? hub::fields_of(*m) : hub::message_fields()) {
        require(name.find_first_of(" :\r\n") == std::string::npos && value.find_first_of("\r\n") == std::string::npos);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const bytes_view octets(data, size);
    packets(octets);
    bags(as_text(octets));
    fields(as_text(octets));
    return 0;
}
