#include "hub_server/event_topic.h"

#include "registry/hub/event_json.h"

#include <algorithm>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace berth::app {

namespace {

constexpr milliseconds patience = 10'000;
constexpr milliseconds pace = 5;  // a socket of this machine answers at once

tl::unexpected<error> lost(const char* name, const std::filesystem::path& path) {
    const std::error_code why(errno, std::system_category());
    return fail(error_category::environment, name, fmt::format("the broker at {}: {}", path.string(), why.message()));
}

}  // namespace

result<void> event_topic::connect() {
    // By the directory's descriptor: a socket's address has room for 107 octets, and a path may have more.
    const descriptor directory(::open(socket_path_.parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!directory) {
        return lost("connect_failed", socket_path_);
    }
    const std::string path = fmt::format("/proc/self/fd/{}/{}", directory.get(), socket_path_.filename().string());
    sockaddr_un at{};
    if (path.size() >= sizeof at.sun_path) {
        return fail(error_category::usage, "bad_address", fmt::format("{} cannot be a socket's path", socket_path_.string()));
    }
    at.sun_family = AF_UNIX;
    std::ranges::copy(path, std::begin(at.sun_path));
    descriptor fresh(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): how the interface is
    if (!fresh || ::connect(fresh.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) {
        return lost("connect_failed", socket_path_);
    }
    socket_ = std::move(fresh);
    return {};
}

result<void> event_topic::say(const std::vector<registry::identity_event>& events) {
    // MQTT 3.1.1, 3.1.4: a client need not wait for CONNACK before it goes on.
    BERTH_TRY(hello, hub::connect_packet(client_id_));
    to_send_ = std::move(hello);
    uint16_t id = 0;
    for (const auto& one : events) {
        BERTH_TRY(packet, hub::publish_packet(topic_, wire::to_text(registry::to_json(one)), ++id));
        to_send_.insert(to_send_.end(), packet.begin(), packet.end());
    }
    sent_ = 0;
    wanted_ = events.size();
    answers_ = {};
    return {};
}

void event_topic::deliver(const std::vector<registry::identity_event>& events, done then) {
    then_ = std::move(then);
    until_ = clock_.steady() + patience;
    if (auto begun = connect(); !begun) {
        return finish(std::move(begun));
    }
    if (auto said = say(events); !said) {
        return finish(std::move(said));
    }
    look();
}

result<bool> event_topic::pump() {
    while (sent_ < to_send_.size()) {
        const auto some = ::send(socket_.get(), to_send_.data() + sent_, to_send_.size() - sent_, MSG_NOSIGNAL);
        if (some < 0) {
            if (errno == EAGAIN || errno == EINTR) {
                break;
            }
            return lost("connection_lost", socket_path_);
        }
        sent_ += static_cast<size_t>(some);
    }
    for (;;) {
        std::array<uint8_t, 4096> room{};
        const auto some = ::recv(socket_.get(), room.data(), room.size(), 0);
        if (some == 0) {
            return fail(error_category::environment, "connection_lost", "the broker closed the connection");
        }
        if (some < 0) {
            if (errno == EAGAIN || errno == EINTR) {
                return answers_.taken().size() >= wanted_;
            }
            return lost("connection_lost", socket_path_);
        }
        BERTH_CHECK(answers_.feed({room.data(), static_cast<size_t>(some)}));
    }
}

void event_topic::look() {
    auto all = pump();
    if (!all) {
        return finish(fail(std::move(all).error()));
    }
    if (*all) {
        const bytes bye = hub::disconnect_packet();
        (void)::send(socket_.get(), bye.data(), bye.size(), MSG_NOSIGNAL);
        return finish({});
    }
    if (clock_.steady() > until_) {
        return finish(fail(error_category::environment, "response_timeout", "the broker has not taken what was published"));
    }
    timer_.arm(pace, [this] { look(); });
}

void event_topic::finish(result<void> how) {
    socket_ = descriptor();
    to_send_.clear();
    std::exchange(then_, {})(std::move(how));
}

}  // namespace berth::app
