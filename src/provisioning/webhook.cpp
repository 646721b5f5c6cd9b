#include "provisioning/webhook.h"

#include "provisioning/enrolment_json.h"
#include "wire/base64.h"

#include <algorithm>

#include <fmt/format.h>

namespace berth::provisioning {

namespace {

namespace json = wire::json;
using namespace registry;

tl::unexpected<error> bad(std::string why) {
    return fail(error_category::peer, "bad_webhook_answer", "The allocation webhook " + std::move(why));
}

result<void> read_twin(const json::value& v, webhook_choice& out) {
    const auto* const all = v.if_object();
    if (!all) {
        return v.is_null() ? result<void>() : bad("gave an initialTwin that is no object.");
    }
    const auto* const properties = all->if_contains("properties");
    const auto* const inside = properties ? properties->if_object() : nullptr;
    if (const auto* const desired = inside ? inside->if_contains("desired") : nullptr; desired && !desired->is_null()) {
        if (!desired->is_object() || !replaced({}, desired->as_object(), 0)) {
            return bad("gave desired properties that no twin can have.");
        }
        out.twin.desired = desired->as_object().empty() ? "" : wire::to_text(*desired);
    }
    if (const auto* const tags = all->if_contains("tags"); tags && !tags->is_null()) {
        identity_settings judged;
        judged.tags = wire::to_text(*tags);
        if (!tags->is_object() || !check_settings(judged)) {
            return bad(fmt::format("gave tags that are no JSON object of up to {} octets.", most_tags));
        }
        out.twin.tags = tags->as_object().empty() ? "" : std::move(judged.tags);
    }
    return {};
}

}  // namespace

std::string webhook_request(const matched& who, const caller& from, const json::value& payload,
                            const std::optional<registration>& before, std::span<const linked_hub> hubs) {
    json::object device{{"registrationId", who.registration_id}};
    if (before && !before->hub.empty()) {
        device["currentIotHubHostName"] = before->hub;
        device["currentDeviceId"] = before->device_id;
    }
    json::object x509;
    if (!from.chain.empty()) {
        x509["clientCertificates"] =
            json::object{{"primary", json::object{{"certificate", wire::base64(from.chain.front().der())}}}};
    }
    device["x509"] = std::move(x509);
    if (who.tpm) {
        device["tpm"] = tpm_json(who.enrolment.settings.attestation);
    }
    if (!payload.is_null()) {
        device["payload"] = payload;
    }
    json::array linked;
    for (const auto& hub : hubs) {
        linked.emplace_back(hub.host);
    }
    json::object out;
    out[who.enrolment.kind == enrolment_kind::group ? "enrollmentGroup" : "individualEnrollment"] = to_json(who.enrolment);
    out["deviceRuntimeContext"] = std::move(device);
    out["linkedHubs"] = std::move(linked);
    return wire::to_text(out);
}

result<webhook_choice> read_webhook_answer(unsigned status, std::string_view body, std::span<const linked_hub> hubs) {
    if (status != 200) {
        return bad(fmt::format("answered with status {}.", status));
    }
    const auto object = wire::parse_json_object(body, most_webhook_answer);
    if (!object) {
        return bad("answered with what is no JSON object.");
    }
    webhook_choice out;
    const auto* const host = object->if_contains("iotHubHostName");
    if (!host || !host->is_string()) {
        return bad("named no hub (iotHubHostName).");
    }
    out.hub = fold_registration_id(std::string_view(host->as_string()));
    if (std::ranges::find(hubs, out.hub, &linked_hub::host) == hubs.end()) {
        return bad("named a hub that is not among those that it was given.");
    }
    if (const auto* const twin = object->if_contains("initialTwin")) {
        BERTH_CHECK(read_twin(*twin, out));
    }
    if (const auto* const payload = object->if_contains("payload"); payload && !payload->is_null()) {
        out.payload = wire::to_text(*payload);
        if (out.payload.size() > most_webhook_payload) {
            return bad(fmt::format("gave a payload of more than {} octets.", most_webhook_payload));
        }
    }
    return out;
}

}  // namespace berth::provisioning
