#include "setup/chain_journal.h"

#include "base/descriptor.h"
#include "common/append.h"
#include "common/files.h"
#include "crypto/hash.h"

#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

namespace berth::app {

namespace fs = std::filesystem;

namespace {

constexpr size_t most_line = 64 * 1024;

std::array<uint8_t, 32> hash_of(std::string_view line) {
    return to_array<32>(crypto::sha256(as_bytes(line)).view());
}

tl::unexpected<error> altered(const fs::path& file, uint64_t line) {
    return fail(
        error{error_category::usage,
              "journal_altered",
              fmt::format("line {} of {} was altered, or lines before it were taken out or put in: compare it with a copy "
                          "that was kept elsewhere",
                          line, file.string()),
              {{"line", std::to_string(line)}, {"file", file.string()}}});
}

struct walked {
    journal_end end;
    uint64_t octets = 0;  // of the whole lines
};

result<walked> walk(const fs::path& file, std::string_view text, std::vector<wire::json::object>* lines) {
    walked out;
    for (size_t end; (end = text.find('\n', out.octets)) != text.npos;) {
        const auto one = text.substr(out.octets, end - out.octets);
        const uint64_t number = out.end.lines + 1;
        auto line = wire::parse_json_object(one, most_line);
        if (!line) {
            return altered(file, number);
        }
        const auto told = wire::integer_member(*line, "number");
        const auto previous = wire::text_member(*line, "previous");
        if (!told || *told != static_cast<int64_t>(number) || !previous || *previous != to_hex(out.end.hash)) {
            return altered(file, number);
        }
        out.end = {number, hash_of(one)};
        out.octets = end + 1;
        if (lines != nullptr) {
            lines->push_back(std::move(*line));
        }
    }
    return out;
}

// All of what is open, from its beginning.
result<std::string> read_all(int fd, const fs::path& file) {
    std::string out;
    std::array<char, 64 * 1024> part{};
    for (;;) {
        const auto got = ::pread(fd, part.data(), part.size(), static_cast<off_t>(out.size()));
        if (got == 0) {
            return out;
        }
        if (got < 0 && errno != EINTR) {
            return cannot("read", file);
        }
        out.append(part.data(), static_cast<size_t>(std::max<ssize_t>(got, 0)));
    }
}

struct opened_journal {
    descriptor fd;  // locked
    walked there;
};

// To be written on: whole lines that were walked, and nothing after them.
result<opened_journal> open_whole(const fs::path& file) {
    descriptor opened(::open(file.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0644));
    if (!opened) {
        return cannot("open", file);
    }
    while (::flock(opened.get(), LOCK_EX) != 0) {
        if (errno != EINTR) {
            return cannot("lock", file);
        }
    }
    BERTH_TRY(text, read_all(opened.get(), file));
    BERTH_TRY(there, walk(file, text, nullptr));
    if (there.octets != text.size() && ::ftruncate(opened.get(), static_cast<off_t>(there.octets)) != 0) {
        return cannot("cut", file);
    }
    return opened_journal{std::move(opened), there};
}

}  // namespace

result<journal_end> check_journal(const fs::path& directory, std::vector<wire::json::object>* lines) {
    const fs::path file = directory / "journal.jsonl";
    const descriptor opened(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!opened) {
        return errno == ENOENT ? result<journal_end>(journal_end{}) : cannot("open", file);
    }
    BERTH_TRY(text, read_all(opened.get(), file));
    BERTH_TRY(out, walk(file, text, lines));
    return out.end;
}

result<void> check_journal_goes_on(const fs::path& directory) {
    const auto opened = open_whole(directory / "journal.jsonl");
    return opened ? result<void>() : fail(opened.error());
}

result<void> note_step(const fs::path& directory, std::string_view step, wire::json::object about, const clock& time) {
    const fs::path file = directory / "journal.jsonl";
    BERTH_TRY(opened, open_whole(file));
    const auto& [fd, there] = opened;
    wire::json::object line{{"number", there.end.lines + 1}, {"at", to_iso8601(time.now())}, {"step", step}};
    for (auto& [name, value] : about) {
        line.emplace(name, std::move(value));  // what is the journal's own stays
    }
    line["previous"] = to_hex(there.end.hash);
    BERTH_CHECK(append_durably(fd.get(), wire::to_text(line) + "\n", there.octets, file));
    // The name of a new file must survive a loss of power as well.
    return there.end.lines == 0 ? sync_directory(directory) : result<void>();
}

}  // namespace berth::app
