// Wakes the broker's loop from another thread. What a plugin has to say it may only say on the broker's own thread, which looks
// round ten times a second if nothing happens; an octet from a client makes it look at once. So the plugin is a client of its own
// broker, at the socket for programs of this machine, and sends PINGREQ (MQTT 3.1.1, 3.12).
#pragma once

#include "base/descriptor.h"

#include <string>

namespace berth::app {

class broker_wake {
public:
    explicit broker_wake(std::string path) : path_(std::move(path)) {}
    // On one thread. Never waits for long; if the broker cannot be reached it looks round by itself.
    void wake();

private:
    [[nodiscard]] bool connect();

    std::string path_;
    descriptor socket_;
};

}  // namespace berth::app
