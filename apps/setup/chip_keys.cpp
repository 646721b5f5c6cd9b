#include "setup/chip_keys.h"

#include "keystore/operations.h"

#include <ranges>

namespace berth::app {

chip_keys::~chip_keys() {
    for (const auto& removal : removals_ | std::views::reverse) {
        removal();
    }
}

void chip_keys::made(const std::string& uri) {
    removals_.emplace_back(
        [uri, bundle = bundle_.string()] { static_cast<void>(keystore::remove_key(keystore::without_file(uri), {bundle, {}})); });
}

result<void> chip_keys::expect_none(const std::string& uri, bool kem) const {
    const keystore::open_options how{bundle_.string(), {}};
    const auto there = kem ? keystore::open_kem_key(uri, how).map([](const auto&) {})
                           : keystore::open_signing_key(uri, how).map([](const auto&) {});
    if (there) {
        return fail(error{error_category::usage, "key_exists",
                          fmt::format("{} is a key already, some device's identity, and stays as it is; berth key delete (with "
                                      "--force where its certificate lies beside it) ends that device",
                                      uri)}
                        .with("uri", uri));
    }
    if (!there.error().is("key_not_found") && !there.error().is("file_not_found")) {
        return fail(there.error());
    }
    return {};
}

}  // namespace berth::app
