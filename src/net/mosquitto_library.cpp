#include "net/mosquitto_library.h"

#include <dlfcn.h>

namespace berth::net {

namespace {

struct loaded {
    mosquitto_library functions;
    std::string missing;  // empty: all of it is there
};

loaded open_library() {
    loaded out;
    void* const library = ::dlopen("libmosquitto.so.1", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
        out.missing = ::dlerror();
        return out;
    }
#define BERTH_MOSQUITTO_RESOLVE(name)                                                             \
    out.functions.name = reinterpret_cast<decltype(out.functions.name)>(::dlsym(library, #name)); \
    if (out.functions.name == nullptr) {                                                          \
        out.missing = #name;                                                                      \
    }
    BERTH_MOSQUITTO_FUNCTIONS(BERTH_MOSQUITTO_RESOLVE)
#undef BERTH_MOSQUITTO_RESOLVE
    if (out.missing.empty()) {
        out.functions.mosquitto_lib_init();
    }
    return out;
}

const loaded& library() {
    static const loaded opened = open_library();
    return opened;
}

}  // namespace

result<void> mosquitto_library::load() {
    if (!library().missing.empty()) {
        return fail(error_category::environment, "mqtt_unavailable",
                    "MQTT needs libmosquitto.so.1; install it (Debian: libmosquitto1): " + library().missing);
    }
    return {};
}

const mosquitto_library& mosquitto_calls() {
    return library().functions;
}

}  // namespace berth::net
