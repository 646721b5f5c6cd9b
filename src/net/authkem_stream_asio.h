// The Asio side of authkem_stream.h; for net/'s .cpp files only.
#pragma once

#include "net/authkem_stream.h"
#include "net/loop_asio.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

namespace berth::net {

struct authkem_stream::impl : std::enable_shared_from_this<impl> {
    using tcp = boost::asio::ip::tcp;

    impl(loop& on, tcp::socket s, std::shared_ptr<const authkem::server_context> context, const clock& time, random_source& random,
         const stream_limits& l);
    impl(loop& on, std::shared_ptr<const authkem::client_context> context, const clock& time, random_source& random,
         const stream_limits& l);

    void connect(const address& to);
    void begin();  // the transport stands
    void read();
    void pump();   // writes what waits, reports what came
    void flush();
    void send(bytes_view data);
    void close();
    void finish(std::optional<error> why);
    void abandon();
    void start_deadline(milliseconds after, const char* name, const char* what);

    tcp::socket socket;
    tcp::resolver resolver;
    boost::asio::steady_timer deadline;
    authkem::connection connection;
    // Held while a callback runs, which may replace it.
    std::shared_ptr<stream_events> events = std::make_shared<stream_events>();
    stream_limits limits;
    bool client;
    bool transport = false;
    bool told_established = false;
    bool closing = false;   // close() was called: end once all is written
    bool finished = false;
    bool dropped = false;  // its handle is gone
    bool writing = false;
    bool in_pump = false;
    bytes out;              // being written
    std::array<uint8_t, 16384> in;
    std::string peer;
    std::optional<error> fatal;  // a failure whose alert is still to be written
};

}  // namespace berth::net
