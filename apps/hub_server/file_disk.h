// Files of devices in a directory, and the blocks of those that are not complete yet:
//
//   kept/DEVICE/CONTENT    complete; CONTENT is drawn for each, and the registry knows whose it is
//   staged/KEY/ID          a block, its id in base64url; KEY stands for the file of one device
//   key                    what the tokens of uploads are signed with
//
// Files are 0600, directories 0700. Whatever is reported as written has reached the disk. Each call waits for the disk, and may
// be made on any thread; two at once never of the same KEY, but for blocks.
#pragma once

#include "base/random.h"
#include "base/secret.h"
#include "hub/files/blob_name.h"
#include "hub/files/blocks.h"

#include <atomic>
#include <filesystem>
#include <memory>
#include <set>

namespace berth::app {

class file_disk {
public:
    // What octets are called: nothing that is complete is ever written to again.
    struct content {
        std::string device, drawn;
        auto operator<=>(const content&) const = default;
    };
    // Errors (environment) `file_error`; (usage) `unsafe_permissions`, `bad_key_file`.
    static result<std::unique_ptr<file_disk>> open(const std::filesystem::path& directory, random_source& random);
    // Whether open() would succeed; nothing is made.
    static result<void> look(const std::filesystem::path& directory);

    [[nodiscard]] const secret_bytes& key() const { return key_; }
    static std::string staged_key(const hub::blob_name& name, uint64_t generation);

    // Errors of all: (environment) `file_error`, `disk_full`.
    result<void> put_block(const std::string& at, bytes_view id, bytes_view octets);
    [[nodiscard]] result<std::vector<hub::put_block>> blocks(const std::string& at) const;
    // What these blocks are together. The blocks stay.
    result<void> assemble(const std::string& at, const std::vector<bytes>& ids, const content& as);
    result<void> put_whole(const std::string& at, bytes_view octets, const content& as);
    void drop(const std::string& at) const;
    [[nodiscard]] std::vector<std::string> staged() const;
    // Error `unknown_file` (peer).
    [[nodiscard]] result<std::string> read(const content& of, uint64_t from, uint64_t most) const;
    // Where it lies, for whoever takes it elsewhere.
    [[nodiscard]] std::filesystem::path place_of(const content& what) const { return kept_at(what); }
    // And its device's directory, if it is empty then.
    [[nodiscard]] result<void> remove(const content& what) const;
    // All but these go: what was written and never told to the registry, and what it let go of, when berthd was killed. How many.
    [[nodiscard]] result<size_t> keep_only(const std::set<content>& those) const;

private:
    explicit file_disk(std::filesystem::path directory) : directory_(std::move(directory)) {}
    result<void> read_key(random_source& random);
    [[nodiscard]] std::filesystem::path staged_at(const std::string& at) const { return directory_ / "staged" / at; }
    [[nodiscard]] std::filesystem::path kept_at(const content& what) const {
        return directory_ / "kept" / what.device / what.drawn;
    }
    // A file that nobody else is at.
    std::filesystem::path draft(const std::string& at);
    result<void> keep(const std::filesystem::path& fresh, const content& as);

    std::filesystem::path directory_;
    secret_bytes key_;
    std::atomic<uint64_t> drafts_ = 0;
};

}  // namespace berth::app
