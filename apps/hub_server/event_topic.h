// Life-cycle events as messages of a topic at the hub's own broker, one each, QoS 1: through the socket at which it lets programs
// of its machine in. The broker has them; who is not there to hear them does not.
#pragma once

#include "hub_server/event_sink.h"
#include "net/mqtt_client.h"

#include <filesystem>

namespace berth::app {

class event_topic final : public event_sink {
public:
    event_topic(net::loop& on, std::filesystem::path socket, std::string client_id, std::string topic)
        : loop_(on), socket_(std::move(socket)), client_id_(std::move(client_id)), topic_(std::move(topic)), limit_(on) {}
    void deliver(const std::vector<std::string>& items, done then) override;

private:
    void publish();
    void finish(result<void> how);

    net::loop& loop_;
    std::filesystem::path socket_;
    std::string client_id_, topic_;
    net::timer limit_;
    // One delivery.
    std::unique_ptr<net::mqtt_client> client_;
    std::vector<std::string> messages_;
    size_t taken_ = 0;
    done then_;
};

}  // namespace berth::app
