// A file of handshake secrets, for people who debug a protocol with their own keys.
#pragma once

#include "authkem/key_schedule.h"

#include <filesystem>
#include <memory>

namespace berth::app {

// Lines of "NAME CONNECTION SECRET": the profile's name of the secret ("s_hs"), the connection's number in this process,
// the secret in hexadecimal. Whoever reads the file reads the connections.
class key_log {
public:
    // Appends to the file, making it with mode 0600 (never following a symbolic link). Errors `file_error`;
    // `unsafe_permissions`: it exists and others may read or write it, or it belongs to somebody else.
    static result<std::shared_ptr<key_log>> open(const std::filesystem::path& path);
    ~key_log();
    key_log(const key_log&) = delete;
    key_log& operator=(const key_log&) = delete;

    // What is to be told the secrets of the connection with this number.
    static authkem::secret_log for_connection(std::shared_ptr<key_log> log, uint64_t number);

private:
    explicit key_log(int fd) : fd_(fd) {}
    int fd_;
};

}  // namespace berth::app
