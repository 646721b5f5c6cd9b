#include "est/operation.h"

#include <algorithm>
#include <array>

namespace berth::est {

namespace {

constexpr std::array<std::pair<operation, std::string_view>, 7> names{{
    {operation::cacerts, "cacerts"},
    {operation::simpleenroll, "simpleenroll"},
    {operation::simplereenroll, "simplereenroll"},
    {operation::serverkeygen, "serverkeygen"},
    {operation::csrattrs, "csrattrs"},
    {operation::fullcmc, "fullcmc"},
    {operation::tpmenroll, "tpmenroll"},
}};

tl::unexpected<error> not_found() {
    return fail(error_category::peer, "not_found", "There is nothing here: EST is at /.well-known/est/[label/]operation.");
}

}  // namespace

std::string_view name_of(operation op) noexcept {
    return names[static_cast<size_t>(op)].second;
}

std::optional<operation> operation_named(std::string_view name) noexcept {
    const auto found = std::ranges::find(names, name, &std::pair<operation, std::string_view>::second);
    return found == names.end() ? std::nullopt : std::optional(found->first);
}

std::string_view method_of(operation op) noexcept {
    return op == operation::cacerts || op == operation::csrattrs ? "GET" : "POST";
}

bool is_label(std::string_view text) noexcept {
    return !text.empty() && text.size() <= 64 && text != "." && text != ".." && !operation_named(text) &&
           std::ranges::all_of(text, [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
                      c == '.';
           });
}

result<target> parse_target(std::string_view method, std::string_view path) {
    if (!path.starts_with(well_known)) {
        return not_found();
    }
    path.remove_prefix(well_known.size());
    target out;
    if (const size_t slash = path.find('/'); slash != std::string_view::npos) {
        if (!is_label(path.substr(0, slash))) {
            return not_found();
        }
        out.label = path.substr(0, slash);
        path.remove_prefix(slash + 1);
    }
    const auto op = operation_named(path);
    if (!op) {
        return not_found();
    }
    if (*op == operation::fullcmc) {
        return fail(error_category::peer, "not_implemented", "Full CMC is not implemented here; simple enrolment is.");
    }
    if (method != method_of(*op)) {
        return fail(error{error_category::peer, "method_not_allowed",
                          std::string(name_of(*op)) + " is asked for with " + std::string(method_of(*op)) + "."}
                        .with("allow", std::string(method_of(*op))));
    }
    out.op = *op;
    return out;
}

std::string path_of(const target& t) {
    return std::string(well_known) + (t.label.empty() ? "" : t.label + "/") + std::string(name_of(t.op));
}

}  // namespace berth::est
