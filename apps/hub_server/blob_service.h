// Octets of files, put by whoever has the token of an upload, as storage SDKs do it, below /CONTAINER/{device}/{name...}:
//
//   PUT ?comp=block&blockid=...   Put Block          PUT ?comp=blocklist   Put Block List
//   PUT                           Put Blob           GET ?comp=blocklist   Get Block List
//   GET, HEAD                     Get Blob, Get Blob Properties
//
// Each with the signed query of the token (hub/files/blob_token.h), which is looked at before anything else. Nothing else is
// taken.
#pragma once

#include "hub_server/file_desk.h"
#include "hub_server/hub_service.h"
#include "hub_server/login_desk.h"
#include "ops/metrics.h"

namespace berth::app {

class blob_service final : public hub_service {
public:
    // All outlive it.
    blob_service(file_desk& files, login_desk& logins, ops::metric_registry& metrics);

    [[nodiscard]] std::vector<mount> mounts() const override;
    // By its token, and by what the device may still put.
    void judge_head(const net::http_request& head, const net::http_responder& respond) override;
    void serve(const net::http_request& request, const net::http_responder& respond) override;

private:
    struct asked {
        const net::http_request& request;
        registry::identity who;
        hub::blob_name name;
        std::function<void(result<net::http_response>)> tell;
    };
    // Where answers to `request` go: they are counted.
    [[nodiscard]] std::function<void(result<net::http_response>)> teller(const net::http_request& request,
                                                                         const net::http_responder& respond);
    struct opened {
        hub::blob_name name;
        registry::identity who;
    };
    // Its refusal is logged.
    result<opened> open(const net::http_request& request);
    result<registry::identity> admit(const net::http_request& request, const hub::blob_name& name);
    void put_block(const asked& a);
    void put_list(const asked& a);
    void put_whole(const asked& a);
    void read(const asked& a);
    static result<net::http_response> told_blocks(const std::vector<hub::put_block>& blocks);

    file_desk& files_;
    login_desk& logins_;
    ops::counter_family outcomes_;
    ops::counter octets_;
};

}  // namespace berth::app
