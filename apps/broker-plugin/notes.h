// Writes down who has logged in and who is connected, on a thread of its own: the broker does not wait for a disk.
#pragma once

#include "gate.h"
#include "lasting_subscriptions.h"
#include "message_watch.h"

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

namespace berth::app {

class login_notes {
public:
    explicit login_notes(std::filesystem::path hub_db);
    ~login_notes();  // writes what is left, and that nobody is connected here any longer
    login_notes(const login_notes&) = delete;
    login_notes& operator=(const login_notes&) = delete;

    struct news {
        std::vector<hub_gate::arrival> arrivals;
        std::vector<hub_gate::presence> presences;
        std::vector<hub_gate::ocsp_wish> wishes;  // whose certificates berthd is to ask about
        uint64_t devices = 0;                     // connected now
        std::vector<message_watch::note> messages = {};
        std::vector<lasting_subscriptions::change> subscriptions = {};
        [[nodiscard]] bool empty() const {
            return arrivals.empty() && presences.empty() && wishes.empty() && messages.empty() && subscriptions.empty();
        }
    };
    // Arrivals over `most_waiting` are dropped, oldest first: they are times of last activities, which come again; so do wishes.
    // Who is here is never dropped: of each device the last word counts, and is written as soon as something can be. Nor is what
    // became of messages, and what lasting sessions have subscribed to.
    void add(news some);

    static constexpr size_t most_waiting = 100'000;

private:
    void run();
    bool begin();
    bool write(const std::vector<hub_gate::arrival>& arrivals, const std::vector<hub_gate::ocsp_wish>& wishes);
    result<void> write_messages(const std::vector<message_watch::note>& some);
    bool write_down(bool last);

    std::filesystem::path hub_db_;
    std::mutex mutex_;
    std::condition_variable more_;
    std::vector<hub_gate::arrival> arrivals_;
    std::vector<hub_gate::ocsp_wish> wishes_;
    std::vector<message_watch::note> messages_;
    std::vector<lasting_subscriptions::change> subscriptions_;
    std::map<registry::identity_name, hub_gate::presence> presences_;
    uint64_t devices_ = 0;
    bool ending_ = false;
    // Of the thread.
    std::unique_ptr<store::sqlite_hub_store> store_;
    std::optional<store::sqlite_connection_store> connections_;
    uint64_t broker_ = 0;  // 0: not begun
    std::thread thread_;
};

}  // namespace berth::app
