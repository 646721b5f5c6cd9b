// What groups may do.
#include "store/sqlite/hub_store.h"

#include <fmt/ranges.h>

namespace berth::store {

using namespace registry;

namespace {

// Filters have no line breaks: check_policy() sees to that.
std::string lines(const std::vector<std::string>& some) {
    return fmt::format("{}", fmt::join(some, "\n"));
}

std::vector<std::string> from_lines(std::string_view text) {
    std::vector<std::string> out;
    while (!text.empty()) {
        const size_t end = std::min(text.find('\n'), text.size());
        out.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return out;
}

}  // namespace

result<std::vector<group_policy>> sqlite_hub_store::policies() {
    BERTH_TRY(rows, db_->prepare("SELECT grouped, allowed, publish, subscribe FROM group_policy ORDER BY grouped"));
    std::vector<group_policy> out;
    for (;;) {
        BERTH_TRY(row, rows.step());
        if (!row) {
            return out;
        }
        out.push_back({rows.text(0), operation_set::from(static_cast<uint32_t>(rows.integer(1))), from_lines(rows.text(2)),
                       from_lines(rows.text(3))});
    }
}

result<void> sqlite_hub_store::set_policy(const group_policy& policy) {
    BERTH_CHECK(check_policy(policy));
    return db_->transaction([&]() -> result<void> {
        BERTH_TRY(write,
                  db_->prepare("INSERT INTO group_policy (grouped, allowed, publish, subscribe) VALUES (?, ?, ?, ?) "
                               "ON CONFLICT (grouped) DO UPDATE SET allowed = excluded.allowed, publish = excluded.publish, "
                               "subscribe = excluded.subscribe"));
        BERTH_CHECK(write.bind(policy.group)
                        .bind(static_cast<int64_t>(policy.allowed.number()))
                        .bind(lines(policy.publish))
                        .bind(lines(policy.subscribe))
                        .run());
        BERTH_TRY(number, db_->prepare("SELECT count(*) FROM group_policy"));
        BERTH_CHECK(number.step());
        if (number.integer(0) > static_cast<int64_t>(most_group_policies)) {
            return fail(error_category::usage, "too_many_policies",
                        fmt::format("a hub has policies for {} groups at most", most_group_policies));
        }
        return count("policies", 1);
    });
}

result<bool> sqlite_hub_store::remove_policy(const std::string& group) {
    return db_->transaction([&]() -> result<bool> {
        BERTH_TRY(gone, db_->prepare("DELETE FROM group_policy WHERE grouped = ?"));
        BERTH_CHECK(gone.bind(group).run());
        if (db_->changes() == 0) {
            return false;
        }
        BERTH_CHECK(count("policies", 1));
        return true;
    });
}

result<uint64_t> sqlite_hub_store::policy_generation() {
    BERTH_TRY(value, counted("policies"));
    return static_cast<uint64_t>(value);
}

}  // namespace berth::store
