#include "tap_link.h"

#include "base/log.h"

#include <dlfcn.h>

namespace berth::app {

namespace {

berth_tap_listen find_tap() {
    return reinterpret_cast<berth_tap_listen>(::dlsym(RTLD_DEFAULT, "berth_tap_listen_1"));
}

message_watch& of(void* self) {
    return *static_cast<message_watch*>(self);
}

// Called from within OpenSSL's calls: nothing may be thrown through them.
void sent(void* self, const void* line, uint16_t packet, const char* topic, size_t size) noexcept {
    of(self).sent(line, packet, {topic, size});
}

void acknowledged(void* self, const void* line, uint16_t packet, uint8_t reason) noexcept {
    of(self).acknowledged(line, packet, reason >= 0x80);
}

void closed(void* self, const void* line) noexcept {
    of(self).closed(line);
}

}  // namespace

bool tap_link::is_there() {
    const auto tap = find_tap();
    return tap != nullptr && tap(nullptr) != 0;
}

tap_link::tap_link(message_watch& to) : listener_{&to, sent, acknowledged, closed} {
    if (!is_there()) {
        log::warning("acknowledgements_not_seen",
                     "berth-broker-tap.so is not loaded (LD_PRELOAD): a message to a device counts as completed when it is given "
                     "to a connected session",
                     {{"party", "broker"}});
        return;
    }
    (void)find_tap()(&listener_);
}

tap_link::~tap_link() {
    if (const auto tap = find_tap()) {
        (void)tap(nullptr);
    }
}

}  // namespace berth::app
