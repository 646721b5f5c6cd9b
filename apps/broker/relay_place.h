// Where MQTT that comes by WebSockets is passed on to, and by which secret: of the broker that runs now.
#pragma once

#include "base/secret.h"
#include "net/current.h"

#include <atomic>
#include <string>

namespace berth::app {

// Written on the loop, read on any thread.
struct relay_place {
    std::string socket;
    net::current<secret_bytes> secret;  // of the broker that was started last, before it was; null: none was
    std::atomic<bool> up = false;
};

}  // namespace berth::app
