// berthd.toml: an error that names a line, or a configuration with a role.
#include "roles/config.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace berth;
    const auto config = app::parse_config(std::string(reinterpret_cast<const char*>(data), size), "/berthd.toml");
    if (config ? !config->masa && !config->registrar : config.error().params.empty()) {
        std::abort();
    }
    return 0;
}
