// AuthKEM clients for tests of servers.
#pragma once

#include "authkem/config.h"

#include <string_view>

namespace berth::test {

// Takes any server: whoever it is, this client wants in.
inline authkem::client_config client_of_anybody(std::string_view alpn, authkem::credential own) {
    authkem::client_config config;
    config.own = std::move(own);
    config.expect_certificate_request = true;
    config.server.possession_only = true;
    config.alpn = {std::string(alpn)};
    config.alpn_required = true;
    return config;
}

}  // namespace berth::test
