#include "registry/hub/identity_json.h"

#include "base/bytes.h"

#include <algorithm>

#include <fmt/format.h>

namespace berth::registry {

namespace {

namespace json = wire::json;

// What a time is that has not been: the JSON of the registry knows no null there.
constexpr const char* never = "0001-01-01T00:00:00Z";

std::string time_text(unix_seconds t) {
    return t == 0 ? never : to_iso8601(t);
}

error wrong(std::string member, std::string why) {
    return {error_category::usage, "bad_identity", member + ": " + std::move(why), {{"member", member}}};
}

json::value thumbprint_text(const std::optional<thumbprint>& t) {
    return t ? json::value(to_hex(*t)) : json::value(nullptr);
}

json::object authentication_json(const login_rule& login) {
    json::object out;
    out["type"] = to_string(login.way);
    out["symmetricKey"] = json::object{{"primaryKey", nullptr}, {"secondaryKey", nullptr}};
    out["x509Thumbprint"] = json::object{{"primaryThumbprint", thumbprint_text(login.primary)},
                                         {"secondaryThumbprint", thumbprint_text(login.secondary)}};
    return out;
}

result<std::string> text_of(std::string_view member, const json::value& v) {
    if (!v.is_string()) {
        return fail(wrong(std::string(member), "is a text"));
    }
    return std::string(v.as_string());
}

result<const json::object*> object_of(std::string_view member, const json::value& v) {
    if (!v.is_object()) {
        return fail(wrong(std::string(member), "is a JSON object"));
    }
    return &v.as_object();
}

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> all) {
    return std::ranges::find(all, text) != all.end();
}

result<void> no_shared_key(const json::value& v) {
    if (v.is_null()) {
        return {};
    }
    BERTH_TRY(keys, object_of("symmetricKey", v));
    for (const auto& [name, value] : *keys) {
        if (!value.is_null() && !(value.is_string() && value.as_string().empty())) {
            return fail(
                error_category::usage, "shared_keys_refused",
                "Shared keys are not taken from here: leave symmetricKey out, and give authentication.type "
                "\"certificateAuthority\" or \"selfSigned\". (berth hub device add --login sas, where the hub takes keys.)");
        }
    }
    return {};
}

result<void> read_thumbprints(const json::value& v, login_rule& login) {
    login.primary.reset();
    login.secondary.reset();
    if (v.is_null()) {
        return {};
    }
    BERTH_TRY(both, object_of("x509Thumbprint", v));
    for (const auto& [name, value] : *both) {
        if (!is_one_of(name, {"primaryThumbprint", "secondaryThumbprint"})) {
            return fail(wrong("x509Thumbprint", fmt::format("has no member \"{}\"", std::string_view(name))));
        }
        if (value.is_null() || (value.is_string() && value.as_string().empty())) {
            continue;
        }
        BERTH_TRY(text, text_of(name, value));
        BERTH_TRY(parsed, thumbprint_from_text(text));
        (name == "primaryThumbprint" ? login.primary : login.secondary) = parsed;
    }
    return {};
}

result<void> read_authentication(const json::value& v, login_rule& login) {
    if (v.is_null()) {
        return {};
    }
    BERTH_TRY(all, object_of("authentication", v));
    for (const auto& [name, value] : *all) {
        if (name == "type") {
            BERTH_TRY(text, text_of("authentication.type", value));
            const auto way = login_way_from(text);
            if (!way) {
                return fail(wrong("authentication.type", "is \"certificateAuthority\", \"selfSigned\", \"sas\" or \"none\""));
            }
            if (*way == login_way::shared_key && login.way != *way) {
                return no_shared_key(json::object{{"primaryKey", "asked for"}});
            }
            login.way = *way;
        } else if (name == "symmetricKey") {
            BERTH_CHECK(no_shared_key(value));
        } else if (name == "x509Thumbprint") {
            BERTH_CHECK(read_thumbprints(value, login));
        } else {
            return fail(wrong("authentication", fmt::format("has no member \"{}\"", std::string_view(name))));
        }
    }
    if (login.way != login_way::thumbprint && !all->contains("x509Thumbprint")) {
        login.primary.reset();
        login.secondary.reset();
    }
    return {};
}

result<void> read_ours(const json::value& v, identity_settings& out) {
    BERTH_TRY(all, object_of("berth", v));
    for (const auto& [name, value] : *all) {
        if (name == "group") {
            BERTH_TRY(text, text_of("berth.group", value));
            out.group = std::move(text);
        } else if (name == "tags") {
            BERTH_TRY(tags, object_of("berth.tags", value));
            out.tags = tags->empty() ? "" : wire::to_text(*tags);
        } else if (!is_one_of(name, {"certificateEpoch", "createdTime"})) {
            return fail(wrong("berth", fmt::format("has no member \"{}\"", std::string_view(name))));
        }
    }
    return {};
}

result<void> read_name(std::string_view member, const json::value& v, const std::string& expected) {
    BERTH_TRY(text, text_of(member, v));
    if (text != expected) {
        return fail(error{error_category::usage,
                          "name_mismatch",
                          fmt::format("{} is not the name that the path says", member),
                          {{"member", std::string(member)}}});
    }
    return {};
}

result<void> not_edge(const json::value& v) {
    if (const auto* const all = v.if_object()) {
        if (const auto* const edge = all->if_contains("iotEdge"); edge && edge->is_bool() && edge->as_bool()) {
            return fail(error_category::incompatible, "unsupported",
                        "IoT Edge devices are not supported: leave capabilities out.");
        }
    }
    return {};
}

result<void> not_nested(std::string_view member, const json::value& v) {
    const bool nothing = v.is_null() || (v.is_string() && v.as_string().empty()) || (v.is_array() && v.as_array().empty());
    if (!nothing) {
        return fail(error_category::incompatible, "unsupported",
                    fmt::format("Nested devices are not supported: leave {} out.", member));
    }
    return {};
}

// What only the registry writes.
bool is_told_only(std::string_view member) {
    return is_one_of(member, {"generationId", "etag", "statusUpdatedTime", "connectionState", "connectionStateUpdatedTime",
                              "lastActivityTime", "cloudToDeviceMessageCount", "managedBy"});
}

}  // namespace

