// Frames of KK1, KK2 and KK3 and every message in them: whatever decodes must encode to the same octets.
#include "onboarding/kk3.h"
#include "onboarding/messages/authorization.h"
#include "onboarding/messages/authorization_request.h"
#include "onboarding/messages/challenge.h"
#include "onboarding/messages/configuration.h"
#include "onboarding/messages/credential_requests.h"
#include "onboarding/messages/error.h"
#include "onboarding/messages/frame.h"
#include "onboarding/messages/grant.h"
#include "onboarding/messages/locate.h"
#include "onboarding/messages/onboard_request.h"
#include "onboarding/messages/pending.h"
#include "onboarding/messages/release.h"
#include "onboarding/messages/result.h"
#include "onboarding/messages/session_open.h"
#include "onboarding/messages/tunnel.h"

#include <cstdlib>

namespace {

using namespace berth;
using namespace berth::onboarding;

template <class T>
void round_trip(bytes_view body) {
    const auto m = wire::decode<T>(body);
    if (!m) {
        return;
    }
    const auto again = wire::encode(*m);
    if (!again || !same_octets(*again, body)) {
        std::abort();
    }
}

void decode_body(const frame& f) {
    const bytes_view body = f.body.view();
    switch (static_cast<message_type>(f.type)) {
    case message_type::onboard_request: return round_trip<onboard_request>(body);
    case message_type::tunnel: return round_trip<tunnel>(body);
    case message_type::authorization_request: return round_trip<authorization_request>(body);
    case message_type::authorization: return round_trip<authorization>(body);
    case message_type::credential_requests: return round_trip<credential_requests>(body);
    case message_type::grant: return round_trip<grant>(body);
    case message_type::result: return round_trip<result_message>(body);
    case message_type::pending: return round_trip<pending>(body);
    case message_type::error: return round_trip<error_message>(body);
    case message_type::challenge: return round_trip<challenge>(body);
    case message_type::challenge_response: return round_trip<challenge_response>(body);
    case message_type::session_open: return round_trip<session_open>(body);
    case message_type::located: return round_trip<located>(body);
    case message_type::release: return round_trip<release>(body);
    case message_type::configuration_request: return round_trip<configuration_request>(body);
    case message_type::configuration: return round_trip<configuration_message>(body);
    default: return round_trip<authorization_info>(body), round_trip<voucher>(body);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    for (const auto limit : {frame_reader::server_limit, frame_reader::device_limit}) {
        frame_reader reader(limit);
        // In two pieces, so that a frame is also cut in the middle.
        reader.feed({data, size / 2});
        for (int piece = 0; piece < 2; ++piece) {
            for (;;) {
                const auto next = reader.next();
                if (!next || !*next) {
                    break;
                }
                decode_body(**next);
            }
            reader.feed({data + size / 2, size - size / 2});
        }
    }
    return 0;
}
