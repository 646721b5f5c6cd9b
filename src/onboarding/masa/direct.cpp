#include "onboarding/masa/direct.h"

#include "onboarding/errors.h"
#include "onboarding/messages/locate.h"

namespace berth::onboarding {

masa_direct::masa_direct(masa_service& service, std::shared_ptr<const authkem::server_context> context)
    : service_(service), kk3_(std::move(context), service.time(), service.random()) {}

bytes masa_direct::take_output() {
    return kk3_.take_output();
}

result<void> masa_direct::receive(bytes_view octets) {
    BERTH_CHECK(kk3_.receive(octets));
    if (!kk3_.completed()) {
        return {};
    }
    if (log_id_.empty()) {
        BERTH_TRY(waiting, service_.accept_kk3(*kk3_.session()));
        waiting_ = std::move(waiting);
        log_id_ = to_hex(waiting_.id);
    }
    reader_.feed(kk3_.take_received());
    return on_frames();
}

// "the device sends `locate`, the MASA answers with the addresses that the owner registered; such a KK3 carries no BI1"
result<void> masa_direct::on_frames() {
    for (;;) {
        BERTH_TRY(next, reader_.next());
        if (!next) {
            return {};
        }
        if (!allowed(next->type, device_to_masa) || !next->is(message_type::locate) || next->session != 0 || !next->body.empty() ||
            located_) {
            return refuse("unexpected_message");
        }
        located_ = true;
        BERTH_TRY(addresses, service_.records().registrars_of(waiting_.device, service_.time().now()));
        located answer;
        for (auto& address : addresses) {
            answer.registrars.items.push_back({wire::opaque<1, 255>(std::string_view(address))});
        }
        BERTH_TRY(octets, to_frame(message_type::located, 0, answer));
        BERTH_CHECK(kk3_.send(octets));
    }
}

}  // namespace berth::onboarding
