// libavahi-client, loaded when somebody first asks for it: it brings nine libraries along, which a device that knows its
// registrar's address does not pay for, and which a server without mDNS need not have.
#pragma once

#include "base/result.h"

#include <avahi-client/client.h>
#include <avahi-client/lookup.h>
#include <avahi-client/publish.h>
#include <avahi-common/alternative.h>
#include <avahi-common/error.h>
#include <avahi-common/malloc.h>
#include <avahi-common/simple-watch.h>
#include <avahi-common/thread-watch.h>

namespace berth::net {

// Each under its own name.
#define BERTH_AVAHI_FUNCTIONS(F)      \
    F(avahi_address_snprint)          \
    F(avahi_alternative_service_name) \
    F(avahi_client_errno)             \
    F(avahi_client_free)              \
    F(avahi_client_new)               \
    F(avahi_entry_group_add_service)  \
    F(avahi_entry_group_commit)       \
    F(avahi_entry_group_get_client)   \
    F(avahi_entry_group_new)          \
    F(avahi_entry_group_reset)        \
    F(avahi_free)                     \
    F(avahi_service_browser_free)     \
    F(avahi_service_browser_new)      \
    F(avahi_service_resolver_free)    \
    F(avahi_service_resolver_new)     \
    F(avahi_simple_poll_free)         \
    F(avahi_simple_poll_get)          \
    F(avahi_simple_poll_iterate)      \
    F(avahi_simple_poll_new)          \
    F(avahi_strerror)                 \
    F(avahi_threaded_poll_free)       \
    F(avahi_threaded_poll_get)        \
    F(avahi_threaded_poll_new)        \
    F(avahi_threaded_poll_start)      \
    F(avahi_threaded_poll_stop)

struct avahi_library {
#define BERTH_AVAHI_MEMBER(name) decltype(&::name) name = nullptr;
    BERTH_AVAHI_FUNCTIONS(BERTH_AVAHI_MEMBER)
#undef BERTH_AVAHI_MEMBER

    // Loads it, once for the whole process; it stays. Thread-safe. Error `dns_sd_unavailable`.
    static result<void> load();
};

// After load() has succeeded.
const avahi_library& avahi();

}  // namespace berth::net
