#include "updating/installer.h"

#include "common/files.h"
#include "crypto/hash.h"
#include "firmware/delta.h"
#include "pki/private_key_file.h"
#include "store/fault_point.h"
#include "updating/element_check.h"

#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

namespace berth::app {

namespace fs = std::filesystem;
namespace json = wire::json;
using firmware::event;
using firmware::state;

namespace {

constexpr unsigned most_roots_at_once = 256;

// A file in memory, as long as this lives.
class mapped {
public:
    static result<mapped> open(const fs::path& path, uint64_t size) {
        mapped out;
        const descriptor in(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
        if (!in) {
            return cannot("read", path);
        }
        out.data_ = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, in.get(), 0);
        if (out.data_ == MAP_FAILED) {
            return cannot("read", path);
        }
        out.size_ = size;
        return out;
    }
    mapped(mapped&& other) noexcept : data_(std::exchange(other.data_, MAP_FAILED)), size_(other.size_) {}
    mapped& operator=(mapped&&) = delete;
    ~mapped() {
        if (data_ != MAP_FAILED) {
            ::munmap(data_, size_);
        }
    }
    [[nodiscard]] bytes_view view() const { return {static_cast<const uint8_t*>(data_), size_}; }

private:
    mapped() = default;
    void* data_ = MAP_FAILED;
    size_t size_ = 0;
};

std::optional<uint64_t> free_space(const fs::path& at) {
    struct statvfs about{};
    return ::statvfs(at.c_str(), &about) == 0 ? std::optional(uint64_t{about.f_bavail} * about.f_frsize) : std::nullopt;
}

std::string digest_of(std::string_view text) {
    return to_hex(crypto::sha256(as_bytes(text)).view());
}

}  // namespace

result<installer> installer::open(const fs::path& dir, slots& where, security_counter& counter, purpose why) {
    BERTH_CHECK(make_directory(dir, 0700));
    BERTH_CHECK(make_directory(dir / "downloads", 0700));
    const auto lock_path = dir / "lock";
    descriptor lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!lock) {
        return cannot("open", lock_path);
    }
    if (why == purpose::work && ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
        return fail(error{error_category::environment, "busy",
                          fmt::format("another process is at work in {}; wait for it, or end it", dir.string())}
                        .with("path", dir.string()));
    }
    installer out(dir, where, counter, std::move(lock));
    BERTH_TRY(there, is_there(dir / "state.json"));
    if (there) {
        BERTH_TRY(text, read_text(dir / "state.json"));
        BERTH_TRY(record, firmware::read_record(text));
        out.record_ = std::move(record);
        out.kept_ = std::move(text);
    }
    BERTH_TRY(place, where.current());
    out.place_ = std::move(place);
    BERTH_TRY(counted, counter.read());
    out.counted_ = counted;
    return out;
}

result<void> installer::keep() {
    const auto text = wire::to_text(firmware::to_json(record_)) + "\n";
    if (text != kept_) {  // flash wears out
        BERTH_CHECK(write_text(dir_ / "state.json", text, 0600));
        kept_ = text;
    }
    return {};
}

result<void> installer::settle(const progress_report& tell) {
    switch (firmware::look(record_, place_)) {
    case firmware::trial::none:
        // Somebody has switched by himself: what runs is never written to.
        if (!firmware::at_rest(record_.at) && record_.target == place_.slot) {
            BERTH_CHECK(firmware::apply(record_, event::dropped));
            BERTH_CHECK(keep());
            tell({{"event", "dropped"}, {"seq", record_.seq}});
        }
        break;
    case firmware::trial::running: break;
    case firmware::trial::waiting:
        // Whether the boot loader was told before a crash is not known: once more does no harm.
        BERTH_CHECK(slots_.activate(record_.target));
        break;
    case firmware::trial::came_back:
        BERTH_CHECK(slots_.revert(record_.target));
        BERTH_CHECK(firmware::give_back(record_, event::came_back));
        BERTH_CHECK(keep());
        tell({{"event", "returned"}, {"seq", record_.seq}, {"slot", place_.slot}});
        break;
    }
    if (record_.at == state::confirmed && counted_ < record_.security_counter) {
        BERTH_CHECK(counter_.raise_to(record_.security_counter));
        counted_ = record_.security_counter;
    }
    return {};
}

