#include "net/mosquitto_library.h"

#include "base/loaded_library.h"

namespace berth::net {

namespace {

struct loaded {
    mosquitto_library functions;
    loaded_library from{"libmosquitto.so.1"};

    loaded() {
#define BERTH_RESOLVE(name) from.find(#name, functions.name);
        BERTH_MOSQUITTO_FUNCTIONS(BERTH_RESOLVE)
#undef BERTH_RESOLVE
        if (from.missing().empty()) {
            functions.mosquitto_lib_init();
        }
    }
};

const loaded& library() {
    static const loaded opened;
    return opened;
}

}  // namespace

result<void> mosquitto_library::load() {
    if (!library().from.missing().empty()) {
        return fail(error_category::environment, "mqtt_unavailable",
                    "MQTT needs libmosquitto.so.1; install it (Debian: libmosquitto1): " + library().from.missing());
    }
    return {};
}

const mosquitto_library& mosquitto_calls() {
    return library().functions;
}

}  // namespace berth::net
