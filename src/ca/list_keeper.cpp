#include "ca/list_keeper.h"

#include "crypto/hash.h"

#include <set>

namespace berth::ca {

namespace {

constexpr unix_seconds follow_after = 60;

}  // namespace

void list_keeper::take_over(list_keeper&& former) {
    const auto& own = by_.settings();
    const auto& his = former.by_.settings();
    if (by_.certificate() == former.by_.certificate() && own.crl_url == his.crl_url && own.delta_url == his.delta_url &&
        own.shard_size == his.shard_size) {
        lists_ = std::move(former.lists_);
        names_ = std::move(former.names_);
    }
}

const kept_list* list_keeper::find(const name& which) const {
    const auto found = lists_.find(which);
    return found == lists_.end() ? nullptr : &found->second.list;
}

std::optional<unix_seconds> list_keeper::first_end() const {
    std::optional<unix_seconds> out;
    for (const auto& [which, kept] : lists_) {
        out = std::min(out.value_or(kept.list.next_update), kept.list.next_update);
    }
    return out;
}

result<void> list_keeper::check(unix_seconds now) const {
    const auto bad = [this](const char* why, const std::string& what) {
        return fail(
            error{error_category::environment, why, "A revocation list of " + by_.certificate().subject() + " " + what}.with(
                "issuer", by_.certificate().subject()));
    };
    if (lists_.empty() || lists_.size() < names_.size()) {
        return bad("list_missing", "could not be made yet.");
    }
    const auto end = first_end();
    return end && *end < now ? bad("list_expired", "was to be renewed by " + to_iso8601(*end) + ".") : result<void>{};
}

result<void> list_keeper::find_names(ca_records& records) {
    names_.clear();
    const auto add = [this](std::optional<uint32_t> scope) {
        names_.push_back({scope, false});
        if (!by_.settings().delta_url.empty()) {
            names_.push_back({scope, true});
        }
    };
    if (by_.settings().shard_size == 0) {
        add(std::nullopt);
        return {};
    }
    // The first has a list before anybody is in it: it is an address that certificates name.
    add(0);
    BERTH_TRY(shards, records.shards(by_.id()));
    for (const uint32_t shard : shards) {
        if (shard != 0) {
            add(shard);
        }
    }
    return {};
}

// What a list would say now, as far as it changes: a list that would say the same is not made again because of others.
result<std::array<uint8_t, 32>> list_keeper::contents_now(const name& which, ca_records& records) const {
    revocation_query query{by_.id(), which.shard, 0, 0};
    if (which.delta) {
        const kept_list* complete = find({which.shard, false});
        query.recorded_since = complete ? delta_begins(complete->this_update) : 0;
    }
    std::set<bytes> serials;
    BERTH_CHECK(records.each_revoked(query, [&](const pki::revoked_entry& entry) { serials.insert(entry.serial); }));
    bytes all;
    for (const bytes& serial : serials) {
        all.push_back(static_cast<uint8_t>(serial.size()));
        append(all, serial);
    }
    return to_array<32>(crypto::sha256(all).view());
}

result<bool> list_keeper::is_due(const name& which, ca_records& records, uint64_t endings, unix_seconds now) {
    const auto found = lists_.find(which);
    if (found == lists_.end()) {
        return true;
    }
    state& kept = found->second;
    const unix_seconds life = kept.list.next_update - kept.list.this_update;
    if (now >= kept.list.this_update + life / 2 || life > (which.delta ? times_.delta : times_.complete)) {
        return true;
    }
    if (which.delta && find({which.shard, false})->number > kept.list.number) {
        return true;  // it continues a list that has been replaced
    }
    if (!which.delta) {
        // Somebody else has made one, by hand: what is served is the newest, and deltas begin at it. Not more often than once in
        // a while: two who keep the lists of one CA would follow each other without end.
        BERTH_TRY(newest, records.last_crl(by_.id(), which.shard, false));
        auto& followed = followed_[which];
        const bool may = followed == 0 || now < followed || now >= followed + follow_after;
        if (may && newest && newest->number > kept.list.number) {
            followed = now;
            return true;
        }
    }
    if (!at_once(which) || kept.endings == endings) {
        return false;
    }
    BERTH_TRY(contents, contents_now(which, records));
    if (contents != kept.contents) {
        return true;
    }
    kept.endings = endings;
    return false;
}

result<void> list_keeper::make(const name& which, ca_records& records, uint64_t endings, const clock& time) {
    list_order order;
    order.shard = which.shard;
    order.delta = which.delta;
    order.lifetime = which.delta ? times_.delta : times_.complete;
    BERTH_TRY(contents, contents_now(which, records));
    BERTH_TRY(list, make_list(by_, order, records, time));
    state next;
    next.list = {to_bytes(list.der()), list.number(), list.this_update(), list.next_update(), list.revoked().size()};
    next.endings = endings;
    next.contents = contents;
    lists_.insert_or_assign(which, std::move(next));
    return {};
}

result<std::optional<list_keeper::name>> list_keeper::make_next(ca_records& records, const clock& time) {
    // Read before the lists are: what ends meanwhile is noticed at the next call.
    BERTH_TRY(endings, records.endings());
    BERTH_CHECK(find_names(records));
    for (const name& which : names_) {
        BERTH_TRY(due, is_due(which, records, endings, time.now()));
        if (due) {
            BERTH_CHECK(make(which, records, endings, time));
            return std::optional(which);
        }
    }
    return std::optional<name>();
}

}  // namespace berth::ca
