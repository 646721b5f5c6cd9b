#include "hub_server/file_desk.h"

#include "base/log.h"
#include "crypto/md5.h"
#include "hub/files/crc64.h"
#include "wire/base64.h"

namespace berth::app {

namespace {

constexpr size_t disk_threads = 2;
constexpr uint64_t most_notices = 100'000;
constexpr milliseconds sweep_again = milliseconds{10} * 60 * 1'000;

tl::unexpected<error> refuse(const char* name, std::string why) {
    return fail(error_category::peer, name, std::move(why));
}

error too_busy() {
    return {error_category::environment, "too_busy", "Too much is being written at the moment: come again later."};
}

error busy() {
    return {error_category::peer, "upload_busy", "Something of this file is being put together: come again later."};
}

error not_kept() {
    return {error_category::environment, "store_failed", "The hub could not keep what it had to."};
}

// On a thread of the worker's: megabytes take their time.
result<void> check_sums(bytes_view octets, const file_desk::sums& by) {
    if (!by.md5.empty()) {
        const auto found = crypto::md5(octets);
        if (!found || wire::base64(*found) != by.md5) {
            return refuse("md5_mismatch", "What came has another MD5 than Content-MD5 says.");
        }
    }
    if (!by.crc64.empty() && hub::crc64_text(octets) != by.crc64) {
        return refuse("crc64_mismatch", "What came has another CRC than x-ms-content-crc64 says.");
    }
    return {};
}

}  // namespace

file_desk::file_desk(hub_desk& desk, hub_files_config config, std::unique_ptr<file_disk> disk)
    : desk_(desk),
      config_(std::move(config)),
      records_(desk.registry()),
      disk_(std::move(disk)),
      sweeper_(desk.loop()),
      worker_(desk.loop(), disk_threads) {}

result<std::unique_ptr<file_desk>> file_desk::open(hub_desk& desk, hub_files_config config, const std::filesystem::path& hub) {
    BERTH_TRY(disk, file_disk::open(directory_of(config, hub), desk.random()));
    std::unique_ptr<file_desk> out(new file_desk(desk, std::move(config), std::move(disk)));
    BERTH_CHECK(out->load());
    out->sweep();
    return out;
}

result<void> file_desk::load() {
    BERTH_TRY(open, records_.uploads());
    for (const auto& one : open) {
        const hub::blob_name name{one.device, one.name};
        const auto at = file_disk::staged_key(name, one.generation);
        BERTH_TRY(blocks, disk_->blocks(at));
        if (blocks.empty()) {
            continue;
        }
        auto& s = staged_[at];
        s.name = name;
        for (const auto& block : blocks) {
            s.blocks[block.id] = block.octets;
            hold(s, block.octets);
        }
    }
    for (const auto& at : disk_->staged()) {
        if (!staged_.contains(at)) {
            disk_->drop(at);
        }
    }
    BERTH_TRY(known, records_.contents());
    std::set<file_disk::content> wanted;
    for (const auto& [device, drawn] : known) {
        if (!file_objects::is_one(drawn)) {
            wanted.insert({device, drawn});
        }
    }
    BERTH_TRY(swept, disk_->keep_only(wanted));
    if (swept > 0) {
        log::info("files_swept", "octets that no file has any more were removed",
                  {{"party", "hub"}, {"files", std::to_string(swept)}});
    }
    return {};
}

void file_desk::hold(staged& in, uint64_t octets) {
    in.octets += octets;
    of_device_[in.name.device] += octets;
    of_all_ += octets;
}

void file_desk::let_go(staged& in, uint64_t octets) {
    in.octets -= octets;
    of_all_ -= octets;
    if (const auto found = of_device_.find(in.name.device); found != of_device_.end() && (found->second -= octets) == 0) {
        of_device_.erase(found);
    }
}

result<void> file_desk::check_room(const std::string& device, uint64_t more, uint64_t less) {
    BERTH_TRY(own, records_.use_of(device));
    BERTH_TRY(all, records_.use_of(""));
    const auto waiting = of_device_.find(device);
    const uint64_t of_device = own.octets + (waiting != of_device_.end() ? waiting->second : 0);
    if (of_device + more > config_.device_quota + less) {
        return refuse("device_quota_full", fmt::format("\"{}\" has {} octets of files, and may have {}: {} more are too many.",
                                                       device, of_device, config_.device_quota, more));
    }
    if (all.octets + of_all_ + more > config_.hub_quota + less) {
        return refuse("hub_quota_full", fmt::format("The hub has {} octets of files, and may have {}: {} more are too many.",
                                                    all.octets + of_all_, config_.hub_quota, more));
    }
    return {};
}

// ---- a device's

result<file_desk::started> file_desk::begin(const registry::identity& who, const std::string& name, const std::string& login) {
    started out{{who.name.device, name}, {}, {}};
    BERTH_CHECK(hub::check_blob_name(out.name));
    const unix_seconds now = desk_.time().now();
    BERTH_TRY(others, records_.count_open(who.name.device, name, now));
    if (others >= config_.most_open) {
        return refuse("too_many_uploads",
                      fmt::format("\"{}\" has {} uploads open: each ends when the device says that it is over, or "
                                  "with its token.",
                                  who.name.device, others));
    }
    BERTH_CHECK(check_room(who.name.device, 1, 0));
    BERTH_TRY(use, records_.use_of(who.name.device));
    BERTH_TRY(there, records_.find(who.name.device, name));
    // Those that are open may still become files, and none of them more than one.
    if (!there && use.files + others >= config_.most_files) {
        return refuse("device_quota_full", fmt::format("\"{}\" has {} files and {} uploads open, and may have {} files.",
                                                       who.name.device, use.files, others, config_.most_files));
    }
    const auto drawn = desk_.random().octets<18>();
    out.correlation = wire::base64url(drawn);
    const unix_seconds ends = now + config_.token;
    // One that it goes on with: what it has put since that one began counts.
    BERTH_TRY(before, records_.find_open(who.name.device, name));
    const unix_seconds began = before && before->generation == who.generation ? before->began : now;
    BERTH_CHECK(records_.open({who.name.device, name, who.generation, out.correlation, began, ends, login}));
    out.token = hub::make_blob_token({config_.container, out.name, who.generation, who.epoch}, disk_->key(), ends);
    return out;
}

result<void> file_desk::end(const registry::identity& who, const std::string& correlation, bool succeeded) {
    BERTH_TRY(found, records_.find_upload(who.name.device, correlation));
    if (!found) {
        return refuse("unknown_upload", "There is no such upload of this device's, or it is over.");
    }
    const unix_seconds now = desk_.time().now();
    if (succeeded) {
        BERTH_TRY(file, records_.find(found->device, found->name));
        if (!file || file->made < found->began) {
            return refuse("file_not_there", fmt::format("\"{}/{}\" was not put.", found->device, found->name));
        }
        BERTH_CHECK(records_.queue(*file, now, most_notices));
    }
    BERTH_CHECK(records_.close(*found));
    const auto at = file_disk::staged_key({found->device, found->name}, found->generation);
    desk_.after_commit([this, at](bool was_kept) {
        const auto s = staged_.find(at);
        if (was_kept && s != staged_.end() && !s->second.busy()) {
            drop(at, [] {});
        }
    });
    return {};
}

// ---- of who holds a token

result<file_desk::holder> file_desk::admit(const hub::blob_name& name, const std::map<std::string, std::string>& query,
                                           hub::blob_use use) {
    BERTH_TRY(found, desk_.registry().find({name.device, ""}));
    const hub::blob_grant wanted{config_.container, name, found ? found->generation : 0, found ? found->epoch : 0};
    BERTH_CHECK(hub::check_blob_token(wanted, query, disk_->key(), use, desk_.time().now()));
    if (!found || !found->settings.enabled) {
        return refuse("upload_closed", fmt::format("\"{}\" is disabled.", name.device));
    }
    BERTH_TRY(open, records_.find_open(name.device, name.name));
    if (!open) {
        return refuse("upload_closed", "The device has said that this upload is over.");
    }
    return holder{std::move(*found), std::move(open->login)};
}

result<void> file_desk::check_fits(const registry::identity& who, const hub::blob_name& name, uint64_t octets, bool whole) {
    const auto s = staged_.find(file_disk::staged_key(name, who.generation));
    if (octets + (whole || s == staged_.end() ? 0 : s->second.octets) > config_.most_file) {
        return refuse("file_too_large", fmt::format("A file has up to {} octets.", config_.most_file));
    }
    BERTH_TRY(before, records_.find(name.device, name.name));
    return check_room(name.device, octets, whole && before ? before->octets : 0);
}

void file_desk::put_block(const registry::identity& who, const hub::blob_name& name, bytes id, std::string octets, const sums& by,
                          const done& then) {
    const auto at = file_disk::staged_key(name, who.generation);
    auto& s = staged_[at];
    s.name = name;
    const uint64_t size = octets.size();
    const auto fits = [&]() -> result<void> {
        if (s.closing) {
            return fail(busy());
        }
        if (s.blocks.size() + s.writing >= hub::most_block_list && !s.blocks.contains(id)) {
            return refuse("too_many_blocks", fmt::format("A file has up to {} blocks.", hub::most_block_list));
        }
        if (s.octets + size > config_.most_file) {
            return refuse("file_too_large", fmt::format("A file has up to {} octets.", config_.most_file));
        }
        return check_room(name.device, size, 0);
    }();
    if (!fits) {
        if (s.blocks.empty() && !s.busy()) {
            staged_.erase(at);
        }
        return then(fits);
    }
    hold(s, size);
    ++s.writing;
    const auto over = [this, at, id, size, then](const result<void>& how) {
        auto& in = staged_.at(at);
        --in.writing;
        if (!how) {
            let_go(in, size);
            if (in.blocks.empty() && !in.busy()) {
                return drop(at, [then, how] { then(how); });
            }
            return then(how);
        }
        auto& known = in.blocks[id];
        let_go(in, known);
        known = size;
        then(how);
    };
    auto write = [disk = disk_.get(), at, id, by, held = std::move(octets)]() -> result<void> {
        const auto view = as_bytes(held);
        BERTH_CHECK(check_sums(view, by));
        return disk->put_block(at, id, view);
    };
    if (!worker_.run(size, std::move(write), over)) {
        over(fail(too_busy()));
    }
}

void file_desk::put_list(const registry::identity& who, const hub::blob_name& name, std::vector<bytes> ids,
                         const std::string& type, const kept& then) {
    const auto at = file_disk::staged_key(name, who.generation);
    auto& s = staged_[at];
    s.name = name;
    uint64_t total = 0;
    const auto fits = [&]() -> result<void> {
        if (s.busy()) {
            return fail(busy());
        }
        for (const auto& id : ids) {
            const auto found = s.blocks.find(id);
            if (found == s.blocks.end()) {
                return refuse("unknown_block", "A block of the list was not put.");
            }
            total += found->second;
            if (total > config_.most_file) {
                return refuse("file_too_large", fmt::format("A file has up to {} octets.", config_.most_file));
            }
        }
        BERTH_TRY(before, records_.find(name.device, name.name));
        return check_room(name.device, total, s.octets + (before ? before->octets : 0));
    }();
    if (!fits) {
        if (s.blocks.empty() && !s.busy()) {
            staged_.erase(at);
        }
        return then(fail(fits.error()));
    }
    s.closing = true;
    const auto as = draw(name.device);
    const store::kept_file file{name.device, name.name, total, type, 0, desk_.time().now(), as.drawn};
    worker_.run(
        0, [disk = disk_.get(), at, ids = std::move(ids), as] { return disk->assemble(at, ids, as); },
        [this, at, as, file, then](const result<void>& how) {
            if (!how) {
                return let_go(as, [this, at, then, why = how.error()] { end_closing(at, [then, why] { then(fail(why)); }); });
            }
            keep(at, file, then);
        });
}

void file_desk::put_whole(const registry::identity& who, const hub::blob_name& name, std::string octets, const sums& by,
                          const std::string& type, const kept& then) {
    const auto at = file_disk::staged_key(name, who.generation);
    auto& s = staged_[at];
    s.name = name;
    const uint64_t size = octets.size();
    const auto fits = [&]() -> result<void> {
        if (s.busy()) {
            return fail(busy());
        }
        if (size > config_.most_file) {
            return refuse("file_too_large", fmt::format("A file has up to {} octets.", config_.most_file));
        }
        BERTH_TRY(before, records_.find(name.device, name.name));
        return check_room(name.device, size, before ? before->octets : 0);
    }();
    if (!fits) {
        if (s.blocks.empty() && !s.busy()) {
            staged_.erase(at);
        }
        return then(fail(fits.error()));
    }
    hold(s, size);
    s.whole = size;
    s.closing = true;
    const auto as = draw(name.device);
    const store::kept_file file{name.device, name.name, size, type, 0, desk_.time().now(), as.drawn};
    const auto over = [this, at, as, file, then](const result<void>& how) {
        if (!how) {
            return let_go(as, [this, at, then, why = how.error()] { end_closing(at, [then, why] { then(fail(why)); }); });
        }
        keep(at, file, then);
    };
    auto write = [disk = disk_.get(), at, by, as, held = std::move(octets)]() -> result<void> {
        const auto view = as_bytes(held);
        BERTH_CHECK(check_sums(view, by));
        return disk->put_whole(at, view, as);
    };
    if (!worker_.run(size, std::move(write), over)) {
        over(fail(too_busy()));
    }
}

void file_desk::end_closing(const std::string& at, const std::function<void()>& then) {
    auto& s = staged_.at(at);
    if (s.blocks.empty()) {
        return drop(at, then);
    }
    let_go(s, std::exchange(s.whole, 0));
    s.closing = false;
    then();
}

file_disk::content file_desk::draw(const std::string& device) {
    const auto drawn = desk_.random().octets<18>();
    return {device, (objects_ ? file_objects::mark : "") + wire::base64url(drawn)};
}

void file_desk::let_go(const file_disk::content& what, const std::function<void()>& then) {
    if (reading_.contains(what)) {
        unwanted_.insert(what);
        return then();
    }
    if (objects_ && file_objects::is_one(what.drawn)) {
        objects_->settled(what.drawn);
    }
    // Of one that goes to the store, too, it may be that it has not left the disk.
    worker_.run(
        0, [disk = disk_.get(), what] { return disk->remove(what); },
        [then](const result<void>& how) {
            if (!how) {
                log::failure("file_not_removed", how.error(), {{"party", "hub"}});  // until the next start
            }
            then();
        });
}

void file_desk::keep_in(std::shared_ptr<const object_store_access> access, ops::metric_registry& metrics) {
    objects_ = std::make_unique<file_objects>(desk_, records_, std::move(access), worker_, metrics);
}

void file_desk::renew(std::shared_ptr<const object_store_access> access) {
    if (objects_ && access) {
        objects_->renew(std::move(access));
    }
}

void file_desk::keep(const std::string& at, const store::kept_file& file, const kept& then) {
    if (!objects_) {
        return publish(at, file, then);
    }
    const file_disk::content as{file.device, file.content};
    objects_->ship(file, disk_->place_of(as), [this, at, as, file, then](const result<void>& how) {
        if (!how) {
            return let_go(as, [this, at, then, why = how.error()] { end_closing(at, [then, why] { then(fail(why)); }); });
        }
        worker_.run(
            0, [disk = disk_.get(), as] { return disk->remove(as); },
            [this, at, file, then](const result<void>&) { publish(at, file, then); });
    });
}

void file_desk::publish(const std::string& at, const store::kept_file& file, const kept& then) {
    const auto failed = [this, at, as = file_disk::content{file.device, file.content}, then](const error& why) {
        let_go(as, [this, at, then, why] { end_closing(at, [then, why] { then(fail(why)); }); });
    };
    if (!desk_.begin()) {
        return failed(not_kept());
    }
    auto before = records_.find(file.device, file.name);
    if (!before) {
        return failed(before.error());
    }
    auto put = records_.put(file);
    if (!put) {
        return failed(put.error());
    }
    desk_.after_commit([this, at, failed, then, before = std::move(*before), put = std::move(*put)](bool was_kept) {
        if (!was_kept) {
            return failed(not_kept());
        }
        if (objects_) {
            objects_->settled(put.content);
        }
        const auto rest = [this, at, then, put] { drop(at, [then, put] { then(put); }); };
        before ? let_go(file_disk::content{before->device, before->content}, rest) : rest();
    });
}

void file_desk::drop(const std::string& at, const std::function<void()>& then) {
    staged_.at(at).closing = true;
    worker_.run(
        0,
        [disk = disk_.get(), at] {
            disk->drop(at);
            return true;
        },
        [this, at, then](bool) {
            auto& s = staged_.at(at);
            let_go(s, s.octets);
            staged_.erase(at);
            then();
        });
}

result<std::optional<store::kept_file>> file_desk::find_own(const registry::identity& who, const std::string& name) {
    BERTH_TRY(found, records_.find(who.name.device, name));
    if (found && found->made < who.created) {
        return std::nullopt;
    }
    return found;
}

std::vector<hub::put_block> file_desk::blocks_of(const registry::identity& who, const hub::blob_name& name) const {
    std::vector<hub::put_block> out;
    if (const auto s = staged_.find(file_disk::staged_key(name, who.generation)); s != staged_.end() && !s->second.closing) {
        for (const auto& [id, octets] : s->second.blocks) {
            out.push_back({id, octets});
        }
    }
    return out;
}

// ---- of whoever may

result<void> file_desk::charge_read(const std::string& device, uint64_t octets) {
    constexpr unix_seconds a_minute = 60;
    const unix_seconds now = desk_.time().now();
    const auto over = [now](const minute& one) { return now >= one.began + a_minute || now < one.began; };
    if (const auto found = read_by_.find(device); found == read_by_.end() || over(found->second)) {
        std::erase_if(read_by_, [&over](const auto& one) { return over(one.second); });
        read_by_[device] = {now, 0};
    }
    auto& used = read_by_[device];
    if (used.octets + octets > most_read_a_minute) {
        return refuse("read_too_fast", fmt::format("A device reads up to {} octets a minute.", most_read_a_minute));
    }
    used.octets += octets;
    return {};
}

void file_desk::read(const store::kept_file& file, uint64_t from, uint64_t most, const content& then) {
    const file_disk::content what{file.device, file.content};
    const auto over = [this, what, then](result<std::string> had) {
        if (const auto readers = reading_.find(what); --readers->second == 0) {
            reading_.erase(readers);
            if (unwanted_.erase(what) > 0) {
                let_go(what, [] {});
            }
        }
        then(std::move(had));
    };
    if (file_objects::is_one(file.content)) {
        return objects_ ? objects_->read(what, from, most, then)
                        : then(fail(error_category::environment, "store_unreachable",
                                    "This file is in an object store, which berthd is not told of: [hub.files.s3]."));
    }
    ++reading_[what];
    if (!worker_.run(most, [disk = disk_.get(), what, from, most] { return disk->read(what, from, most); }, over)) {
        over(fail(too_busy()));
    }
}

void file_desk::remove(const hub::blob_name& name, const done& then) {
    if (!desk_.begin()) {
        return then(fail(not_kept()));
    }
    const auto found = records_.find(name.device, name.name);
    if (!found || !*found) {
        return then(!found ? fail(found.error()) : refuse("unknown_file", fmt::format("there is no file \"{}\"", name.text())));
    }
    if (const auto gone = records_.remove(name.device, name.name); !gone) {
        return then(fail(gone.error()));
    }
    desk_.after_commit([this, what = file_disk::content{name.device, (*found)->content}, then](bool was_kept) {
        if (!was_kept) {
            return then(fail(not_kept()));
        }
        let_go(what, [then] { then({}); });
    });
}

void file_desk::sweep() {
    sweeper_.arm(sweep_again, [this] { sweep(); });
    const auto old = records_.uploads(desk_.time().now() - config_.resume);
    if (!old || (!old->empty() && !desk_.begin())) {
        return;
    }
    for (const auto& one : *old) {
        const auto s = staged_.find(file_disk::staged_key({one.device, one.name}, one.generation));
        if (s != staged_.end() && s->second.busy()) {
            continue;
        }
        if (const auto closed = records_.close(one); !closed) {
            return log::failure("uploads_not_swept", closed.error(), {{"party", "hub"}});
        }
        log::info("upload_swept", "an upload was not finished, and what it left goes",
                  {{"party", "hub"}, {"device", one.device}, {"file", one.name}});
    }
    // Of devices that were deleted, too, and of those that said that it is over while something was being written.
    const auto open = records_.uploads();
    if (!open) {
        return;
    }
    std::set<std::string> wanted;
    for (const auto& one : *open) {
        wanted.insert(file_disk::staged_key({one.device, one.name}, one.generation));
    }
    std::vector<std::string> gone;
    for (const auto& [at, s] : staged_) {
        if (!wanted.contains(at) && !s.busy()) {
            gone.push_back(at);
        }
    }
    for (const auto& at : gone) {
        drop(at, [] {});
    }
}

}  // namespace berth::app
