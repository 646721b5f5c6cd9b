// What is asked for: /.well-known/est/[label/]operation (RFC 7030 3.2.2; tpmenroll: tpm_enrolment.h). What is not named here is
// refused.
#pragma once

#include "base/result.h"

#include <cstdint>

#include <optional>

namespace berth::est {

enum class operation : uint8_t { cacerts, simpleenroll, simplereenroll, serverkeygen, csrattrs, fullcmc, tpmenroll };
std::string_view name_of(operation op) noexcept;
std::optional<operation> operation_named(std::string_view name) noexcept;
std::string_view method_of(operation op) noexcept;  // GET or POST

inline constexpr std::string_view well_known = "/.well-known/est/";

// 1 to 64 letters, digits, '-', '_' and '.', and no operation's name (RFC 7030 3.2.2). Empty: no label.
bool is_label(std::string_view text) noexcept;

struct target {
    std::string label;  // empty: none
    operation op = operation::cacerts;
};
// Errors not_found; method_not_allowed with param "allow"; not_implemented (fullcmc).
result<target> parse_target(std::string_view method, std::string_view path);
std::string path_of(const target& t);

}  // namespace berth::est
