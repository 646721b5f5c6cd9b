// [hub.other_brokers] of berthd.toml: brokers that berthd does not keep, which ask it over HTTP.
#pragma once

#include "base/result.h"
#include "net/address.h"

#include <filesystem>
#include <optional>
#include <set>
#include <vector>

namespace berth::app {

class table_reader;

struct other_brokers_config {
    std::vector<std::filesystem::path> tokens;   // files with what brokers say to be let ask (Bearer)
    std::vector<std::filesystem::path> clients;  // CAs of brokers' certificates
    std::vector<std::string> names;              // common names of those that may; empty: all of these CAs
    std::optional<net::address> listen;          // plain HTTP besides, on this machine alone
    std::set<std::string> common_names;          // makes whose word for a certificate's common name counts: "emqx", "vernemq"
    bool alternative_names = false;              // docs/hub.md, Logging in
};
// But for what is in the files.
bool same_brokers(const std::optional<other_brokers_config>& a, const std::optional<other_brokers_config>& b);

result<other_brokers_config> read_other_brokers(table_reader t);

}  // namespace berth::app
