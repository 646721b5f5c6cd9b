#include "net/acceptor_asio.h"

#include <sys/socket.h>

namespace berth::net {

using boost::system::error_code;
using tcp = boost::asio::ip::tcp;
using share_port_option = boost::asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

result<void> open_acceptor(tcp::acceptor& acceptor, const address& at, bool share_port) {
    error_code ec;
    tcp::resolver resolver(acceptor.get_executor());
    const auto found = resolver.resolve(at.host, std::to_string(at.port), tcp::resolver::passive, ec);
    if (ec || found.empty()) {
        return fail(error_category::usage, "bad_address", fmt::format("cannot listen on {}: {}", at.text(), ec.message()));
    }
    const tcp::endpoint endpoint = *found.begin();
    acceptor.open(endpoint.protocol(), ec);
    if (!ec) {
        acceptor.set_option(tcp::acceptor::reuse_address(true), ec);
    }
    if (!ec && share_port) {
        acceptor.set_option(share_port_option(true), ec);
    }
    if (!ec) {
        acceptor.bind(endpoint, ec);
    }
    if (!ec) {
        acceptor.listen(4096, ec);
    }
    if (ec) {
        return fail(error_category::environment, "listen_failed",
                    fmt::format("cannot listen on {}: {}; is another program using the port?", at.text(), ec.message()));
    }
    return {};
}

}  // namespace berth::net
