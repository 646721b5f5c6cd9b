#include "net/avahi_library.h"

#include "base/loaded_library.h"

namespace berth::net {

namespace {

struct loaded {
    avahi_library functions;
    // Its symbols include those of libavahi-common, which it depends on.
    loaded_library from{"libavahi-client.so.3"};

    loaded() {
#define BERTH_RESOLVE(name) from.find(#name, functions.name);
        BERTH_AVAHI_FUNCTIONS(BERTH_RESOLVE)
#undef BERTH_RESOLVE
    }
};

const loaded& library() {
    static const loaded opened;
    return opened;
}

}  // namespace

result<void> avahi_library::load() {
    if (!library().from.missing().empty()) {
        return fail(error_category::environment, "dns_sd_unavailable",
                    "DNS-SD needs libavahi-client.so.3; install it (Debian: libavahi-client3) or configure addresses: " +
                        library().from.missing());
    }
    return {};
}

const avahi_library& avahi() {
    return library().functions;
}

}  // namespace berth::net
