#include "net/dns_sd.h"

#include "base/log.h"
#include "net/avahi_library.h"

namespace berth::net {

namespace {

struct closer {
    void operator()(AvahiSimplePoll* p) const { avahi().avahi_simple_poll_free(p); }
    void operator()(AvahiClient* c) const { avahi().avahi_client_free(c); }
    void operator()(AvahiServiceBrowser* b) const { avahi().avahi_service_browser_free(b); }
};

tl::unexpected<error> unavailable(int code) {
    return fail(error_category::environment, "dns_sd_unavailable",
                std::string("the Avahi daemon cannot be asked; is avahi-daemon running? ") + avahi().avahi_strerror(code));
}

struct search {
    AvahiClient* client = nullptr;
    std::vector<address> found;
    size_t resolving = 0;
    bool all_listed = false;
};

void on_resolved(AvahiServiceResolver* resolver, AvahiIfIndex, AvahiProtocol, AvahiResolverEvent event, const char*, const char*,
                 const char*, const char*, const AvahiAddress* at, uint16_t port, AvahiStringList*, AvahiLookupResultFlags,
                 void* data) {
    auto& s = *static_cast<search*>(data);
    if (event == AVAHI_RESOLVER_FOUND) {
        char text[AVAHI_ADDRESS_STR_MAX];
        avahi().avahi_address_snprint(text, sizeof text, at);
        address found{text, port};
        const bool known = std::any_of(s.found.begin(), s.found.end(), [&](const auto& a) { return a.text() == found.text(); });
        if (!known) {
            s.found.push_back(std::move(found));
        }
    }
    --s.resolving;
    avahi().avahi_service_resolver_free(resolver);
}

void on_browsed(AvahiServiceBrowser*, AvahiIfIndex interface, AvahiProtocol protocol, AvahiBrowserEvent event, const char* name,
                const char* type, const char* domain, AvahiLookupResultFlags, void* data) {
    auto& s = *static_cast<search*>(data);
    if (event == AVAHI_BROWSER_NEW) {
        if (avahi().avahi_service_resolver_new(s.client, interface, protocol, name, type, domain, AVAHI_PROTO_INET,
                                               AvahiLookupFlags{}, on_resolved, data)) {
            ++s.resolving;
        }
    } else if (event == AVAHI_BROWSER_ALL_FOR_NOW) {
        s.all_listed = true;
    }
}

}  // namespace

result<std::vector<address>> browse(const std::string& service, milliseconds timeout, const std::stop_token& stop) {
    BERTH_CHECK(avahi_library::load());
    const std::unique_ptr<AvahiSimplePoll, closer> poll(avahi().avahi_simple_poll_new());
    int code = 0;
    const std::unique_ptr<AvahiClient, closer> client(avahi().avahi_client_new(
        avahi().avahi_simple_poll_get(poll.get()), AvahiClientFlags{}, [](AvahiClient*, AvahiClientState, void*) {}, nullptr,
        &code));
    if (!client) {
        return unavailable(code);
    }
    search s;
    s.client = client.get();
    const std::unique_ptr<AvahiServiceBrowser, closer> browser(avahi().avahi_service_browser_new(
        client.get(), AVAHI_IF_UNSPEC, AVAHI_PROTO_INET, service.c_str(), nullptr, AvahiLookupFlags{}, on_browsed, &s));
    if (!browser) {
        return unavailable(avahi().avahi_client_errno(client.get()));
    }
    const milliseconds until = system_clock().steady() + timeout;
    while (!stop.stop_requested() && system_clock().steady() < until && !(s.all_listed && s.resolving == 0)) {
        if (avahi().avahi_simple_poll_iterate(poll.get(), 50) != 0) {
            break;
        }
    }
    return std::move(s.found);
}

struct announcement::impl {
    AvahiThreadedPoll* poll = nullptr;
    AvahiClient* client = nullptr;
    AvahiEntryGroup* group = nullptr;
    std::string name;
    std::string service;
    uint16_t port = 0;

    ~impl() {
        if (poll) {
            avahi().avahi_threaded_poll_stop(poll);
        }
        if (client) {
            avahi().avahi_client_free(client);  // its groups go with it
        }
        if (poll) {
            avahi().avahi_threaded_poll_free(poll);
        }
    }

    void publish(AvahiClient* c) {
        if (!group) {
            group = avahi().avahi_entry_group_new(c, on_group, this);
        }
        if (!group) {
            return;
        }
        avahi().avahi_entry_group_reset(group);
        const int code = avahi().avahi_entry_group_add_service(group, AVAHI_IF_UNSPEC, AVAHI_PROTO_UNSPEC, AvahiPublishFlags{},
                                                               name.c_str(), service.c_str(), nullptr, nullptr, port, nullptr);
        if (code == AVAHI_OK) {
            avahi().avahi_entry_group_commit(group);
        } else {
            log::warning("dns_sd_failed", avahi().avahi_strerror(code), {{"service", service}});
        }
    }

    void rename(AvahiClient* c) {
        char* other = avahi().avahi_alternative_service_name(name.c_str());
        name = other;
        avahi().avahi_free(other);
        publish(c);
    }

    // The daemon has gone, and our client's objects with it: another client waits for it to come back.
    void come_back(AvahiClient* gone) {
        if (avahi().avahi_client_errno(gone) != AVAHI_ERR_DISCONNECTED) {
            log::warning("dns_sd_failed", avahi().avahi_strerror(avahi().avahi_client_errno(gone)), {{"service", service}});
            return;
        }
        group = nullptr;
        avahi().avahi_client_free(gone);
        int code = 0;
        client = avahi().avahi_client_new(avahi().avahi_threaded_poll_get(poll), AVAHI_CLIENT_NO_FAIL, on_client, this, &code);
        if (!client) {
            log::warning("dns_sd_failed", avahi().avahi_strerror(code), {{"service", service}});
        }
    }

    static void on_group(AvahiEntryGroup* g, AvahiEntryGroupState state, void* data) {
        if (state == AVAHI_ENTRY_GROUP_COLLISION) {
            static_cast<impl*>(data)->rename(avahi().avahi_entry_group_get_client(g));
        }
    }

    static void on_client(AvahiClient* c, AvahiClientState state, void* data) {
        auto& self = *static_cast<impl*>(data);
        if (state == AVAHI_CLIENT_S_RUNNING) {
            self.publish(c);
        } else if (state == AVAHI_CLIENT_FAILURE) {
            self.come_back(c);
        } else if (state == AVAHI_CLIENT_S_COLLISION || state == AVAHI_CLIENT_S_REGISTERING) {
            if (self.group) {
                avahi().avahi_entry_group_reset(self.group);
            }
        }
    }
};

announcement::announcement(std::unique_ptr<impl> i) : impl_(std::move(i)) {}
announcement::~announcement() = default;

result<std::unique_ptr<announcement>> announcement::make(const std::string& name, const std::string& service, uint16_t port) {
    BERTH_CHECK(avahi_library::load());
    auto made = std::make_unique<impl>();
    made->name = name;
    made->service = service;
    made->port = port;
    made->poll = avahi().avahi_threaded_poll_new();
    int code = 0;
    // NO_FAIL: without a daemon it waits for one.
    made->client = avahi().avahi_client_new(avahi().avahi_threaded_poll_get(made->poll), AVAHI_CLIENT_NO_FAIL, impl::on_client,
                                            made.get(), &code);
    if (!made->client) {
        return unavailable(code);
    }
    avahi().avahi_threaded_poll_start(made->poll);
    return std::make_unique<announcement>(std::move(made));
}

}  // namespace berth::net