result<firmware::trusted_root> installer::known_root(const install_options& o) const {
    const auto kept = dir_ / "root.json";
    BERTH_TRY(there, is_there(kept));
    if (!there && o.root.empty()) {
        return fail(error_category::usage, "root_not_given",
                    "This device trusts no root yet: name the one that its maker put there with --root.");
    }
    BERTH_TRY(text, read_text(there ? kept : o.root));
    BERTH_TRY(read, firmware::document::read(text));
    return firmware::trust_root(read);
}

result<firmware::trusted_root> installer::newest_root(const install_options& o, downloader& from, const progress_report& tell) {
    BERTH_TRY(root, known_root(o));
    BERTH_TRY(there, is_there(dir_ / "root.json"));
    if (!there) {
        BERTH_CHECK(write_text(dir_ / "root.json", root.text(), 0600));
    }
    for (unsigned i = 0; i < most_roots_at_once; ++i) {
        BERTH_TRY(text, from.text(fmt::format("/roots/{}.json", root.content().version + 1), firmware::most_document));
        if (!text) {
            return root;
        }
        BERTH_TRY(read, firmware::document::read(*text));
        BERTH_TRY(next, firmware::next_root(root, read));
        root = std::move(next);
        BERTH_CHECK(write_text(dir_ / "root.json", root.text(), 0600));
        tell({{"event", "root"}, {"version", root.content().version}});
        BERTH_FAULT_POINT("root_kept");
    }
    return fail(
        error_category::peer, "too_many_roots",
        fmt::format("The repository has more than {} roots that this device has not seen; run it again.", most_roots_at_once));
}

result<std::optional<firmware::verified_manifest>> installer::choose(const install_options& o, downloader& from,
                                                                     const progress_report& tell, unix_seconds clock_now) {
    BERTH_TRY(root, newest_root(o, from, tell));
    // What earlier keys said of versions and of the time counts no more: whoever had one may have said anything.
    if (firmware::fingerprint(root.content(), root.content().list) != record_.list.list_keys) {
        record_.told_time = 0;
    }
    const auto now = firmware::judged_time(record_, clock_now);
    BERTH_CHECK(firmware::check_time("root", root.content().expires, now));
    BERTH_TRY(list_text, from.text("/list.json", firmware::most_document));
    if (!list_text) {
        return fail(
            error_category::peer, "no_list",
            fmt::format("{} has no list.json: nothing was published there, or it is another directory.", o.repository.url));
    }
    BERTH_TRY(list_read, firmware::document::read(*list_text));
    BERTH_TRY(list, firmware::verify_list(root, list_read, record_.list, now));
    record_.list = list.as_seen();
    record_.told_time = std::max(record_.told_time, list.content().issued);
    BERTH_CHECK(keep());
    BERTH_FAULT_POINT("list_kept");
    tell({{"event", "list"}, {"version", list.content().version}});

    const auto* const listed = list.content().newest(o.vendor, o.device_class, o.ring);
    if (listed == nullptr || listed->seq <= record_.installed_seq) {
        if (listed != nullptr && listed->seq < record_.installed_seq) {
            tell({{"event", "older_listed"}, {"seq", listed->seq}, {"installed_seq", record_.installed_seq}});
        }
        return std::optional<firmware::verified_manifest>();
    }
    const auto path = dir_ / "manifest.new";
    std::error_code ignored;
    fs::remove(path, ignored);
    BERTH_CHECK(from.file(fmt::format("/manifests/{}.json", listed->manifest.digest), listed->manifest, path, "manifest"));
    BERTH_TRY(text, read_text(path));
    BERTH_TRY(read, firmware::document::read(text));
    BERTH_TRY(m, firmware::verify_manifest(root, read));
    BERTH_CHECK(firmware::check_listed(m, *listed));
    BERTH_CHECK(firmware::check_time("manifest", m.content().expires, now));
    if (!o.element.empty()) {
        BERTH_CHECK(verify_by_element(read, o.element, o.element_key));
    }
    return std::optional(std::move(m));
}

