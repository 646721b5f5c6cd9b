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
        std::array<uint8_t, bus::most_packet> reply;
        bytes packet = bus::encode({.reading = false, .address = address_, .octets = {}, .count = 0});
        packet.reserve(packet.size() + octets.size());  // it may hold a key: no copy of it stays behind
        append(packet, octets);
        BERTH_CHECK(transact(std::move(packet), reply));
        return reply[0] == bus::ack;
    }

    result<std::optional<bytes>> read(size_t count) override {
        std::array<uint8_t, bus::most_packet> reply;
        BERTH_TRY(got, transact(bus::encode({.reading = true, .address = address_, .octets = {}, .count = count}), reply));
        std::optional<bytes> out;
        if (reply[0] == bus::ack) {
            out.emplace(reply.begin() + 1, reply.begin() + static_cast<std::ptrdiff_t>(got));
        }
        wipe(std::span(reply).first(got));
        return out;
    }

private:
    // How much of `reply` there is, one octet at least. Not cleared before: most answers are short.
    result<size_t> transact(bytes packet, std::span<uint8_t> reply) const {
        const ssize_t sent = ::send(fd_, packet.data(), packet.size(), MSG_NOSIGNAL);
        const int why = errno;
        wipe(packet);
        if (sent != static_cast<ssize_t>(packet.size())) {
            return fail(failed(std::strerror(why)));
        }
        ssize_t got = 0;
        do {
            got = ::recv(fd_, reply.data(), reply.size(), 0);
        } while (got < 0 && errno == EINTR);
        if (got <= 0) {
            return fail(failed(got < 0 ? std::strerror(errno) : "the other side has closed it"));
        }
        return static_cast<size_t>(got);
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
