// What a directory of CAs publishes, and under which path of a web server: the addresses that ca.toml has certificates name.
#pragma once

#include "ca/list_keeper.h"
#include "ca/ocsp_desk.h"
#include "roles/config.h"
#include "setup/ca_directory.h"

namespace berth::app {

// What is behind a path.
struct published_certificate {
    bytes der;
};
struct published_list {
    size_t keeper = 0;  // of publish_sites::keepers
    ca::list_keeper::name which;
};

struct publish_sites {
    ca_directory directory;
    std::vector<std::string> names;  // of the CAs, as keepers
    std::vector<ca::list_keeper> keepers;
    std::map<std::string, published_certificate> certificates;  // by path
    // By paths that begin with / and do not end so; "" answers at /. Several CAs may share one.
    std::map<std::string, ca::ocsp_desk> desks;

    // Errors of the directory, `unknown_authority`; `bad_config`: no CA, two lists of one path, an address that is no URL.
    static result<publish_sites> open(const publish_config& config, store::opening how);

    // A list by its path; nothing: no list is called so. Whether it was made yet is the keeper's to say.
    [[nodiscard]] std::optional<published_list> find_list(std::string_view path) const;
    // The desk, and what follows its path, without the slash.
    [[nodiscard]] std::optional<std::pair<std::string, std::string>> find_desk(std::string_view path) const;

private:
    explicit publish_sites(ca_directory in) : directory(std::move(in)) {}
    result<void> add(const std::string& name, const publish_config& config);
    result<void> add_list(const std::string& url, const std::string& usual, size_t keeper, bool delta);
    struct list_path {
        std::string before, after;  // the number of the shard, where there are shards
        bool sharded = false;
        size_t keeper = 0;
        bool delta = false;
    };
    std::vector<list_path> lists_;
    std::map<std::string, std::vector<ca::ocsp_desk::party>> parties_;
};

}  // namespace berth::app
