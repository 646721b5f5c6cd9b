// Writes down who has logged in, on a thread of its own: the broker does not wait for a disk.
#pragma once

#include "gate.h"

#include <condition_variable>
#include <mutex>
#include <thread>

namespace berth::app {

class login_notes {
public:
    explicit login_notes(std::filesystem::path hub_db);
    ~login_notes();  // writes what is left
    login_notes(const login_notes&) = delete;
    login_notes& operator=(const login_notes&) = delete;
    // What is more than `most_waiting` is dropped, oldest first: it is the time of the last activity, which comes again.
    void add(std::vector<hub_gate::arrival> some, std::vector<hub_gate::ocsp_wish> wishes = {});

    static constexpr size_t most_waiting = 100'000;

private:
    void run();
    void write(const std::vector<hub_gate::arrival>& some, const std::vector<hub_gate::ocsp_wish>& wishes);

    std::filesystem::path hub_db_;
    std::mutex mutex_;
    std::condition_variable more_;
    std::vector<hub_gate::arrival> waiting_;
    std::vector<hub_gate::ocsp_wish> wishes_;
    bool ending_ = false;
    std::unique_ptr<store::sqlite_hub_store> store_;  // of the thread
    std::thread thread_;
};

}  // namespace berth::app
