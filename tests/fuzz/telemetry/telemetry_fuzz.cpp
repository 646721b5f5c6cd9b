// What devices send and answer: topics, bags, bodies over HTTPS; calls of back ends; the line between berthd and its broker.
#include "hub/line/line.h"
#include "hub/telemetry/telemetry_http.h"
#include "hub/telemetry/telemetry_json.h"
#include "hub/topics/topics.h"
#include "store/telemetry/log_format.h"
#include "support/memory_file.h"

using namespace berth;
using namespace berth::test;

namespace {

// Whatever a device has sent, a back end is told of by JSON that it can read.
void told(std::string_view topic, bytes_view payload) {
    const auto json = wire::parse_json_object(hub::to_json({7, 1'800'000'000'123, topic, payload}), 16 * 1024 * 1024);
    require(json && json->contains("number") && (json->contains("body") || json->contains("bodyBase64")));
}

void over_https(std::string_view body) {
    for (const std::string_view type : {hub::many_messages_type, std::string_view("text/plain")}) {
        const std::pair<std::string, std::string> field{"iothub-app-" + std::string(body.substr(0, 20)),
                                                        std::string(body.substr(0, 200))};
        const auto read = hub::read_telemetry(type, {&field, 1}, body);
        explained(read);
        for (const auto& one : read ? *read : std::vector<hub::sent_telemetry>()) {
            const std::string topic = hub::telemetry_topic({"d", ""}) + one.bag;
            require(hub::may_publish({"d", ""}, topic) == hub::operation::telemetry);
            told(topic, one.payload);
        }
    }
}

void methods(std::string_view text) {
    const auto call = hub::method_request::parse(text);
    explained(call);
    if (call) {
        const std::string topic = hub::method_topic(call->name, 0x2f);
        require(topic.find_first_of("+#") == std::string::npos && hub::may_receive({"d", ""}, topic) == hub::operation::methods);
    }
    if (const auto answer = hub::parse_method_answer(text)) {
        require(hub::may_publish({"d", ""}, text) == hub::operation::methods || text.size() > hub::most_topic);
        (void)answer->status;
    }
    explained(hub::method_result(200, text));
}

template <class T>
void comes_back(bytes_view octets) {
    const auto read = wire::decode<T>(octets);
    if (read) {
        require(wire::encode(*read).value() == bytes(octets.begin(), octets.end()));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const bytes_view octets(data, size);
    const std::string_view text = as_text(octets);
    told(text, octets);
    told("devices/d/messages/events/" + std::string(text), octets);
    told("devices/d/messages/events/%24.ct=application%2Fjson", octets);
    over_https(text);
    methods(text);
    comes_back<hub::line_method_call>(octets);
    comes_back<hub::line_method_outcome>(octets);
    comes_back<hub::line_seen_packet>(octets);
    comes_back<store::telemetry_record>(octets);
    return 0;
}
