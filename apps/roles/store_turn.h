// One turn of the event loop as one commit of a store: what is stored during the turn is kept together or not at all, and
// nothing that depends on it is sent before that is known.
#pragma once

#include "base/log.h"
#include "net/loop.h"

#include <functional>

namespace berth::app {

template <class Store>
class store_turn {
public:
    // `ended` is told at each turn's end whether all of it was kept. `party` names the store in logs.
    store_turn(net::loop& on, std::string party, std::function<void(bool kept)> ended)
        : loop_(on), party_(std::move(party)), ended_(std::move(ended)) {}
    ~store_turn() {
        if (store_ && open_) {
            (void)store_->end_batch();
        }
    }
    store_turn(const store_turn&) = delete;
    store_turn& operator=(const store_turn&) = delete;

    // Before the first turn. The store must outlive this.
    void over(Store& store) { store_ = &store; }

    // Begins a turn unless one is open. False: the store takes nothing now, which is logged once until it does again: while
    // another process writes, an import say, each request is refused.
    [[nodiscard]] bool begin() {
        if (open_) {
            return true;
        }
        if (const auto begun = store_->begin_batch(); !begun) {
            if (refused_++ == 0) {
                log::failure("store_failed", begun.error(), {{"party", party_}});
            }
            return false;
        }
        if (refused_ > 0) {
            log::info("store_taken", "the store takes what it is given again", {{"party", party_}, {"refused", refused_}});
            refused_ = 0;
        }
        open_ = true;
        loop_.at_turn_end([this] { end_now(); });
        return true;
    }
    [[nodiscard]] bool open() const { return open_; }
    // Ends a turn that is open before its time: for whoever opens the same store another time, and would wait for this turn.
    void end_now() {
        if (open_) {
            end();
        }
    }

    // Whether the store takes what it is given: what the last commit has shown, and if that failed, a trial.
    [[nodiscard]] result<void> check() {
        if (!failed_) {
            return {};
        }
        if (open_) {
            return fail(error_category::environment, "store_failed", "the last commit failed, and the next has not ended yet");
        }
        BERTH_CHECK(store_->try_write());
        failed_ = false;
        return {};
    }

private:
    void end() {
        open_ = false;
        const auto kept = store_->end_batch();
        if (!kept) {
            failed_ = true;  // a later commit of nothing would prove nothing: check() tries
            log::failure("store_failed", kept.error(), {{"party", party_}});
        }
        ended_(kept.has_value());
    }

    net::loop& loop_;
    std::string party_;
    std::function<void(bool)> ended_;
    Store* store_ = nullptr;
    bool open_ = false;
    bool failed_ = false;
    uint64_t refused_ = 0;  // turns, since the last that could begin
};

}  // namespace berth::app
