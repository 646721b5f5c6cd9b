#include "roles/websockets_config.h"

#include "common/config_reader.h"
#include "hub/access/origin.h"

namespace berth::app {

result<websockets_config> read_websockets(table_reader t) {
    websockets_config out;
    out.enabled = t.flag("enabled", true);
    out.most_connections = static_cast<size_t>(t.integer("most_connections", 1, 1'000'000, 4'096));
    out.most_per_address = static_cast<size_t>(t.integer("most_per_address", 1, 1'000'000, 1'024));
    out.connect = t.integer("connect", 1, 60, 10) * 1'000;
    out.quiet = t.integer("quiet", 1, 3'600, 60) * 1'000;
    out.slow = t.integer("slow", 1, 3'600, 30) * 1'000;
    if (t.has("origins")) {
        out.origins = t.texts("origins");
    }
    for (const auto& one : out.origins) {
        if (hub::normal_origin(one).empty()) {
            t.complain_of("origins", "an origin is https://HOST or https://HOST:PORT, and nothing behind it");
        }
    }
    BERTH_CHECK(t.finish());
    return out;
}

}  // namespace berth::app
