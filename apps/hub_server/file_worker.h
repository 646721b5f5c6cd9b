// Threads for what waits for a disk, so that the loop does not: each piece of work is done on one of them, and what follows from
// it on the loop.
#pragma once

#include "net/loop.h"

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace berth::app {

class file_worker {
public:
    // What waits holds no more memory than this together.
    static constexpr size_t most_waiting = size_t{96} * 1024 * 1024;

    file_worker(net::loop& on, size_t threads);
    ~file_worker();  // once what has been begun is done; what waits is not begun
    file_worker(const file_worker&) = delete;
    file_worker& operator=(const file_worker&) = delete;

    // False: there is too much already, and nothing is done. `octets`: of memory that `work` holds; without any it is always
    // taken. `then` gets what `work` gives.
    template <class Work, class Then>
    bool run(size_t octets, Work work, Then then) {
        auto out = std::make_shared<std::optional<decltype(work())>>();
        return put({octets, [work = std::move(work), out]() mutable { out->emplace(work()); },
                    [then = std::move(then), out]() mutable { then(std::move(**out)); }});
    }

private:
    struct job {
        size_t octets = 0;
        std::function<void()> work, then;
    };
    bool put(job one);
    void work();

    net::loop& loop_;
    std::mutex mutex_;
    std::condition_variable more_;
    std::deque<job> waiting_;
    size_t held_ = 0;
    bool ending_ = false;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
    std::vector<std::thread> threads_;
};

}  // namespace berth::app
