#include "setup/hub.h"

#include "common/files.h"

namespace berth::app {

namespace {

constexpr const char* store_name = "hub.db";

result<std::filesystem::path> store_of(const std::filesystem::path& hub) {
    return file_in(hub, store_name, "a hub's", "berth hub init");
}

}  // namespace

result<void> hub_init(const std::filesystem::path& directory) {
    BERTH_CHECK(make_directory(directory));
    const auto file = directory / store_name;
    BERTH_TRY(there, is_there(file));
    if (there) {
        return fail(error{error_category::usage,
                          "file_exists",
                          fmt::format("{} is there already: a hub is made once", file.string()),
                          {{"file", file.string()}}});
    }
    BERTH_CHECK(store::sqlite_hub_store::open(file.string()));
    return sync_directory(directory);
}

result<std::unique_ptr<store::sqlite_hub_store>> open_hub_store(const std::filesystem::path& hub) {
    BERTH_TRY(file, store_of(hub));
    return store::sqlite_hub_store::open(file.string(), store::opening::existing);
}

result<std::unique_ptr<store::sqlite_hub_store>> read_hub_store(const std::filesystem::path& hub) {
    BERTH_TRY(file, store_of(hub));
    return store::sqlite_hub_store::open(file.string(), store::opening::to_read);
}

}  // namespace berth::app
