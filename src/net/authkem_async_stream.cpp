#include "net/authkem_async_stream_asio.h"

namespace berth::net {

namespace {

// Boost's own base has no virtual destructor: nobody deletes categories.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"
class category final : public boost::system::error_category {
public:
    [[nodiscard]] const char* name() const noexcept override { return "authkem"; }
    [[nodiscard]] std::string message(int code) const override {
        return static_cast<authkem_errc>(code) == authkem_errc::truncated ? "the connection was cut off without close_notify"
                                                                          : "the AuthKEM connection failed";
    }
};
#pragma GCC diagnostic pop

}  // namespace

const boost::system::error_category& authkem_category() {
    static const category only;
    return only;
}

void authkem_async_stream::take(size_t octets) {
    std::ignore = connection_->receive(bytes_view(in_.data(), octets));
    if (!connection_->has_received()) {
        return;
    }
    if (left() == 0) {
        received_ = connection_->take_received();
        at_ = 0;
    } else {
        append(received_, connection_->take_received());
    }
}

authkem_async_stream::error_code authkem_async_stream::outcome(const error_code& transport) {
    if (connection_->failure()) {
        return make_error_code(authkem_errc::authkem_failed);
    }
    if (transport && transport != boost::asio::error::eof) {
        return transport;
    }
    if (connection_->peer_closed()) {
        return boost::asio::error::eof;
    }
    if (transport && !connection_->end_of_input()) {
        return make_error_code(connection_->completed() ? authkem_errc::truncated : authkem_errc::authkem_failed);
    }
    return transport;
}

}  // namespace berth::net
