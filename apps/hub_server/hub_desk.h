// What the parts of [hub] share: its registry, and one commit for each turn of the loop. What is answered on the strength of
// something written is sent once that is kept.
#pragma once

#include "base/random.h"
#include "net/http_router.h"
#include "roles/store_turn.h"
#include "store/sqlite/message_store.h"
#include "store/sqlite/twin_store.h"

#include <vector>

namespace berth::app {

class hub_desk {
public:
    hub_desk(net::loop& on, const clock& time, random_source& random, std::unique_ptr<store::sqlite_hub_store> store);

    [[nodiscard]] store::sqlite_hub_store& registry() { return *store_; }
    [[nodiscard]] store::sqlite_twin_store& twins() { return twins_; }
    [[nodiscard]] store::sqlite_message_store& messages() { return messages_; }
    [[nodiscard]] const clock& time() const { return clock_; }
    [[nodiscard]] random_source& random() { return random_; }
    [[nodiscard]] net::loop& loop() { return loop_; }

    // Before anything is written. False, and logged: nothing can be kept now. While another process writes, everybody would wait
    // here: so it is not for long, and for a while after that not at all.
    [[nodiscard]] bool begin();
    // Whether something may have been written that is not kept yet: what is read meanwhile is told after it.
    [[nodiscard]] bool open() const { return turn_.open(); }
    // At the end of the turn, told whether all of it was kept. Only while it is open.
    void after_commit(std::function<void(bool kept)> work) { waiting_.push_back(std::move(work)); }
    // Called after each commit.
    void watch(std::function<void()> kept) { watcher_ = std::move(kept); }
    void end_turn() { turn_.end_now(); }
    // For readiness: whether the store takes what it is given.
    [[nodiscard]] result<void> check() { return turn_.check(); }

private:
    void ended(bool kept);

    net::loop& loop_;
    const clock& clock_;
    random_source& random_;
    std::unique_ptr<store::sqlite_hub_store> store_;
    store::sqlite_twin_store twins_{*store_};
    store::sqlite_message_store messages_{*store_};
    std::vector<std::function<void(bool)>> waiting_;
    std::function<void()> watcher_;
    store_turn<store::sqlite_hub_store> turn_;
    milliseconds refused_at_ = 0;  // 0: not
};

}  // namespace berth::app
