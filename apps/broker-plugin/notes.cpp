#include "notes.h"

#include "base/log.h"

namespace berth::app {

namespace {

// So that many share a commit.
constexpr std::chrono::milliseconds gathering{500}, after_failure{5'000};

}  // namespace

login_notes::login_notes(std::filesystem::path hub_db) : hub_db_(std::move(hub_db)), thread_([this] { run(); }) {}

login_notes::~login_notes() {
    {
        const std::lock_guard guard(mutex_);
        ending_ = true;
    }
    more_.notify_one();
    thread_.join();
}

void login_notes::add(news some) {
    if (some.empty()) {
        return;
    }
    {
        const std::lock_guard guard(mutex_);
        arrivals_.insert(arrivals_.end(), std::make_move_iterator(some.arrivals.begin()),
                         std::make_move_iterator(some.arrivals.end()));
        if (arrivals_.size() > most_waiting) {
            arrivals_.erase(arrivals_.begin(), arrivals_.end() - static_cast<std::ptrdiff_t>(most_waiting));
        }
        const size_t room = most_waiting - std::min(most_waiting, wishes_.size());
        some.wishes.resize(std::min(some.wishes.size(), room));
        wishes_.insert(wishes_.end(), std::make_move_iterator(some.wishes.begin()), std::make_move_iterator(some.wishes.end()));
        for (auto& one : some.presences) {
            presences_[one.name] = std::move(one);
        }
        messages_.insert(messages_.end(), std::make_move_iterator(some.messages.begin()),
                         std::make_move_iterator(some.messages.end()));
        subscriptions_.insert(subscriptions_.end(), std::make_move_iterator(some.subscriptions.begin()),
                              std::make_move_iterator(some.subscriptions.end()));
        devices_ = some.devices;
    }
    more_.notify_one();
}

result<void> login_notes::write_messages(const std::vector<message_watch::note>& some) {
    using kind = message_watch::note::kind;
    store::sqlite_message_store messages(*store_);
    const unix_seconds now = system_clock().now();
    for (const auto& one : some) {
        switch (one.what) {
        case kind::given: BERTH_CHECK(messages.note_given(one.device, one.number, now)); break;
        case kind::completed: BERTH_CHECK(messages.complete(one.device, one.number, now)); break;
        case kind::refused: BERTH_CHECK(messages.reject(one.device, one.number, now)); break;
        case kind::back: BERTH_CHECK(messages.bring_back(one.device, one.number, now)); break;
        case kind::listens: BERTH_CHECK(messages.note_listener(one.device, true)); break;
        case kind::listens_no_more: BERTH_CHECK(messages.note_listener(one.device, false)); break;
        }
    }
    return {};
}

// False: not now.
bool login_notes::begin() {
    if (!store_) {
        auto opened = store::sqlite_hub_store::open(hub_db_.string(), store::opening::again);
        if (!opened) {
            log::failure("logins_not_noted", opened.error(), {{"party", "broker"}});
            return false;
        }
        store_ = std::move(*opened);
        connections_.emplace(*store_, hub_db_.parent_path());
    }
    if (broker_ == 0) {
        const auto begun = connections_->begin_broker(system_clock().now());
        if (!begun) {
            log::failure("logins_not_noted", begun.error(), {{"party", "broker"}});
            return false;
        }
        broker_ = *begun;
    }
    return true;
}

bool login_notes::write(const std::vector<hub_gate::arrival>& arrivals, const std::vector<hub_gate::ocsp_wish>& wishes) {
    std::map<registry::identity_name, hub_gate::presence> moved;
    std::vector<message_watch::note> messages;
    std::vector<lasting_subscriptions::change> subscriptions;
    uint64_t devices = 0;
    {
        const std::lock_guard guard(mutex_);
        moved.swap(presences_);
        messages.swap(messages_);
        subscriptions.swap(subscriptions_);
        devices = devices_;
    }
    std::vector<hub_gate::presence> presences;
    presences.reserve(moved.size());
    for (const auto& [name, one] : moved) {
        presences.push_back(one);
    }
    const auto done = store_->all_or_nothing([&]() -> result<void> {
        for (const auto& one : arrivals) {
            BERTH_CHECK(store_->note_login(one.name, one.ca, one.at));
        }
        store::certificate_statuses statuses(*store_);
        for (const auto& one : wishes) {
            BERTH_CHECK(statuses.want(one, system_clock().now()));
        }
        BERTH_CHECK(write_messages(messages));
        store::sqlite_lasting_store lasting(*store_);
        for (const auto& one : subscriptions) {
            BERTH_CHECK(lasting.note(one.who, one.what, one.subscribed));
        }
        return connections_->note(broker_, presences, devices);
    });
    if (!done) {
        log::failure("logins_not_noted", done.error(), {{"party", "broker"}});
        const std::lock_guard guard(mutex_);
        presences_.merge(moved);  // what has come meanwhile is newer, and stays
        messages_.insert(messages_.begin(), std::make_move_iterator(messages.begin()), std::make_move_iterator(messages.end()));
        subscriptions_.insert(subscriptions_.begin(), std::make_move_iterator(subscriptions.begin()),
                              std::make_move_iterator(subscriptions.end()));
    }
    return done.has_value();
}

// False: what could not be written is still to be.
bool login_notes::write_down(bool last) {
    std::vector<hub_gate::arrival> arrivals;
    std::vector<hub_gate::ocsp_wish> wishes;
    {
        const std::lock_guard guard(mutex_);
        arrivals.swap(arrivals_);
        wishes.swap(wishes_);
    }
    if (!begin() || !write(arrivals, wishes)) {
        return false;
    }
    if (last) {
        if (const auto ended = connections_->end_broker(broker_); !ended) {
            log::failure("logins_not_noted", ended.error(), {{"party", "broker"}});
        }
    }
    return true;
}

void login_notes::run() {
    // At once: what a broker that was killed has left is nobody's to read any longer.
    (void)begin();
    auto pause = gathering;
    std::unique_lock lock(mutex_);
    for (;;) {
        more_.wait(lock, [this] {
            return ending_ || !arrivals_.empty() || !presences_.empty() || !wishes_.empty() || !messages_.empty() ||
                   !subscriptions_.empty();
        });
        if (!ending_) {
            more_.wait_for(lock, pause, [this] { return ending_; });
        }
        const bool last = ending_;
        lock.unlock();
        pause = write_down(last) ? gathering : after_failure;
        if (last) {
            return;
        }
        lock.lock();
    }
}

}  // namespace berth::app
