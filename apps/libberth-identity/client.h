// What the C library and `berth identity` ask the identity service.
#pragma once

#include "base/secret.h"
#include "net/local_http_client.h"

namespace berth::app {

class identity_client {
public:
    // The path of whoever names none: BERTH_IDENTITY_SOCKET, else /run/berth/identity.sock.
    static std::string usual_socket();
    explicit identity_client(std::string socket) : http_(std::move(socket)) {}

    // Errors of local_http_client; the service's own, by their names; `malformed`: its answer is none.
    [[nodiscard]] result<std::string> device() const { return text("/v1/device"); }
    [[nodiscard]] result<std::string> list() const { return text("/v1/identities"); }
    [[nodiscard]] result<std::string> trust() const { return text("/v1/trust"); }
    [[nodiscard]] result<std::string> certificate(const std::string& name) const;
    [[nodiscard]] result<secret_bytes> sign(const std::string& name, bytes_view message) const;
    [[nodiscard]] result<secret_bytes> decapsulate(const std::string& name, bytes_view enc) const;

private:
    [[nodiscard]] result<std::string> text(const std::string& target) const;
    [[nodiscard]] result<secret_bytes> octets(const std::string& name, const char* doing, const char* given, const char* taken,
                                              bytes_view what) const;
    net::local_http_client http_;
};

}  // namespace berth::app
