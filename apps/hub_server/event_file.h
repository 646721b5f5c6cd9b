// A file of life-cycle events, one JSON object a line, appended and kept (fsync) before the next: on a thread of its own, for a
// disk may take its time, and berthd waits for none.
#pragma once

#include "base/descriptor.h"
#include "hub_server/event_sink.h"
#include "net/loop.h"

#include <condition_variable>
#include <mutex>
#include <thread>

namespace berth::app {

// What is there is a pipe, a directory, a device: error `no_regular_file` (environment).
tl::unexpected<error> no_event_file(const std::filesystem::path& file);

class event_file final : public event_sink {
public:
    event_file(net::loop& on, std::filesystem::path file);
    ~event_file() override;  // once what is being written is written
    void deliver(const std::vector<std::string>& items, done then) override;
    // Who has moved it away finds a new one in its place afterwards.
    void renew(event_sink_files&&) override;

private:
    struct order {
        std::string lines;
        done then;
    };
    void run();
    // Of the thread.
    result<void> open();
    result<void> append(const std::string& lines);

    net::loop& loop_;
    std::filesystem::path file_;
    descriptor opened_;  // of the thread
    std::mutex mutex_;
    std::condition_variable more_;
    std::optional<order> waiting_;
    bool anew_ = false;
    bool ending_ = false;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
    std::thread thread_;
};

}  // namespace berth::app
