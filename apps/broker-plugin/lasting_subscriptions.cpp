#include "lasting_subscriptions.h"

#include "base/log.h"

namespace berth::app {

result<std::unique_ptr<lasting_subscriptions>> lasting_subscriptions::open(const std::filesystem::path& hub_db) {
    BERTH_TRY(store, store::sqlite_hub_store::open(hub_db.string(), store::opening::again));
    return std::unique_ptr<lasting_subscriptions>(new lasting_subscriptions(std::move(store)));
}

bool lasting_subscriptions::is_known(const arrival& as, std::string_view what) {
    if (const auto found = said_.find({as.generation, std::string(what)}); found != said_.end()) {
        return found->second;
    }
    const auto known = kept_.has(as.who, what);
    if (!known && !std::exchange(failed_, true)) {
        log::failure("subscriptions_not_known", known.error(), {{"party", "broker"}});
    }
    return known.value_or(false);
}

void lasting_subscriptions::say(const arrival& as, std::string_view what, bool subscribed) {
    said_[{as.generation, std::string(what)}] = subscribed;
    notes_.push_back({as.who, std::string(what), subscribed});
}

void lasting_subscriptions::came(handle session, const arrival& a) {
    sessions_[session] = {a, {}};
    if (a.resumes) {
        return;
    }
    // MQTT 3.1.1 3.1.2.4: "the Client and Server MUST discard any previous Session and start a new one".
    for (const auto what : {desired, methods}) {
        if (is_known(a, what)) {
            say(a, what, false);
        }
    }
}

bool lasting_subscriptions::had(handle session, std::string_view what) {
    const auto found = sessions_.find(session);
    return found != sessions_.end() && found->second.as.resumes && is_known(found->second.as, what);
}

void lasting_subscriptions::note(handle session, std::string_view what, bool subscribed) {
    const auto found = sessions_.find(session);
    if (found == sessions_.end() || !found->second.as.lasts) {
        return;
    }
    // Also when that was noted before it came: such a note goes with its identity, and another may have its name.
    const auto [at, fresh] = found->second.noted.try_emplace(std::string(what), subscribed);
    if (fresh || std::exchange(at->second, subscribed) != subscribed) {
        say(found->second.as, what, subscribed);
    }
}

}  // namespace berth::app
