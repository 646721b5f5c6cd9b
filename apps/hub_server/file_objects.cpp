#include "hub_server/file_objects.h"

#include "base/log.h"

#include <algorithm>

namespace berth::app {

namespace {

constexpr size_t most_looked_at = 200;
constexpr size_t most_later = 1'000;
constexpr milliseconds sweep_soon = 50, sweep_again = 20'000, longest_later = 3'600'000;

std::string key_of(const file_disk::content& what) {
    return what.device + "/" + what.drawn;
}

error not_kept() {
    return {error_category::environment, "store_failed", "The hub could not keep what it had to."};
}

}  // namespace

file_objects::file_objects(hub_desk& desk, store::sqlite_file_store& records, std::shared_ptr<const object_store_access> access,
                           file_worker& worker, ops::metric_registry& metrics)
    : desk_(desk),
      records_(records),
      sweeper_(desk.loop()),
      store_(desk.loop(), desk.time(), std::move(access), worker, metrics) {
    sweep();
}

void file_objects::ship(const store::kept_file& file, const std::filesystem::path& from, const object_store::done& then) {
    shipping_.insert(file.content);
    if (!desk_.begin()) {
        return then(fail(not_kept()));
    }
    if (const auto noted = records_.note_object({file.device, file.content}); !noted) {
        return then(fail(noted.error()));
    }
    object_store::shipment what;
    what.key = key_of({file.device, file.content});
    what.file = from;
    what.octets = file.octets;
    what.type = file.type;
    what.facts = hub::s3_facts(file.device, file.name);
    what.begun = [this, file](const std::string& upload, const std::function<void(bool)>& go_on) {
        if (!desk_.begin() || !records_.note_object({file.device, file.content, upload})) {
            return go_on(false);
        }
        desk_.after_commit(go_on);
    };
    desk_.after_commit([this, what = std::move(what), then, alive = std::weak_ptr(alive_)](bool kept) {
        if (alive.expired()) {
            return;
        }
        kept ? store_.put(what, then) : then(fail(not_kept()));
    });
}

void file_objects::settled(const std::string& content) {
    shipping_.erase(content);
    sweep_after(sweep_soon);
}

void file_objects::read(const file_disk::content& what, uint64_t from, uint64_t most, const object_store::content& then) {
    if (most == 0) {
        return then(std::string());
    }
    ++reading_[what.drawn];
    store_.get(key_of(what), from, most, [this, what, then](result<std::string> had) {
        if (const auto readers = reading_.find(what.drawn); --readers->second == 0) {
            reading_.erase(readers);
            sweep_after(sweep_soon);
        }
        then(std::move(had));
    });
}

void file_objects::renew(std::shared_ptr<const object_store_access> access) {
    store_.renew(std::move(access));
    later_.clear();
    rests_until_ = 0;
    sweep_after(sweep_soon);
}

// Whoever keeps asking for it puts off nothing, and hastens nothing while the store is left alone.
void file_objects::sweep_after(milliseconds wait) {
    const milliseconds now = desk_.time().steady(), due = std::max(now + wait, rests_until_);
    if (due_ && *due_ <= due) {
        return;
    }
    due_ = due;
    sweeper_.arm(due - now, [this] {
        due_.reset();
        sweep();
    });
}

void file_objects::sweep() {
    if (desk_.time().steady() < rests_until_) {
        return sweep_after(sweep_soon);
    }
    if (!sweeping_) {
        remove_next();
    }
}

void file_objects::remove_next() {
    sweeping_ = false;
    // A store that will not let go of so many lets go of none.
    if (later_.size() >= most_later) {
        later_.clear();
        rests_until_ = desk_.time().steady() + longest_later;
        return sweep_after(sweep_again);
    }
    const auto loose = records_.loose_objects(most_looked_at + later_.size());
    if (!loose) {
        log::failure("file_objects_unknown", loose.error(), {{"party", "hub"}});
        return sweep_after(sweep_again);
    }
    const auto one = std::ranges::find_if(*loose, [this, now = desk_.time().steady()](const auto& each) {
        const auto known = later_.find(each.content);
        return !shipping_.contains(each.content) && !reading_.contains(each.content) &&
               (known == later_.end() || known->second.until <= now);
    });
    if (one == loose->end()) {
        return sweep_after(sweep_again);  // `berth hub file delete` tells nobody
    }
    sweeping_ = true;
    store_.remove(key_of({one->device, one->content}), one->upload, [this, what = *one](const result<void>& gone) {
        sweeping_ = false;
        if (!gone && gone.error().is("store_unreachable")) {  // it has said why
            rests_until_ = desk_.time().steady() + sweep_again;
            return sweep_after(sweep_again);
        }
        if (!gone) {
            auto& known = later_[what.content];
            known.wait = std::clamp(2 * known.wait, sweep_again, longest_later);
            known.until = desk_.time().steady() + known.wait;
            return remove_next();
        }
        later_.erase(what.content);
        if (!desk_.begin() || !records_.forget_object(what.content)) {
            return sweep_after(sweep_again);
        }
        sweeping_ = true;
        desk_.after_commit([this, alive = std::weak_ptr(alive_)](bool kept) {
            if (!alive.expired()) {
                sweeping_ = false;
                kept ? remove_next() : sweep_after(sweep_again);
            }
        });
    });
}

}  // namespace berth::app
