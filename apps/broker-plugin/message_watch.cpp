#include "message_watch.h"

#include "base/log.h"

#include <algorithm>

namespace berth::app {

using registry::device_message;

result<std::unique_ptr<message_watch>> message_watch::open(const std::filesystem::path& hub_db, bool acknowledged) {
    BERTH_TRY(store, store::sqlite_hub_store::open(hub_db.string(), store::opening::again));
    std::unique_ptr<message_watch> out(new message_watch(std::move(store), acknowledged));
    BERTH_TRY(range, out->messages_.news_range());
    out->last_ = range.second;
    return out;
}

void message_watch::failed(const error& e) {
    if (!std::exchange(failed_, true)) {
        log::failure("messages_not_given", e, {{"party", "broker"}});
    }
}

message_watch::queue* message_watch::of(handle session) {
    const auto found = sessions_.find(session);
    if (found == sessions_.end()) {
        return nullptr;
    }
    const auto at = queues_.find(found->second.device);
    return at != queues_.end() && at->second.session == session ? &at->second : nullptr;
}

bool message_watch::listened_before(const std::string& device) {
    if (const auto said = listeners_.find(device); said != listeners_.end()) {
        return said->second;
    }
    const auto known = messages_.is_listener(device);
    if (!known) {
        failed(known.error());
    }
    return known.value_or(false);
}

void message_watch::listens_no_longer(const std::string& device) {
    if (listened_before(device)) {
        listeners_[device] = false;
        say(note::kind::listens_no_more, device);
    }
}

void message_watch::begin(handle session, const std::string& device) {
    queue& q = queues_[device];
    for (auto& one : q.out) {
        one.at = nullptr;  // what is acknowledged on the connection of before is nobody's to hear any more
        one.since = 0;
    }
    q.strays.clear();
    q.session = session;
    q.fresh = true;
    q.from = looks_ + 2;
    dirty_.insert(device);
}

// `remember`: the broker may still send of its own accord what was given.
void message_watch::forget(const std::string& device, bool remember) {
    const auto found = queues_.find(device);
    if (found == queues_.end()) {
        return;
    }
    queue& q = found->second;
    for (const auto& one : q.out) {
        if (one.at != nullptr) {
            flying_.erase({one.at, one.packet});
        }
    }
    q.session = nullptr;
    q.strays.clear();
    if (!remember) {
        q.out.clear();
    }
    dirty_.erase(device);
    withheld_.erase(device);
    if (q.out.empty() && q.over.empty()) {
        queues_.erase(found);
    }
}

void message_watch::came(handle session, const std::string& device, bool lasting) {
    left(session);
    sessions_[session] = {device, lasting};
    if (!lasting) {
        // MQTT 3.1.1 3.1.2.4: "the Client and Server MUST discard any previous Session and start a new one".
        listens_no_longer(device);
        forget(device, false);
    } else if (listened_before(device)) {
        begin(session, device);
    } else {
        forget(device, false);
    }
}

void message_watch::listens(handle session) {
    const auto found = sessions_.find(session);
    if (found == sessions_.end()) {
        return;
    }
    visitor& who = found->second;
    if (of(session) == nullptr) {
        begin(session, who.device);
    }
    // Also when that was noted before: such a note goes with its identity, and another may have its name.
    if (who.lasting && !std::exchange(who.noted, true)) {
        listeners_[who.device] = true;
        say(note::kind::listens, who.device);
    }
    dirty_.insert(who.device);
}

void message_watch::listens_no_more(handle session) {
    if (of(session) == nullptr) {
        return;
    }
    visitor& who = sessions_.at(session);
    bring_back(who.device);
    forget(who.device, false);
    who.noted = false;
    if (who.lasting) {
        listens_no_longer(who.device);
    }
}

// Nobody has them any longer, as far as is known.
void message_watch::bring_back(const std::string& device) {
    for (const auto& one : queues_.at(device).out) {
        say(note::kind::back, device, one.number);
    }
}

void message_watch::left(handle session) {
    const auto found = sessions_.find(session);
    if (found == sessions_.end()) {
        return;
    }
    const bool its_own = of(session) != nullptr;  // else another session has taken over
    const visitor who = std::move(found->second);
    sessions_.erase(found);
    if (its_own) {
        bring_back(who.device);
        forget(who.device, who.lasting);
    }
}

// ---- what goes by

void message_watch::sent(line at, uint16_t number, std::string_view topic) {
    const auto device = hub::device_of_message(topic);
    const auto found = device ? queues_.find(*device) : queues_.end();
    if (found == queues_.end() || found->second.session == nullptr) {
        return;
    }
    queue& q = found->second;
    // The same packet again, on the same connection.
    if (flying_.contains({at, number})) {
        return;
    }
    flying_[{at, number}] = found->first;
    const auto mine = std::ranges::find_if(q.out, [&](const given& one) { return one.at == nullptr && one.topic == topic; });
    if (mine != q.out.end()) {
        // Nothing was given on this connection yet: it is the broker that sends it again.
        if (q.fresh) {
            say(note::kind::given, found->first, mine->number);
        }
        mine->at = at;
        mine->packet = number;
    } else if (q.strays.size() < most_strays) {
        q.strays.push_back({std::string(topic), at, number});
        dirty_.insert(found->first);
    }
}

void message_watch::end(queue& q, const std::string& device, uint64_t number, bool refused) {
    say(refused ? note::kind::refused : note::kind::completed, device, number);
    q.over.insert(number);
    dirty_.insert(device);  // there is room for the next one
}

void message_watch::acknowledged(line at, uint16_t number, bool refused) {
    const auto flight = flying_.find({at, number});
    if (flight == flying_.end()) {
        return;  // of something else
    }
    const std::string device = flight->second;
    flying_.erase(flight);
    const auto found = queues_.find(device);
    if (found == queues_.end()) {
        return;
    }
    queue& q = found->second;
    const auto is_it = [&](const auto& one) { return one.at == at && one.packet == number; };
    if (const auto mine = std::ranges::find_if(q.out, is_it); mine != q.out.end()) {
        end(q, device, mine->number, refused);
        q.out.erase(mine);
    } else if (const auto stray_ = std::ranges::find_if(q.strays, is_it); stray_ != q.strays.end()) {
        stray_->over = true;
        stray_->refused = refused;
        dirty_.insert(device);
    }
}

void message_watch::closed(line at) {
    const auto first = flying_.lower_bound({at, 0});
    auto last = first;
    while (last != flying_.end() && last->first.first == at) {
        ++last;
    }
    flying_.erase(first, last);
    // The session's end is told by left(), in which all is forgotten that was on this connection.
}

// ---- what is to be given

void message_watch::everybody() {
    for (const auto& [device, q] : queues_) {
        if (q.session != nullptr) {
            dirty_.insert(device);
        }
    }
}

// True: something in the file is another than before.
bool message_watch::read_changes() {
    // The version first: what is written meanwhile is seen the next time.
    const auto version = store_->data_version();
    if (!version) {
        failed(version.error());
        return false;
    }
    if (*version == version_) {
        return false;
    }
    const auto range = messages_.news_range();
    const auto some = range ? messages_.news_after(last_, most_at_once)
                            : result<std::vector<store::sqlite_message_store::news>>(fail(range.error()));
    if (!some) {
        failed(some.error());
        return false;
    }
    failed_ = false;
    if (range->first > last_ + 1) {
        everybody();  // some of it was forgotten before it was read
    }
    for (const auto& one : *some) {
        last_ = one.number;
        const auto whom = queues_.find(one.device);
        if (whom != queues_.end() && whom->second.session != nullptr) {
            dirty_.insert(one.device);
        }
    }
    if (some->size() < most_at_once) {
        version_ = *version;
    }
    return true;
}

bool message_watch::adopt(queue& q, const device_message& m, const std::string& topic) {
    const auto found = std::ranges::find_if(q.strays, [&](const stray& one) { return one.topic == topic; });
    if (found == q.strays.end()) {
        return false;
    }
    say(note::kind::given, m.device, m.number);
    if (found->over) {
        end(q, m.device, m.number, found->refused);
    } else {
        q.out.push_back({m.number, topic, found->at, found->packet});
    }
    q.strays.erase(found);
    return true;
}

void message_watch::prune(queue& q, const std::vector<device_message>& waiting) {
    const auto gone = [&waiting](uint64_t number) {
        return std::ranges::find(waiting, number, &device_message::number) == waiting.end();
    };
    std::erase_if(q.over, gone);
    std::erase_if(q.out, [&](const given& one) {
        if (!gone(one.number)) {
            return false;
        }
        if (one.at != nullptr) {
            flying_.erase({one.at, one.packet});
        }
        return true;
    });
}

size_t message_watch::awaited(queue& q, unix_seconds now) {
    size_t out = 0;
    for (auto& one : q.out) {
        if (one.since == 0) {
            one.since = now;
        }
        out += now - one.since < patience ? 1 : 0;
    }
    return out;
}

bool message_watch::give(const std::string& device, queue& q, const opens& open, unix_seconds now, std::vector<gift>& to) {
    if (!open(q.session, hub::message_root(device))) {
        withheld_.insert(device);
        return true;
    }
    const auto waiting = messages_.open_queue(device);
    if (!waiting) {
        failed(waiting.error());
        return false;
    }
    // What the broker has not sent by now it has not kept: it is given again, in its turn.
    if (std::exchange(q.fresh, false)) {
        std::erase_if(q.out, [](const given& one) { return one.at == nullptr; });
    }
    prune(q, *waiting);
    bool all = true;
    for (const auto& m : *waiting) {
        if (q.over.contains(m.number) || std::ranges::find(q.out, m.number, &given::number) != q.out.end()) {
            continue;
        }
        const std::string topic = hub::message_topic(m);
        if (adopt(q, m, topic)) {
            continue;
        }
        if (m.expires <= now || m.deliveries >= registry::most_deliveries) {
            continue;  // the sweep's
        }
        if (awaited(q, now) >= most_given) {
            withheld_.insert(device);  // no news will come of those that are in its way
            all = false;
            break;
        }
        auto whole = messages_.find(device, m.number);
        if (!whole) {
            failed(whole.error());
            return false;
        }
        if (!*whole) {
            continue;
        }
        say(note::kind::given, device, m.number);
        to.push_back({q.session, device, topic, std::move((*whole)->body)});
        if (acknowledged_) {
            q.out.push_back({m.number, topic, nullptr, 0, now});
        } else {
            end(q, device, m.number, false);
        }
    }
    if (all) {
        q.strays.clear();  // of messages that are over
    }
    return true;
}

std::vector<message_watch::gift> message_watch::look(const opens& open, unix_seconds now) {
    ++looks_;
    const bool its_turn = now >= next_turn_ || now + turn < next_turn_;  // a clock may be set back
    if (read_changes() || its_turn) {
        next_turn_ = now + turn;
        dirty_.merge(withheld_);
        withheld_.clear();
    }
    std::vector<gift> out;
    for (auto at = dirty_.begin(); at != dirty_.end();) {
        const auto found = queues_.find(*at);
        if (found == queues_.end() || found->second.session == nullptr) {
            at = dirty_.erase(at);
            continue;
        }
        if (looks_ < found->second.from) {
            ++at;
            continue;
        }
        const std::string device = *at;
        at = dirty_.erase(at);
        if (!give(device, found->second, open, now, out)) {
            dirty_.insert(device);
            break;
        }
    }
    return out;
}

}  // namespace berth::app
