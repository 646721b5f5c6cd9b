// What devices and back ends ask about files: an upload begins and ends, notices of those that ended, and what is there.
//
//   POST   /devices/{id}/files                                       a device: where to, and a token
//   POST   /devices/{id}/files/notifications[/{correlation}]         a device: that it is over
//   GET    /messages/serviceBound/filenotifications                  back ends (serviceConnect), as the service's SDKs know it
//   DELETE /messages/serviceBound/filenotifications/{lock}
//   POST   /messages/serviceBound/filenotifications/{lock}/abandon
//   GET    /v1/files, GET, DELETE /v1/files/{id}/{name...}           back ends (serviceConnect)
//
// The octets go to blob_service.
#pragma once

#include "hub_server/admin_service.h"
#include "hub_server/device_door.h"
#include "hub_server/file_desk.h"

namespace berth::app {

class file_service final : public hub_service {
public:
    // All outlive it. `host`: HOST[:PORT] of the listener, known once it listens.
    file_service(file_desk& files, device_door& door, admin_service& admins, std::function<std::string()> host,
                 ops::metric_registry& metrics);

    [[nodiscard]] std::vector<mount> mounts() const override;
    void serve(const net::http_request& request, const net::http_responder& respond) override;

    static constexpr size_t most_body = 16 * 1024;
    static constexpr size_t most_read = 8 * 1024 * 1024;  // octets of a file in one answer
    static constexpr unix_seconds lock = 60;              // that a notice is a back end's

private:
    using answer = result<net::http_response>;
    void serve_device(const net::http_request& request, const net::http_responder& respond);
    void serve_back_end(const net::http_request& request, const net::http_responder& respond);
    answer begin(const device_door::visitor& who, const net::http_request& request);
    answer end(const registry::identity& who, const net::http_request& request);
    answer notice();
    answer list(const net::http_request& request);
    void read(const net::http_request& request, const net::http_responder& respond);
    void tell(const char* operation, const net::http_responder& respond, answer what);
    // What was written is kept first.
    void tell_kept(const char* operation, const net::http_responder& respond, answer what);

    file_desk& files_;
    device_door& door_;
    admin_service& admins_;
    std::function<std::string()> host_;
    ops::counter_family outcomes_;
};

// "bytes=0-99" of a file of so many octets: from, and how many. Nothing: no such range, or none that is taken.
std::optional<std::pair<uint64_t, uint64_t>> parse_range(std::string_view text, uint64_t octets);

}  // namespace berth::app
