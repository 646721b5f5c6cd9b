#include "setup/awaited_answer.h"

#include "base/wipe.h"
#include "common/files.h"
#include "pki/private_key_file.h"
#include "wire/codec.h"

namespace berth::app {

namespace {

struct awaited_file {
    wire::opaque<1, 1048576> request;
    wire::opaque<1, 1048576> check;
    BERTH_FIELDS(request, check)
};
constexpr size_t most_octets = 2 * 1024 * 1024 + 16;

}  // namespace

result<std::optional<awaited_answer>> read_awaited(const std::filesystem::path& file) {
    BERTH_TRY(there, is_there(file));
    if (!there) {
        return std::nullopt;
    }
    BERTH_TRY(octets, pki::read_secret_file(file.string(), most_octets));
    BERTH_TRY(kept, wire::decode<awaited_file>(octets.reveal()));
    awaited_answer out{to_bytes(kept.request.view()), secret_bytes(kept.check.view())};
    wipe(kept.check.value);
    return std::optional(std::move(out));
}

result<void> keep_awaited(const std::filesystem::path& file, bytes_view request, const secret_bytes& check) {
    awaited_file kept;
    kept.request = wire::opaque<1, 1048576>(request);
    kept.check = wire::opaque<1, 1048576>(check.reveal());
    auto written = wire::encode(kept);
    wipe(kept.check.value);
    if (!written) {
        return fail(written.error());
    }
    const secret_bytes secret{bytes_view(*written)};
    wipe(*written);
    BERTH_CHECK(make_directory(file.parent_path(), 0700));
    return pki::write_file_atomically(file.string(), secret.reveal(), 0600);
}

}  // namespace berth::app
