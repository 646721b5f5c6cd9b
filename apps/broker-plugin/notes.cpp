#include "notes.h"

#include "base/log.h"

namespace berth::app {

namespace {

// So that many share a commit.
constexpr std::chrono::milliseconds gathering{500};

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

void login_notes::add(std::vector<hub_gate::arrival> some, std::vector<hub_gate::ocsp_wish> wishes) {
    if (some.empty() && wishes.empty()) {
        return;
    }
    {
        const std::lock_guard guard(mutex_);
        waiting_.insert(waiting_.end(), std::make_move_iterator(some.begin()), std::make_move_iterator(some.end()));
        if (waiting_.size() > most_waiting) {
            waiting_.erase(waiting_.begin(), waiting_.end() - static_cast<std::ptrdiff_t>(most_waiting));
        }
        const size_t room = most_waiting - std::min(most_waiting, wishes_.size());
        wishes.resize(std::min(wishes.size(), room));
        wishes_.insert(wishes_.end(), std::make_move_iterator(wishes.begin()), std::make_move_iterator(wishes.end()));
    }
    more_.notify_one();
}

void login_notes::write(const std::vector<hub_gate::arrival>& some, const std::vector<hub_gate::ocsp_wish>& wishes) {
    if (!store_) {
        auto opened = store::sqlite_hub_store::open(hub_db_.string(), store::opening::again);
        if (!opened) {
            return log::failure("logins_not_noted", opened.error(), {{"party", "broker"}});
        }
        store_ = std::move(*opened);
    }
    const auto done = store_->all_or_nothing([&]() -> result<void> {
        for (const auto& one : some) {
            BERTH_CHECK(store_->note_login(one.name, one.ca, one.at));
        }
        store::certificate_statuses statuses(*store_);
        for (const auto& one : wishes) {
            BERTH_CHECK(statuses.want(one.which, one.der, system_clock().now()));
        }
        return {};
    });
    if (!done) {
        log::failure("logins_not_noted", done.error(), {{"party", "broker"}});
        store_.reset();
    }
}

void login_notes::run() {
    std::unique_lock lock(mutex_);
    for (;;) {
        more_.wait(lock, [this] { return ending_ || !waiting_.empty() || !wishes_.empty(); });
        if (!ending_) {
            more_.wait_for(lock, gathering, [this] { return ending_; });
        }
        const auto some = std::exchange(waiting_, {});
        const auto wishes = std::exchange(wishes_, {});
        const bool last = ending_;
        lock.unlock();
        if (!some.empty() || !wishes.empty()) {
            write(some, wishes);
        }
        if (last) {
            return;
        }
        lock.lock();
    }
}

}  // namespace berth::app
