#include "setup/hub_policies.h"

#include "base/descriptor.h"
#include "common/files.h"
#include "pki/private_key_file.h"

#include <fcntl.h>
#include <sys/file.h>

namespace berth::app {

std::filesystem::path policies_file(const std::filesystem::path& hub) {
    return hub / "policies";
}

result<hub::policies> read_policies(const std::filesystem::path& hub) {
    const auto file = policies_file(hub);
    BERTH_TRY(there, is_there(file));
    if (!there) {
        return hub::policies();
    }
    BERTH_TRY(text, pki::read_secret_file(file.string(), hub::most_policies_text));
    auto out = hub::policies::parse(text.reveal());
    if (!out) {
        return fail(std::move(out).error().during(file.string()).with("file", file.string()));
    }
    return out;
}

result<void> change_policies(const std::filesystem::path& hub, const std::function<result<void>(hub::policies&)>& work) {
    BERTH_CHECK(file_in(hub, "hub.db", "a hub's", "berth hub init"));
    // The lock goes with the descriptor.
    const descriptor held(::open(hub.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!held) {
        return cannot("open", hub);
    }
    if (::flock(held.get(), LOCK_EX) != 0) {
        return cannot("lock", hub);
    }
    BERTH_TRY(all, read_policies(hub));
    BERTH_CHECK(work(all));
    const auto text = all.to_text();
    return write_text(policies_file(hub), {reinterpret_cast<const char*>(text.reveal().data()), text.size()}, 0600);
}

}  // namespace berth::app
