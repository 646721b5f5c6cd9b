// Counts who came in and who was refused, and tells berthd (hub/carrier/report.h) on a thread of its own: the broker waits for
// nobody. Where no berthd is, what was counted is kept until there is one; a broker that ends before that takes it along.
#pragma once

#include "base/clock.h"
#include "base/random.h"
#include "hub/carrier/report.h"

#include <condition_variable>
#include <mutex>
#include <thread>

namespace berth::app {

class broker_reporter {
public:
    // `path`: the service's socket.
    broker_reporter(std::string path, bool provisioning, random_source& random);
    ~broker_reporter();
    broker_reporter(const broker_reporter&) = delete;
    broker_reporter& operator=(const broker_reporter&) = delete;

    // On the broker's thread.
    void in(bool by_key) { ++(by_key ? fresh_.by_key : fresh_.by_certificate); }
    void refused(hub::login_refusal reason) { ++fresh_.refused[static_cast<size_t>(reason)]; }
    void cut(hub::login_refusal reason) { ++fresh_.cut[static_cast<size_t>(reason)]; }
    // Again and again; something is told once a second at most. `now`: steady.
    void tick(size_t sessions, milliseconds now);

    static constexpr milliseconds pace = 1'000;
    // What there is, also when nothing has changed: berthd forgets brokers that it hears nothing of.
    static constexpr milliseconds at_least_every = 10'000;

private:
    void run();
    void tell(const hub::broker_report& report);

    std::string path_;
    hub::broker_report fresh_;               // of the broker's thread
    milliseconds handed_ = 0, told_at_ = 0;  // of the broker's thread; 0: never
    size_t told_sessions_ = 0;               // of the broker's thread
    std::mutex mutex_;
    std::condition_variable more_;
    hub::broker_report waiting_;
    bool something_ = false, ending_ = false;
    std::thread thread_;
};

}  // namespace berth::app
