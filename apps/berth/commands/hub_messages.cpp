// berth hub message: what is sent to devices, and what became of it.
#include "berth/commands/hub_group.h"
#include "common/words.h"
#include "crypto/random.h"
#include "hub/messages/bag.h"
#include "hub/messages/message_headers.h"
#include "hub/messages/message_json.h"
#include "setup/ca_profiles.h"
#include "store/sqlite/message_store.h"

namespace berth::app {

namespace {

using namespace registry;

struct options {
    std::string hub, name, body, id, correlation, type, encoding, expires = "1h", ack = "none";
    std::vector<std::string> properties;
    uint64_t number = 0;
    bool keep = false;
};

std::string state_of(const device_message& m) {
    return m.is_waiting() ? "enqueued" : "given until " + to_iso8601(m.locked_until);
}

void show_line(const device_message& m) {
    fmt::print("{:>8}  {:<36} {:>6} octets  delivered {}x  expires {}  {}\n", m.number, one_line(m.id), m.body.size(),
               m.deliveries, to_iso8601(m.expires), state_of(m));
}

result<device_message> read_message(const options& o, unix_seconds now) {
    device_message out;
    out.enqueued = now;
    BERTH_TRY(body, text_or_file(o.body));
    out.body.assign(body.begin(), body.end());
    out.id = o.id.empty() ? hub::draw_token(crypto::system_random()) : o.id;
    out.correlation = o.correlation;
    out.content_type = o.type;
    out.content_encoding = o.encoding;
    const auto life = parse_lifetime(o.expires);
    const auto ack = message_ack_from(o.ack);
    if (!life || *life > most_message_life) {
        return fail(error_category::usage, "bad_arguments", "--expires is a time as 90m or 2d, and two days at most");
    }
    if (!ack) {
        return fail(error_category::usage, "bad_arguments", "--ack is none, positive, negative or full");
    }
    out.expires = now + std::min(*life, most_message_life + 1);
    out.ack = *ack;
    for (const auto& one : o.properties) {
        const size_t equal = one.find('=');
        if (equal == std::string::npos) {
            return fail(error_category::usage, "bad_arguments", fmt::format("--property {} is no NAME=VALUE", one));
        }
        out.properties.emplace_back(one.substr(0, equal), one.substr(equal + 1));
    }
    return out;
}

// Messages are devices' own.
result<identity> require_device(hub_registry& hub, const std::string& name) {
    BERTH_TRY(of, require_identity(hub, name));
    if (of.name.is_module()) {
        return fail(error_category::usage, "bad_arguments", "messages are sent to devices: modules have no queue of them");
    }
    return of;
}

result<void> send(const context& c, const options& o) {
    const unix_seconds now = system_clock().now();
    BERTH_TRY(fresh, read_message(o, now));
    BERTH_TRY(store, open_hub_store(o.hub));
    BERTH_TRY(of, require_device(*store, o.name));
    fresh.device = of.name.device;
    BERTH_CHECK(hub::check_sendable(fresh, now));
    BERTH_TRY(number, store::sqlite_message_store(*store).enqueue(fresh));
    if (c.json) {
        print_json(wire::json::object{
            {"sequenceNumber", number}, {"messageId", fresh.id}, {"expiryTimeUtc", to_iso8601(fresh.expires)}});
    } else {
        fmt::print("message {} waits for {}: {}\n", number, of.name.device, fresh.id);
    }
    return {};
}

result<void> list(const context& c, const options& o) {
    BERTH_TRY(store, read_hub_store(o.hub));
    BERTH_TRY(of, require_device(*store, o.name));
    BERTH_TRY(all, store::sqlite_message_store(*store).queue_of(of.name.device));
    wire::json::array out;
    for (const auto& one : all) {
        if (c.json) {
            out.push_back(hub::to_json(one));
        } else {
            show_line(one);
        }
    }
    if (c.json) {
        print_json(out);
    } else if (all.empty()) {
        fmt::print("no message waits for {}\n", of.name.device);
    }
    return {};
}

result<void> show(const context& c, const options& o) {
    BERTH_TRY(store, read_hub_store(o.hub));
    BERTH_TRY(of, require_device(*store, o.name));
    BERTH_TRY(found, store::sqlite_message_store(*store).find(of.name.device, o.number));
    if (!found) {
        return fail(error_category::usage, "unknown_message",
                    fmt::format("there is no message {} for {}: it was never there, or is over", o.number, of.name.device));
    }
    if (c.json) {
        print_json(hub::to_json(*found));
        return {};
    }
    show_line(*found);
    for (const auto& [name, value] : found->properties) {
        fmt::print("  {} = {}\n", one_line(name), one_line(value));
    }
    fmt::print("  {}\n", one_line(std::string(as_text(found->body))));
    return {};
}

result<void> purge(const context& c, const options& o) {
    BERTH_TRY(store, open_hub_store(o.hub));
    BERTH_TRY(of, require_device(*store, o.name));
    BERTH_TRY(count, store::sqlite_message_store(*store).purge(of.name.device, system_clock().now()));
    if (c.json) {
        print_json(wire::json::object{{"totalMessagesPurged", count}, {"deviceId", of.name.device}, {"moduleId", nullptr}});
    } else {
        fmt::print("{} messages for {} are gone\n", count, of.name.device);
    }
    return {};
}

// What is told is taken out, unless it is to be kept.
result<void> feedback(const context& c, const options& o) {
    BERTH_TRY(store, open_hub_store(o.hub));
    store::sqlite_message_store messages(*store);
    const unix_seconds now = system_clock().now();
    const std::string lock = hub::draw_token(crypto::system_random());
    BERTH_TRY(some, messages.receive_feedback(lock, 100, now));
    if (c.json) {
        print_json(hub::to_json(some));
    } else {
        for (const auto& one : some) {
            fmt::print("{}  {:<22} {:<32} {}\n", to_iso8601(one.at), to_string(one.end), one.device, one_line(one.original_id));
        }
        if (some.empty()) {
            fmt::print("there is none\n");
        }
    }
    if (some.empty()) {
        return {};
    }
    return o.keep ? messages.abandon_feedback(lock, now) : messages.complete_feedback(lock, now);
}

}  // namespace

void add_hub_messages(CLI::App& hub, context& c) {
    hub_group<options> o(hub, c, "message", "messages to devices: each waits until its device has taken it, or it is over");
    const auto for_device = [&o](const char* name, const char* help, hub_group<options>::work does) {
        return o.add_named(name, help, "DEVICE", "the device", does);
    };
    auto* cmd = for_device("send", "send one; up to 50 may wait for a device", send);
    cmd->add_option("--body", o->body, "TEXT, or @FILE; with all else up to 64 KiB")->required();
    cmd->add_option("--property", o->properties, "NAME=VALUE; may be given again");
    cmd->add_option("--id", o->id, "its id; without, one is drawn");
    cmd->add_option("--correlation-id", o->correlation, "another's id");
    cmd->add_option("--content-type", o->type, "application/json, say");
    cmd->add_option("--content-encoding", o->encoding, "utf-8, say");
    cmd->add_option("--expires", o->expires, "how long it waits (90m, 2d at most); default 1h");
    cmd->add_option("--ack", o->ack, "which endings are to be told of by feedback: positive, negative, full; default none");
    for_device("list", "what waits for a device, in order", list);
    cmd = for_device("show", "one of them, with its properties and body", show);
    cmd->add_option("NUMBER", o->number, "as list tells it")->required();
    for_device("purge", "take out all that wait for a device", purge);
    cmd = o.add("feedback", "what became of messages that asked for it; what is told is taken out", feedback);
    cmd->add_flag("--keep", o->keep, "leave it there, to be told again");
}

}  // namespace berth::app
