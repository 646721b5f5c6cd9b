// One thread's event loop. Everything made with a loop is used on that loop's thread only, post() and stop() excepted.
#pragma once

#include "base/clock.h"

#include <functional>
#include <memory>

namespace berth::net {

class loop {
public:
    loop();
    ~loop();
    loop(const loop&) = delete;
    loop& operator=(const loop&) = delete;

    // Until stop(), or until there is nothing left to wait for.
    void run();
    // From any thread, or from a handler. The loop stays stopped until restart(), between two run().
    void stop();
    void restart();
    // Runs `work` on the loop's thread, soon. From any thread.
    void post(std::function<void()> work);
    // Runs `work` once the handlers that are ready now have run: the end of this turn. Used to make one commit, and one
    // write per connection, of what many connections did in one turn. On the loop's thread only.
    void at_turn_end(std::function<void()> work);
    // SIGTERM and SIGINT call `work` instead of ending the process.
    void on_termination(std::function<void()> work);
    // Each SIGHUP calls `work` instead of ending the process.
    void on_reload(std::function<void()> work);

    struct impl;
    [[nodiscard]] impl& get() { return *impl_; }

private:
    std::unique_ptr<impl> impl_;
};

// Calls back once, after a time; arming again forgets the earlier time. No call comes after cancel(), or after the timer
// has gone.
class timer {
public:
    explicit timer(loop& on);
    ~timer();
    timer(timer&&) noexcept;
    timer& operator=(timer&&) noexcept;
    void arm(milliseconds after, std::function<void()> work);
    void cancel();

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

}  // namespace berth::net
