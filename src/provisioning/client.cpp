#include "provisioning/client.h"

#include "hub/access/percent.h"

#include <algorithm>

#include <fmt/format.h>

namespace berth::provisioning {

namespace {

namespace json = wire::json;

constexpr size_t most_answer = 512 * 1024;  // with a chain
constexpr std::string_view api_version = "?api-version=2021-06-01";
std::string text_of(const json::object& object, std::string_view name) {
    const auto* const value = object.if_contains(name);
    return value && value->is_string() ? std::string(value->as_string()) : "";
}

// What others say is shown to people: printable, and not much of it.
std::string shown(std::string text) {
    std::ranges::replace_if(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, ' ');
    return text.substr(0, 300);
}

tl::unexpected<error> bad_answer(std::string_view why) {
    return fail(error_category::peer, "bad_answer",
                fmt::format("what answers is no provisioning service: {}; is the endpoint right?", why));
}

tl::unexpected<error> failed(const char* name, unsigned status, const json::object& told, std::string_view otherwise) {
    const auto* const code = told.if_contains("errorCode");
    std::string message = text_of(told, "message");
    if (message.empty()) {
        message = text_of(told, "errorMessage");
    }
    return fail(
        error{error_category::peer,
              name,
              fmt::format("{}{}{}", otherwise, message.empty() ? "" : ": ", shown(message)),
              {{"status", std::to_string(status)}, {"code", code && code->is_number() ? wire::to_text(*code) : std::string()}}});
}

}  // namespace

registration_dialogue::registration_dialogue(std::string scope, std::string registration_id, json::object payload)
    : scope_(std::move(scope)), id_(std::move(registration_id)), payload_(std::move(payload)) {}

std::string registration_dialogue::path() const {
    return fmt::format("/{}/registrations/{}", hub::percent_encoded(scope_), hub::percent_encoded(id_));
}

registration_dialogue::request registration_dialogue::first() const {
    json::object body{{"registrationId", id_}};
    if (!payload_.empty()) {
        body["payload"] = payload_;
    }
    return {"PUT", fmt::format("{}/register{}", path(), api_version), wire::to_text(body)};
}

registration_dialogue::request registration_dialogue::status_request(unsigned after) const {
    return {"GET", fmt::format("{}/operations/{}{}", path(), hub::percent_encoded(operation_), api_version), "", after};
}

result<std::variant<registration_dialogue::request, registration_dialogue::placement>>
registration_dialogue::answered(unsigned status, std::string_view body, std::optional<unsigned> retry_after) {
    const unsigned pause = std::clamp(retry_after.value_or(usual_pause), 1U, longest_retry_after);
    if (++questions_ > most_questions) {
        return fail(error_category::peer, "provisioning_failed", "the service has come to no end; its operator can tell why");
    }
    if (status == 429 || status >= 500) {
        auto again = operation_.empty() ? first() : status_request(pause);
        again.after = pause;
        return again;
    }
    auto read = wire::parse_json_object(body, most_answer);
    if (!read) {
        return bad_answer(fmt::format("its answer {} is no JSON object", status));
    }
    if (status >= 300) {
        if (status == 404 && !operation_.empty()) {
            operation_.clear();  // forgotten: begun anew
            auto again = first();
            again.after = pause;
            return again;
        }
        return failed("provisioning_refused", status, *read, "the provisioning service does not take this device in");
    }
    const std::string what = text_of(*read, "status");
    const auto* const told = read->if_contains("registrationState");
    const json::object state = told && told->is_object() ? told->as_object() : json::object();
    if (what == "assigning") {
        if (const std::string operation = text_of(*read, "operationId"); !operation.empty()) {
            operation_ = operation;
        }
        if (operation_.empty() || operation_.size() > 256) {
            return bad_answer("it names no operation");
        }
        return status_request(pause);
    }
    if (what == "assigned") {
        placement out{text_of(state, "assignedHub"), text_of(state, "deviceId"), state};
        if (out.hub.empty() || out.device_id.empty()) {
            return bad_answer("it assigns no hub");
        }
        return out;
    }
    if (what == "failed" || what == "disabled") {
        return failed("provisioning_failed", status, state,
                      what == "failed" ? "this device could not be placed at a hub" : "this device is disabled");
    }
    return bad_answer("its status is none that is known");
}

}  // namespace berth::provisioning
