// The plugin's end of the line between berthd and its broker (hub/line/line.h): what is to be published for what berthd or a
// device has said. Knows nothing of Mosquitto.
#pragma once

#include "base/bytes.h"
#include "method_calls.h"

#include <functional>

namespace berth::app {

class line_end {
public:
    using handle = method_calls::handle;
    struct publication {
        std::string client, topic;
        bytes payload;
        int qos = 0;
    };
    // Whether the session may be sent this topic.
    using permission = std::function<bool(handle session, std::string_view topic)>;

    [[nodiscard]] method_calls& calls() { return calls_; }

    // berthd calls a device. Nothing: nobody of ours has said that.
    std::optional<publication> call(bytes_view said, const permission& may, milliseconds now);
    // A device has answered, or says so. Nothing: it was never asked that, and is told nothing.
    std::optional<publication> answered(handle session, std::string_view topic, bytes_view payload);
    std::vector<publication> left(handle session);

private:
    method_calls calls_;
};

}  // namespace berth::app
