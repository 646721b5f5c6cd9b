#include "net/acceptor_asio.h"

#include <sys/socket.h>

namespace berth::net {

using boost::system::error_code;
using tcp = boost::asio::ip::tcp;
using share_port_option = boost::asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

namespace {

const char* hint_for(const error_code& ec) {
    return ec == boost::asio::error::address_in_use  ? "another program uses the port: stop it, or choose another port"
           : ec == boost::asio::error::access_denied ? "ports below 1024 need a privilege: choose another port"
           : ec == boost::system::errc::address_not_available
               ? "this machine has no such address: 0.0.0.0 stands for all that it has"
               : "is another program using the port?";
}

}  // namespace

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
                    fmt::format("cannot listen on {}: {}; {}", at.text(), ec.message(), hint_for(ec)));
    }
    return {};
}

}  // namespace berth::net