result<std::optional<firmware::verified_manifest>> installer::under_way(const install_options& o) const {
    if (firmware::at_rest(record_.at)) {
        return std::optional<firmware::verified_manifest>();
    }
    BERTH_TRY(root, known_root(o));
    BERTH_TRY(text, read_text(dir_ / "manifest.json"));
    BERTH_TRY(read, firmware::document::read(text));
    if (digest_of(text) != record_.manifest) {
        return fail(error_category::environment, "state_damaged",
                    "manifest.json is not the one that is under way; `berth firmware revert` gives it up.");
    }
    BERTH_TRY(m, firmware::verify_manifest(root, read));
    if (!o.element.empty()) {
        BERTH_CHECK(verify_by_element(read, o.element, o.element_key));
    }
    return std::optional(std::move(m));
}

// The patch, applied to what runs, if that is what the patch is for. False: it is not, or nothing came of it.
result<bool> installer::by_delta(const firmware::component& c, downloader& from, const still_wanted& go_on,
                                 const progress_report& tell) {
    BERTH_TRY(base, slots_.image_of(place_.slot, c.id));
    if (!base) {
        return false;
    }
    for (const auto& d : c.deltas) {
        // Before anything is fetched or written: is it the right base?
        const auto right = check_image(*base, d.from, go_on);
        BERTH_CHECK(go_on());
        if (!right || d.patch.size >= c.image.size) {
            continue;
        }
        const auto patch = image(d.patch), made = image(c.image);
        BERTH_TRY(there, is_there(patch));
        if (!there) {
            BERTH_CHECK(from.file("/images/" + d.patch.digest, d.patch, patch, c.id));
        }
        const auto applied = [&]() -> result<void> {
            BERTH_CHECK(check_image(patch, d.patch, go_on));
            BERTH_TRY(old, mapped::open(*base, d.from.size));
            BERTH_TRY(change, mapped::open(patch, d.patch.size));
            const fs::path part = made.string() + ".made";
            descriptor out(::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
            if (!out) {
                return cannot("write", part);
            }
            const auto write = [&](bytes_view octets) -> result<void> {
                BERTH_CHECK(go_on());
                for (size_t at = 0; at < octets.size();) {
                    const ssize_t put = ::write(out.get(), octets.data() + at, octets.size() - at);
                    if (put < 0) {
                        return cannot("write", part);
                    }
                    at += static_cast<size_t>(put);
                }
                return {};
            };
            BERTH_CHECK(firmware::apply_delta(old.view(), change.view(), c.image.size, write));
            BERTH_FAULT_POINT("delta_applied");
            if (::fsync(out.get()) != 0 || !out.close()) {
                return cannot("write", part);
            }
            BERTH_CHECK(check_image(part, c.image, go_on));
            return ::rename(part.c_str(), made.c_str()) == 0 ? sync_directory(made.parent_path()) : cannot("write", made);
        }();
        std::error_code ignored;
        fs::remove(patch, ignored);
        if (applied) {
            tell({{"event", "delta"}, {"component", c.id}, {"octets", d.patch.size}, {"size", c.image.size}});
            return true;
        }
        BERTH_CHECK(go_on());
        if (!applied.error().is("bad_delta") && !applied.error().is("image_damaged")) {
            return fail(applied.error());
        }
        tell({{"event", "delta_failed"}, {"component", c.id}, {"cause", applied.error().name}});
    }
    return false;
}

result<void> installer::fetch_images(const firmware::manifest& m, downloader& from, const still_wanted& go_on,
                                     const progress_report& tell) {
    for (const auto& c : m.components) {
        const auto to = image(c.image);
        BERTH_TRY(there, is_there(to));
        if (there && check_image(to, c.image, go_on)) {
            continue;
        }
        BERTH_CHECK(go_on());
        BERTH_TRY(half, is_there(to.string() + ".part"));
        if (!half) {  // what was begun whole is not begun otherwise
            BERTH_TRY(done, by_delta(c, from, go_on, tell));
            if (done) {
                continue;
            }
        }
        BERTH_CHECK(from.file("/images/" + c.image.digest, c.image, to, c.id));
    }
    return {};
}

result<void> installer::write_images(const firmware::manifest& m, const still_wanted& go_on, const progress_report& tell) {
    for (const auto& c : m.components) {
        BERTH_TRY(checked, check_image(image(c.image), c.image, go_on));
        BERTH_CHECK(slots_.write(record_.target, c.id, checked, go_on));
        tell({{"event", "component_written"}, {"component", c.id}, {"slot", record_.target}});
        BERTH_FAULT_POINT("component_written");
    }
    return {};
}

// What an earlier run has written, where it can be read.
result<void> installer::check_written(const firmware::manifest& m, const still_wanted& go_on) {
    for (const auto& c : m.components) {
        BERTH_TRY(there, slots_.image_of(record_.target, c.id));
        if (there) {
            BERTH_CHECK(check_image(*there, c.image, go_on));
        }
    }
    return {};
}

result<install_outcome> installer::install(const install_options& o, const clock& time, random_source& random,
                                           const still_wanted& go_on, const progress_report& tell) {
    const unix_seconds now = o.no_clock ? 0 : time.now();
    if (record_.vendor.empty()) {
        record_.vendor = o.vendor;
        record_.device_class = o.device_class;
        record_.installed_seq = o.factory_seq.value_or(0);
    } else if (record_.vendor != o.vendor || record_.device_class != o.device_class) {
        return fail(error_category::usage, "wrong_device",
                    fmt::format("{} is of a {} {}, and not of a {} {}.", dir_.string(), record_.vendor, record_.device_class,
                                o.vendor, o.device_class));
    }
    BERTH_CHECK(settle(tell));
    if (record_.at == state::switched) {
        return place_.slot == record_.target ? install_outcome::trial_running : install_outcome::switched;
    }
    BERTH_TRY(from, downloader::make(o.repository, random, go_on, tell));
    std::optional<firmware::verified_manifest> m;
    // What is verified or written needs no repository any more. A download may have been overtaken by a newer release.
    if (record_.at == state::verified || record_.at == state::written) {
        auto kept = under_way(o);
        const bool gone = !kept && (kept.error().category == error_category::peer || kept.error().is("state_damaged") ||
                                    kept.error().is("file_not_found"));
        if (kept) {
            m = std::move(*kept);
        } else if (!gone) {
            return fail(kept.error());  // a chip that does not answer, say
        } else {
            // Its signers are none any more, or its file is gone: what is newest is looked for as if nothing had been begun.
            BERTH_CHECK(firmware::apply(record_, event::dropped));
            BERTH_CHECK(keep());
            tell({{"event", "dropped"}, {"seq", record_.seq}, {"cause", kept.error().name}});
        }
    }
    if (!m) {
        BERTH_TRY(chosen, choose(o, from, tell, now));
        const bool same = chosen && record_.at == state::downloading && digest_of(chosen->text()) == record_.manifest;
        if (record_.at == state::downloading && !same) {
            BERTH_CHECK(firmware::apply(record_, event::dropped));
            BERTH_CHECK(keep());
            tell({{"event", "dropped"}, {"seq", record_.seq}});
        }
        if (!chosen) {
            BERTH_CHECK(keep());
            return install_outcome::up_to_date;
        }
        firmware::device_facts device{o.vendor, o.device_class,   o.revision, o.ring, record_.installed_seq,
                                      counted_, record_.returned, o.others,   {},     {},
                                      o.again};
        device.battery_percent = o.battery_percent;
        if (!same) {
            device.free_space = free_space(dir_);
        }
        BERTH_CHECK(firmware::acceptable(*chosen, device));
        if (!same) {
            BERTH_CHECK(write_text(dir_ / "manifest.json", chosen->text(), 0600));
            BERTH_FAULT_POINT("manifest_kept");
            BERTH_CHECK(firmware::begin(record_, *chosen, digest_of(chosen->text()), other_slot(place_.slot)));
            BERTH_CHECK(keep());
            // Of earlier releases.
            std::error_code ignored;
            for (const auto& entry : fs::directory_iterator(dir_ / "downloads", ignored)) {
                const auto name = entry.path().filename().string();
                const bool ours = std::ranges::any_of(chosen->content().components, [&](const firmware::component& c) {
                    return name.starts_with(c.image.digest) || std::ranges::any_of(c.deltas, [&](const firmware::delta& d) {
                               return name.starts_with(d.patch.digest);
                           });
                });
                if (!ours) {
                    fs::remove(entry.path(), ignored);
                }
            }
            tell({{"event", "chosen"}, {"seq", record_.seq}, {"version", record_.version}});
        }
        BERTH_FAULT_POINT("chosen");
        m = std::move(chosen);
    }
    const auto& content = m->content();
    // A disk that lies, or somebody who cleans up: fetched once more, and not for ever.
    bool again = true, read_back = false;
    while (!(record_.at == state::written && read_back)) {
        if (record_.at == state::downloading) {
            BERTH_CHECK(fetch_images(content, from, go_on, tell));
            BERTH_CHECK(firmware::apply(record_, event::fetched));
            BERTH_CHECK(keep());
            tell({{"event", "verified"}, {"seq", record_.seq}});
            BERTH_FAULT_POINT("verified");
        }
        const auto done = record_.at == state::verified ? write_images(content, go_on, tell) : check_written(content, go_on);
        if (!done) {
            const auto& why = done.error();
            if (!again || !(why.is("image_damaged") || why.is("file_error") || why.is("file_not_found"))) {
                return fail(why);
            }
            again = false;
            BERTH_CHECK(firmware::apply(record_, event::damaged));
            BERTH_CHECK(keep());
            tell({{"event", "damaged"}, {"cause", why.message}});
            continue;
        }
        read_back = true;
        if (record_.at == state::verified) {
            BERTH_CHECK(firmware::apply(record_, event::wrote));
            BERTH_CHECK(keep());
            tell({{"event", "written"}, {"seq", record_.seq}, {"slot", record_.target}});
            BERTH_FAULT_POINT("written");
        }
    }
    BERTH_CHECK(go_on());
    BERTH_CHECK(firmware::switch_over(record_, place_));
    BERTH_CHECK(keep());
    BERTH_FAULT_POINT("switched");
    BERTH_CHECK(slots_.activate(record_.target));
    BERTH_FAULT_POINT("activated");
    tell({{"event", "switched"}, {"seq", record_.seq}, {"slot", record_.target}});
    return install_outcome::switched;
}

result<void> installer::confirm(const progress_report& tell) {
    BERTH_CHECK(settle(tell));
    if (record_.at == state::confirmed && place_.slot == record_.target) {
        return {};  // said twice
    }
    if (firmware::look(record_, place_) == firmware::trial::running) {
        BERTH_CHECK(slots_.confirm(record_.target));
        BERTH_FAULT_POINT("slot_confirmed");
    }
    BERTH_CHECK(firmware::confirm(record_, place_));
    BERTH_CHECK(keep());
    BERTH_FAULT_POINT("confirmed");
    // Not before: until here the old slot, with its lower counter, was the way back.
    BERTH_CHECK(settle(tell));
    std::error_code ignored;
    fs::remove_all(dir_ / "downloads", ignored);
    BERTH_CHECK(make_directory(dir_ / "downloads", 0700));
    tell({{"event", "confirmed"}, {"seq", record_.seq}, {"slot", record_.target}});
    return {};
}

result<void> installer::give_up(const progress_report& tell) {
    BERTH_CHECK(settle(tell));
    if (record_.at == state::switched) {
        BERTH_CHECK(slots_.revert(record_.target));
        BERTH_CHECK(firmware::give_back(record_, event::reverted));
        BERTH_CHECK(keep());
        tell({{"event", "returned"}, {"seq", record_.seq}, {"slot", other_slot(record_.target)}});
        return {};
    }
    BERTH_CHECK(firmware::apply(record_, event::dropped));
    BERTH_CHECK(keep());
    tell({{"event", "dropped"}, {"seq", record_.seq}});
    return {};
}

}  // namespace berth::app
