#include "hub/admin/identity_keys.h"

#include "crypto/constant_time.h"
#include "wire/base64.h"

namespace berth::hub {

using namespace registry;

namespace {

namespace json = wire::json;

// Nothing: it is to be drawn, or to stay.
result<std::optional<secret_bytes>> key_of(const json::object& keys, std::string_view member) {
    const auto* const found = keys.if_contains(member);
    if (found == nullptr || found->is_null() || (found->is_string() && found->get_string().empty())) {
        return std::nullopt;
    }
    if (!found->is_string()) {
        return fail(error{
            error_category::usage, "bad_identity", fmt::format("{}: is a text", member), {{"member", std::string(member)}}});
    }
    BERTH_TRY(key, shared_key_from_text(std::string_view(found->get_string())));
    return std::optional(std::move(key));
}

bool same(const secret_bytes& a, const secret_bytes& b) {
    return crypto::equal(a.reveal(), b.reveal());
}

}  // namespace

result<key_wish> take_key_wish(const hub_settings& hub, const identity_name& name, json::object& body,
                               identity_settings& before) {
    key_wish out;
    auto* const found = body.if_contains("authentication");
    json::object* const authentication = found != nullptr ? found->if_object() : nullptr;
    const auto* const type = authentication != nullptr ? authentication->if_contains("type") : nullptr;
    const bool stays = type == nullptr && before.login.way == login_way::shared_key;
    const bool asked = type != nullptr && type->is_string() && login_way_from(type->get_string()) == login_way::shared_key;
    if (!hub.takes_key_of(name) || (!stays && !asked)) {
        return out;
    }
    out.by_key = true;
    before.login.way = login_way::shared_key;
    auto* const keys = authentication != nullptr ? authentication->if_contains("symmetricKey") : nullptr;
    if (keys == nullptr || keys->is_null()) {
        return out;
    }
    if (!keys->is_object()) {
        return fail(error{error_category::usage, "bad_identity", "symmetricKey: is a JSON object", {{"member", "symmetricKey"}}});
    }
    for (const auto& [member, value] : keys->get_object()) {
        if (member != "primaryKey" && member != "secondaryKey") {
            return fail(error{error_category::usage,
                              "bad_identity",
                              fmt::format("symmetricKey: has no member \"{}\"", std::string_view(member)),
                              {{"member", "symmetricKey"}}});
        }
    }
    BERTH_TRY(primary, key_of(keys->get_object(), "primaryKey"));
    BERTH_TRY(secondary, key_of(keys->get_object(), "secondaryKey"));
    out.primary = std::move(primary);
    out.secondary = std::move(secondary);
    authentication->erase("symmetricKey");
    return out;
}

result<identity> grant_keys(const api_context& c, const identity& who, const key_wish& wish) {
    if (!wish.by_key) {
        return who;
    }
    BERTH_TRY(before, c.hub.keys_of(who.name));
    // SDKs send back what they were told: that changes nothing.
    const bool stays = before && (!wish.primary || same(*wish.primary, before->primary)) &&
                       (!wish.secondary || same(*wish.secondary, before->secondary));
    if (stays) {
        return who;
    }
    shared_keys fresh = before ? std::move(*before) : draw_shared_keys(c.random);
    if (wish.primary) {
        fresh.primary = *wish.primary;
    }
    if (wish.secondary) {
        fresh.secondary = *wish.secondary;
    }
    return c.hub.set_keys(who, fresh, c.now);
}

result<void> tell_keys(const api_context& c, const identity& who, json::object& told) {
    if (who.settings.login.way != login_way::shared_key || !c.may.has(right::registry_write)) {
        return {};
    }
    BERTH_TRY(keys, c.hub.keys_of(who.name));
    if (keys) {
        told["authentication"].as_object()["symmetricKey"] = json::object{
            {"primaryKey", wire::base64(keys->primary.reveal())}, {"secondaryKey", wire::base64(keys->secondary.reveal())}};
    }
    return {};
}

}  // namespace berth::hub
