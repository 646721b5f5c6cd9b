// Where the plugins of a hub's brokers ask: a socket at a path of the machine, for who runs berthd alone (hub/carrier/carried.h).
#pragma once

#include "hub/carrier/carried.h"
#include "hub/carrier/report.h"
#include "hub_server/hub_desk.h"
#include "net/http_server.h"

#include <filesystem>

namespace berth::app {

class carrier_service {
public:
    // Answers one message; called within a turn of the desk. Nothing: its sender hears nothing.
    using handler = std::function<std::optional<hub::carried_answer>(const hub::carried_message&)>;
    using report_handler = std::function<void(const hub::broker_report&)>;
    // Errors of net::http_server::listen_local.
    // `more`: what else is asked there.
    static result<std::unique_ptr<carrier_service>> listen(hub_desk& desk, const std::filesystem::path& socket, handler answer,
                                                           report_handler report,
                                                           const std::function<void(net::http_router&)>& more = {});

private:
    carrier_service(hub_desk& desk, handler answer) : desk_(desk), answer_(std::move(answer)) {}
    void serve(const net::http_request& request, const net::http_responder& respond);

    hub_desk& desk_;
    handler answer_;
    std::unique_ptr<net::http_server> server_;
};

}  // namespace berth::app
