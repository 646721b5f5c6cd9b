// For fuzz targets whose parsers read files.
#pragma once

#include "base/bytes.h"

#include <cstdlib>

#include <sys/mman.h>
#include <unistd.h>

namespace berth::test {

inline void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

template <class T>
void explained(const result<T>& r) {
    require(r || (!r.error().name.empty() && !r.error().message.empty()));
}

// The readers take files: one that lies in memory.
class memory_file {
public:
    explicit memory_file(bytes_view contents) : fd_(::memfd_create("berth-fuzz", 0)) {
        require(fd_ >= 0 && ::write(fd_, contents.data(), contents.size()) == static_cast<ssize_t>(contents.size()));
    }
    ~memory_file() { ::close(fd_); }
    memory_file(const memory_file&) = delete;
    memory_file& operator=(const memory_file&) = delete;
    [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

private:
    int fd_;
};

}  // namespace berth::test
