// Files of devices, in the file of the hub's registry: which uploads are open, what is there, and notices that wait for a back
// end. The octets themselves lie elsewhere.
#pragma once

#include "store/sqlite/hub_store.h"

namespace berth::store {

struct open_upload {
    std::string device, name;
    uint64_t generation = 0;
    std::string correlation;
    unix_seconds began = 0, ends = 0;
    std::string login = {};  // by what its device was let in, as hub/login/kept_login.h has it; empty: nobody knows
};

struct kept_file {
    std::string device, name;
    uint64_t octets = 0;
    std::string type;
    uint64_t version = 0;
    unix_seconds made = 0;
    std::string content = {};  // what its octets are called where they lie
};

struct file_use {
    uint64_t files = 0, octets = 0;
};

struct file_notice {
    kept_file file;  // version, type and content: of no meaning
    unix_seconds queued = 0;
    std::string lock;
};

// What an object store may have, and no file has.
struct loose_object {
    std::string device, content;
    std::string upload = {};  // that its parts belong to; empty: none was begun
};

class sqlite_file_store {
public:
    // `hub` outlives it.
    explicit sqlite_file_store(sqlite_hub_store& hub) : db_(*hub.db_) {}

    // ---- uploads. One of the same file takes the place of the one before.
    result<void> open(const open_upload& fresh);
    result<std::optional<open_upload>> find_upload(const std::string& device, const std::string& correlation);
    result<std::optional<open_upload>> find_open(const std::string& device, const std::string& name);
    result<void> close(const open_upload& which);
    // Of that device, whose tokens are good at `now`, but for the one of `name`.
    result<uint64_t> count_open(const std::string& device, std::string_view name, unix_seconds now);
    // All whose tokens have ended before `ends`, or all.
    result<std::vector<open_upload>> uploads(std::optional<unix_seconds> ends = std::nullopt);

    // ---- files
    // Its version is the next one: what it is then.
    result<kept_file> put(const kept_file& file);
    result<std::optional<kept_file>> find(const std::string& device, const std::string& name);
    // Of all files: device and content.
    result<std::vector<std::pair<std::string, std::string>>> contents();
    // By name, of one device or of all, from behind ("", "") on.
    result<std::vector<kept_file>> list(const std::optional<std::string>& device, const std::string& after_device,
                                        const std::string& after_name, size_t most);
    // False: it is not there.
    result<bool> remove(const std::string& device, const std::string& name);
    // Of "": all.
    result<file_use> use_of(const std::string& device);

    // ---- octets in an object store. What is put there is noted first; put() and remove() keep account of it.
    result<void> note_object(const loose_object& what);
    result<void> forget_object(const std::string& content);
    result<std::vector<loose_object>> loose_objects(size_t most);

    // ---- notices
    // With `most` in the queue the oldest goes.
    result<void> queue(const kept_file& of, unix_seconds now, uint64_t most);
    // The oldest that nobody has locked, locked by `lock` until then; those older than `since`, or given `most_given` times, go.
    result<std::optional<file_notice>> take(const std::string& lock, unix_seconds now, unix_seconds until, unix_seconds since,
                                            uint64_t most_given);
    // Done with; or back in its place. False: no lock that holds.
    result<bool> complete(const std::string& lock, unix_seconds now);
    result<bool> abandon(const std::string& lock, unix_seconds now);
    result<uint64_t> waiting();

private:
    database& db_;
};

}  // namespace berth::store
