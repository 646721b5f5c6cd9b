// Text as MQTT has it.
#pragma once

#include "base/bytes.h"

namespace berth::hub {

// MQTT 1.5.3 (MQTT 5: 1.5.4): well-formed UTF-8 as Unicode has it, without surrogates, and without U+0000.
bool is_mqtt_text(bytes_view text);

}  // namespace berth::hub
