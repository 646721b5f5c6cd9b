// Direct methods for back ends, over HTTPS, and for operators of this machine (berth hub method call), over the socket of berthd.
#pragma once

#include "hub_server/admin_service.h"
#include "hub_server/method_desk.h"

namespace berth::app {

class method_service final : public hub_service {
public:
    // Both outlive it.
    method_service(method_desk& desk, admin_service& admins) : desk_(desk), admins_(admins) {}

    [[nodiscard]] std::vector<mount> mounts() const override;
    void serve(const net::http_request& request, const net::http_responder& respond) override;
    // POST /methods/{device} and /methods/{device}/{module} of this machine: whoever may open the socket has all rights.
    void serve_local(const net::http_request& request, const net::http_responder& respond);

private:
    void call(const net::http_request& request, const net::http_responder& respond);

    method_desk& desk_;
    admin_service& admins_;
};

}  // namespace berth::app
