// Many devices given to customers at once, while the MASA goes on serving.
#pragma once

#include "base/clock.h"
#include "registry/masa_registry.h"
#include "store/sqlite/masa_store.h"

#include <functional>

namespace berth::app {

// The one device with this serial, or the one of the maker whose root's hash begins with `maker` (hexadecimal). Errors
// `unknown_device`, `ambiguous_serial`.
result<registry::ownership> find_one_device(registry::masa_registry& records, const std::string& serial,
                                            const std::string& maker);

struct assignment {
    size_t line = 0;
    onboarding::device_identity device;
    std::string customer;
};

struct refused_line {
    size_t line = 0;
    error why;  // its message names file and line, and is one line for a terminal
};

// What an import would do.
struct import_plan {
    std::vector<assignment> assign;
    std::vector<refused_line> refused;
    size_t already = 0;  // lines that say what is so already

    // All of `refused`, which is not empty, in one error: that of the line where there is one, else `bad_import`, whose message
    // tells each. Param "lines": their numbers.
    [[nodiscard]] error mistakes(const std::string& file) const;
};

// The lines of `file`, whose text is `text`: SERIAL,CUSTOMER, or JSON objects {"serial":...,"customer":...}. As spreadsheets
// write them, too: a byte order mark, CR LF, quotes, and line ends in them, semicolons or tabs between the fields (what the
// first has holds for all), empty lines and fields, and a first line that names the columns, of which there may then be
// more, in any order. Each line is judged as it would be once those
// before it are done, and nothing is written: a mistake in the last line is found before the first takes effect. What lines are
// refused for: `bad_import`, JSON's errors, those of find_one_device and of registry::assign, `unknown_customer`.
result<import_plan> read_assignments(registry::masa_registry& records, const std::string& text, const std::string& file,
                                     const std::string& maker, unix_seconds now);

// In batches of `batch`, each one commit. Between two of them `between` is told how long the last took: the store's only write
// lock is free then, and whoever waits for it (the MASA, in its event loop) must get a chance to take it. An error leaves the
// batches before it done; the same file can be imported again, for what is assigned already stays so.
result<void> assign_in_batches(store::sqlite_masa_store& store, const std::vector<assignment>& all, size_t batch,
                               const clock& time, const std::function<void(milliseconds)>& between);

}  // namespace berth::app
