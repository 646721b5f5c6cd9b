#include "net/loop_asio.h"

#include <boost/asio/steady_timer.hpp>

namespace berth::net {

namespace asio = boost::asio;

loop::loop() : impl_(std::make_unique<impl>()) {}
loop::~loop() = default;

void loop::run() {
    impl_->context.run();
}

void loop::stop() {
    impl_->context.stop();
}

void loop::restart() {
    impl_->context.restart();
}

void loop::post(std::function<void()> work) {
    asio::post(impl_->context, std::move(work));
}

void loop::at_turn_end(std::function<void()> work) {
    impl_->turn_end.push_back(std::move(work));
    if (impl_->turn_end_posted) {
        return;
    }
    impl_->turn_end_posted = true;
    // A posted handler runs after those that are queued already: that is the end of this turn.
    asio::post(impl_->context, [this] {
        impl_->turn_end_posted = false;
        for (auto& each : std::exchange(impl_->turn_end, {})) {
            each();
        }
    });
}

void loop::on_termination(std::function<void()> work) {
    impl_->signals.emplace(impl_->context, SIGTERM, SIGINT);
    impl_->signals->async_wait([work = std::move(work)](const boost::system::error_code& ec, int) {
        if (!ec) {
            work();
        }
    });
}

void loop::on_reload(std::function<void()> work) {
    impl_->reload = std::move(work);
    impl_->hangups.emplace(impl_->context, SIGHUP);
    impl_->await_hangup();
}

void loop::impl::await_hangup() {
    hangups->async_wait([this](const boost::system::error_code& ec, int) {
        if (!ec) {
            await_hangup();
            reload();
        }
    });
}

struct timer::impl {
    explicit impl(loop& on) : waiting(on.get().context) {}
    asio::steady_timer waiting;
    // Work that was due already when it was cancelled is told from the present work.
    uint64_t number = 0;
};

timer::timer(loop& on) : impl_(std::make_shared<impl>(on)) {}
timer::~timer() {
    if (impl_) {
        cancel();
    }
}
timer::timer(timer&&) noexcept = default;
timer& timer::operator=(timer&& other) noexcept {
    timer old(std::move(*this));
    impl_ = std::move(other.impl_);
    return *this;
}

void timer::arm(milliseconds after, std::function<void()> work) {
    const uint64_t number = ++impl_->number;
    impl_->waiting.expires_after(std::chrono::milliseconds(after));
    impl_->waiting.async_wait([held = impl_, number, work = std::move(work)](const boost::system::error_code& ec) {
        if (!ec && number == held->number) {
            work();
        }
    });
}

void timer::cancel() {
    ++impl_->number;
    impl_->waiting.cancel();
}

}  // namespace berth::net
