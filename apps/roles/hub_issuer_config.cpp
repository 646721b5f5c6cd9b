#include "roles/hub_issuer_config.h"

#include "common/config_reader.h"

namespace berth::app {

result<hub_issuer_config> read_hub_issuer(table_reader t) {
    hub_issuer_config out;
    out.directory = t.path("directory", true);
    out.directory_passphrase_file = t.path("directory_passphrase_file", false);
    out.authority = t.text("authority", "");
    out.profile = t.text("profile", "");
    if (!out.authority.empty() && !out.profile.empty()) {
        t.complain_of("authority", "the profile says which CA issues by it: give \"authority\" or \"profile\"");
    }
    out.proof = t.text("proof", out.proof);
    if (out.proof != "idevid" && out.proof != "ldevid") {
        t.complain_of("proof", R"("proof" is what devices show before they have a certificate of this CA: "idevid" or "ldevid")");
    }
    constexpr int64_t most_hours = 10 * 365 * 24;
    out.lifetime = t.integer("lifetime_hours", 1, most_hours, out.lifetime / 3'600) * 3'600;
    BERTH_CHECK(t.finish());
    return out;
}

}  // namespace berth::app
