// A certificate chain and its key, as the configuration names them.
#pragma once

#include <filesystem>
#include <string>

namespace berth::app {

class table_reader;

struct key_and_chain {
    std::filesystem::path chain;                 // PEM, leaf first; for a MASA key may be missing: pre-distributed use only
    std::string key;                             // key URI
    std::filesystem::path passphrase_file = {};  // unlocks an encrypted key; empty: it is not encrypted
    std::filesystem::path base = {};             // where a relative key URI begins
};

// Of a table that may have more in it; several in one table have names that begin differently.
key_and_chain read_key_names(table_reader& t, bool chain_required, const std::string& prefix = "");

}  // namespace berth::app
