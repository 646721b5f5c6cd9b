// Life-cycle events as messages of a topic at the hub's own broker, one each, QoS 1: through the socket at which it lets programs
// of its machine in. The broker has them; who is not there to hear them does not.
#pragma once

#include "base/descriptor.h"
#include "hub/events/mqtt_publish.h"
#include "hub_server/event_sink.h"
#include "net/loop.h"

namespace berth::app {

class event_topic final : public event_sink {
public:
    event_topic(net::loop& on, const clock& time, std::filesystem::path socket, std::string client_id, std::string topic)
        : clock_(time), socket_path_(std::move(socket)), client_id_(std::move(client_id)), topic_(std::move(topic)), timer_(on) {}
    void deliver(const std::vector<registry::identity_event>& events, done then) override;

private:
    result<void> connect();
    result<void> say(const std::vector<registry::identity_event>& events);
    // What can be sent and read now. True: the broker has all of it.
    result<bool> pump();
    void look();
    void finish(result<void> how);

    const clock& clock_;
    std::filesystem::path socket_path_;
    std::string client_id_, topic_;
    net::timer timer_;
    // One delivery.
    descriptor socket_;
    bytes to_send_;
    size_t sent_ = 0, wanted_ = 0;
    hub::publish_answers answers_;
    milliseconds until_ = 0;
    done then_;
};

}  // namespace berth::app
