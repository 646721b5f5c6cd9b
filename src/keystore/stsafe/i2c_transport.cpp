// Linux's i2c-dev: open, ioctl(I2C_SLAVE), then write() and read() are whole transactions.
#include "keystore/stsafe/transport.h"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/i2c-dev.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace berth::keystore::stsafe {

namespace {

// Adapters differ in what they call an address that was not acknowledged (Linux, Documentation/i2c/fault-codes.rst: ENXIO;
// EREMOTEIO in older drivers). An adapter that lost arbitration (EAGAIN) has sent nothing either.
bool not_acknowledged(int code) {
    return code == ENXIO || code == EREMOTEIO || code == EAGAIN;
}

class i2c final : public transport {
public:
    i2c(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
    ~i2c() override { ::close(fd_); }
    i2c(const i2c&) = delete;
    i2c& operator=(const i2c&) = delete;

    result<bool> write(bytes_view octets) override {
        const ssize_t done = ::write(fd_, octets.data(), octets.size());
        if (done == static_cast<ssize_t>(octets.size())) {
            return true;
        }
        if (done < 0 && (not_acknowledged(errno) || errno == EINTR)) {
            return false;
        }
        // A part of a frame that went out is for the chip to refuse by its CRC; that it did is not known here.
        return fail(failed(done < 0 ? std::strerror(errno) : "a part of the frame was written"));
    }

    result<std::optional<bytes>> read(size_t count) override {
        bytes out(count);
        const ssize_t done = ::read(fd_, out.data(), out.size());
        if (done < 0 && (not_acknowledged(errno) || errno == EINTR)) {
            return std::nullopt;
        }
        if (done < 0) {
            return fail(failed(std::strerror(errno)));
        }
        out.resize(static_cast<size_t>(done));
        return out;
    }

private:
    [[nodiscard]] error failed(const std::string& why) const {
        return error{error_category::environment, "stsafe_bus", fmt::format("The I2C bus {} failed: {}.", path_, why)}.with(
            "bus", path_);
    }

    int fd_;
    std::string path_;
};

}  // namespace

void transport::pause(milliseconds how_long) {
    std::this_thread::sleep_for(std::chrono::milliseconds(how_long));
}

result<std::unique_ptr<transport>> open_i2c(const std::string& path, uint8_t address) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    if (fd < 0 || ::ioctl(fd, I2C_SLAVE, static_cast<unsigned long>(address)) < 0) {
        const int code = errno;
        if (fd >= 0) {
            ::close(fd);
        }
        const char* hint = code == ENOENT   ? "; is the module i2c-dev loaded, and the bus enabled?"
                           : code == EACCES ? "; is this user in the group i2c?"
                           : code == EBUSY  ? "; a kernel driver has that address."
                                            : ".";
        return fail(error{error_category::environment, "stsafe_absent",
                          fmt::format("The I2C bus {} cannot be opened: {}{}", path, std::strerror(code), hint)}
                        .with("bus", path));
    }
    return std::make_unique<i2c>(fd, path);
}

}  // namespace berth::keystore::stsafe
