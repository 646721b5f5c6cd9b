// Direct methods as the broker's plugin sees them: who can be called, which calls are open, and whose answers count. Knows
// nothing of Mosquitto.
#pragma once

#include "hub/line/line.h"

#include <unordered_map>

namespace berth::app {

class method_calls {
public:
    using handle = const void*;
    static constexpr std::string_view filter = "$iothub/methods/POST/#";
    static constexpr size_t most_open = 64;  // of one session

    // It has subscribed; or has before, and comes again to the same session. Of two with one name the newer one is called.
    void listens(handle session, const registry::identity_name& who);
    void stops(handle session);
    // It is gone: what it has not answered, it will not answer.
    std::vector<hub::line_method_outcome> left(handle session);

    // Who would be called by this name; null: nobody.
    [[nodiscard]] handle listener(std::string_view client_id) const;
    // False: too many of its calls are open. `now`: steady.
    bool open(handle session, uint64_t number, uint32_t forget_after, milliseconds now);
    // Whether this session was called by that number, and has not answered yet.
    bool close(handle session, uint64_t number);

private:
    struct session {
        std::string client_id;
        bool listens = false;
        std::unordered_map<uint64_t, milliseconds> open;  // until when
    };
    std::unordered_map<handle, session> sessions_;
    std::unordered_map<std::string, handle> by_name_;
};

}  // namespace berth::app
