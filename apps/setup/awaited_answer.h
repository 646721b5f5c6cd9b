// A device's request and what its answer will be judged by, in a file (0600) while the challenge is out.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret.h"

#include <filesystem>
#include <optional>

namespace berth::app {

struct awaited_answer {
    bytes request;       // as it came, up to 1 MiB
    secret_bytes check;  // what the judge of the answer saved: it knows what the answer must be
};

// None: nothing was asked, or it was answered since. Errors of files, and of wire/codec.h where it was altered.
result<std::optional<awaited_answer>> read_awaited(const std::filesystem::path& file);
result<void> keep_awaited(const std::filesystem::path& file, bytes_view request, const secret_bytes& check);

// What was asked before is asked again, since its answer may be on its way; otherwise, or where it cannot be gone on with, it is
// asked anew. `restore(check)` and `begin()` give a result<Judge>, whose save() is the check.
template <class Judge, class Restore, class Begin>
result<Judge> awaited_or_new(const std::filesystem::path& file, bytes_view request, Restore restore, Begin begin) {
    BERTH_TRY(kept, read_awaited(file));
    if (kept) {
        if (result<Judge> before = restore(kept->check)) {
            return before;
        }
    }
    BERTH_TRY(judge, begin());
    BERTH_CHECK(keep_awaited(file, request, judge.save()));
    return result<Judge>(std::move(judge));
}

}  // namespace berth::app
