#include "support.h"

#include "common/files.h"
#include "keystore/key_uri.h"
#include "onboarding/channel.h"
#include "support/authkem_clients.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace berth::test {

namespace {

sockaddr_in at(const char* host, uint16_t port) {
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_port = htons(port);
    ::inet_pton(AF_INET, host, &out.sin_addr);
    return out;
}

bool ready(int fd, short what, milliseconds most) {
    pollfd p{fd, what, 0};
    return ::poll(&p, 1, static_cast<int>(most)) > 0;
}

tl::unexpected<error> gone(const char* what) {
    return fail(error_category::peer, "connection_gone", what);
}

}  // namespace

// ---- TCP

raw_connection::raw_connection(uint16_t port, const char* from, bool smallest_receive_buffer)
    : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (smallest_receive_buffer) {
        const int octets = 1;
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &octets, sizeof octets);
    }
    const sockaddr_in source = at(from, 0);
    const sockaddr_in target = at("127.0.0.1", port);
    if (::bind(fd_, reinterpret_cast<const sockaddr*>(&source), sizeof source) != 0 ||
        ::connect(fd_, reinterpret_cast<const sockaddr*>(&target), sizeof target) != 0) {
        ::close(std::exchange(fd_, -1));
        return;
    }
    ::fcntl(fd_, F_SETFL, ::fcntl(fd_, F_GETFL) | O_NONBLOCK);
}

raw_connection::~raw_connection() {
    if (fd_ >= 0) {
        ::close(fd_);
    }
}

bool raw_connection::send(bytes_view data, milliseconds most) {
    const milliseconds until = system_clock().steady() + most;
    while (!data.empty()) {
        const ssize_t n = ::send(fd_, data.data(), data.size(), MSG_NOSIGNAL);
        if (n > 0) {
            data = data.subspan(static_cast<size_t>(n));
        } else if ((n < 0 && errno != EAGAIN && errno != EINTR) || system_clock().steady() > until) {
            return false;
        } else {
            (void)ready(fd_, POLLOUT, 100);
        }
    }
    return true;
}

std::optional<bytes> raw_connection::receive(milliseconds most) {
    if (!ready(fd_, POLLIN, most)) {
        return std::nullopt;
    }
    bytes out(65536);
    const ssize_t n = ::recv(fd_, out.data(), out.size(), 0);
    out.resize(n > 0 ? static_cast<size_t>(n) : 0);
    return out;
}

bool raw_connection::closed() {
    for (;;) {
        const auto came = receive(0);
        if (!came) {
            return false;
        }
        if (came->empty()) {
            return true;
        }
    }
}

// ---- AuthKEM

hostile_peer::hostile_peer(uint16_t port, const authkem::client_config& config, bool smallest_receive_buffer)
    : wire_(port, "127.0.0.1", smallest_receive_buffer),
      connection_(std::make_unique<authkem::connection>(got(authkem::client_context::make(config)), system_clock(),
                                                        crypto::system_random())) {}

bytes hostile_peer::first_flight(const authkem::client_config& config) {
    authkem::connection c(got(authkem::client_context::make(config)), system_clock(), crypto::system_random());
    EXPECT_TRUE(c.start());
    return c.take_output();
}

result<void> hostile_peer::read_once(milliseconds most) {
    const auto came = wire_.receive(most);
    if (!came) {
        return gone("the other side says nothing");
    }
    if (came->empty()) {
        BERTH_CHECK(connection_->end_of_input());
        return gone("the other side has closed");
    }
    const auto taken = connection_->receive(*came);
    (void)wire_.send(connection_->take_output());
    return taken;
}

result<void> hostile_peer::handshake() {
    BERTH_CHECK(connection_->start());
    if (!wire_.send(connection_->take_output())) {
        return gone("the first flight was not taken");
    }
    while (!connection_->completed()) {
        BERTH_CHECK(read_once(20'000));
    }
    return {};
}

result<void> hostile_peer::wait_for_refusal() {
    for (;;) {
        BERTH_CHECK(read_once(20'000));
    }
}

bool hostile_peer::say(bytes_view octets) {
    return connection_->send(octets) && wire_.send(connection_->take_output());
}

std::string hostile_peer::server_alert() const {
    const auto* const why = connection_->failure();
    if (why == nullptr) {
        return "none";
    }
    for (const auto& [key, value] : why->params) {
        if (key == "peer_alert") {
            return value;
        }
    }
    return "our own " + why->name;
}

authkem::client_config kk1_client(const app::world& w, authkem::credential own) {
    authkem::client_config config = client_of_anybody(onboarding::alpn_kk1, std::move(own));
    config.server_name = w.masa_host();
    return config;
}

authkem::client_config kk2_client(authkem::credential own) {
    return client_of_anybody(onboarding::alpn_kk2, std::move(own));
}

authkem::credential credential_of(const std::filesystem::path& chain, const std::filesystem::path& key) {
    return {got(app::read_chain(chain)), got(keystore::open_kem_key("file:" + key.string()))};
}

// ---- logs

namespace {

std::string key_of(const std::string& process, const std::string& event, const std::string& error) {
    return process + ' ' + event + ' ' + error;
}

std::string member(const wire::json::object& o, const char* name) {
    const auto* const v = o.if_contains(name);
    return v && v->is_string() ? std::string(v->as_string()) : std::string();
}

}  // namespace

void log_watch::listen(milliseconds most, std::vector<app::child_process*> also) {
    for (const auto& e : world_.events(most, std::move(also))) {
        ++seen_[key_of(e.process, member(e.line, "event"), member(e.line, "error"))];
        text_[e.process] += wire::to_text(wire::json::value(e.line)) + "\n";
    }
}

size_t log_watch::count(const std::string& process, const std::string& event, const std::string& error) const {
    const auto found = seen_.find(key_of(process, event, error));
    return found == seen_.end() ? 0 : found->second;
}

bool log_watch::wait_for(const std::string& process, const std::string& event, const std::string& error, size_t times,
                         milliseconds most) {
    const milliseconds until = system_clock().steady() + most;
    while (count(process, event, error) < times && system_clock().steady() < until) {
        listen(100);
    }
    return count(process, event, error) >= times;
}

std::string log_watch::said(const std::string& process) const {
    const auto found = text_.find(process);
    return found == text_.end() ? "" : found->second.substr(found->second.size() > 4000 ? found->second.size() - 4000 : 0);
}

program_result onboard(log_watch& log, const std::filesystem::path& bundle) {
    auto agent = got(app::child_process::start(std::filesystem::path(BERTH_BIN_DIR) / "berth",
                                               {"--json", "device", "onboard", "--bundle", bundle.string()}));
    return collect(agent, 60'000, [&] { log.listen(50, {&agent}); });
}

}  // namespace berth::test
