// One connection of an HTTP server. Internal to net.
#pragma once

#include "net/channel.h"
#include "net/http_server.h"

namespace berth::net {

// What connections need of their server; outlives them.
struct http_service {
    std::shared_ptr<const http_router> router;
    const clock& time;
    http_server_limits limits;
    std::function<void(const http_exchange&)> exchanges;
    authkem_listener::failure_handler failures;
    bool draining = false;
    http_server::met_handler met;
    http_server::hand_over_handler hand_over;
};

class http_connection : public std::enable_shared_from_this<http_connection> {
public:
    http_connection(loop& on, std::shared_ptr<channel> over, std::shared_ptr<http_service> service, std::string address,
                    std::function<void()> over_and_done);

    void start();
    // Closes if nothing is being asked, else after the answer.
    void drain();
    // At once; `over_and_done` is not called.
    void abandon();

private:
    void await_request();
    void read();
    void received(bytes_view octets);
    void process();
    void on_header(bool body_follows);
    // Of its route's at_head.
    void ask_at_head();
    void await_body();
    void dispatch(http_request request);
    void ask_for_websocket(bool body_follows);
    void go_on_as_websocket();
    void answer(http_response response);
    void refuse(const error& why);
    void written(const error* why);
    void close();
    void broken(const error& why);
    void end();
    void limit(milliseconds after, std::function<void()> then);

    loop& on_;
    std::shared_ptr<channel> channel_;
    std::shared_ptr<http_service> service_;
    std::string address_;
    std::function<void()> over_and_done_;
    timer timer_;
    std::shared_ptr<const peer_info> peer_;
    bytes input_;  // read, not parsed yet
    std::optional<request_reader> reader_;
    http_router::found route_;
    http_exchange exchange_;
    std::chrono::steady_clock::time_point asked_;
    enum class phase { handshake, idle, header, judging, body, handling, writing, upgraded, closing, over };
    phase phase_ = phase::handshake;
    bool keep_alive_ = true;
    bool to_head_ = false;
    bool asking_ = false;      // its head is being judged in this very call
    bool continuing_ = false;  // "100 Continue" is being written
    uint64_t requests_ = 0;
    websocket_route::opener opener_;        // while the answer that lets a WebSocket in is written
    std::shared_ptr<websocket> websocket_;  // from then on
};

}  // namespace berth::net
