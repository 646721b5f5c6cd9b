#include "hub_server/hub_desk.h"

namespace berth::app {

namespace {

constexpr int patience = 500;  // as long as berth hub device import, or a broker's notes, take for a commit, and some
constexpr milliseconds no_patience_for = 5'000;

}  // namespace

hub_desk::hub_desk(net::loop& on, const clock& time, random_source& random, std::unique_ptr<store::sqlite_hub_store> store)
    : loop_(on), clock_(time), random_(random), store_(std::move(store)), turn_(on, "hub", [this](bool kept) { ended(kept); }) {
    turn_.over(*store_);
    store_->set_patience(patience);
}

bool hub_desk::begin() {
    if (turn_.open()) {
        return true;
    }
    const bool just_refused = refused_at_ != 0 && clock_.steady() - refused_at_ < no_patience_for;
    store_->set_patience(just_refused ? 0 : patience);
    const bool begun = turn_.begin();
    if (!begun && !just_refused) {
        refused_at_ = clock_.steady();
    } else if (begun) {
        refused_at_ = 0;
    }
    return begun;
}

void hub_desk::ended(bool kept) {
    if (kept && watcher_) {
        watcher_();
    }
    for (const auto& work : std::exchange(waiting_, {})) {
        work(kept);
    }
}

}  // namespace berth::app
