// Devices and modules, one by one and in lists.
#include "hub/admin/identity_keys.h"
#include "hub/admin/routes.h"
#include "registry/hub/event_json.h"

#include <algorithm>

#include <fmt/format.h>

namespace berth::hub {

using namespace registry;

namespace {

namespace json = wire::json;

json::object told(const api_context& c, const identity& i) {
    return to_json(i, c.sessions.facts ? c.sessions.facts(i.name) : connection_facts{});
}

api_result one(const api_context& c, const identity& i) {
    api_result out{api_answer::json(200, told(c, i))};
    out.answer.headers.emplace_back("ETag", "\"" + i.etag() + "\"");
    return out;
}

// With its keys, for those who may be told.
result<api_result> one_with_keys(const api_context& c, const identity& i) {
    json::object body = told(c, i);
    BERTH_CHECK(tell_keys(c, i, body));
    api_result out{api_answer::json(200, body)};
    out.answer.headers.emplace_back("ETag", "\"" + i.etag() + "\"");
    return out;
}

json::array all_of(const api_context& c, const std::vector<identity>& some) {
    json::array out;
    for (const auto& i : some) {
        out.push_back(told(c, i));
    }
    return out;
}

}  // namespace

result<identity_name> name_in_path(const api_context& c) {
    identity_name out{c.name("id"), ""};
    BERTH_CHECK(check_name_part("device", out.device));
    if (const auto module = c.names.find("module"); module != c.names.end()) {
        BERTH_CHECK(check_name_part("module", module->second));
        out.module = module->second;
    }
    return out;
}

std::string_view wanted_etag(std::string_view if_match) {
    return if_match == "\"*\"" ? "*" : if_match;
}

result<identity> require_identity(const api_context& c, const identity_name& name) {
    BERTH_TRY(found, c.hub.find(name));
    if (!found) {
        return fail(error{error_category::peer,
                          "unknown_identity",
                          fmt::format("there is no {} \"{}\"", name.is_module() ? "module" : "device", name.text()),
                          {{"name", name.text()}}});
    }
    return std::move(*found);
}

result<api_result> get_identity(const api_context& c) {
    BERTH_TRY(name, name_in_path(c));
    BERTH_TRY(found, require_identity(c, name));
    return one_with_keys(c, found);
}

// Without If-Match it is a new one; with it, it is there and is as it was read. What the body does not name stays as it is.
result<api_result> put_identity(const api_context& c) {
    BERTH_TRY(name, name_in_path(c));
    const auto &if_match = c.request.if_match, &if_none_match = c.request.if_none_match;
    if (if_none_match && (if_match || wanted_etag(*if_none_match) != "*")) {
        return fail(error_category::usage, "bad_condition", "If-None-Match is \"*\", and stands without If-Match");
    }
    BERTH_TRY(body, wire::parse_json_object(c.request.body, most_small_body));
    BERTH_TRY(hub, c.hub.settings());
    if (!if_match) {
        identity_settings from;
        BERTH_TRY(keys, take_key_wish(hub, name, body, from));
        BERTH_TRY(settings, settings_from_json(body, name, from));
        const auto fresh = make_identity(name, std::move(settings), c.random, c.now);
        BERTH_CHECK(c.hub.add(fresh));
        BERTH_TRY(there, require_identity(c, name));  // in a later epoch, if certificates of one of that name were ended
        BERTH_TRY(made, grant_keys(c, there, keys));
        return one_with_keys(c, made);
    }
    BERTH_TRY(before, require_identity(c, name));
    BERTH_CHECK(check_etag(before, wanted_etag(*if_match)));
    identity_settings from = before.settings;
    BERTH_TRY(keys, take_key_wish(hub, name, body, from));
    BERTH_TRY(settings, settings_from_json(body, name, from));
    BERTH_TRY(after, c.hub.change(before, settings, c.now));
    BERTH_TRY(with_keys, grant_keys(c, after, keys));
    return one_with_keys(c, with_keys);
}

result<api_result> delete_identity(const api_context& c) {
    BERTH_TRY(name, name_in_path(c));
    BERTH_TRY(before, require_identity(c, name));
    BERTH_CHECK(check_etag(before, wanted_etag(c.request.if_match.value_or("*"))));
    BERTH_CHECK(c.hub.remove(before, c.now));
    return api_result{api_answer::empty()};
}

result<api_result> revoke_identity(const api_context& c) {
    BERTH_TRY(name, name_in_path(c));
    BERTH_TRY(after, c.hub.raise_epoch(name, c.now));
    return one(c, after);
}

result<api_result> list_devices(const api_context& c) {
    identity_query query;
    BERTH_TRY(top, number_parameter(c.request, "top", 1, most_listed, most_listed));
    query.most = top;
    BERTH_TRY(some, c.hub.list(query));
    return api_result{api_answer::json(200, all_of(c, some))};
}

result<api_result> list_modules(const api_context& c) {
    BERTH_TRY(name, name_in_path(c));
    BERTH_CHECK(require_identity(c, name));
    identity_query query;
    query.device = name.device;
    BERTH_TRY(some, c.hub.list(query));
    return api_result{api_answer::json(200, all_of(c, some))};
}

result<api_result> list_identities(const api_context& c) {
    identity_query query;
    BERTH_TRY(modules, flag_parameter(c.request, "modules"));
    query.modules = modules;
    query.device = text_parameter(c.request, "device");
    query.group = text_parameter(c.request, "group");
    if (const auto status = text_parameter(c.request, "status")) {
        if (*status != "enabled" && *status != "disabled") {
            return fail(error_category::usage, "bad_parameter", "the parameter status is enabled or disabled");
        }
        query.enabled = *status == "enabled";
    }
    if (const auto after = text_parameter(c.request, "after")) {
        BERTH_TRY(name, parse_identity_name(*after));
        query.after = std::move(name);
    }
    BERTH_TRY(most, number_parameter(c.request, "most", 1, most_listed, most_listed));
    query.most = most;
    BERTH_TRY(some, c.hub.list(query));
    json::object out;
    out["items"] = all_of(c, some);
    // A page that is full may be the last: the next one is empty then.
    out["next"] = some.size() == most ? json::value(some.back().name.text()) : json::value(nullptr);
    return api_result{api_answer::json(200, out)};
}

result<api_result> tell_device_statistics(const api_context& c) {
    BERTH_TRY(all, c.hub.tally());
    return api_result{api_answer::json(200, json::object{{"totalDeviceCount", all.devices},
                                                         {"enabledDeviceCount", all.devices - all.disabled_devices},
                                                         {"disabledDeviceCount", all.disabled_devices}})};
}

result<api_result> tell_service_statistics(const api_context& c) {
    if (!c.sessions.connected) {
        return fail(error_category::usage, "not_implemented", "Nobody tells this hub how many devices are connected.");
    }
    BERTH_TRY(connected, c.sessions.connected());
    return api_result{api_answer::json(200, json::object{{"connectedDeviceCount", connected}})};
}

result<api_result> list_events(const api_context& c) {
    BERTH_TRY(after, number_parameter(c.request, "after", 0, INT64_MAX, 0));
    BERTH_TRY(most, number_parameter(c.request, "most", 1, most_listed, most_listed));
    BERTH_TRY(some, c.hub.events(after, most));
    BERTH_TRY(newest, c.hub.newest_event());
    json::array events;
    for (const auto& e : some) {
        json::object event = registry::to_json(e);
        if (!e.name.is_module()) {
            event.erase("moduleId");
        }
        events.push_back(std::move(event));
    }
    return api_result{api_answer::json(200, json::object{{"events", std::move(events)}, {"newest", newest}})};
}

}  // namespace berth::hub
