#include "berth/commands/own_directory.h"

#include "common/files.h"
#include "common/words.h"

namespace berth::app {

namespace fs = std::filesystem;

result<void> take_directory(const fs::path& directory, const std::string& command) {
    constexpr const char* mark = ".made-by";
    BERTH_TRY(there, is_there(directory));
    if (there) {
        std::error_code ec;
        const bool empty = fs::is_empty(directory, ec);
        if (ec) {
            return cannot("look into", directory, ec);
        }
        if (!empty) {
            const auto made_by = read_text(directory / mark);
            const bool ours = made_by && *made_by == command + "\n";
            return fail(
                error{error_category::usage,
                      "file_exists",
                      ours ? fmt::format("{0} was filled by an earlier {1}, and nothing in it is overwritten: name another "
                                         "directory, or begin anew with rm -r {2}",
                                         directory.string(), command, shell_word(directory.string()))
                           : fmt::format("{} is not empty, and {} fills a directory of its own: name one that is empty or "
                                         "not there yet",
                                         directory.string(), command),
                      {{"file", directory.string()}}});
        }
    }
    BERTH_CHECK(make_directory(directory, 0700));
    return write_text(directory / mark, command + "\n");
}

}  // namespace berth::app
