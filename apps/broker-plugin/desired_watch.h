// What is wanted of devices (twins' desired properties) is told to those who are connected and have asked to hear of it. Whoever
// changes it, a back end over REST or an operator by a command, writes it into the registry's file, which is read here; nobody
// else is waited for. Knows nothing of Mosquitto.
#pragma once

#include "store/sqlite/twin_store.h"

#include <filesystem>
#include <map>
#include <set>
#include <unordered_map>

namespace berth::app {

class desired_watch {
public:
    using handle = const void*;
    static constexpr std::string_view filter = "$iothub/twin/PATCH/properties/desired/#";
    static constexpr size_t most_at_once = 256;

    // Errors of the store. What was wanted before is not told: devices read their twins when they come.
    static result<std::unique_ptr<desired_watch>> open(const std::filesystem::path& hub_db);

    // It wants to hear; or has wanted to before, and comes again to the same session.
    void listens(handle session, const registry::identity_name& who);
    void left(handle session);

    struct news {
        handle session = nullptr;
        std::string topic, payload;
    };
    // Since the last call, in order, up to most_at_once of the file's. Cheap when nothing has changed. An error is logged, and
    // what was not read is with the next call.
    std::vector<news> look();

private:
    explicit desired_watch(std::unique_ptr<store::sqlite_hub_store> store) : store_(std::move(store)) {}
    result<std::vector<registry::desired_news>> read();

    std::unique_ptr<store::sqlite_hub_store> store_;
    store::sqlite_twin_store twins_{*store_};
    int64_t version_ = -1;  // of the file, when all of it was read
    uint64_t last_ = 0;
    bool failed_ = false;  // and told
    std::unordered_map<handle, registry::identity_name> sessions_;
    std::map<registry::identity_name, std::set<handle>> by_name_;
};

}  // namespace berth::app
