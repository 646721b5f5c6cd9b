#include "firmware/record.h"

#include "firmware/members.h"

#include <fmt/format.h>

namespace berth::firmware {

namespace {

result<void> step(record& r, event e) {
    const auto next = next_state(r.at, e);
    if (!next) {
        return fail(error{error_category::usage,
                          "wrong_state",
                          fmt::format("The installation is {}: {} does not follow. `berth firmware status` tells more.",
                                      to_string(r.at), to_string(e)),
                          {{"state", std::string(to_string(r.at))}}});
    }
    r.at = *next;
    return {};
}

}  // namespace

json::object to_json(const record& r) {
    json::array returned;
    for (const auto seq : r.returned) {
        returned.push_back(json::value(seq));
    }
    json::object out{{"schema", 1},
                     {"list_version", r.list.list_version},
                     {"installed_seq", r.installed_seq},
                     {"told_time", r.told_time},
                     {"returned", std::move(returned)},
                     {"state", to_string(r.at)},
                     {"seq", r.seq},
                     {"security_counter", r.security_counter}};
    for (const auto& [name, value] :
         {std::pair("vendor", &r.vendor), std::pair("class", &r.device_class), std::pair("list_digest", &r.list.list_digest),
          std::pair("list_keys", &r.list.list_keys), std::pair("installed_version", &r.installed_version),
          std::pair("version", &r.version), std::pair("manifest", &r.manifest), std::pair("target", &r.target),
          std::pair("boot", &r.boot)}) {
        if (!value->empty()) {
            out[name] = *value;
        }
    }
    return out;
}

result<record> read_record(std::string_view text) {
    const auto damaged = [](const std::string& why) {
        return fail(error{error_category::environment, "state_damaged",
                          "What the device has kept of its firmware cannot be read (" + why +
                              "). Whatever wrote it was not Berth; with an empty state directory the device begins anew, and no "
                              "longer knows what it had seen."});
    };
    const auto members = wire::parse_json_object(text, 64 * 1024);
    if (!members) {
        return damaged(members.error().message);
    }
    record r;
    reader in(*members, "state");
    in.schema();
    r.list.list_version = in.number("list_version");
    r.installed_seq = in.number("installed_seq");
    r.told_time = static_cast<unix_seconds>(in.number("told_time"));
    for (const auto& seq : in.list("returned", 0, 1024)) {
        if (const auto* const n = seq.if_int64(); n != nullptr && *n > 0) {
            r.returned.insert(static_cast<uint64_t>(*n));
        } else {
            in.wrong("returned", "has something that is no seq");
        }
    }
    const auto at = state_from(in.text("state"));
    if (!at) {
        in.wrong("state", "is no state");
    }
    r.at = at.value_or(state::idle);
    r.seq = in.number("seq");
    r.security_counter = in.number("security_counter");
    for (const auto& [name, value] :
         {std::pair("vendor", &r.vendor), std::pair("class", &r.device_class), std::pair("list_digest", &r.list.list_digest),
          std::pair("list_keys", &r.list.list_keys), std::pair("installed_version", &r.installed_version),
          std::pair("version", &r.version), std::pair("manifest", &r.manifest), std::pair("target", &r.target),
          std::pair("boot", &r.boot)}) {
        if (in.has(name)) {
            *value = in.text(name, 256);
        }
    }
    const bool complete = at_rest(r.at) || (r.seq != 0 && is_digest(r.manifest) && is_word(r.target));
    if (!complete) {
        in.wrong("state", "says that something is under way, and what is missing");
    }
    if (const auto done = in.done(); !done) {
        return damaged(done.error().message);
    }
    return r;
}

unix_seconds judged_time(const record& r, unix_seconds now) {
    return now == 0 ? 0 : std::max(now, r.told_time);
}

result<void> begin(record& r, const verified_manifest& m, std::string_view manifest_digest, std::string target) {
    BERTH_CHECK(step(r, event::chosen));
    r.seq = m.content().seq;
    r.version = m.content().version;
    r.security_counter = m.content().security_counter;
    r.manifest = manifest_digest;
    r.target = std::move(target);
    r.boot.clear();
    return {};
}

result<void> apply(record& r, event e) {
    return step(r, e);
}

result<void> switch_over(record& r, const place& now) {
    BERTH_CHECK(step(r, event::activate));
    r.boot = now.boot;
    return {};
}

trial look(const record& r, const place& now) {
    if (r.at != state::switched) {
        return trial::none;
    }
    if (now.slot == r.target) {
        return trial::running;
    }
    return now.boot == r.boot ? trial::waiting : trial::came_back;
}

result<void> confirm(record& r, const place& now) {
    if (r.at == state::switched && now.slot != r.target) {
        return fail(
            error_category::usage, "not_running",
            fmt::format("Seq {} is in slot {}, and slot {} runs: start the device anew first.", r.seq, r.target, now.slot));
    }
    BERTH_CHECK(step(r, event::confirm));
    r.installed_seq = r.seq;
    r.installed_version = r.version;
    return {};
}

result<void> give_back(record& r, event why) {
    BERTH_CHECK(step(r, why));
    r.returned.insert(r.seq);
    return {};
}

}  // namespace berth::firmware
