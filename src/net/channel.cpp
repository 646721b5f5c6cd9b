#include "base/wipe.h"
#include "net/address.h"
#include "net/authkem_async_stream_asio.h"
#include "net/channel_asio.h"
#include "net/tls_openssl.h"

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>

#include <sys/socket.h>

namespace berth::net {

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using tcp = asio::ip::tcp;
using local = asio::local::stream_protocol;

error lost(const error_code& ec) {
    if (ec == asio::ssl::error::stream_truncated || ec == make_error_code(authkem_errc::truncated)) {
        return {error_category::peer, "truncated", "the connection was cut off without close_notify"};
    }
    return {error_category::environment, "connection_lost", "the connection broke: " + ec.message()};
}

// Makes a socket ready; who is at its other end, as people write it.
std::string settle(tcp::socket& socket) {
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    const auto remote = socket.remote_endpoint(ignored);
    return address{remote.address().to_string(ignored), remote.port()}.text();
}

std::string settle(local::socket& socket) {
    const auto user = user_of(socket);
    return user ? fmt::format("uid:{}", *user) : "uid:unknown";
}

// What all kinds have in common; the stream is asio's, libssl's or ours.
template <class Stream>
class stream_channel : public channel {
public:
    template <class... Args>
    explicit stream_channel(Args&&... args) : stream_(std::forward<Args>(args)...) {
        address_ = settle(raw());
    }

    void read(got then) override {
        reading_ = true;
        stream_.async_read_some(asio::buffer(in_), [self = hold(), then = std::move(then)](const error_code& ec, size_t octets) {
            self->reading_ = false;
            if (!ec) {
                return then(nullptr, bytes_view(self->in_.data(), octets));
            }
            if (ec == asio::error::eof) {
                return then(nullptr, {});
            }
            const error why = self->explain(ec);
            then(&why, {});
        });
    }

    void write(bytes data, done then) override {
        out_ = std::move(data);
        writing_ = true;
        asio::async_write(stream_, asio::buffer(out_), [self = hold(), then = std::move(then)](const error_code& ec, size_t) {
            self->writing_ = false;
            wipe(self->out_);  // it may have been a private key, or a password
            bytes().swap(self->out_);
            if (!ec) {
                return then(nullptr);
            }
            const error why = self->explain(ec);
            then(&why);
        });
    }

    void abort() override {
        error_code ignored;
        raw().close(ignored);
    }

protected:
    auto& raw() {
        if constexpr (requires { stream_.next_layer(); }) {
            return stream_.next_layer();
        } else {
            return stream_;
        }
    }
    std::shared_ptr<stream_channel> hold() { return std::static_pointer_cast<stream_channel>(shared_from_this()); }
    virtual error explain(const error_code& ec) { return lost(ec); }

    // Whoever goes in the midst of a write says no goodbye: the stream has what it is writing where the goodbye would go.
    bool left_amid_write(const std::function<void()>& then) {
        if (!writing_) {
            return false;
        }
        abort();
        asio::post(stream_.get_executor(), [self = hold(), then] { then(); });
        return true;
    }

    // Ends a read that is under way: a shutdown reads for itself.
    void shut(std::function<void()> how) {
        if (reading_) {
            error_code ignored;
            raw().cancel(ignored);
        }
        asio::post(stream_.get_executor(), [self = hold(), how = std::move(how)] { how(); });
    }

    // Unread octets would turn the close into a reset, and the peer would lose what it was told last.
    void drain(std::function<void()> then) {
        error_code ignored;
        raw().shutdown(asio::socket_base::shutdown_send, ignored);
        raw().async_read_some(asio::buffer(in_), [self = hold(), then = std::move(then)](const error_code& ec, size_t) mutable {
            ec ? then() : self->drain(std::move(then));
        });
    }

    Stream stream_;
    std::array<uint8_t, 16384> in_;
    bytes out_;
    std::string address_;
    bool reading_ = false, writing_ = false;
};

tl::unexpected<error> nothing_to_export(const char* name, const char* message) {
    return fail(error_category::usage, name, message);
}

// Without encryption: to this machine's own processes, or because somebody chose so.
template <class Socket>
class bare_channel final : public stream_channel<Socket> {
public:
    using stream_channel<Socket>::stream_channel;
    void handshake(channel::done then) override {
        asio::post(this->stream_.get_executor(), [self = this->hold(), then = std::move(then)] { then(nullptr); });
    }
    void shutdown(std::function<void()> then) override {
        this->shut([this, then = std::move(then)]() mutable { this->drain(std::move(then)); });
    }
    peer_info describe() override {
        peer_info out;
        out.address = this->address_;
        if constexpr (std::is_same_v<Socket, local::socket>) {
            out.transport = transport_kind::local;
            out.uid = user_of(this->stream_);
        }
        out.exporter = [](std::string_view, bytes_view, size_t) -> result<secret_bytes> {
            return nothing_to_export("no_channel", "a connection without encryption has nothing to bind to");
        };
        return out;
    }
};

class tls_channel final : public stream_channel<asio::ssl::stream<tcp::socket>> {
public:
    tls_channel(tcp::socket socket, std::shared_ptr<const tls_context> context, std::unique_ptr<tls_judgement> judgement,
                SSL* ssl)
        : stream_channel(std::move(socket), ssl), context_(std::move(context)), judgement_(std::move(judgement)) {}