json::object to_json(const identity& i, const connection_facts& connection) {
    json::object out;
    out["deviceId"] = i.name.device;
    if (i.name.is_module()) {
        out["moduleId"] = i.name.module;
    }
    out["generationId"] = std::to_string(i.generation);
    out["etag"] = i.etag();
    if (!i.name.is_module()) {
        out["capabilities"] = json::object{{"iotEdge", false}};
    }
    out["status"] = i.settings.enabled ? "enabled" : "disabled";
    out["statusReason"] = i.settings.status_reason.empty() ? json::value(nullptr) : json::value(i.settings.status_reason);
    out["statusUpdatedTime"] = time_text(i.status_changed);
    out["connectionState"] = connection.connected ? "Connected" : "Disconnected";
    out["connectionStateUpdatedTime"] = time_text(connection.changed);
    out["lastActivityTime"] = time_text(i.last_activity);
    out["cloudToDeviceMessageCount"] = connection.messages_waiting;
    out["authentication"] = authentication_json(i.settings.login);
    json::object ours;
    ours["group"] = i.settings.group;
    const auto tags = wire::parse_json(i.settings.tags.empty() ? "{}" : i.settings.tags, most_tags);
    ours["tags"] = tags ? *tags : json::value(json::object());
    ours["certificateEpoch"] = i.epoch;
    ours["createdTime"] = time_text(i.created);
    out["berth"] = std::move(ours);
    return out;
}

result<identity_settings> settings_from_json(const json::object& body, const identity_name& name,
                                             const identity_settings& before) {
    identity_settings out = before;
    for (const auto& [member, value] : body) {
        if (member == "deviceId") {
            BERTH_CHECK(read_name(member, value, name.device));
        } else if (member == "moduleId" && name.is_module()) {
            BERTH_CHECK(read_name(member, value, name.module));
        } else if (member == "status") {
            BERTH_TRY(text, text_of(member, value));
            if (!is_one_of(text, {"enabled", "disabled"})) {
                return fail(wrong("status", "is \"enabled\" or \"disabled\""));
            }
            out.enabled = text == "enabled";
        } else if (member == "statusReason") {
            out.status_reason.clear();
            if (!value.is_null()) {
                BERTH_TRY(text, text_of(member, value));
                out.status_reason = std::move(text);
            }
        } else if (member == "authentication") {
            BERTH_CHECK(read_authentication(value, out.login));
        } else if (member == "capabilities") {
            BERTH_CHECK(not_edge(value));
        } else if (is_one_of(member, {"deviceScope", "parentScopes"})) {
            BERTH_CHECK(not_nested(member, value));
        } else if (member == "berth") {
            BERTH_CHECK(read_ours(value, out));
        } else if (!is_told_only(member)) {
            return fail(wrong(std::string(member), "is no member of an identity"));
        }
    }
    BERTH_CHECK(check_settings(out));
    return out;
}

result<thumbprint> thumbprint_from_text(std::string_view text) {
    std::string digits;
    std::ranges::copy_if(text, std::back_inserter(digits), [](char c) { return c != ':'; });
    if (digits.size() == 40) {
        return fail(wrong("x509Thumbprint",
                          "is the SHA-1 of a certificate. Give its SHA-256, 64 hexadecimal digits: openssl x509 "
                          "-noout -fingerprint -sha256 -in FILE"));
    }
    const auto parsed = from_hex(digits);
    if (!parsed || parsed->size() != std::tuple_size_v<thumbprint>) {
        return fail(wrong("x509Thumbprint", "is the SHA-256 of a certificate, 64 hexadecimal digits"));
    }
    return to_array<std::tuple_size_v<thumbprint>>(*parsed);
}

}  // namespace berth::registry
