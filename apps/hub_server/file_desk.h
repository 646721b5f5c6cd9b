// Uploads of devices: what is open, how much there may be, and in which order a file comes to be. Whoever asks has been judged
// by then (file_service, blob_service).
//
// A file is put in blocks, which stay until a list makes a file of them, also when berthd ends meanwhile: they are counted by
// what lies on the disk. Its octets are on the disk, under a name of their own, before the registry knows of them, and blocks and
// what the file was before go after that: whoever was not told of success can ask again, and finds what was there.
#pragma once

#include "hub/files/blob_token.h"
#include "hub_server/file_disk.h"
#include "hub_server/file_objects.h"
#include "hub_server/file_worker.h"
#include "hub_server/hub_desk.h"
#include "roles/file_config.h"
#include "store/sqlite/file_store.h"

#include <map>
#include <set>

namespace berth::app {

class file_desk {
public:
    // `desk` outlives it. Errors of file_disk::open and of the store.
    static result<std::unique_ptr<file_desk>> open(hub_desk& desk, hub_files_config config, const std::filesystem::path& hub);
    // From now on what is complete goes there. Before anything is asked; `metrics` outlives it.
    void keep_in(std::shared_ptr<const object_store_access> access, ops::metric_registry& metrics);
    // Another secret of the store's.
    void renew(std::shared_ptr<const object_store_access> access);
    static std::filesystem::path directory_of(const hub_files_config& config, const std::filesystem::path& hub) {
        return config.directory.empty() ? hub / "files" : config.directory;
    }

    [[nodiscard]] const hub_files_config& config() const { return config_; }
    [[nodiscard]] store::sqlite_file_store& records() { return records_; }
    [[nodiscard]] hub_desk& desk() { return desk_; }

    // ---- a device's, within a turn of the desk
    struct started {
        hub::blob_name name;
        std::string correlation, token;
    };
    // `login`: by what it was let in, for holder.login. Errors `bad_blob_name`; `too_many_uploads`, `device_quota_full`,
    // `hub_quota_full` (peer).
    result<started> begin(const registry::identity& who, const std::string& name, const std::string& login);
    // That it is over. Errors (peer) `unknown_upload`; `file_not_there`: nothing was put, though it says so.
    result<void> end(const registry::identity& who, const std::string& correlation, bool succeeded);

    // ---- of who holds a token
    struct holder {
        registry::identity who;
        std::string login;  // by what it was let in when it was given the token: whether that still counts is not judged here
    };
    // Errors of check_blob_token; (peer) `upload_closed`: its device has said that it is over, or is there no longer.
    result<holder> admit(const hub::blob_name& name, const std::map<std::string, std::string>& query, hub::blob_use use);
    // What it says of what it sends, in base64; empty: nothing.
    struct sums {
        std::string md5, crc64;
    };
    // Errors of all: (peer) `device_quota_full`, `hub_quota_full`, `file_too_large`, `too_many_blocks`, `md5_mismatch`,
    // `crc64_mismatch`, `unknown_block`, `upload_busy`; (environment) `too_busy`; those of file_disk and the store. `then` is
    // called on the loop, once.
    // Whether so much more would fit, as a block or as the whole file: before it is read.
    result<void> check_fits(const registry::identity& who, const hub::blob_name& name, uint64_t octets, bool whole);
    using done = std::function<void(result<void>)>;
    using kept = std::function<void(result<store::kept_file>)>;
    void put_block(const registry::identity& who, const hub::blob_name& name, bytes id, std::string octets, const sums& by,
                   const done& then);
    void put_list(const registry::identity& who, const hub::blob_name& name, std::vector<bytes> ids, const std::string& type,
                  const kept& then);
    void put_whole(const registry::identity& who, const hub::blob_name& name, std::string octets, const sums& by,
                   const std::string& type, const kept& then);
    // What it may read: nothing that was put before it was made, which was another device's of its name.
    result<std::optional<store::kept_file>> find_own(const registry::identity& who, const std::string& name);
    [[nodiscard]] std::vector<hub::put_block> blocks_of(const registry::identity& who, const hub::blob_name& name) const;

    // ---- of whoever may
    using content = std::function<void(result<std::string>)>;
    // What a device reads waits in memory until it has taken it, which it may do slowly: it is given so much a minute, in octets.
    // Error (peer) `read_too_fast`.
    static constexpr uint64_t most_read_a_minute = uint64_t{16} * 1024 * 1024;
    result<void> charge_read(const std::string& device, uint64_t octets);
    // Of what it was when it was found: its octets stay until they are read, whoever puts it anew meanwhile.
    void read(const store::kept_file& file, uint64_t from, uint64_t most, const content& then);
    // Error (peer) `unknown_file`.
    void remove(const hub::blob_name& name, const done& then);

    // Uploads that nobody goes on with go. It calls itself again.
    void sweep();

private:
    struct staged {
        hub::blob_name name;
        std::map<bytes, uint64_t> blocks;
        uint64_t octets = 0;  // with those that are being written
        uint64_t whole = 0;   // of these, what is put without blocks
        size_t writing = 0;
        bool closing = false;
        [[nodiscard]] bool busy() const { return writing > 0 || closing; }
    };
    file_desk(hub_desk& desk, hub_files_config config, std::unique_ptr<file_disk> disk);
    result<void> load();
    // Room for so many more octets of that device, where `less` will go.
    result<void> check_room(const std::string& device, uint64_t more, uint64_t less);
    void hold(staged& in, uint64_t octets);
    void let_go(staged& in, uint64_t octets);
    // What the octets of one that is put will be called.
    file_disk::content draw(const std::string& device);
    // Nobody finds these octets any more: they go as soon as nobody reads them.
    void let_go(const file_disk::content& what, const std::function<void()>& then);
    // Its octets are on the disk: they go to where they are kept, and then all of that is told.
    void keep(const std::string& at, const store::kept_file& file, const kept& then);
    // Its octets are there: the registry is told, then blocks go, then whoever waits is told.
    void publish(const std::string& at, const store::kept_file& file, const kept& then);
    void drop(const std::string& at, const std::function<void()>& then);
    // It came to nothing: what blocks there are stay.
    void end_closing(const std::string& at, const std::function<void()>& then);

    hub_desk& desk_;
    hub_files_config config_;
    store::sqlite_file_store records_;
    std::unique_ptr<file_disk> disk_;
    std::map<std::string, staged> staged_;  // by file_disk::staged_key
    std::map<std::string, uint64_t> of_device_;
    uint64_t of_all_ = 0;
    struct minute {
        unix_seconds began = 0;
        uint64_t octets = 0;
    };
    std::map<std::string, minute> read_by_;  // devices that have read within this minute
    std::map<file_disk::content, size_t> reading_;
    std::set<file_disk::content> unwanted_;  // of those
    net::timer sweeper_;
    file_worker worker_;
    std::unique_ptr<file_objects> objects_;  // null: the directory
};

}  // namespace berth::app
