#include "device/decommission.h"

#include "common/files.h"
#include "keystore/operations.h"
#include "keystore/places.h"
#include "keystore/tpm2/keys.h"
#include "store/fault_point.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace berth::app {

namespace fs = std::filesystem;
using registry::life_phase;
using registry::life_step;

namespace {

// What is the owner's in a bundle; everything else is the maker's, or tells of both.
constexpr std::array owners{"pending",  "installed",      "installed.new", "credentials", "est-trust",
                            "est.toml", "ldevid.pending", "ldevid.pem",    "ldevid.uri",  "ldevid.key"};

// What stays, whoever names it: a bundle that was meddled with does not make us destroy what the device is known by.
bool is_makers(const device_bundle& bundle, const fs::path& file) {
    constexpr std::array names{"z1.pem",     "z3.pem",     "z3-sig.pem",   "z3-iak.pem",  "p3.pem", "p3.uri",       "p3.seed",
                               "p3-sig.pem", "p3-sig.uri", "masa-kem.pem", "device.toml", "time",   "lifecycle.log"};
    const fs::path whole = file.lexically_normal();
    return whole == bundle.passphrase_file.lexically_normal() ||
           std::ranges::any_of(names, [&](const char* name) { return whole == (bundle.directory / name).lexically_normal(); });
}

// A bundle that was meddled with does not make us destroy what is elsewhere, either.
bool is_below(const fs::path& directory, const fs::path& file) {
    std::error_code ec;
    // Links on the way lead elsewhere; the last part may be gone already.
    const fs::path real = fs::weakly_canonical(directory, ec) / "";
    const fs::path parent = ec ? fs::path() : fs::weakly_canonical(file.parent_path(), ec) / "";
    return !ec && parent.string().starts_with(real.string());
}

// All files below, those of directories before the directories.
result<std::vector<fs::path>> files_below(const fs::path& top) {
    std::vector<fs::path> out;
    std::error_code ec;
    const auto status = fs::symlink_status(top, ec);
    if (!fs::exists(status)) {
        return out;
    }
    if (!fs::is_directory(status)) {
        out.push_back(top);
        return out;
    }
    for (fs::recursive_directory_iterator at(top, ec), end; !ec && at != end; at.increment(ec)) {
        if (!at->is_directory(ec) || at->is_symlink(ec)) {
            out.push_back(at->path());
        }
    }
    if (ec) {
        return cannot("look into", top, ec);
    }
    return out;
}

// The names of keys that the owner's files tell of.
result<std::vector<std::string>> keys_named_in(const fs::path& bundle) {
    std::vector<std::string> out;
    for (const char* each : owners) {
        BERTH_TRY(files, files_below(bundle / each));
        for (const auto& file : files) {
            if (file.extension() != ".uri") {
                continue;
            }
            BERTH_TRY(text, read_text(file));
            std::string uri = text.substr(0, text.find('\n'));
            // Zeros: an attempt before this one has overwritten the file, and so has deleted the key.
            const bool named = !uri.empty() && uri.front() != '\0';
            if (named && std::ranges::find(out, uri) == out.end()) {
                out.push_back(std::move(uri));
            }
        }
    }
    return out;
}

result<void> overwrite_and_remove(const fs::path& file);

// If it is there, in the bundle, and not the maker's.
result<void> remove_owners(const device_bundle& bundle, const fs::path& file) {
    BERTH_TRY(there, is_there(file));
    return there && is_below(bundle.directory, file) && !is_makers(bundle, file) ? overwrite_and_remove(file) : result<void>{};
}

// Says whether there was one in a chip.
result<bool> delete_key(const device_bundle& bundle, const std::string& uri) {
    BERTH_TRY(whose, identity_key_at(uri, bundle.directory));
    if (whose == "p3" || whose == "p3-sig") {
        return false;
    }
    const keystore::open_options how{bundle.directory.string(), bundle.passphrase};
    BERTH_TRY(at, keystore::location_of(uri, how));
    if (at.kind == keystore::key_store_kind::file) {
        const fs::path file = at.places.front();
        BERTH_CHECK(remove_owners(bundle, file));
        return false;
    }
    // What lies beside it is ours to judge.
    const auto deleted = keystore::remove_key(keystore::without_file(uri), how);
    if (!deleted && !deleted.error().is("key_not_found")) {
        return fail(error(deleted.error()).with("uri", uri));
    }
    BERTH_TRY(parsed, keystore::parse_key_uri(uri));
    if (parsed.kind == keystore::key_store_kind::tpm2) {
        BERTH_TRY(name, keystore::tpm2::parse_key_name(parsed.rest));
        BERTH_CHECK(name.seed.empty() ? result<void>{} : remove_owners(bundle, how.path(name.seed)));
    }
    return deleted.has_value();
}

// Its octets become zeros on disk before its name goes. On media that write elsewhere instead (flash, copies on write) the old
// ones may stay until they are used again: docs/lifecycle.md.
result<void> overwrite_and_remove(const fs::path& file) {
    struct ::stat s{};
    if (::lstat(file.c_str(), &s) != 0) {
        return cannot("look at", file);
    }
    if (S_ISREG(s.st_mode) && s.st_nlink == 1) {
        const int fd = ::open(file.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0) {
            return cannot("overwrite", file);
        }
        const std::string zeros(static_cast<size_t>(s.st_size), '\0');
        const bool done = ::write(fd, zeros.data(), zeros.size()) == static_cast<ssize_t>(zeros.size()) && ::fsync(fd) == 0;
        ::close(fd);
        if (!done) {
            return cannot("overwrite", file);
        }
        BERTH_FAULT_POINT("decommission.after_overwriting");
    }
    return ::unlink(file.c_str()) == 0 ? result<void>{} : result<void>(cannot("remove", file));
}

result<size_t> wipe_files(const fs::path& bundle) {
    size_t wiped = 0;
    for (const char* each : owners) {
        BERTH_TRY(files, files_below(bundle / each));
        for (const auto& file : files) {
            BERTH_CHECK(overwrite_and_remove(file));
            ++wiped;
            BERTH_FAULT_POINT("decommission.after_file");
        }
        std::error_code ec;
        fs::remove_all(bundle / each, ec);
        if (ec) {
            return cannot("remove", bundle / each, ec);
        }
        BERTH_FAULT_POINT("decommission.after_folder");
    }
    BERTH_CHECK(sync_directory(bundle));
    return wiped;
}

}  // namespace

