#include "store/sqlite/twin_store.h"

namespace berth::store {

using namespace registry;

namespace {

result<twin_section> read_section(const statement& row, int first) {
    twin_section out;
    auto properties = wire::parse_json_object(row.text(first), 2 * most_twin_section);
    if (!properties) {
        return fail(std::move(properties).error().during("a twin in hub.db"));
    }
    out.properties = std::move(*properties);
    out.version = static_cast<uint64_t>(row.integer(first + 1));
    out.changed = row.integer(first + 2);
    return out;
}

}  // namespace

result<twin> sqlite_twin_store::twin_of(const identity_name& name) {
    BERTH_TRY(read, db_.prepare("SELECT desired, desired_version, desired_changed, reported, reported_version, reported_changed "
                                "FROM twin WHERE device = ? AND module = ?"));
    BERTH_TRY(row, read.bind(name.device).bind(name.module).step());
    twin out;
    if (row) {
        BERTH_TRY(desired, read_section(read, 0));
        BERTH_TRY(reported, read_section(read, 3));
        out = {std::move(desired), std::move(reported)};
    }
    return out;
}

// The row of one that is not there yet is at version 1, as twin_of() says.
result<void> sqlite_twin_store::set(const char* sql, const identity_name& name, const twin_section& after) {
    return db_.transaction([&]() -> result<void> {
        BERTH_TRY(make, db_.prepare("INSERT INTO twin (device, module) SELECT device, module FROM identity WHERE device = ? AND "
                                    "module = ? ON CONFLICT DO NOTHING"));
        BERTH_CHECK(make.bind(name.device).bind(name.module).run());
        BERTH_TRY(write, db_.prepare(sql));
        BERTH_CHECK(write.bind(wire::to_text(after.properties))
                        .bind(static_cast<int64_t>(after.version))
                        .bind(after.changed)
                        .bind(name.device)
                        .bind(name.module)
                        .bind(static_cast<int64_t>(after.version - 1))
                        .run());
        if (db_.changes() == 0) {
            return fail(error{error_category::peer,
                              "etag_mismatch",
                              fmt::format("the twin of \"{}\" was changed since it was read", name.text()),
                              {{"name", name.text()}}});
        }
        return {};
    });
}

result<void> sqlite_twin_store::set_desired(const identity_name& name, const twin_section& after,
                                            const wire::json::object& patch) {
    return db_.transaction([&]() -> result<void> {
        BERTH_CHECK(
            set("UPDATE twin SET desired = ?, desired_version = ?, desired_changed = ? WHERE device = ? AND module = ? AND "
                "desired_version = ?",
                name, after));
        BERTH_TRY(write, db_.prepare("INSERT INTO desired_news (device, module, version, patch) VALUES (?, ?, ?, ?)"));
        BERTH_CHECK(
            write.bind(name.device).bind(name.module).bind(static_cast<int64_t>(after.version)).bind(wire::to_text(patch)).run());
        BERTH_TRY(forget, db_.prepare("DELETE FROM desired_news WHERE number <= (SELECT max(number) FROM desired_news) - ?"));
        return forget.bind(most_desired_news).run();
    });
}

result<void> sqlite_twin_store::set_reported(const identity_name& name, const twin_section& after) {
    return set("UPDATE twin SET reported = ?, reported_version = ?, reported_changed = ? WHERE device = ? AND module = ? AND "
               "reported_version = ?",
               name, after);
}

result<std::vector<desired_news>> sqlite_twin_store::news(uint64_t after, size_t most) {
    BERTH_TRY(rows,
              db_.prepare("SELECT number, device, module, version, patch FROM desired_news WHERE number > ? ORDER BY number "
                          "LIMIT ?"));
    rows.bind(static_cast<int64_t>(after)).bind(static_cast<int64_t>(most));
    std::vector<desired_news> out;
    for (;;) {
        BERTH_TRY(row, rows.step());
        if (!row) {
            return out;
        }
        out.push_back({static_cast<uint64_t>(rows.integer(0)),
                       {rows.text(1), rows.text(2)},
                       static_cast<uint64_t>(rows.integer(3)),
                       rows.text(4)});
    }
}

result<uint64_t> sqlite_twin_store::newest_news() {
    BERTH_TRY(read, db_.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'desired_news'"));
    BERTH_TRY(row, read.step());
    return row ? static_cast<uint64_t>(read.integer(0)) : 0;
}

}  // namespace berth::store
