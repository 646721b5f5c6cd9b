#include "onboarding/masa/direct.h"

#include "onboarding/errors.h"
#include "onboarding/messages/locate.h"

namespace berth::onboarding {

result<masa_direct> masa_direct::accept(masa_service& service, const authkem::session& kk3) {
    BERTH_TRY(waiting, service.accept_kk3(kk3));
    return masa_direct(service, std::move(waiting));
}

// "the device sends `locate`, the MASA answers with the addresses that the owner registered; such a KK3 carries no BI1"
result<void> masa_direct::receive(bytes_view octets) {
    reader_.feed(octets);
    for (;;) {
        BERTH_TRY(next, reader_.next());
        if (!next) {
            return {};
        }
        if (!allowed(next->type, device_to_masa) || !next->is(message_type::locate) || next->session != 0 ||
            !next->body.empty() || located_) {
            return refuse("unexpected_message");
        }
        located_ = true;
        BERTH_TRY(addresses, service_->records().registrars_of(waiting_.device, service_->time().now()));
        located answer;
        for (auto& address : addresses) {
            answer.registrars.items.push_back({wire::opaque<1, 255>(std::string_view(address))});
        }
        BERTH_TRY(frame, to_frame(message_type::located, 0, answer));
        append(output_, frame);
    }
}

}  // namespace berth::onboarding
