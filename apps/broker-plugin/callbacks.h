// What Mosquitto calls, as methods of a class.
#pragma once

#include <memory>
#include <vector>

#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>

namespace berth::app {

// One role of the plugin, while the broker has it loaded.
class broker_part {
public:
    virtual ~broker_part() = default;
};

// A program of this machine is in. A reload drops who has no name of a user, where none may be anonymous.
inline int name_local(const mosquitto_evt_basic_auth& e) {
    return e.username != nullptr ? MOSQ_ERR_SUCCESS : mosquitto_set_username(e.client, "local");
}

class callbacks {
public:
    explicit callbacks(mosquitto_plugin_id_t* id) : id_(id) {}
    ~callbacks() {
        for (const auto& [event, f] : registered_) {
            mosquitto_callback_unregister(id_, event, f, nullptr);
        }
    }
    callbacks(const callbacks&) = delete;
    callbacks& operator=(const callbacks&) = delete;

    // False: this Mosquitto does not know the event.
    template <auto Method, class Event, class Self>
    [[nodiscard]] bool add(int event, Self* self) {
        const MOSQ_FUNC_generic_callback f = &call<Method, Event, Self>;
        if (mosquitto_callback_register(id_, event, f, nullptr, self) != MOSQ_ERR_SUCCESS) {
            return false;
        }
        registered_.emplace_back(event, f);
        return true;
    }

private:
    template <auto Method, class Event, class Self>
    static int call(int, void* event, void* self) noexcept try {
        return (static_cast<Self*>(self)->*Method)(*static_cast<Event*>(event));
    } catch (...) {
        // Whatever went wrong lets nobody in.
        return MOSQ_ERR_ACL_DENIED;
    }

    mosquitto_plugin_id_t* id_;
    std::vector<std::pair<int, MOSQ_FUNC_generic_callback>> registered_;
};

}  // namespace berth::app
