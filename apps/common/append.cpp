#include "common/append.h"

#include "common/files.h"

#include <unistd.h>

namespace berth::app {

result<void> append_durably(int fd, std::string_view text, uint64_t size, const std::filesystem::path& file) {
    if (::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fdatasync(fd) == 0) {
        return {};
    }
    auto failed = cannot("write", file);
    // Should that fail as well, the next one finds half a line, and cuts it off.
    [[maybe_unused]] const int cut = ::ftruncate(fd, static_cast<off_t>(size));
    return failed;
}

}  // namespace berth::app
