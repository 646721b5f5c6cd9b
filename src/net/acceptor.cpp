#include "net/acceptor_asio.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace berth::net {

using boost::system::error_code;
using tcp = boost::asio::ip::tcp;
using local = boost::asio::local::stream_protocol;
using share_port_option = boost::asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

namespace {

const char* hint_for(const error_code& ec) {
    return ec == boost::asio::error::address_in_use  ? "another program uses the port: stop it, or choose another port"
           : ec == boost::asio::error::access_denied ? "ports below 1024 need a privilege: choose another port"
           : ec == boost::system::errc::address_not_available
               ? "this machine has no such address: 0.0.0.0 stands for all that it has"
               : "is another program using the port?";
}

// What a process that was killed leaves behind. Never anything but a socket, and never one that somebody serves at.
result<void> take_away_stale(local::acceptor& acceptor, const std::string& path) {
    struct stat there{};
    if (::lstat(path.c_str(), &there) != 0) {
        return {};
    }
    if (!S_ISSOCK(there.st_mode)) {
        return fail(error_category::usage, "bad_address", path + " is there and is no socket: name another path");
    }
    local::socket probe(acceptor.get_executor());
    error_code ec;
    probe.connect(local::endpoint(path), ec);
    if (ec != boost::asio::error::connection_refused) {
        return fail(error_category::environment, "listen_failed",
                    path + " is another process's socket: stop that one, or name another path");
    }
    ::unlink(path.c_str());
    return {};
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

result<void> open_acceptor(local::acceptor& acceptor, const std::string& path, unsigned mode) {
    if (path.empty() || path.size() >= sizeof(sockaddr_un::sun_path) || path.find('\0') != std::string::npos) {
        return fail(error_category::usage, "bad_address",
                    fmt::format("\"{}\" cannot be a socket's path: 1 to {} octets", path, sizeof(sockaddr_un::sun_path) - 1));
    }
    BERTH_CHECK(take_away_stale(acceptor, path));
    error_code ec;
    acceptor.open(local(), ec);
    if (!ec) {
        acceptor.bind(local::endpoint(path), ec);
    }
    // Nobody can connect before listen(), so nobody comes in before the mode is as it was asked for.
    if (!ec && ::chmod(path.c_str(), mode) != 0) {
        ec.assign(errno, boost::system::system_category());
    }
    if (!ec) {
        acceptor.listen(128, ec);
    }
    if (ec) {
        return fail(
            error_category::environment, "listen_failed",
            fmt::format("cannot listen at {}: {}; is its directory there, and may this user write in it?", path, ec.message()));
    }
    return {};
}

}  // namespace berth::net
