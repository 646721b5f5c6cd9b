// The revocation lists of one CA, kept made in time: each is made anew before it ends, and at once when something was ended.
//
// Who calls make_next() every second, until it says that nothing is due, has lists no older than that. Where there are deltas,
// it is these that are made at once; the complete lists that they begin at are made when half of their time is over.
#pragma once

#include "ca/publish.h"

#include <map>

namespace berth::ca {

struct list_times {
    unix_seconds complete = 86'400;  // from thisUpdate to nextUpdate
    unix_seconds delta = 3'600;
};

struct kept_list {
    bytes der;
    uint64_t number = 0;
    unix_seconds this_update = 0;
    unix_seconds next_update = 0;
    size_t entries = 0;
};

class list_keeper {
public:
    struct name {
        std::optional<uint32_t> shard = {};
        bool delta = false;
        friend auto operator<=>(const name&, const name&) = default;
    };

    // `by` with a shard_size has a list for each shard, else one for all; with a delta_url each has a delta.
    list_keeper(issuer by, list_times times) : by_(std::move(by)), times_(times) {}

    // Makes one list that is due. Nothing: none is. Errors of make_list() and of the records: what was there stays, and the same
    // list is due at the next call.
    result<std::optional<name>> make_next(ca_records& records, const clock& time);

    // The lists of one that had the same CA and addresses, whatever its times were: they are there until they are made anew.
    void take_over(list_keeper&& former);

    // Null: there is no such list, or not yet.
    [[nodiscard]] const kept_list* find(const name& which) const;
    [[nodiscard]] const issuer& by() const { return by_; }
    // Of the list that ends first; nothing: there is none yet.
    [[nodiscard]] std::optional<unix_seconds> first_end() const;
    // Errors `list_missing`, `list_expired` (environment).
    [[nodiscard]] result<void> check(unix_seconds now) const;

private:
    struct state {
        kept_list list;
        uint64_t endings = 0;  // of the records, when it was last judged
        std::array<uint8_t, 32> contents{};
    };
    [[nodiscard]] bool at_once(const name& which) const { return which.delta || by_.settings().delta_url.empty(); }
    result<void> find_names(ca_records& records);
    result<std::array<uint8_t, 32>> contents_now(const name& which, ca_records& records) const;
    result<bool> is_due(const name& which, ca_records& records, uint64_t endings, unix_seconds now);
    result<void> make(const name& which, ca_records& records, uint64_t endings, const clock& time);

    issuer by_;
    list_times times_;
    std::vector<name> names_;  // complete ones before their deltas
    std::map<name, state> lists_;
    std::map<name, unix_seconds> followed_;  // when somebody else's list was the reason for one of ours
};

}  // namespace berth::ca
