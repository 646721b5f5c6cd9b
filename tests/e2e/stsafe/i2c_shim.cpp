// LD_PRELOAD: open(), ioctl(), read(), write() and close() of one path, as i2c-dev would serve them with stsafe-sim on the bus.
// It speaks src/keystore/stsafe/bus.h by itself, so that a fault there is not hidden by being on both sides.
//
//     BERTH_SHIM_BUS           the path that it takes over
//     BERTH_SHIM_SOCKET        where stsafe-sim listens
//     BERTH_SHIM_REFUSE_EVERY  this and each such transaction is not acknowledged, whatever the chip says
//     BERTH_SHIM_SHORT_EVERY   this and each such read gives fewer octets than asked for
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include <dlfcn.h>
#include <fcntl.h>
#include <linux/i2c-dev.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace {

int bus_fd = -1;
uint8_t slave = 0;
unsigned transactions = 0;
unsigned reads = 0;

template <class F>
F* real(const char* name) {
    return reinterpret_cast<F*>(::dlsym(RTLD_NEXT, name));
}

unsigned every(const char* name) {
    const char* const text = std::getenv(name);
    return text != nullptr ? static_cast<unsigned>(std::strtoul(text, nullptr, 10)) : 0;
}

bool is_bus(const char* path) {
    const char* const bus = std::getenv("BERTH_SHIM_BUS");
    return bus != nullptr && path != nullptr && std::strcmp(path, bus) == 0;
}

int open_bus() {
    const char* const path = std::getenv("BERTH_SHIM_SOCKET");
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path == nullptr || std::strlen(path) >= sizeof(address.sun_path)) {
        errno = ENOENT;
        return -1;
    }
    std::memcpy(address.sun_path, path, std::strlen(path));
    const int fd = ::socket(AF_UNIX, SOCK_SEQPACKET, 0);
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
        real<int(int)>("close")(fd);
        errno = ENOENT;
        return -1;
    }
    bus_fd = fd;
    return fd;
}

// Both codes that adapters have for it.
ssize_t not_acknowledged() {
    errno = transactions % 2 == 0 ? ENXIO : EREMOTEIO;
    return -1;
}

// The reply's octets after ACK; false: not acknowledged.
bool transact(const std::vector<uint8_t>& packet, std::vector<uint8_t>& reply) {
    const unsigned refuse = every("BERTH_SHIM_REFUSE_EVERY");
    if (refuse != 0 && ++transactions % refuse == 0) {
        return false;
    }
    reply.resize(4096);
    const ssize_t got =
        ::send(bus_fd, packet.data(), packet.size(), MSG_NOSIGNAL) < 0 ? -1 : ::recv(bus_fd, reply.data(), reply.size(), 0);
    if (got < 1 || reply[0] != 0x06) {
        return false;
    }
    reply.resize(static_cast<size_t>(got));
    reply.erase(reply.begin());
    return true;
}

ssize_t bus_write(const void* data, size_t size) {
    const auto* const octets = static_cast<const uint8_t*>(data);
    std::vector<uint8_t> packet{'W', slave};
    packet.insert(packet.end(), octets, octets + size);
    std::vector<uint8_t> reply;
    return transact(packet, reply) ? static_cast<ssize_t>(size) : not_acknowledged();
}

ssize_t bus_read(void* data, size_t size) {
    std::vector<uint8_t> reply;
    if (!transact({'R', slave, static_cast<uint8_t>(size >> 8), static_cast<uint8_t>(size)}, reply)) {
        return not_acknowledged();
    }
    const unsigned cut = every("BERTH_SHIM_SHORT_EVERY");
    size_t given = reply.size() < size ? reply.size() : size;
    if (cut != 0 && ++reads % cut == 0 && given > 1) {
        given -= 1;
    }
    std::memcpy(data, reply.data(), given);
    return static_cast<ssize_t>(given);
}

mode_t mode_of(int flags, va_list more) {
    return (flags & O_CREAT) != 0 ? static_cast<mode_t>(va_arg(more, int)) : mode_t{0};
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    const mode_t mode = mode_of(flags, more);
    va_end(more);
    return is_bus(path) ? open_bus() : real<int(const char*, int, ...)>("open")(path, flags, mode);
}

int open64(const char* path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    const mode_t mode = mode_of(flags, more);
    va_end(more);
    return is_bus(path) ? open_bus() : real<int(const char*, int, ...)>("open64")(path, flags, mode);
}

// What open() becomes under _FORTIFY_SOURCE when its flags are not constant.
int __open_2(const char* path, int flags) {
    return is_bus(path) ? open_bus() : real<int(const char*, int)>("__open_2")(path, flags);
}

int __open64_2(const char* path, int flags) {
    return is_bus(path) ? open_bus() : real<int(const char*, int)>("__open64_2")(path, flags);
}

int ioctl(int fd, unsigned long request, ...) noexcept {
    va_list more;
    va_start(more, request);
    void* const argument = va_arg(more, void*);
    va_end(more);
    if (fd == bus_fd && fd >= 0) {
        if (request != I2C_SLAVE) {
            errno = ENOTTY;
            return -1;
        }
        slave = static_cast<uint8_t>(reinterpret_cast<uintptr_t>(argument));
        return 0;
    }
    return real<int(int, unsigned long, ...)>("ioctl")(fd, request, argument);
}

ssize_t write(int fd, const void* data, size_t size) {
    return fd == bus_fd && fd >= 0 ? bus_write(data, size) : real<ssize_t(int, const void*, size_t)>("write")(fd, data, size);
}

ssize_t read(int fd, void* data, size_t size) {
    return fd == bus_fd && fd >= 0 ? bus_read(data, size) : real<ssize_t(int, void*, size_t)>("read")(fd, data, size);
}

ssize_t __read_chk(int fd, void* data, size_t size, size_t room) {
    if (fd == bus_fd && fd >= 0) {
        return bus_read(data, size);
    }
    return real<ssize_t(int, void*, size_t, size_t)>("__read_chk")(fd, data, size, room);
}

int close(int fd) {
    if (fd == bus_fd) {
        bus_fd = -1;
    }
    return real<int(int)>("close")(fd);
}

}  // extern "C"
