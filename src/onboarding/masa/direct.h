// A KK3 over a connection of its own (`direct`), and rendezvous on it. The connection's handshake has completed.
#pragma once

#include "onboarding/masa/service.h"
#include "onboarding/messages/frame.h"

namespace berth::onboarding {

class masa_direct {
public:
    // Lets the KK3's keys wait for a BI2. Error `kk3_failed`.
    static result<masa_direct> accept(masa_service& service, const authkem::session& kk3);

    // Application data of the connection. After an error the caller closes.
    result<void> receive(bytes_view octets);
    // Application data for the device.
    [[nodiscard]] bytes take_output() { return std::exchange(output_, {}); }
    [[nodiscard]] std::string log_id() const { return to_hex(waiting_.id); }
    [[nodiscard]] const device_identity& device() const { return waiting_.device; }
    [[nodiscard]] const std::string& serial() const { return waiting_.device.serial; }

private:
    masa_direct(masa_service& service, waiting_kk3 waiting) : service_(&service), waiting_(std::move(waiting)) {}

    masa_service* service_;
    frame_reader reader_{frame_reader::server_limit};
    waiting_kk3 waiting_;
    bytes output_;
    bool located_ = false;
};

}  // namespace berth::onboarding
