// What berth-broker-tap.so offers to a plugin in the same process, found by dlsym(RTLD_DEFAULT, "berth_tap_listen_1").
//
// Mosquitto 2.0 tells its plugins of no PUBACK. The tap, which is loaded before it (LD_PRELOAD), sees what goes through OpenSSL's
// SSL_read and SSL_write, which Mosquitto reads and writes its connections with, and tells of messages to devices that were sent
// and of acknowledgements that came. It changes nothing, and holds nothing back.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

// All on the thread that reads or writes the connection. `line` names it, until closed().
struct berth_tap_listener {
    void* self;
    // A message with QoS 1 has gone out; `topic` has no 0 at its end.
    void (*sent)(void* self, const void* line, uint16_t packet, const char* topic, size_t topic_size);
    void (*acknowledged)(void* self, const void* line, uint16_t packet, uint8_t reason);
    void (*closed)(void* self, const void* line);
};

// From now on this one, which stays where it is; null: nobody. 0: it is told nothing, because there is no OpenSSL here.
using berth_tap_listen = int (*)(const berth_tap_listener* listener);
}
