// AuthKEM as an Asio AsyncStream over TCP, in the shape of asio::ssl::stream, so that what runs over TLS runs over AuthKEM.
// For net/'s .cpp files only.
//
// At most one read and one write are under way at a time; a handshake and a shutdown are alone. Once an operation has failed
// with authkem_failed, failure() says why.
#pragma once

#include "authkem/connection.h"

#include <boost/asio/compose.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>

namespace berth::net {

enum class authkem_errc {
    authkem_failed = 1,  // see failure()
    truncated,           // the transport ended without close_notify
};
const boost::system::error_category& authkem_category();
inline boost::system::error_code make_error_code(authkem_errc code) {
    return {static_cast<int>(code), authkem_category()};
}

class authkem_async_stream {
public:
    using next_layer_type = boost::asio::ip::tcp::socket;
    using lowest_layer_type = next_layer_type::lowest_layer_type;
    using executor_type = next_layer_type::executor_type;
    using error_code = boost::system::error_code;

    authkem_async_stream(next_layer_type socket, std::shared_ptr<const authkem::client_context> context, const clock& time,
                         random_source& random)
        : socket_(std::move(socket)), connection_(std::make_unique<authkem::connection>(std::move(context), time, random)) {}
    authkem_async_stream(next_layer_type socket, std::shared_ptr<const authkem::server_context> context, const clock& time,
                         random_source& random)
        : socket_(std::move(socket)), connection_(std::make_unique<authkem::connection>(std::move(context), time, random)) {}

    executor_type get_executor() { return socket_.get_executor(); }
    next_layer_type& next_layer() { return socket_; }
    lowest_layer_type& lowest_layer() { return socket_.lowest_layer(); }
    // Null until the handshake is complete.
    authkem::session* session() { return connection_->session(); }
    [[nodiscard]] const error* failure() const { return connection_->failure(); }

    // void(error_code). The context says which side this is.
    template <class Token>
    auto async_handshake(Token&& token) {
        return boost::asio::async_compose<Token, void(error_code)>(
            [this, now = step::start](auto& self, error_code ec = {}, size_t octets = 0) mutable {
                if (now == step::start) {
                    now = step::wrote;
                    std::ignore = connection_->start();
                    return flush(std::move(self));
                }
                if (now == step::read && !ec) {
                    take(octets);
                    now = step::wrote;
                    return flush(std::move(self));
                }
                if (ec || connection_->failure() || connection_->completed()) {
                    return self.complete(outcome(ec));
                }
                now = step::read;
                fill(std::move(self));
            },
            token, socket_);
    }

    // void(error_code, size_t); asio::error::eof: the peer has closed in an orderly way.
    template <class Buffers, class Token>
    auto async_read_some(const Buffers& into, Token&& token) {
        return boost::asio::async_compose<Token, void(error_code, size_t)>(
            [this, into, now = step::start](auto& self, error_code ec = {}, size_t octets = 0) mutable {
                if (now == step::read && !ec) {
                    take(octets);
                }
                const bool answer = ec || left() > 0 || connection_->failure() || connection_->peer_closed() ||
                                    boost::asio::buffer_size(into) == 0;
                if (now == step::start) {
                    now = step::read;
                    // Never from within the call that began it.
                    return answer ? boost::asio::post(socket_.get_executor(), std::move(self)) : fill(std::move(self));
                }
                if (!answer) {
                    return fill(std::move(self));
                }
                if (left() > 0 || boost::asio::buffer_size(into) == 0) {
                    return self.complete({}, hand_over(into));
                }
                if (now == step::read && connection_->alert_sent() && connection_->has_output() && !writing_) {
                    now = step::wrote;  // the alert goes out before the failure is told
                    return flush(std::move(self));
                }
                self.complete(outcome(ec), 0);
            },
            token, socket_);
    }

    // void(error_code, size_t).
    template <class Buffers, class Token>
    auto async_write_some(const Buffers& from, Token&& token) {
        return boost::asio::async_compose<Token, void(error_code, size_t)>(
            [this, from, now = step::start, taken = size_t{0}](auto& self, error_code ec = {}, size_t = 0) mutable {
                if (now == step::start) {
                    now = step::wrote;
                    taken = encrypt(from);
                    return flush(std::move(self));
                }
                self.complete(ec || connection_->failure() ? outcome(ec) : ec, ec || connection_->failure() ? 0 : taken);
            },
            token, socket_);
    }

    // void(error_code): close_notify, then the peer's.
    template <class Token>
    auto async_shutdown(Token&& token) {
        return boost::asio::async_compose<Token, void(error_code)>(
            [this, now = step::start](auto& self, error_code ec = {}, size_t octets = 0) mutable {
                if (now == step::start) {
                    now = step::wrote;
                    connection_->close();
                    return flush(std::move(self));
                }
                if (now == step::read && !ec) {
                    take(octets);
                    received_.clear();
                    at_ = 0;
                }
                if (ec || connection_->failure() || connection_->peer_closed()) {
                    const auto end = outcome(ec);
                    return self.complete(end == boost::asio::error::eof ? error_code() : end);
                }
                now = step::read;
                fill(std::move(self));
            },
            token, socket_);
    }

private:
    enum class step { start, wrote, read };

    template <class Self>
    void fill(Self&& self) {
        socket_.async_read_some(boost::asio::buffer(in_), std::forward<Self>(self));
    }
    // Writes what waits. Completes through the loop even if that is nothing.
    template <class Self>
    void flush(Self&& self) {
        out_ = connection_->take_output();
        writing_ = true;
        boost::asio::async_write(socket_, boost::asio::buffer(out_),
                                 [this, self = std::forward<Self>(self)](const error_code& ec, size_t octets) mutable {
                                     writing_ = false;
                                     self(ec, octets);
                                 });
    }
    void take(size_t octets);
    [[nodiscard]] size_t left() const { return received_.size() - at_; }
    // What an operation that cannot go on completes with.
    error_code outcome(const error_code& transport);

    template <class Buffers>
    size_t hand_over(const Buffers& into) {
        const size_t n = boost::asio::buffer_copy(into, boost::asio::buffer(received_.data() + at_, left()));
        at_ += n;
        return n;
    }
    template <class Buffers>
    size_t encrypt(const Buffers& from) {
        bytes plain(std::min(boost::asio::buffer_size(from), most_at_once));
        boost::asio::buffer_copy(boost::asio::buffer(plain), from);
        std::ignore = connection_->send(plain);
        return plain.size();
    }

    static constexpr size_t most_at_once = 64 * 1024;
    next_layer_type socket_;
    std::unique_ptr<authkem::connection> connection_;  // stays where it is when the stream moves
    std::array<uint8_t, 16384> in_;
    bytes received_;  // decrypted; from at_ on not handed over yet
    size_t at_ = 0;
    bytes out_;
    bool writing_ = false;
};

}  // namespace berth::net
