#include "net/local_stream.h"

#include "base/descriptor.h"
#include "net/channel_asio.h"
#include "net/loop_asio.h"

#include <cstring>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace berth::net {

result<std::shared_ptr<channel>> connect_local(loop& on, const std::string& path) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    descriptor directory;
    std::string spoken = path;
    if (path.size() >= sizeof at.sun_path) {
        const size_t slash = path.rfind('/');
        directory = descriptor(::open(path.substr(0, slash).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
        spoken = fmt::format("/proc/self/fd/{}{}", directory.get(), path.substr(slash));
    }
    if (path.empty() || spoken.size() >= sizeof at.sun_path || path.find('\0') != std::string::npos) {
        return fail(error_category::usage, "bad_address", fmt::format("\"{}\" cannot be a socket's path", path));
    }
    std::copy(spoken.begin(), spoken.end(), std::begin(at.sun_path));
    descriptor made(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): how the interface is
    if (!made || ::connect(made.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) {
        return fail(error_category::environment, "connect_failed",
                    fmt::format("nobody answers at {}: {}", path, std::strerror(errno)));
    }
    using local = boost::asio::local::stream_protocol;
    local::socket socket(on.get().context);
    boost::system::error_code ec;
    const int own = ::fcntl(made.get(), F_DUPFD_CLOEXEC, 0);
    if (own >= 0) {
        socket.assign(local(), own, ec);
    }
    if (own < 0 || ec) {
        const std::string why = ec ? ec.message() : std::strerror(errno);
        if (own >= 0) {
            ::close(own);
        }
        return fail(error_category::environment, "connect_failed", fmt::format("{}: {}", path, why));
    }
    return make_channel(std::move(socket));
}

}  // namespace berth::net
