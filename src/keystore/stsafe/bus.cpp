#include "keystore/stsafe/bus.h"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace berth::keystore::stsafe::bus {

namespace {

constexpr uint8_t op_write = 'W';
constexpr uint8_t op_read = 'R';
constexpr size_t most_read = 1024;

std::optional<sockaddr_un> address_of(const std::string& path) {
    sockaddr_un out{};
    out.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof(out.sun_path)) {
        return std::nullopt;
    }
    std::memcpy(out.sun_path, path.data(), path.size());
    return out;
}

error socket_error(std::string name, const std::string& path, const std::string& why) {
    return error{error_category::environment, std::move(name),
                 fmt::format("The STSAFE-A at the socket {}: {}{}", path, why, why.ends_with('?') ? "" : ".")}
        .with("socket", path);
}

const sockaddr* generic(const sockaddr_un& address) {
    return reinterpret_cast<const sockaddr*>(&address);
}

}  // namespace

bytes encode(const transaction& t) {
    bytes out{t.reading ? op_read : op_write, t.address};
    if (t.reading) {
        out.push_back(static_cast<uint8_t>(t.count >> 8));
        out.push_back(static_cast<uint8_t>(t.count));
    } else {
        append(out, t.octets);
    }
    return out;
}

std::optional<transaction> decode(bytes_view packet) {
    if (packet.size() < 2) {
        return std::nullopt;
    }
    transaction out;
    out.address = packet[1];
    if (packet[0] == op_write) {
        out.octets = to_bytes(packet.subspan(2));
        return out;
    }
    if (packet[0] != op_read || packet.size() != 4) {
        return std::nullopt;
    }
    out.reading = true;
    out.count = static_cast<size_t>(packet[2] << 8 | packet[3]);
    return out.count <= most_read ? std::optional(out) : std::nullopt;
}

result<int> connect(const std::string& path) {
    const auto address = address_of(path);
    if (!address) {
        return fail(socket_error("stsafe_absent", path, "a socket's path has between 1 and 107 octets"));
    }
    const int fd = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0 || ::connect(fd, generic(*address), sizeof(*address)) != 0) {
        const std::string why = std::strerror(errno);
        if (fd >= 0) {
            ::close(fd);
        }
        return fail(socket_error("stsafe_absent", path, why + "; is stsafe-sim running?"));
    }
    return fd;
}

result<int> listen(const std::string& path) {
    const auto address = address_of(path);
    if (!address) {
        return fail(socket_error("stsafe_socket", path, "a socket's path has between 1 and 107 octets"));
    }
    // Only a socket that nobody answers at is a leftover of ours.
    if (struct stat there{}; ::lstat(path.c_str(), &there) == 0) {
        if (!S_ISSOCK(there.st_mode)) {
            return fail(socket_error("stsafe_socket", path, "something else than a socket is there"));
        }
        if (const auto other = connect(path)) {
            ::close(*other);
            return fail(socket_error("stsafe_socket", path, "another process serves it"));
        }
        ::unlink(path.c_str());
    }
    const int fd = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    // Whoever may connect commands the chip: the mode is set before the socket can be connected to.
    const mode_t before = ::umask(0177);
    const bool ok = fd >= 0 && ::bind(fd, generic(*address), sizeof(*address)) == 0 && ::listen(fd, 16) == 0;
    const std::string why = ok ? "" : std::strerror(errno);
    ::umask(before);
    if (!ok) {
        if (fd >= 0) {
            ::close(fd);
        }
        return fail(socket_error("stsafe_socket", path, why));
    }
    return fd;
}

}  // namespace berth::keystore::stsafe::bus
