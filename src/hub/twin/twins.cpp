#include "hub/twin/twins.h"

#include "base/log.h"

#include <fmt/format.h>

namespace berth::hub {

using namespace registry;

namespace {

namespace json = wire::json;

bytes octets_of(const std::string& text) {
    return {text.begin(), text.end()};
}

unsigned status_for(const error& e) {
    if (e.name == "unknown_identity") {
        return 404;
    }
    if (e.name == "twin_too_large" || e.name == "too_large") {
        return 413;
    }
    return e.category == error_category::environment || e.category == error_category::internal ? 503 : 400;
}

carried_answer refused(const hub_request& request, const error& e) {
    const unsigned status = status_for(e);
    const bool ours = status == 503;
    return {request.answer_topic(status),
            octets_of(wire::to_text(json::object{
                {"errorCode", status * 1000}, {"message", ours ? "The hub cannot do this now. Try again later." : e.message}}))};
}

json::object section_for_device(const twin_section& s) {
    json::object out = s.properties;
    out["$version"] = s.version;
    return out;
}

json::object section_for_service(const twin_section& s) {
    json::object out = s.properties;
    json::object metadata;
    metadata["$lastUpdated"] = s.changed == 0 ? "0001-01-01T00:00:00Z" : to_iso8601(s.changed);
    out["$metadata"] = std::move(metadata);
    out["$version"] = s.version;
    return out;
}

json::object tags_of(const identity& of) {
    auto read = wire::parse_json_object(of.settings.tags.empty() ? "{}" : of.settings.tags, most_tags);
    return read ? std::move(*read) : json::object();
}

result<identity> require(hub_registry& hub, const identity_name& name) {
    BERTH_TRY(found, hub.find(name));
    if (!found) {
        return fail(error_category::peer, "unknown_identity", fmt::format("there is no \"{}\"", name.text()));
    }
    return std::move(*found);
}

result<carried_answer> answered(hub_registry& hub, twin_registry& twins, const identity_name& who, const hub_request& request,
                                bytes_view payload, unix_seconds now) {
    BERTH_CHECK(require(hub, who));
    BERTH_TRY(before, twins.twin_of(who));
    if (request.what == hub_request::kind::get_twin) {
        return carried_answer{request.answer_topic(200), octets_of(wire::to_text(twin_for_device(before)))};
    }
    BERTH_TRY(patch, wire::parse_json_object(as_text(payload), 2 * most_twin_section));
    BERTH_TRY(after, patched(before.reported, patch, now));
    BERTH_CHECK(twins.set_reported(who, after));
    return carried_answer{request.answer_topic(204, fmt::format("$version={}", after.version)), {}};
}

// What SDKs show of a twin, and send back.
bool is_told_only(std::string_view member) {
    constexpr std::array known{"deviceId",
                               "moduleId",
                               "etag",
                               "deviceEtag",
                               "status",
                               "statusReason",
                               "version",
                               "statusUpdateTime",
                               "connectionState",
                               "lastActivityTime",
                               "x509Thumbprint",
                               "authenticationType",
                               "modelId",
                               "capabilities",
                               "cloudToDeviceMessageCount",
                               "deviceScope",
                               "parentScopes",
                               "statusUpdatedTime",
                               "connectionStateUpdatedTime"};
    return std::ranges::find(known, member) != known.end();
}

tl::unexpected<error> wrong(std::string_view member, std::string_view why) {
    return fail(error{error_category::usage, "bad_twin", fmt::format("{} {}", member, why), {{"path", std::string(member)}}});
}

// As it is sent back: what begins with "$" was told by the hub.
json::object without_told(const json::object& section) {
    json::object out;
    for (const auto& member : section) {
        if (member.key() != "$version" && member.key() != "$metadata") {
            out.emplace(member.key(), member.value());
        }
    }
    return out;
}

}  // namespace

carried_answer answer_twin(hub_registry& hub, twin_registry& twins, const identity_name& who, const hub_request& request,
                           bytes_view payload, unix_seconds now) {
    auto out = answered(hub, twins, who, request, payload, now);
    if (out) {
        return std::move(*out);
    }
    log::warning("twin_refused", out.error().message, {{"party", "hub"}, {"device", who.text()}, {"reason", out.error().name}});
    return refused(request, out.error());
}

json::object twin_for_device(const twin& t) {
    return {{"desired", section_for_device(t.desired)}, {"reported", section_for_device(t.reported)}};
}

json::object twin_for_service(const identity& of, const twin& t, const connection_facts& connection) {
    const json::object known = to_json(of, connection);
    json::object out;
    for (const char* const member : {"deviceId", "moduleId"}) {
        if (const auto* const value = known.if_contains(member)) {
            out[member] = *value;
        }
    }
    out["etag"] = t.etag(of);
    out["deviceEtag"] = of.etag();
    out["status"] = known.at("status");
    out["statusReason"] = known.at("statusReason");
    out["statusUpdateTime"] = known.at("statusUpdatedTime");
    out["connectionState"] = known.at("connectionState");
    out["lastActivityTime"] = known.at("lastActivityTime");
    out["cloudToDeviceMessageCount"] = known.at("cloudToDeviceMessageCount");
    out["authenticationType"] = std::string(to_string(of.settings.login.way));
    if (const auto* const prints = known.at("authentication").as_object().if_contains("x509Thumbprint")) {
        out["x509Thumbprint"] = *prints;
    }
    out["version"] = t.desired.version;
    out["tags"] = tags_of(of);
    out["properties"] = json::object{{"desired", section_for_service(t.desired)}, {"reported", section_for_service(t.reported)}};
    return out;
}

result<twin_wish> twin_wish_from_json(const json::object& body) {
    twin_wish out;
    for (const auto& member : body) {
        const std::string_view name = member.key();
        if (is_told_only(name)) {
            continue;
        }
        if (name != "tags" && name != "properties") {
            return wrong(name, "is no member of a twin that is to be changed: tags and properties.desired are");
        }
        const auto* const inside = member.value().if_object();
        if (inside == nullptr) {
            return wrong(name, "is a JSON object");
        }
        if (name == "tags") {
            out.tags = *inside;
            continue;
        }
        for (const auto& section : *inside) {
            if (section.key() == "reported") {
                continue;  // the device's own
            }
            const auto* const wanted = section.value().if_object();
            if (section.key() != "desired" || wanted == nullptr) {
                return wrong(fmt::format("properties.{}", std::string_view(section.key())),
                             "cannot be changed: properties.desired can, which is a JSON object");
            }
            out.desired = without_told(*wanted);
        }
    }
    return out;
}

result<twin_change> change_twin(hub_registry& hub, twin_registry& twins, const identity& of, const twin_wish& wish, bool whole,
                                unix_seconds now) {
    twin_change out{of, {}};
    BERTH_TRY(before, twins.twin_of(of.name));
    out.twin = std::move(before);
    if (wish.desired) {
        BERTH_TRY(after, whole ? replaced(out.twin.desired, *wish.desired, now) : patched(out.twin.desired, *wish.desired, now));
        BERTH_CHECK(twins.set_desired(of.name, after, difference(out.twin.desired.properties, after.properties)));
        out.twin.desired = std::move(after);
    }
    if (wish.tags) {
        // Merged as a section is; how much there may be is the identity's to say.
        BERTH_TRY(after, whole ? replaced({}, *wish.tags, now) : patched({tags_of(of), 1, 0}, *wish.tags, now));
        auto settings = of.settings;
        settings.tags = after.properties.empty() ? "" : wire::to_text(after.properties);
        if (settings.tags != of.settings.tags) {
            BERTH_CHECK(check_settings(settings));
            BERTH_TRY(changed, hub.change(of, settings, now));
            out.identity = std::move(changed);
        }
    }
    return out;
}

}  // namespace berth::hub
