#include "hub/method/method.h"

#include "wire/inner_json.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace berth::hub {

namespace {

namespace json = wire::json;

error bad(std::string_view member, std::string why) {
    return {error_category::usage, "bad_method_request", fmt::format("{}: {}", member, why), {{"member", std::string(member)}}};
}

result<int> seconds_of(const json::object& from, const char* member, int least, int most, int otherwise) {
    const auto* const found = from.if_contains(member);
    if (found == nullptr || found->is_null()) {
        return otherwise;
    }
    const auto* const number = found->if_int64();
    if (number == nullptr || *number < least || *number > most) {
        return fail(bad(member, fmt::format("seconds, a whole number from {} to {}", least, most)));
    }
    return static_cast<int>(*number);
}

}  // namespace

result<void> check_method_name(std::string_view name) {
    const bool good = !name.empty() && name.size() <= most_method_name && std::ranges::all_of(name, [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
               std::string_view("-._~:%!*'(),=@$").find(c) != std::string_view::npos;
    });
    if (!good) {
        return fail(bad("methodName", "1 to 100 ASCII letters, digits and - . _ ~ : % ! * ' ( ) , = @ $"));
    }
    return {};
}

result<method_request> method_request::parse(std::string_view text) {
    BERTH_TRY(body, wire::parse_json_object(text, most_method_body));
    method_request out;
    const auto* const name = body.if_contains("methodName");
    if (name == nullptr || !name->is_string()) {
        return fail(bad("methodName", "the name of the method must be given"));
    }
    out.name = std::string(name->get_string());
    BERTH_CHECK(check_method_name(out.name));
    if (const auto* const payload = body.if_contains("payload"); payload != nullptr) {
        out.payload = wire::to_text(*payload);
        if (out.payload.size() > most_method_payload) {
            return fail(error_category::usage, "too_large", "payload: up to 128 KiB of JSON");
        }
    }
    BERTH_TRY(answer, seconds_of(body, "responseTimeoutInSeconds", least_method_wait, most_method_wait, 30));
    BERTH_TRY(connect, seconds_of(body, "connectTimeoutInSeconds", 0, most_method_connect_wait, 0));
    out.answer_within = answer;
    out.connect_within = connect;
    return out;
}

std::string method_topic(std::string_view name, uint64_t number) {
    return fmt::format("$iothub/methods/POST/{}/?$rid={:x}", name, number);
}

std::optional<method_answer> parse_method_answer(std::string_view topic) {
    constexpr std::string_view beginning = "$iothub/methods/res/", rid = "/?$rid=";
    if (!topic.starts_with(beginning)) {
        return std::nullopt;
    }
    topic.remove_prefix(beginning.size());
    method_answer out;
    const auto* end = topic.data() + topic.size();
    const auto status = std::from_chars(topic.data(), end, out.status);
    if (status.ec != std::errc() || !std::string_view(status.ptr, end).starts_with(rid)) {
        return std::nullopt;
    }
    const auto number = std::from_chars(status.ptr + rid.size(), end, out.number, 16);
    return number.ec == std::errc() && number.ptr == end ? std::optional(out) : std::nullopt;
}

result<std::string> method_result(uint32_t status, std::string_view payload) {
    json::object out{{"status", status}, {"payload", nullptr}};
    if (payload.find_first_not_of(" \t\r\n") != std::string_view::npos) {
        auto read = wire::parse_inner_json(payload, most_method_payload);
        if (!read) {
            return fail(error_category::peer, "bad_method_answer",
                        "the device has answered with what is no JSON: " + read.error().message);
        }
        out["payload"] = std::move(*read);
    }
    return wire::to_text(out);
}

}  // namespace berth::hub
