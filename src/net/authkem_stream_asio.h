// The Asio side of authkem_stream.h; for net/'s .cpp files only.
#pragma once

#include "net/authkem_stream.h"
#include "net/loop_asio.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

namespace berth::net {

struct authkem_stream::impl : std::enable_shared_from_this<impl> {
    using tcp = boost::asio::ip::tcp;
    using error_code = boost::system::error_code;

    impl(loop& on, tcp::socket s, std::shared_ptr<const authkem::server_context> context, const clock& time,
         random_source& random, const stream_limits& l);
    impl(loop& on, std::shared_ptr<const authkem::client_context> context, const clock& time, random_source& random,
         const stream_limits& l);

    void connect(const address& to);
    void begin();  // the transport stands
    void read();
    void on_read(const error_code& ec, size_t octets);
    void pump();  // reports what came, writes what waits
    void deliver();
    void flush();
    void on_written(const error_code& ec, size_t octets);
    void all_is_written();
    void send(bytes_view data);
    void finish_sending();
    void close();
    void finish(std::optional<error> why);
    void tell_closed();
    void drain();
    void abandon();
    void start_deadline(milliseconds after, const char* name, const char* what);
    void cancel_deadline();
    [[nodiscard]] bool has_unsent() const { return !out.empty() || connection.has_output(); }
    [[nodiscard]] bool held_back() const { return connection.has_received() && !closing && !events->on_data; }

    tcp::socket socket;
    tcp::resolver resolver;
    boost::asio::steady_timer deadline;
    uint64_t deadline_number = 0;  // a deadline that was queued before it was cancelled is told from the present one
    authkem::connection connection;
    // Held while a callback runs, which may replace it.
    std::shared_ptr<stream_events> events = std::make_shared<stream_events>();
    stream_limits limits;
    bool client;
    bool transport = false;
    bool told_established = false;
    bool told_closed = false;
    bool sending_over = false;  // finish_sending() was called
    bool closing = false;       // close() was called: end once all is written
    bool lingering = false;     // all is written, and the peer has a moment left to close
    bool finished = false;
    bool dropped = false;  // its handle is gone
    bool paused = false;
    bool reading = false;
    bool writing = false;
    bool write_failed = false;  // what the peer said before it went is still read
    bytes out;                  // being written
    size_t written = 0;         // of out
    std::array<uint8_t, 16384> in;
    std::string peer;
    std::chrono::steady_clock::time_point began;
    std::chrono::steady_clock::time_point established;
    std::optional<error> fatal;  // a failure whose alert is still to be written
    std::optional<error> ended;  // why it is finished
};

}  // namespace berth::net
