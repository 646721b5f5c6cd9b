#include "wake.h"

#include "base/bytes.h"

#include <algorithm>
#include <array>

#include <sys/socket.h>
#include <sys/un.h>

namespace berth::app {

namespace {

// MQTT 3.1.1, 3.1: protocol name and level, a clean session, no keep alive, the client id.
constexpr std::array<uint8_t, 24> connect_packet{0x10, 22, 0,   4,   'M', 'Q', 'T', 'T', 4,   0x02, 0,   0,
                                                 0,    10, 'b', 'e', 'r', 't', 'h', '-', 'w', 'a',  'k', 'e'};
constexpr std::array<uint8_t, 2> pingreq{0xc0, 0};

}  // namespace

bool broker_wake::connect() {
    sockaddr_un at{};
    if (path_.empty() || path_.size() >= sizeof at.sun_path) {
        return false;
    }
    at.sun_family = AF_UNIX;
    std::ranges::copy(path_, std::begin(at.sun_path));
    descriptor fresh(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): how the interface is
    if (!fresh || ::connect(fresh.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0 ||
        ::send(fresh.get(), connect_packet.data(), connect_packet.size(), MSG_NOSIGNAL) !=
            static_cast<ssize_t>(connect_packet.size())) {
        return false;
    }
    socket_ = std::move(fresh);
    return true;
}

void broker_wake::wake() {
    for (int tries = 0; tries < 2; ++tries) {
        if (!socket_ && !connect()) {
            return;
        }
        // What it has answered so far; nobody reads it.
        std::array<uint8_t, 256> answers{};
        ssize_t got = 0;
        while ((got = ::recv(socket_.get(), answers.data(), answers.size(), MSG_DONTWAIT)) > 0) {
        }
        if (got != 0 && ::send(socket_.get(), pingreq.data(), pingreq.size(), MSG_NOSIGNAL | MSG_DONTWAIT) ==
                            static_cast<ssize_t>(pingreq.size())) {
            return;
        }
        socket_ = descriptor();
    }
}

}  // namespace berth::app