result<decommission_report> decommission(const device_bundle& bundle, const std::string& reason,
                                         const std::vector<fs::path>& secrets, const clock& time) {
    BERTH_TRY(before, note_life(bundle, time));
    decommission_report out;
    out.resumed = before.unfinished();
    if (before.phase() == life_phase::decommissioned && !out.resumed) {
        return fail(require_alive(bundle).error());
    }
    if (!out.resumed) {
        BERTH_CHECK(add_step(bundle, life_step::ending, reason, time));
        BERTH_FAULT_POINT("decommission.begun");
    }
    // The keys first: the files tell where they are.
    BERTH_TRY(keys, keys_named_in(bundle.directory));
    for (const auto& uri : keys) {
        BERTH_TRY(deleted, delete_key(bundle, uri));
        out.chip_keys += deleted;
        BERTH_FAULT_POINT("decommission.after_chip_key");
    }
    // Before what names them.
    for (const auto& file : secrets) {
        BERTH_TRY(there, is_there(file));
        if (there) {
            BERTH_CHECK(remove_owners(bundle, file));
            ++out.files;
        }
    }
    BERTH_TRY(wiped, wipe_files(bundle.directory));
    out.files += wiped;
    BERTH_FAULT_POINT("decommission.wiped");
    const auto* const begun = out.resumed ? &before.entries.back() : nullptr;
    BERTH_CHECK(add_step(bundle, life_step::decommissioned, begun ? begun->about : reason, time));
    BERTH_FAULT_POINT("decommission.recorded");
    return out;
}

}  // namespace berth::app
