#include "net/dial.h"

#include "net/channel_asio.h"
#include "net/loop_asio.h"

#include <boost/asio/connect.hpp>

namespace berth::net {

namespace asio = boost::asio;
using boost::system::error_code;
using tcp = asio::ip::tcp;

namespace {

error environment(const char* name, std::string message) {
    return {error_category::environment, name, std::move(message)};
}

}  // namespace

struct dialler::sockets {
    explicit sockets(asio::io_context& in) : resolver(in), socket(in) {}
    void close() {
        error_code ignored;
        socket.close(ignored);
        resolver.cancel();
    }
    tcp::resolver resolver;
    tcp::socket socket;
};

std::shared_ptr<dialler> dialler::start(loop& on, const address& to, const channel_transport& over, patience most, reached then) {
    auto self = std::make_shared<dialler>(on, std::move(then));
    self->sockets_ = std::make_shared<sockets>(on.get().context);
    self->limit(most.connect, "connect_failed", "the connection was not made in time; is the address right?");
    const auto shaken = [self](const error* why) {
        if (!self->then_) {
            return;
        }
        self->end(why ? result<std::shared_ptr<channel>>(fail(*why)) : std::exchange(self->through_, nullptr));
    };
    // Shared: g++ 14 takes a copy of a variant within a copy of a function for something that was never set.
    const auto transport = std::make_shared<const channel_transport>(over);
    const auto connected = [self, transport, most, shaken](const error_code& failed, const tcp::endpoint&) {
        if (!self->then_) {
            return;
        }
        if (failed) {
            return self->end(fail(environment("connect_failed", "the connection was not made: " + failed.message())));
        }
        self->through_ = make_channel(std::move(self->sockets_->socket), *transport);
        if (!self->through_) {
            return self->end(fail(error_category::internal, "out_of_memory", "no memory for the connection"));
        }
        self->limit(most.handshake, "handshake_timeout", "the handshake was not completed in time");
        self->through_->handshake(shaken);
    };
    self->sockets_->resolver.async_resolve(
        to.host, std::to_string(to.port),
        [self, connected, held = self->sockets_](const error_code& ec, const tcp::resolver::results_type& found) {
            if (!self->then_) {
                return;
            }
            if (ec) {
                return self->end(fail(environment("connect_failed", "the host's name was not resolved: " + ec.message())));
            }
            asio::async_connect(held->socket, found, [held, connected](const error_code& failed, const tcp::endpoint& where) {
                connected(failed, where);
            });
        });
    return self;
}

void dialler::limit(milliseconds after, const char* name, const char* what) {
    deadline_.arm(after, [weak = weak_from_this(), name, what] {
        if (const auto self = weak.lock(); self && self->then_) {
            self->end(fail(environment(name, what)));
        }
    });
}

void dialler::end(result<std::shared_ptr<channel>> outcome) {
    const auto then = std::exchange(then_, nullptr);
    const auto self = shared_from_this();
    abandon();
    then(std::move(outcome));
}

void dialler::abandon() {
    then_ = nullptr;
    deadline_.cancel();
    if (through_) {
        std::exchange(through_, nullptr)->abort();
    }
    if (sockets_) {
        std::exchange(sockets_, nullptr)->close();
    }
}

}  // namespace berth::net
