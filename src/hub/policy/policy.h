// What somebody who is in may do, by the topic that he asks for: his own doors as his group's policy leaves them open, and what
// it grants besides.
#pragma once

#include "hub/topics/topics.h"
#include "registry/hub/group_policy.h"

namespace berth::hub {

enum class direction : uint8_t { publish, subscribe, receive };
std::string_view to_string(direction d);

struct permission {
    bool allowed = false;
    std::optional<operation> door;     // which of its own it is, open or not
    std::optional<std::string> grant;  // by which of the policy's
    // "its own telemetry", "granted by \"site/{device}/#\"", "the policy of group \"meters\" withholds twin", ...
    [[nodiscard]] std::string why(const registry::group_policy& policy) const;
};

permission judge_topic(const registry::group_policy& policy, const registry::identity_name& who, direction d,
                       std::string_view topic);

// Whether every topic that `filter` takes in is taken in by `grant`, names filled in. A topic is a filter without wildcards.
bool covers(std::string_view grant, const registry::identity_name& who, std::string_view filter);

}  // namespace berth::hub
