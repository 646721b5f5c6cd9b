#include "base/wipe.h"
#include "keystore/stsafe/transport.h"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

namespace berth::keystore::stsafe {

namespace {

class socket_bus final : public transport {
public:
    socket_bus(int fd, std::string path, uint8_t address) : fd_(fd), path_(std::move(path)), address_(address) {}
    ~socket_bus() override { ::close(fd_); }
    socket_bus(const socket_bus&) = delete;
    socket_bus& operator=(const socket_bus&) = delete;

    result<bool> write(bytes_view octets) override {
        bus::transaction t{.reading = false, .address = address_, .octets = to_bytes(octets), .count = 0};
        const auto reply = transact(t);
        wipe(t.octets);
        if (!reply) {
            return fail(reply.error());
        }
        return (*reply)[0] == bus::ack;
    }

    result<std::optional<bytes>> read(size_t count) override {
        BERTH_TRY(reply, transact({.reading = true, .address = address_, .octets = {}, .count = count}));
        if (reply[0] != bus::ack) {
            return std::nullopt;
        }
        bytes octets(reply.begin() + 1, reply.end());
        wipe(reply);
        return octets;
    }

private:
    // The reply, one octet at least.
    result<bytes> transact(const bus::transaction& t) {
        bytes packet = bus::encode(t);
        const ssize_t sent = ::send(fd_, packet.data(), packet.size(), MSG_NOSIGNAL);
        const int why = errno;
        wipe(packet);
        if (sent != static_cast<ssize_t>(packet.size())) {
            return fail(failed(std::strerror(why)));
        }
        bytes reply(bus::most_packet);
        ssize_t got = 0;
        do {
            got = ::recv(fd_, reply.data(), reply.size(), 0);
        } while (got < 0 && errno == EINTR);
        if (got <= 0) {
            return fail(failed(got < 0 ? std::strerror(errno) : "the other side has closed it"));
        }
        reply.resize(static_cast<size_t>(got));
        return reply;
    }

    [[nodiscard]] error failed(const std::string& why) const {
        return error{error_category::environment, "stsafe_bus",
                     fmt::format("The socket {} to the STSAFE-A failed: {}.", path_, why)}
            .with("socket", path_);
    }

    int fd_;
    std::string path_;
    uint8_t address_;
};

}  // namespace

result<std::unique_ptr<transport>> open_socket(const std::string& path, uint8_t address) {
    BERTH_TRY(fd, bus::connect(path));
    return std::make_unique<socket_bus>(fd, path, address);
}

}  // namespace berth::keystore::stsafe
