#include "hub_server/hub_desk.h"

namespace berth::app {

hub_desk::hub_desk(net::loop& on, const clock& time, random_source& random, std::unique_ptr<store::sqlite_hub_store> store)
    : loop_(on), clock_(time), random_(random), store_(std::move(store)), turn_(on, "hub", [this](bool kept) { ended(kept); }) {
    turn_.over(*store_);
}

void hub_desk::ended(bool kept) {
    for (const auto& work : std::exchange(waiting_, {})) {
        work(kept);
    }
}

}  // namespace berth::app
