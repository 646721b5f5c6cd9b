// HUB/policies: who has a shared key of a hub (hub/access/policies.h). A file and not a table of hub.db: brokers read that and
// copies are made of it, and what SQLite has written once it does not overwrite.
#pragma once

#include "hub/access/policies.h"

#include <filesystem>
#include <functional>

namespace berth::app {

std::filesystem::path policies_file(const std::filesystem::path& hub);

// There is no file: no policy. Errors of pki::read_secret_file (others may read it), `bad_policies`, naming the file.
result<hub::policies> read_policies(const std::filesystem::path& hub);

// One process at a time. Nothing is written where `work` fails. Errors also of files, `file_not_found` where there is no hub.
result<void> change_policies(const std::filesystem::path& hub, const std::function<result<void>(hub::policies&)>& work);

}  // namespace berth::app
