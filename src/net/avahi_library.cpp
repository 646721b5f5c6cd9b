#include "net/avahi_library.h"

#include <dlfcn.h>

namespace berth::net {

namespace {

struct loaded {
    avahi_library functions;
    std::string missing;  // empty: all of it is there
};

loaded open_library() {
    loaded out;
    // Its symbols include those of libavahi-common, which it depends on.
    void* const library = ::dlopen("libavahi-client.so.3", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
        out.missing = ::dlerror();
        return out;
    }
#define BERTH_AVAHI_RESOLVE(name)                                                                 \
    out.functions.name = reinterpret_cast<decltype(out.functions.name)>(::dlsym(library, #name)); \
    if (out.functions.name == nullptr) {                                                          \
        out.missing = #name;                                                                      \
    }
    BERTH_AVAHI_FUNCTIONS(BERTH_AVAHI_RESOLVE)
#undef BERTH_AVAHI_RESOLVE
    return out;
}

const loaded& library() {
    static const loaded opened = open_library();
    return opened;
}

}  // namespace

result<void> avahi_library::load() {
    if (!library().missing.empty()) {
        return fail(error_category::environment, "dns_sd_unavailable",
                    "DNS-SD needs libavahi-client.so.3; install it (Debian: libavahi-client3) or configure addresses: " +
                        library().missing);
    }
    return {};
}

const avahi_library& avahi() {
    return library().functions;
}

}  // namespace berth::net
