// A million identities at once: a file of JSON lines or of a table, read line by line, and written in batches while others read.
#pragma once

#include "base/clock.h"
#include "common/csv.h"
#include "registry/hub/import_entry.h"
#include "setup/assignments.h"
#include "store/sqlite/hub_store.h"

#include <functional>
#include <iosfwd>

namespace berth::app {

inline constexpr size_t most_import_line = 64 * 1024;  // octets
inline constexpr size_t most_told_lines = 1'000;       // of which it is told why they are refused

using registry::import_entry;

// Reads what one line after another says. JSON: as the registry's API takes an identity ({"deviceId":...,"status":...}). A
// table: a first line that names its columns, of deviceId, moduleId, status, statusReason, group, primaryThumbprint,
// secondaryThumbprint, in any order, deviceId at least; what has no thumbprint logs in by a registered CA. Commas, semicolons or
// tabs, as spreadsheets write them. Empty lines and lines that begin with # say nothing.
class identity_lines {
public:
    // Nothing: the line says nothing. Errors `bad_import`, those of JSON, of registry::settings_from_json and check_name_part.
    std::optional<result<import_entry>> read(std::string_view line);

    // Two lines in a row could be neither the columns' names nor JSON: no line after them will be read.
    [[nodiscard]] bool lacks_columns() const { return columns_.empty() && bad_headers_ > 1; }

private:
    result<void> take_header(const csv_record& r);
    result<import_entry> entry_of(const csv_record& r) const;

    std::optional<char> separator_;
    std::vector<std::string> columns_;
    int bad_headers_ = 0;
};

struct import_report {
    uint64_t added = 0;
    uint64_t already = 0;  // there, and as the line says
    uint64_t refused = 0;
    std::vector<refused_line> why;  // of the first of them
    // All that are told, in one error: that of the line where there is one, else `bad_import`. Param "lines": their numbers.
    [[nodiscard]] error mistakes(const std::string& file) const;
};

// What the file would do: each line judged for itself and against what is there. Nothing is written. What a line is refused for
// besides its own mistakes: `identity_exists` (and it is another than the line says), `unknown_identity` (a module of a device
// that is neither there nor in an earlier line).
result<import_report> judge_import(store::sqlite_hub_store& hub, std::istream& lines, const std::string& file);

// Does it, `batch` lines to a commit; `progress` is told after each how many lines there were so far. What is refused is left
// out. A file can be imported again: what is there already stays as it is, so that one that was interrupted goes on. Errors of
// the store.
result<import_report> import_identities(store::sqlite_hub_store& hub, std::istream& lines, const std::string& file, size_t batch,
                                        random_source& random, const clock& time, const std::function<void(uint64_t)>& progress);

}  // namespace berth::app
