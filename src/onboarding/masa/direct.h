// A KK3 over a connection of its own (`direct`), and rendezvous on it.
#pragma once

#include "onboarding/masa/service.h"
#include "onboarding/messages/frame.h"

namespace berth::onboarding {

class masa_direct {
public:
    masa_direct(masa_service& service, std::shared_ptr<const authkem::server_context> context);

    // Octets of the connection. After an error the caller sends what is left and closes.
    result<void> receive(bytes_view octets);
    [[nodiscard]] bytes take_output();
    // Set once KK3 is complete: hex of its id, for logs.
    [[nodiscard]] const std::string& log_id() const { return log_id_; }
    [[nodiscard]] const std::string& serial() const { return waiting_.device.serial; }

private:
    result<void> on_frames();

    masa_service& service_;
    authkem::connection kk3_;
    frame_reader reader_{frame_reader::server_limit};
    waiting_kk3 waiting_;
    std::string log_id_;
    bool located_ = false;
};

}  // namespace berth::onboarding
