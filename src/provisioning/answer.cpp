#include "provisioning/answer.h"

#include "base/bytes.h"

namespace berth::provisioning {

answer refusal(error_code code, std::string message, random_source& random, unix_seconds now) {
    answer out;
    out.status = status_of(code);
    out.body = {{"errorCode", static_cast<uint32_t>(code)},
                {"trackingId", to_hex(random.octets<16>())},
                {"message", std::move(message)},
                {"timestampUtc", to_iso8601(now)}};
    return out;
}

}  // namespace berth::provisioning
