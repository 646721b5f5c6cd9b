#include "onboarding/channel.h"

namespace berth::onboarding {

exporter_function exporter_of(const authkem::session& session) {
    return [&session](std::string_view label, size_t length) {
        auto secret = session.exporter(label, {}, length);
        // Our lengths are at most 32 octets, and an exporter gives at least 255 times as many.
        return secret ? std::move(*secret) : secret_bytes();
    };
}

}  // namespace berth::onboarding
