#include "net/local_http_client.h"

#include "base/descriptor.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace berth::net {

namespace {

tl::unexpected<error> environment(const char* name, std::string what) {
    return fail(error_category::environment, name, std::move(what));
}

result<descriptor> connect_to(const std::string& path) {
    sockaddr_un at{};
    if (path.empty() || path.size() >= sizeof at.sun_path || path.find('\0') != std::string::npos) {
        return fail(error_category::usage, "bad_address", fmt::format("\"{}\" cannot be a socket's path", path));
    }
    at.sun_family = AF_UNIX;
    std::copy(path.begin(), path.end(), std::begin(at.sun_path));
    descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): how the interface is
    if (!socket || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) {
        const std::error_code why(errno, std::system_category());
        return environment("connect_failed", fmt::format("nobody answers at {}: {}; is its program running, and may this "
                                                         "user open its socket?",
                                                         path, why.message()));
    }
    return socket;
}

// Until it can be read from or written to. False: the time is over.
bool wait_for(const descriptor& socket, short event, std::chrono::steady_clock::time_point until) {
    while (true) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
        pollfd one{socket.get(), event, 0};
        const int ready = left > 0 ? ::poll(&one, 1, static_cast<int>(left)) : 0;
        if (ready >= 0 || errno != EINTR) {
            return ready > 0;
        }
    }
}

tl::unexpected<error> too_slow() {
    return environment("response_timeout", "the identity service did not answer in time");
}

tl::unexpected<error> lost() {
    return environment("connection_lost", "the connection broke: " + std::error_code(errno, std::system_category()).message());
}

}  // namespace

result<http_response> local_http_client::ask(const http_request& request) const {
    BERTH_TRY(socket, connect_to(path_));
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(patience_);
    const bytes out = encode_request(request, "localhost", false);
    for (size_t sent = 0; sent < out.size();) {
        if (!wait_for(socket, POLLOUT, until)) {
            return too_slow();
        }
        const auto some = ::send(socket.get(), out.data() + sent, out.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (some < 0 && errno != EAGAIN && errno != EINTR) {
            break;  // a server that refuses says why before it closes: that is for the reader to find
        }
        sent += some > 0 ? static_cast<size_t>(some) : 0;
    }
    response_reader reader(size_, request.method == "HEAD");
    bytes input;
    while (true) {
        if (!wait_for(socket, POLLIN, until)) {
            return too_slow();
        }
        std::array<uint8_t, 16384> room;
        const auto some = ::recv(socket.get(), room.data(), room.size(), MSG_DONTWAIT);
        if (some < 0) {
            if (errno == EAGAIN || errno == EINTR) {
                continue;
            }
            return lost();
        }
        if (some == 0) {
            BERTH_CHECK(reader.end_of_input());
            return reader.take();
        }
        append(input, bytes_view(room.data(), static_cast<size_t>(some)));
        auto progress = read_progress::header;
        while (progress == read_progress::header) {
            bytes_view left = input;
            BERTH_TRY(now, reader.read(left));
            input.erase(input.begin(), input.end() - static_cast<std::ptrdiff_t>(left.size()));
            progress = now;
        }
        if (progress == read_progress::complete) {
            return reader.take();
        }
    }
}

}  // namespace berth::net
