// What berth-broker-tap.so sees go by, told to who gives messages (message_watch.h). Without the tap nobody sees it.
#pragma once

#include "broker-tap/tap.h"
#include "message_watch.h"

namespace berth::app {

class tap_link {
public:
    [[nodiscard]] static bool is_there();
    // `to` outlives it. Logs if there is no tap: what that means is in docs/messages.md.
    explicit tap_link(message_watch& to);
    ~tap_link();
    tap_link(const tap_link&) = delete;
    tap_link& operator=(const tap_link&) = delete;

private:
    berth_tap_listener listener_;
};

}  // namespace berth::app
