#include "authkem/client_handshake.h"

namespace berth::authkem {

state client_handshake::current() const {
    return std::visit([](const auto& s) { return s.id; }, state_);
}

result<void> client_handshake::start() {
    BERTH_TRY(taken, hello());
    return move_to(state_, role::client, taken.on, std::move(taken.next), context_->config().observe);
}

result<void> client_handshake::on_message(const message_view& message, std::optional<record_boundary> end) {
    // The handler consumes the state: after an error there is none left to go on from.
    auto taken = std::visit([&](auto& now) { return on(std::move(now), message, std::move(end)); }, state_);
    if (!taken) {
        return fail(std::move(taken).error());
    }
    return move_to(state_, role::client, taken->on, std::move(taken->next), context_->config().observe);
}

}  // namespace berth::authkem
