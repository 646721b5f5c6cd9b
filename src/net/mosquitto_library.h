// libmosquitto, MQTT's client side, loaded when somebody first asks for it: a device that knows no hub need not have it.
#pragma once

#include "base/result.h"

#include <mosquitto.h>

namespace berth::net {

// Each under its own name.
#define BERTH_MOSQUITTO_FUNCTIONS(F)     \
    F(mosquitto_connack_string)          \
    F(mosquitto_connect)                 \
    F(mosquitto_connect_callback_set)    \
    F(mosquitto_destroy)                 \
    F(mosquitto_disconnect)              \
    F(mosquitto_disconnect_callback_set) \
    F(mosquitto_lib_init)                \
    F(mosquitto_loop_misc)               \
    F(mosquitto_loop_read)               \
    F(mosquitto_loop_write)              \
    F(mosquitto_message_callback_set)    \
    F(mosquitto_new)                     \
    F(mosquitto_publish)                 \
    F(mosquitto_publish_callback_set)    \
    F(mosquitto_socket)                  \
    F(mosquitto_strerror)                \
    F(mosquitto_subscribe)               \
    F(mosquitto_subscribe_callback_set)  \
    F(mosquitto_username_pw_set)         \
    F(mosquitto_want_write)

struct mosquitto_library {
#define BERTH_MOSQUITTO_MEMBER(name) decltype(&::name) name = nullptr;
    BERTH_MOSQUITTO_FUNCTIONS(BERTH_MOSQUITTO_MEMBER)
#undef BERTH_MOSQUITTO_MEMBER

    // Loads it, once for the whole process; it stays. Thread-safe. Error `mqtt_unavailable`.
    static result<void> load();
};

// After load() has succeeded.
const mosquitto_library& mosquitto_calls();

}  // namespace berth::net
