#include "hub_server/file_worker.h"

namespace berth::app {

file_worker::file_worker(net::loop& on, size_t threads) : loop_(on) {
    for (size_t i = 0; i < threads; ++i) {
        threads_.emplace_back([this] { work(); });
    }
}

file_worker::~file_worker() {
    {
        const std::lock_guard held(mutex_);
        ending_ = true;
    }
    more_.notify_all();
    for (auto& one : threads_) {
        one.join();
    }
}

bool file_worker::put(job one) {
    {
        const std::lock_guard held(mutex_);
        if (one.octets > 0 && held_ + one.octets > most_waiting) {
            return false;
        }
        held_ += one.octets;
        waiting_.push_back(std::move(one));
    }
    more_.notify_one();
    return true;
}

void file_worker::work() {
    std::unique_lock held(mutex_);
    for (;;) {
        more_.wait(held, [this] { return ending_ || !waiting_.empty(); });
        if (ending_) {
            return;
        }
        auto now = std::move(waiting_.front());
        waiting_.pop_front();
        held.unlock();
        now.work();
        now.work = nullptr;  // with what it held
        loop_.post([then = std::move(now.then), alive = std::weak_ptr(alive_)] {
            if (!alive.expired()) {
                then();
            }
        });
        held.lock();
        held_ -= now.octets;
    }
}

}  // namespace berth::app
