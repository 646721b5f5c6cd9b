// berth-broker-tap.so: OpenSSL's SSL_read and SSL_write as Mosquitto calls them, looked at on their way (tap.h).
//
// OpenSSL is found as the broker has it, and no header of it is needed: what is interposed are two functions of its public
// interface, which has been the same since SSLeay.
#include "tap.h"

#include "hub/messages/whose.h"
#include "hub/mqtt/packet_watch.h"

#include <new>

#include <dlfcn.h>

extern "C" {
struct ssl_st;
struct crypto_ex_data_st;
}

namespace {

using berth::hub::packet_watch;

struct both_ways {
    packet_watch to_client{packet_watch::direction::to_client}, from_client{packet_watch::direction::from_client};
};

using transfer_read = int (*)(ssl_st*, void*, int);
using transfer_write = int (*)(ssl_st*, const void*, int);
using free_function = void (*)(void* parent, void* data, crypto_ex_data_st*, int index, long argl, void* argp);
using new_index = int (*)(int class_index, long argl, void* argp, void* make, void* duplicate, free_function);
using get_data = void* (*)(const ssl_st*, int);
using set_data = int (*)(ssl_st*, int, void*);

constexpr int class_of_ssl = 0;  // CRYPTO_EX_INDEX_SSL

// As constants of the process: found once, by the first that asks.
struct openssl {
    transfer_read read = nullptr;
    transfer_write write = nullptr;
    get_data get = nullptr;
    set_data set = nullptr;
    int index = -1;
};

const berth_tap_listener* listener = nullptr;

void forget(void* parent, void* data, crypto_ex_data_st*, int, long, void*) {
    if (data == nullptr) {
        return;
    }
    delete static_cast<both_ways*>(data);
    if (listener != nullptr) {
        listener->closed(listener->self, parent);
    }
}

template <class F>
void find(F& to, const char* name) {
    to = reinterpret_cast<F>(::dlsym(RTLD_NEXT, name));
}

const openssl& real() {
    static const openssl found = [] {
        openssl out;
        find(out.read, "SSL_read");
        find(out.write, "SSL_write");
        find(out.get, "SSL_get_ex_data");
        find(out.set, "SSL_set_ex_data");
        new_index make = nullptr;
        find(make, "CRYPTO_get_ex_new_index");
        if (make != nullptr && out.get != nullptr && out.set != nullptr) {
            out.index = make(class_of_ssl, 0, nullptr, nullptr, nullptr, forget);
        }
        return out;
    }();
    return found;
}

// Nothing: there is no memory for it, and this connection is not looked at.
both_ways* state_of(ssl_st* s) {
    const auto& ssl = real();
    auto* out = static_cast<both_ways*>(ssl.get(s, ssl.index));
    if (out == nullptr) {
        out = new (std::nothrow) both_ways;
        if (out != nullptr && ssl.set(s, ssl.index, out) != 1) {
            delete out;
            out = nullptr;
        }
    }
    return out;
}

// A connection is looked at from its first octet on, or its packets would not be found.
bool is_watched() {
    return listener != nullptr && real().index >= 0;
}

void look_out(ssl_st* s, berth::bytes_view some) noexcept try {
    auto* const state = state_of(s);
    while (const auto seen = state != nullptr ? state->to_client.next(some) : std::nullopt) {
        if (berth::hub::device_of_message(seen->topic)) {
            listener->sent(listener->self, s, seen->number, seen->topic.data(), seen->topic.size());
        }
    }
} catch (...) {
    // Without memory for it: what it was is not told.
}

void look_in(ssl_st* s, berth::bytes_view some) noexcept try {
    auto* const state = state_of(s);
    while (const auto seen = state != nullptr ? state->from_client.next(some) : std::nullopt) {
        listener->acknowledged(listener->self, s, seen->number, seen->reason);
    }
} catch (...) {
    // As above.
}

}  // namespace

extern "C" {

__attribute__((visibility("default"))) int berth_tap_listen_1(const berth_tap_listener* one) {
    listener = one;
    return real().index >= 0 ? 1 : 0;
}

__attribute__((visibility("default"))) int SSL_read(ssl_st* s, void* to, int size) {
    const int got = real().read(s, to, size);
    if (got > 0 && is_watched()) {
        look_in(s, {static_cast<const uint8_t*>(to), static_cast<size_t>(got)});
    }
    return got;
}

__attribute__((visibility("default"))) int SSL_write(ssl_st* s, const void* from, int size) {
    const int put = real().write(s, from, size);
    if (put > 0 && is_watched()) {
        look_out(s, {static_cast<const uint8_t*>(from), static_cast<size_t>(put)});
    }
    return put;
}

}  // extern "C"
