// device.toml, est.toml and state.json: whatever a damaged flash holds, an error or a value, and a value reads as it is written.
#include "credentials/keeping_config.h"
#include "device/config_toml.h"
#include "device/installation.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace berth;
    const std::string text(reinterpret_cast<const char*>(data), size);
    app::device_bundle bundle;
    (void)app::parse_device_toml(text, "/device.toml", bundle);
    (void)app::parse_keeping_config(text, "/est.toml");
    if (const auto state = app::parse_state(text)) {
        const auto again = app::parse_state(wire::to_text(app::to_json(*state)));
        if (!again || app::to_json(*again) != app::to_json(*state)) {
            std::abort();
        }
    }
    return 0;
}
