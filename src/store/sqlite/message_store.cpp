#include "store/sqlite/message_store.h"

#include "wire/json.h"

namespace berth::store {

using namespace registry;

namespace {

#define BERTH_MESSAGE_COLUMNS                                                                                                \
    "SELECT number, device, generation, enqueued, expires, ack, id, correlation, type, encoding, deliveries, locked_until, " \
    "lock"
#define BERTH_WHOLE_MESSAGE BERTH_MESSAGE_COLUMNS ", properties, body FROM device_message "

std::string text_of(const message_properties& properties) {
    wire::json::array out;
    for (const auto& [name, value] : properties) {
        out.emplace_back(name);
        out.emplace_back(value);
    }
    return wire::to_text(out);
}

result<message_properties> properties_from(const std::string& text) {
    BERTH_TRY(parsed, wire::parse_json(text));
    message_properties out;
    const auto* const all = parsed.if_array();
    for (size_t i = 0; all != nullptr && i + 1 < all->size(); i += 2) {
        const auto *const name = (*all)[i].if_string(), *const value = (*all)[i + 1].if_string();
        if (name != nullptr && value != nullptr) {
            out.emplace_back(*name, *value);
        }
    }
    return out;
}

device_message read_head(const statement& row) {
    device_message out;
    out.number = static_cast<uint64_t>(row.integer(0));
    out.device = row.text(1);
    out.generation = static_cast<uint64_t>(row.integer(2));
    out.enqueued = row.integer(3);
    out.expires = row.integer(4);
    out.ack = message_ack_from(row.text(5)).value_or(message_ack::none);
    out.id = row.text(6);
    out.correlation = row.text(7);
    out.content_type = row.text(8);
    out.content_encoding = row.text(9);
    out.deliveries = static_cast<uint64_t>(row.integer(10));
    out.locked_until = row.integer(11);
    out.lock = row.text(12);
    return out;
}

result<device_message> read_whole(const statement& row) {
    auto out = read_head(row);
    BERTH_TRY(properties, properties_from(row.text(13)));
    out.properties = std::move(properties);
    out.body = row.blob(14);
    return out;
}

template <class Read>
auto read_all(statement& rows, const Read& read) -> result<std::vector<typename decltype(read(rows))::value_type>> {
    std::vector<typename decltype(read(rows))::value_type> out;
    for (;;) {
        BERTH_TRY(row, rows.step());
        if (!row) {
            return out;
        }
        BERTH_TRY(one, read(rows));
        out.push_back(std::move(one));
    }
}

result<device_message> head_of(const statement& row) {
    return read_head(row);
}

tl::unexpected<error> lock_lost() {
    return fail(error_category::peer, "message_lock_lost",
                "nothing is locked by this token, or not any longer: what was, is given again");
}

std::string_view event_of(message_end how) {
    switch (how) {
    case message_end::success: return "completed";
    case message_end::expired: return "expired";
    case message_end::delivery_count_exceeded: return "delivery_count_exceeded";
    case message_end::rejected: return "rejected";
    default: return "purged";
    }
}

}  // namespace

result<void> sqlite_message_store::tell(const std::string& device) {
    BERTH_TRY(write, db_.prepare("INSERT INTO queue_news (device) VALUES (?)"));
    BERTH_CHECK(write.bind(device).run());
    BERTH_TRY(forget, db_.prepare("DELETE FROM queue_news WHERE number <= (SELECT max(number) FROM queue_news) - ?"));
    return forget.bind(most_news).run();
}

result<void> sqlite_message_store::count(std::string_view event, int64_t more) {
    BERTH_TRY(write, db_.prepare("INSERT INTO message_count VALUES (?1, ?2) ON CONFLICT DO UPDATE SET count = count + ?2"));
    return write.bind(event).bind(more).run();
}

// ---- of back ends

result<uint64_t> sqlite_message_store::enqueue(const device_message& fresh) {
    return db_.transaction([&]() -> result<uint64_t> {
        int64_t generation = 0;
        {
            BERTH_TRY(read, db_.prepare("SELECT generation FROM identity WHERE device = ? AND module = ''"));
            BERTH_TRY(row, read.bind(fresh.device).step());
            if (!row) {
                return fail(error{error_category::peer,
                                  "unknown_identity",
                                  fmt::format("there is no device \"{}\"", fresh.device),
                                  {{"name", fresh.device}}});
            }
            generation = read.integer(0);
        }
        BERTH_TRY(facts, facts_of(fresh.device));
        if (facts.waiting + facts.given >= most_messages) {
            return fail(error{error_category::peer,
                              "queue_full",
                              fmt::format("{} messages wait for \"{}\" already, as many as may", most_messages, fresh.device),
                              {{"name", fresh.device}}});
        }
        BERTH_TRY(write, db_.prepare("INSERT INTO device_message (device, generation, enqueued, expires, ack, id, correlation, "
                                     "type, encoding, properties, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING "
                                     "number"));
        BERTH_TRY(row, write.bind(fresh.device)
                           .bind(generation)
                           .bind(fresh.enqueued)
                           .bind(fresh.expires)
                           .bind(to_string(fresh.ack))
                           .bind(fresh.id)
                           .bind(fresh.correlation)
                           .bind(fresh.content_type)
                           .bind(fresh.content_encoding)
                           .bind(text_of(fresh.properties))
                           .bind(bytes_view(fresh.body))
                           .step());
        const uint64_t number = row ? static_cast<uint64_t>(write.integer(0)) : 0;
        BERTH_CHECK(write.run());
        BERTH_CHECK(count("enqueued"));
        BERTH_CHECK(tell(fresh.device));
        return number;
    });
}

result<std::vector<device_message>> sqlite_message_store::queue_of(const std::string& device, size_t most) {
    BERTH_TRY(rows, db_.prepare(BERTH_WHOLE_MESSAGE "WHERE device = ? ORDER BY number LIMIT ?"));
    rows.bind(device).bind(static_cast<int64_t>(most));
    return read_all(rows, read_whole);
}

result<queue_facts> sqlite_message_store::facts_of(const std::string& device) {
    BERTH_TRY(read, db_.prepare("SELECT count(*), total(locked_until <> 0), min(enqueued) FROM device_message WHERE device = ?"));
    BERTH_TRY(row, read.bind(device).step());
    queue_facts out;
    if (row) {
        out.given = static_cast<uint64_t>(read.integer(1));
        out.waiting = static_cast<uint64_t>(read.integer(0)) - out.given;
        out.oldest = read.integer(2);
    }
    return out;
}

result<uint64_t> sqlite_message_store::purge(const std::string& device, unix_seconds now) {
    return db_.transaction([&]() -> result<uint64_t> {
        std::vector<device_message> all;
        {
            BERTH_TRY(rows, db_.prepare(BERTH_MESSAGE_COLUMNS " FROM device_message WHERE device = ? ORDER BY number"));
            rows.bind(device);
            BERTH_TRY(read, read_all(rows, head_of));
            all = std::move(read);
        }
        for (const auto& one : all) {
            BERTH_CHECK(end(one, message_end::purged, now));
        }
        return all.size();
    });
}

// ---- endings

result<void> sqlite_message_store::end(const device_message& of, message_end how, unix_seconds now) {
    BERTH_TRY(write, db_.prepare("DELETE FROM device_message WHERE number = ?"));
    BERTH_CHECK(write.bind(static_cast<int64_t>(of.number)).run());
    BERTH_CHECK(count(event_of(how)));
    if (!wants(of.ack, how)) {
        return {};
    }
    BERTH_TRY(told,
              db_.prepare("INSERT INTO message_feedback (original, ending, device, generation, at) VALUES (?, ?, ?, ?, ?)"));
    BERTH_CHECK(told.bind(of.id).bind(to_string(how)).bind(of.device).bind(static_cast<int64_t>(of.generation)).bind(now).run());
    BERTH_TRY(forget, db_.prepare("DELETE FROM message_feedback WHERE number <= (SELECT max(number) FROM message_feedback) - ?"));
    return forget.bind(most_feedback).run();
}

result<void> sqlite_message_store::free(const device_message& of, unix_seconds now) {
    if (of.deliveries >= most_deliveries) {
        return end(of, message_end::delivery_count_exceeded, now);
    }
    BERTH_TRY(write, db_.prepare("UPDATE device_message SET locked_until = 0, lock = '' WHERE number = ?"));
    BERTH_CHECK(write.bind(static_cast<int64_t>(of.number)).run());
    return tell(of.device);
}

// ---- by locks

result<void> sqlite_message_store::lock_one(uint64_t number, const std::string& lock, unix_seconds now) {
    BERTH_TRY(write, db_.prepare("UPDATE device_message SET deliveries = deliveries + 1, locked_until = ?, lock = ? WHERE "
                                 "number = ?"));
    BERTH_CHECK(write.bind(now + message_lock).bind(lock).bind(static_cast<int64_t>(number)).run());
    return count("delivered");
}

result<std::optional<device_message>> sqlite_message_store::receive(const std::string& device, const std::string& lock,
                                                                    unix_seconds now) {
    return db_.transaction([&]() -> result<std::optional<device_message>> {
        std::optional<device_message> out;
        {
            // A lock that has lapsed is none, also where nobody has swept since. One that has been given too often is the
            // sweep's.
            BERTH_TRY(rows, db_.prepare(BERTH_WHOLE_MESSAGE "WHERE device = ? AND locked_until <= ? AND expires > ? AND "
                                                            "deliveries < ? ORDER BY number LIMIT 1"));
            BERTH_TRY(row, rows.bind(device).bind(now).bind(now).bind(static_cast<int64_t>(most_deliveries)).step());
            if (!row) {
                return out;
            }
            BERTH_TRY(found, read_whole(rows));
            out = std::move(found);
        }
        BERTH_CHECK(lock_one(out->number, lock, now));
        ++out->deliveries;
        out->locked_until = now + message_lock;
        out->lock = lock;
        return out;
    });
}

result<std::optional<device_message>> sqlite_message_store::find_locked(const std::string& device, const std::string& lock,
                                                                        unix_seconds now) {
    BERTH_TRY(rows, db_.prepare(BERTH_MESSAGE_COLUMNS " FROM device_message WHERE device = ? AND lock = ? AND lock <> '' AND "
                                                      "locked_until > ?"));
    BERTH_TRY(row, rows.bind(device).bind(lock).bind(now).step());
    return row ? std::optional(read_head(rows)) : std::nullopt;
}

result<device_message> sqlite_message_store::require_locked(const std::string& device, const std::string& lock,
                                                            unix_seconds now) {
    BERTH_TRY(found, find_locked(device, lock, now));
    if (!found) {
        return lock_lost();
    }
    return std::move(*found);
}

result<void> sqlite_message_store::complete(const std::string& device, const std::string& lock, unix_seconds now) {
    return db_.transaction([&]() -> result<void> {
        BERTH_TRY(found, require_locked(device, lock, now));
        return end(found, message_end::success, now);
    });
}

result<void> sqlite_message_store::reject(const std::string& device, const std::string& lock, unix_seconds now) {
    return db_.transaction([&]() -> result<void> {
        BERTH_TRY(found, require_locked(device, lock, now));
        return end(found, message_end::rejected, now);
    });
}

result<void> sqlite_message_store::abandon(const std::string& device, const std::string& lock, unix_seconds now) {
    return db_.transaction([&]() -> result<void> {
        BERTH_TRY(found, require_locked(device, lock, now));
        BERTH_CHECK(count("abandoned"));
        return free(found, now);
    });
}

// ---- by numbers

result<void> sqlite_message_store::note_given(const std::string& device, uint64_t number, unix_seconds now) {
    return db_.transaction([&]() -> result<void> {
        BERTH_TRY(found, find(device, number));
        return found ? lock_one(number, "", now) : result<void>();
    });
}

result<void> sqlite_message_store::complete(const std::string& device, uint64_t number, unix_seconds now) {
    return db_.transaction([&]() -> result<void> {
        BERTH_TRY(found, find(device, number));
        return found ? end(*found, message_end::success, now) : result<void>();
    });
}

result<void> sqlite_message_store::reject(const std::string& device, uint64_t number, unix_seconds now) {
    return db_.transaction([&]() -> result<void> {
        BERTH_TRY(found, find(device, number));
        return found ? end(*found, message_end::rejected, now) : result<void>();
    });
}

result<void> sqlite_message_store::bring_back(const std::string& device, uint64_t number, unix_seconds now) {
    return db_.transaction([&]() -> result<void> {
        BERTH_TRY(found, find(device, number));
        // Somebody may have received it over HTTPS meanwhile: then it is his.
        return found && !found->is_waiting() && found->lock.empty() ? free(*found, now) : result<void>();
    });
}

// ---- feedback

result<std::vector<message_feedback>> sqlite_message_store::receive_feedback(const std::string& lock, size_t most,
                                                                             unix_seconds now) {
    return db_.transaction([&]() -> result<std::vector<message_feedback>> {
        std::vector<message_feedback> out;
        {
            BERTH_TRY(rows, db_.prepare("SELECT number, original, ending, device, generation, at FROM message_feedback WHERE "
                                        "locked_until <= ? ORDER BY number LIMIT ?"));
            rows.bind(now).bind(static_cast<int64_t>(most));
            BERTH_TRY(some, read_all(rows, [](const statement& row) -> result<message_feedback> {
                          return message_feedback{static_cast<uint64_t>(row.integer(0)),
                                                  row.text(1),
                                                  message_end_from(row.text(2)).value_or(message_end::success),
                                                  row.text(3),
                                                  static_cast<uint64_t>(row.integer(4)),
                                                  row.integer(5)};
                      }));
            out = std::move(some);
        }
        for (const auto& one : out) {
            BERTH_TRY(write, db_.prepare("UPDATE message_feedback SET locked_until = ?, lock = ? WHERE number = ?"));
            BERTH_CHECK(write.bind(now + message_lock).bind(lock).bind(static_cast<int64_t>(one.number)).run());
        }
        return out;
    });
}

result<void> sqlite_message_store::complete_feedback(const std::string& lock, unix_seconds now) {
    return db_.transaction([&]() -> result<void> {
        BERTH_TRY(write, db_.prepare("DELETE FROM message_feedback WHERE locked_until > ? AND lock = ?"));
        BERTH_CHECK(write.bind(now).bind(lock).run());
        return db_.changes() > 0 ? result<void>() : lock_lost();
    });
}

result<void> sqlite_message_store::abandon_feedback(const std::string& lock, unix_seconds now) {
    return db_.transaction([&]() -> result<void> {
        BERTH_TRY(write, db_.prepare("UPDATE message_feedback SET locked_until = 0, lock = '' WHERE locked_until > ? AND "
                                     "lock = ?"));
        BERTH_CHECK(write.bind(now).bind(lock).run());
        return db_.changes() > 0 ? result<void>() : lock_lost();
    });
}

// ---- time

result<bool> sqlite_message_store::is_due(unix_seconds now) {
    BERTH_TRY(read, db_.prepare("SELECT EXISTS (SELECT 1 FROM device_message WHERE expires <= ?1) OR "
                                "EXISTS (SELECT 1 FROM device_message WHERE locked_until <> 0 AND locked_until <= ?1) OR "
                                "EXISTS (SELECT 1 FROM message_feedback WHERE at < ?2)"));
    BERTH_TRY(row, read.bind(now).bind(now - most_message_life).step());
    return row && read.integer(0) != 0;
}

result<bool> sqlite_message_store::sweep(unix_seconds now, size_t most) {
    return db_.transaction([&]() -> result<bool> {
        const auto some = [&](const char* sql) -> result<std::vector<device_message>> {
            BERTH_TRY(rows, db_.prepare(sql));
            rows.bind(now).bind(static_cast<int64_t>(most));
            return read_all(rows, head_of);
        };
        BERTH_TRY(expired, some(BERTH_MESSAGE_COLUMNS " FROM device_message WHERE expires <= ? ORDER BY expires LIMIT ?"));
        for (const auto& one : expired) {
            BERTH_CHECK(end(one, message_end::expired, now));
        }
        BERTH_TRY(lapsed, some(BERTH_MESSAGE_COLUMNS " FROM device_message WHERE locked_until <> 0 AND locked_until <= ? "
                                                     "ORDER BY locked_until LIMIT ?"));
        for (const auto& one : lapsed) {
            BERTH_CHECK(free(one, now));
        }
        BERTH_TRY(forget, db_.prepare("DELETE FROM message_feedback WHERE at < ?"));
        BERTH_CHECK(forget.bind(now - most_message_life).run());
        return expired.size() == most || lapsed.size() == most;
    });
}

result<std::vector<message_count>> sqlite_message_store::counts() {
    BERTH_TRY(rows, db_.prepare("SELECT event, count FROM message_count"));
    return read_all(rows, [](const statement& row) -> result<message_count> {
        return message_count{row.text(0), static_cast<uint64_t>(row.integer(1))};
    });
}

// ---- of brokers

result<std::vector<device_message>> sqlite_message_store::open_queue(const std::string& device) {
    BERTH_TRY(rows, db_.prepare(BERTH_MESSAGE_COLUMNS ", properties, x'' FROM device_message WHERE device = ? AND lock = '' "
                                                      "ORDER BY number"));
    rows.bind(device);
    return read_all(rows, read_whole);
}

result<std::optional<device_message>> sqlite_message_store::find(const std::string& device, uint64_t number) {
    BERTH_TRY(rows, db_.prepare(BERTH_WHOLE_MESSAGE "WHERE number = ? AND device = ?"));
    BERTH_TRY(row, rows.bind(static_cast<int64_t>(number)).bind(device).step());
    if (!row) {
        return std::nullopt;
    }
    BERTH_TRY(found, read_whole(rows));
    return std::optional(std::move(found));
}

result<std::vector<sqlite_message_store::news>> sqlite_message_store::news_after(uint64_t number, size_t most) {
    BERTH_TRY(rows, db_.prepare("SELECT number, device FROM queue_news WHERE number > ? ORDER BY number LIMIT ?"));
    rows.bind(static_cast<int64_t>(number)).bind(static_cast<int64_t>(most));
    return read_all(
        rows, [](const statement& row) -> result<news> { return news{static_cast<uint64_t>(row.integer(0)), row.text(1)}; });
}

result<std::pair<uint64_t, uint64_t>> sqlite_message_store::news_range() {
    BERTH_TRY(read, db_.prepare("SELECT min(number), max(number) FROM queue_news"));
    BERTH_TRY(row, read.step());
    return row ? std::pair(static_cast<uint64_t>(read.integer(0)), static_cast<uint64_t>(read.integer(1)))
               : std::pair<uint64_t, uint64_t>();
}

result<void> sqlite_message_store::note_listener(const std::string& device, bool listens) {
    return db_.transaction([&]() -> result<void> {
        BERTH_TRY(write, db_.prepare(listens ? "INSERT INTO message_listener SELECT device FROM identity WHERE device = ? AND "
                                               "module = '' ON CONFLICT DO NOTHING"
                                             : "DELETE FROM message_listener WHERE device = ?"));
        return write.bind(device).run();
    });
}

result<bool> sqlite_message_store::is_listener(const std::string& device) {
    BERTH_TRY(read, db_.prepare("SELECT 1 FROM message_listener WHERE device = ?"));
    return read.bind(device).step();
}

}  // namespace berth::store
