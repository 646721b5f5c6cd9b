// What a broker's plugin counts, and tells berthd once in a while, which shows it in /metrics. Numbers are those since the report
// before that berthd has taken; `sessions` is what there is now.
//
//   POST /broker/report  {"broker":"hub", "run":HEX, "sessions":12, "logins":{"certificate":3, "key":1},
//                         "refusals":{"unknown_ca":2}, "cuts":{"disabled":1}}
//
// A name that this side does not know, of a later version's plugin, is passed over.
#pragma once

#include "base/result.h"
#include "hub/login/refusal.h"

#include <string>

namespace berth::hub {

inline constexpr std::string_view report_path = "/broker/report";
inline constexpr size_t most_report = 16 * 1024;

using refusal_counts = std::array<uint64_t, login_refusals>;

struct broker_report {
    bool provisioning = false;  // else a hub's broker
    std::string run;            // one process's, and no other's: 32 hexadecimal digits
    uint64_t sessions = 0;
    uint64_t by_certificate = 0, by_key = 0;  // logins
    refusal_counts refused{}, cut{};

    [[nodiscard]] bool counts_anything() const;
    friend bool operator==(const broker_report&, const broker_report&) = default;
};

std::string to_text(const broker_report& report);
// Errors (peer) `bad_json`, `duplicate_json_member`, `too_large`.
result<broker_report> read_broker_report(std::string_view text);

}  // namespace berth::hub
