#include "registry/hub/certificate_status.h"

namespace berth::registry {

namespace {

constexpr size_t most_address = 1'024;

}  // namespace

result<void> check_ocsp_rule(const ocsp_rule& rule) {
    constexpr std::string_view scheme = "http://";
    const std::string_view at = rule.responder;
    const bool clean = std::ranges::all_of(at, [](char c) { return c > ' ' && c < 0x7f; });
    if (!at.empty() && (!at.starts_with(scheme) || at.size() == scheme.size() || at.size() > most_address || !clean)) {
        return fail(
            error_category::usage, "bad_ocsp_responder",
            fmt::format(
                "\"{}\" is no address of a responder: http://HOST[:PORT]/PATH; its answers are signed, and come over plain HTTP",
                at.substr(0, most_address)));
    }
    if (rule.refresh < least_ocsp_refresh || rule.refresh > most_ocsp_refresh) {
        return fail(error_category::usage, "bad_ocsp_refresh", "a responder is asked again after a second to a week");
    }
    return {};
}

}  // namespace berth::registry
