// Octets of files in an object store, as the registry knows them: what is put there is noted first, so that whatever no file has
// in the end goes from there again, also when berthd is killed meanwhile, or the store is away.
//
// On the disk of the hub a file lies until the store has it. Its name says where it is: "s3.DRAWN" in the store, as the object
// PREFIX DEVICE/s3.DRAWN; else in the directory.
#pragma once

#include "hub_server/file_disk.h"
#include "hub_server/hub_desk.h"
#include "hub_server/object_store.h"
#include "store/sqlite/file_store.h"

#include <map>
#include <optional>
#include <set>

namespace berth::app {

class file_objects {
public:
    // All outlive it.
    file_objects(hub_desk& desk, store::sqlite_file_store& records, std::shared_ptr<const object_store_access> access,
                 file_worker& worker, ops::metric_registry& metrics);

    static constexpr const char* mark = "s3.";
    static bool is_one(const std::string& content) { return content.starts_with(mark); }

    // The octets of `file`, which are in `from`. Whoever is told calls settled() when the registry has the file, or never will.
    void ship(const store::kept_file& file, const std::filesystem::path& from, const object_store::done& then);
    void settled(const std::string& content);
    void read(const file_disk::content& what, uint64_t from, uint64_t most, const object_store::content& then);
    // What no file has goes. It calls itself again and again.
    void sweep();
    void renew(std::shared_ptr<const object_store_access> access);

private:
    void sweep_after(milliseconds wait);
    void remove_next();

    hub_desk& desk_;
    store::sqlite_file_store& records_;
    std::set<std::string> shipping_;
    std::map<std::string, size_t> reading_;
    struct put_off {
        milliseconds wait = 0, until = 0;
    };
    std::map<std::string, put_off> later_;  // what the store would not remove
    bool sweeping_ = false;
    milliseconds rests_until_ = 0;
    net::timer sweeper_;
    std::optional<milliseconds> due_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
    object_store store_;
};

}  // namespace berth::app
