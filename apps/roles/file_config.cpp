#include "roles/file_config.h"

#include "common/config_reader.h"
#include "hub/files/blob_name.h"

namespace berth::app {

namespace {

constexpr int64_t minute = 60, hour = 3'600, mebi = 1024 * 1024;
constexpr int64_t most_mebi = int64_t{1} << 30;

}  // namespace

result<hub_files_config> read_hub_files(table_reader t) {
    hub_files_config out;
    out.directory = t.path("directory", false);
    out.container = t.text("container", out.container);
    if (const auto good = hub::check_container(out.container); !good) {
        t.complain_of("container", good.error().message);
    }
    out.host = t.text("host", "");
    out.token = t.integer("token_minutes", 1, int64_t{24} * 60, 60) * minute;
    out.resume = t.integer("resume_hours", 0, int64_t{24} * 30, 24) * hour;
    const auto octets = [&t](const char* key, int64_t otherwise) {
        return static_cast<uint64_t>(t.integer(key, 1, most_mebi, otherwise) * mebi);
    };
    out.most_file = octets("most_file", 256);
    out.device_quota = octets("device_quota", 1024);
    out.hub_quota = octets("hub_quota", int64_t{10} * 1024);
    out.most_open = static_cast<uint64_t>(t.integer("most_open", 1, 1'000, 10));
    out.most_files = static_cast<uint64_t>(t.integer("most_files", 1, 10'000'000, 10'000));
    out.notices = t.integer("notice_hours", 1, int64_t{24} * 30, 24) * hour;
    if (auto store = t.table("s3")) {
        BERTH_TRY(read, read_object_store(std::move(*store)));
        out.store = std::move(read);
    }
    if (out.most_file > out.device_quota) {
        t.complain_of("most_file", "one file may be larger than all of a device's together: raise \"device_quota\", or lower \"most_file\"");
    }
    if (out.device_quota > out.hub_quota) {
        t.complain_of("device_quota", "one device may have more than all of them together: raise \"hub_quota\"");
    }
    BERTH_CHECK(t.finish());
    return out;
}

}  // namespace berth::app
