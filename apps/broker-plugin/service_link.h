// Carries what devices ask to the service behind the broker, and brings back what it answers: on a thread of its own, for the
// broker waits for nobody.
#pragma once

#include "hub/carrier/carried.h"

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace berth::app {

class service_link {
public:
    // `path`: the service's socket. `came`: called on the link's thread when there are answers to take.
    service_link(std::string path, std::function<void()> came);
    ~service_link();  // what was not answered by then is not
    service_link(const service_link&) = delete;
    service_link& operator=(const service_link&) = delete;

    // Whose it is: the broker's handle of the session, and a number that no other session has.
    struct asker {
        const void* session = nullptr;
        uint64_t number = 0;
    };
    struct answered {
        asker whom;
        std::string client;
        std::optional<hub::carried_answer> answer;  // nothing: there is none, and will be none
    };
    using chain = std::shared_ptr<const std::vector<bytes>>;
    // False: too many wait already, and this one is dropped. Its sender asks again.
    // `sent`: the message's chain, which is not copied until it is written.
    bool ask(asker who, hub::carried_message message, chain sent = nullptr);
    // Each question that was taken comes back once.
    std::vector<answered> take();

    static constexpr size_t most_waiting = 10'000;
    static constexpr size_t most_waiting_octets = 32 * 1024 * 1024;

private:
    struct asked {
        asker who;
        hub::carried_message message;
        chain sent;
        size_t octets = 0;
    };
    void run();
    void carry(std::vector<asked> some);
    void give_back(std::vector<answered> some);

    std::string path_;
    std::function<void()> came_;
    std::mutex mutex_;
    std::condition_variable more_;
    std::deque<asked> waiting_;
    size_t waiting_octets_ = 0;
    std::vector<answered> answers_;
    bool ending_ = false;
    bool reached_ = true;  // of the thread: the last time
    std::thread thread_;
};

}  // namespace berth::app
