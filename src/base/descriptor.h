// A file descriptor that is closed with its owner.
#pragma once

#include <tuple>
#include <utility>

#include <unistd.h>

namespace berth {

class descriptor {
public:
    descriptor() = default;
    explicit descriptor(int fd) noexcept : fd_(fd) {}
    descriptor(descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    descriptor& operator=(descriptor&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~descriptor() { std::ignore = close(); }

    // Whether it holds one: what open() and its like return when they fail is none.
    explicit operator bool() const noexcept { return fd_ >= 0; }
    [[nodiscard]] int get() const noexcept { return fd_; }
    // Errors of close count (errno): on some file systems they are the first that is heard of a full disk.
    [[nodiscard]] bool close() noexcept { return fd_ < 0 || ::close(std::exchange(fd_, -1)) == 0; }

private:
    int fd_ = -1;
};

}  // namespace berth
