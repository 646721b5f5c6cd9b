// Asking a server at a path of this machine, and waiting for the answer: for command lines and libraries, which have no loop.
#pragma once

#include "net/http_codec.h"

namespace berth::net {

class local_http_client {
public:
    explicit local_http_client(std::string path, milliseconds patience = 60'000, const http_size_limits& size = {})
        : path_(std::move(path)), patience_(patience), size_(size) {}

    // One connection each. Errors `bad_address`; `connect_failed`: nobody serves there, or this user may not come in;
    // `response_timeout`; `connection_lost`; those of response_reader.
    [[nodiscard]] result<http_response> ask(const http_request& request) const;

private:
    std::string path_;
    milliseconds patience_;
    http_size_limits size_;
};

}  // namespace berth::net