    void handshake(done then) override {
        const auto side = context_->get().server ? asio::ssl::stream_base::server : asio::ssl::stream_base::client;
        stream_.async_handshake(side, [self = held(), then = std::move(then)](const error_code& ec) {
            if (!ec) {
                self->established_ = true;
                return then(nullptr);
            }
            const error why = self->judgement_->refusal ? *self->judgement_->refusal : self->explain_handshake(ec);
            then(&why);
        });
    }
    void shutdown(std::function<void()> then) override {
        if (left_amid_write(then)) {
            return;
        }
        shut([this, then = std::move(then)]() mutable {
            stream_.async_shutdown(
                [self = held(), then = std::move(then)](const error_code&) mutable { self->drain(std::move(then)); });
        });
    }
    peer_info describe() override {
        peer_info out;
        net::describe(stream_.native_handle(), *judgement_, out);
        out.address = address_;
        out.exporter = [weak = std::weak_ptr(held())](std::string_view label, bytes_view context,
                                                      size_t length) -> result<secret_bytes> {
            const auto self = weak.lock();
            if (!self) {
                return nothing_to_export("connection_gone", "the connection that was to be bound to has gone");
            }
            return tls_exporter(self->stream_.native_handle(), label, context, length);
        };
        out.tls_unique = [weak = std::weak_ptr(held())]() -> result<secret_bytes> {
            const auto self = weak.lock();
            if (!self) {
                return nothing_to_export("connection_gone", "the connection that was to be bound to has gone");
            }
            return tls_unique(self->stream_.native_handle(), self->context_->get().server);
        };
        return out;
    }

private:
    std::shared_ptr<tls_channel> held() { return std::static_pointer_cast<tls_channel>(shared_from_this()); }
    error explain_handshake(const error_code& ec) {
        if (ec == asio::error::eof || ec == asio::ssl::error::stream_truncated) {
            return {error_category::peer, "closed_in_handshake", "the peer closed the connection in the handshake"};
        }
        return explain(ec);
    }
    error explain(const error_code& ec) override {
        if (ec.category() != asio::error::get_ssl_category()) {
            return lost(ec);
        }
        error out{error_category::peer, "tls_failed", "TLS failed: " + ec.message()};
        // RFC 8446 6 and 5.2, RFC 5246 6: after the handshake alerts are protected, so it is the peer who says so. During it
        // whoever is on the path can send one.
        const int reason = ERR_GET_REASON(static_cast<unsigned long>(static_cast<unsigned>(ec.value())));
        const int alert = reason - SSL_AD_REASON_OFFSET;
        return established_ && alert >= 0 && alert < 256 ? std::move(out).with("alert", std::to_string(alert)) : out;
    }
    std::shared_ptr<const tls_context> context_;
    std::unique_ptr<tls_judgement> judgement_;
    bool established_ = false;
};

class authkem_channel final : public stream_channel<authkem_async_stream> {
public:
    using stream_channel::stream_channel;
    void handshake(done then) override {
        stream_.async_handshake([self = held(), then = std::move(then)](const error_code& ec) {
            if (!ec) {
                return then(nullptr);
            }
            const error why = self->explain(ec);
            then(&why);
        });
    }
    void shutdown(std::function<void()> then) override {
        if (left_amid_write(then)) {
            return;
        }
        shut([this, then = std::move(then)]() mutable {
            stream_.async_shutdown(
                [self = held(), then = std::move(then)](const error_code&) mutable { self->drain(std::move(then)); });
        });
    }
    peer_info describe() override {
        peer_info out;
        const authkem::session& session = *stream_.session();
        out.transport = transport_kind::authkem;
        out.address = address_;
        out.state = session.peer().state();
        out.chain.assign(session.peer().chain().begin(), session.peer().chain().end());
        out.protocol = "AuthKEM";
        out.suite = name_of(session.suite());
        out.group = "X25519MLKEM768";
        out.alpn = session.alpn();
        out.exporter = [weak = std::weak_ptr(held())](std::string_view label, bytes_view context,
                                                      size_t length) -> result<secret_bytes> {
            const auto self = weak.lock();
            if (!self) {
                return nothing_to_export("connection_gone", "the connection that was to be bound to has gone");
            }
            return self->stream_.session()->exporter(label, context, length);
        };
        return out;
    }

private:
    std::shared_ptr<authkem_channel> held() { return std::static_pointer_cast<authkem_channel>(shared_from_this()); }
    error explain(const error_code& ec) override {
        return ec == make_error_code(authkem_errc::authkem_failed) && stream_.failure() ? *stream_.failure() : lost(ec);
    }
};

struct maker {
    tcp::socket& socket;
    std::shared_ptr<channel> operator()(std::monostate) const {
        return std::make_shared<bare_channel<tcp::socket>>(std::move(socket));
    }
    std::shared_ptr<channel> operator()(const std::shared_ptr<const tls_context>& context) const {
        auto judgement = std::make_unique<tls_judgement>();
        SSL* ssl = new_tls(context->get(), *judgement);
        return ssl ? std::make_shared<tls_channel>(std::move(socket), context, std::move(judgement), ssl) : nullptr;
    }
    template <class Authkem>
    std::shared_ptr<channel> operator()(const Authkem& over) const {
        return std::make_shared<authkem_channel>(std::move(socket), over.context, over.time, over.random);
    }
};

}  // namespace

std::shared_ptr<channel> make_channel(tcp::socket socket, const channel_transport& over) {
    return std::visit(maker{socket}, over);
}

std::shared_ptr<channel> make_channel(local::socket socket) {
    return std::make_shared<bare_channel<local::socket>>(std::move(socket));
}

std::optional<uint32_t> user_of(local::socket& socket) {
    ucred who{};
    socklen_t size = sizeof who;
    if (::getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &who, &size) != 0 || size != sizeof who) {
        return std::nullopt;
    }
    return who.uid;
}

}  // namespace berth::net
