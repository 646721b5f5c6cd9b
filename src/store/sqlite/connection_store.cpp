#include "store/sqlite/connection_store.h"

namespace berth::store {

using registry::connection_facts;
using registry::identity_name;

result<uint64_t> sqlite_connection_store::begin_broker(unix_seconds now) {
    return db_.transaction([&]() -> result<uint64_t> {
        std::vector<uint64_t> before;
        {
            BERTH_TRY(rows, db_.prepare("SELECT number FROM broker"));
            for (;;) {
                BERTH_TRY(row, rows.step());
                if (!row) {
                    break;
                }
                before.push_back(static_cast<uint64_t>(rows.integer(0)));
            }
        }
        for (const uint64_t one : before) {
            BERTH_TRY(held, marks_.held(one));
            if (!held) {
                BERTH_CHECK(end_broker(one));
            }
        }
        uint64_t number = 0;
        {
            BERTH_TRY(write, db_.prepare("INSERT INTO broker (began) VALUES (?) RETURNING number"));
            BERTH_TRY(row, write.bind(now).step());
            number = row ? static_cast<uint64_t>(write.integer(0)) : 0;
            BERTH_CHECK(write.run());
        }
        // Before anybody else can see it: who is not held is taken for one that was killed.
        BERTH_CHECK(marks_.hold(number));
        return number;
    });
}

result<void> sqlite_connection_store::end_broker(uint64_t broker) {
    return db_.transaction([&]() -> result<void> {
        for (const char* sql : {"DELETE FROM connection WHERE broker = ?", "DELETE FROM broker WHERE number = ?"}) {
            BERTH_TRY(write, db_.prepare(sql));
            BERTH_CHECK(write.bind(static_cast<int64_t>(broker)).run());
        }
        return {};
    });
}

result<void> sqlite_connection_store::note(uint64_t broker, std::span<const presence> changed, uint64_t devices) {
    return db_.transaction([&]() -> result<void> {
        for (const auto& one : changed) {
            if (one.here) {
                BERTH_TRY(write, db_.prepare("INSERT INTO connection (device, module, broker, since) VALUES (?, ?, ?, ?) "
                                             "ON CONFLICT DO UPDATE SET since = excluded.since"));
                BERTH_CHECK(
                    write.bind(one.name.device).bind(one.name.module).bind(static_cast<int64_t>(broker)).bind(one.at).run());
            } else {
                BERTH_TRY(write, db_.prepare("DELETE FROM connection WHERE device = ? AND module = ? AND broker = ?"));
                BERTH_CHECK(write.bind(one.name.device).bind(one.name.module).bind(static_cast<int64_t>(broker)).run());
            }
        }
        BERTH_TRY(write, db_.prepare("UPDATE broker SET devices = ? WHERE number = ?"));
        return write.bind(static_cast<int64_t>(devices)).bind(static_cast<int64_t>(broker)).run();
    });
}

result<connection_facts> sqlite_connection_store::facts_of(const identity_name& name) {
    connection_facts out;
    if (!name.is_module()) {
        BERTH_TRY(read, db_.prepare("SELECT count(*) FROM device_message WHERE device = ?"));
        BERTH_TRY(row, read.bind(name.device).step());
        out.messages_waiting = row ? static_cast<uint64_t>(read.integer(0)) : 0;
    }
    BERTH_TRY(rows, db_.prepare("SELECT broker, since FROM connection WHERE device = ? AND module = ?"));
    rows.bind(name.device).bind(name.module);
    for (;;) {
        BERTH_TRY(row, rows.step());
        if (!row) {
            return out;
        }
        BERTH_TRY(held, marks_.held(static_cast<uint64_t>(rows.integer(0))));
        if (held) {
            out.changed = out.connected ? std::min(out.changed, rows.integer(1)) : rows.integer(1);
            out.connected = true;
        }
    }
}

result<uint64_t> sqlite_connection_store::connected_devices() {
    uint64_t out = 0;
    BERTH_TRY(rows, db_.prepare("SELECT number, devices FROM broker"));
    for (;;) {
        BERTH_TRY(row, rows.step());
        if (!row) {
            return out;
        }
        BERTH_TRY(held, marks_.held(static_cast<uint64_t>(rows.integer(0))));
        if (held) {
            out += static_cast<uint64_t>(rows.integer(1));
        }
    }
}

}  // namespace berth::store
