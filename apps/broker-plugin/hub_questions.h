// What devices ask their hub's service by way of its broker: each at a rate of its own, and each answer to who has asked, if he
// is still there. Knows nothing of Mosquitto.
#pragma once

#include "base/clock.h"
#include "hub/topics/request.h"

#include <unordered_map>

namespace berth::app {

class hub_questions {
public:
    using handle = const void*;

    // A session is in. One that is known goes on: a reload of the broker judges it again.
    void came(handle at, std::string client_id);
    void left(handle at) { sessions_.erase(at); }

    // One device must not take the place of all others: so many wait for their answers at a time, and so many are asked for long.
    static constexpr size_t most_in_flight = 16;
    static constexpr milliseconds per_question = 50, burst = 5'000;
    // The question's number, to be carried with it. Nothing: it asks too much. `now`: steady.
    std::optional<uint64_t> ask(handle at, hub::hub_request request, milliseconds now);

    struct asker {
        std::string client_id;
        hub::hub_request request;
    };
    // An answer to this question is there, or none will be. Nothing: who has asked is gone.
    std::optional<asker> answered(uint64_t question);

private:
    struct session {
        uint64_t number = 0;  // that no other has: a handle may be another's by the time there is an answer
        std::string client_id;
        size_t in_flight = 0;
        milliseconds paid_until = 0;  // what it has asked is within its rate from then on
    };
    struct question {
        handle from = nullptr;
        uint64_t session = 0;
        hub::hub_request request;
    };
    std::unordered_map<handle, session> sessions_;
    std::unordered_map<uint64_t, question> questions_;
    uint64_t last_session_ = 0, last_question_ = 0;
};

}  // namespace berth::app
