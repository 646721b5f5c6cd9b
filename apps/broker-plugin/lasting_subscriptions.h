// What a session that outlives its connection has subscribed to of that which the hub, and not the broker, sends by its own
// choice: what is wanted of it, and direct methods. A broker does not tell plugins what a session that comes back had; who never
// subscribed is not told, and cannot be called. Remembered in the registry's file, so that a broker that is started again knows.
// Knows nothing of Mosquitto.
#pragma once

#include "store/sqlite/lasting_store.h"

#include <filesystem>
#include <map>
#include <unordered_map>

namespace berth::app {

class lasting_subscriptions {
public:
    using handle = const void*;
    static constexpr std::string_view desired = "desired", methods = "methods";

    static result<std::unique_ptr<lasting_subscriptions>> open(const std::filesystem::path& hub_db);

    struct arrival {
        registry::identity_name who;
        uint64_t generation = 0;  // of the identity: another of the same name is somebody else
        bool resumes = false;     // what it had subscribed to before still holds; else it begins anew
        bool lasts = false;       // its session may outlive this connection (MQTT 5: also one that begins anew)
    };
    void came(handle session, const arrival& a);
    // Whether it had subscribed when it was here last. An error is logged once, and is no.
    [[nodiscard]] bool had(handle session, std::string_view what);
    void subscribed(handle session, std::string_view what) { note(session, what, true); }
    void unsubscribed(handle session, std::string_view what) { note(session, what, false); }
    void left(handle session) { sessions_.erase(session); }

    // For the store, in order.
    struct change {
        registry::identity_name who;
        std::string what;
        bool subscribed = false;
    };
    std::vector<change> take_notes() { return std::exchange(notes_, {}); }

private:
    explicit lasting_subscriptions(std::unique_ptr<store::sqlite_hub_store> store) : store_(std::move(store)) {}
    struct visitor {
        arrival as;
        std::map<std::string, bool, std::less<>> noted;  // since it came
    };
    using subscription = std::pair<uint64_t, std::string>;  // of a generation
    void note(handle session, std::string_view what, bool subscribed);
    void say(const arrival& as, std::string_view what, bool subscribed);
    [[nodiscard]] bool is_known(const arrival& as, std::string_view what);

    std::unique_ptr<store::sqlite_hub_store> store_;
    store::sqlite_lasting_store kept_{*store_};
    bool failed_ = false;  // and told
    std::unordered_map<handle, visitor> sessions_;
    std::map<subscription, bool> said_;  // in notes: the file may be behind
    std::vector<change> notes_;
};

}  // namespace berth::app
