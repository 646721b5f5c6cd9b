// Results and errors. Protocol code returns result<T>; exceptions never cross a folder.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

namespace berth {

// Who can do something about it.
enum class error_category : uint8_t {
    peer,          // the other side misbehaved, or refused us
    incompatible,  // the other side speaks something that we do not
    usage,         // the command, file or argument given is wrong
    environment,   // network, file, disk, chip
    internal,      // our fault
};

// "peer", "incompatible", "usage", "environment", "internal"
std::string_view to_string(error_category category);

// Process exit codes: 0 done, 1 refused by the other side, 2 usage, 3 environment, 4 our fault.
int exit_code(error_category category);

// An error has a category, a unique name that scripts may rely on, parameters, and a sentence that a person can act on.
struct error {
    error_category category = error_category::internal;
    std::string name;
    std::string message;
    std::vector<std::pair<std::string, std::string>> params = {};

    // The same error with one more parameter.
    error with(std::string key, std::string value) &&;
    error with(std::string key, std::string value) const&;
    // The same error, its sentence preceded by what was being done ("reading z3.pem: ...").
    error during(std::string_view doing) &&;
    bool is(std::string_view other) const { return name == other; }
};

template <class T>
using result = tl::expected<T, error>;

inline tl::unexpected<error> fail(error e) {
    return tl::unexpected<error>(std::move(e));
}

inline tl::unexpected<error> fail(error_category category, std::string name, std::string message) {
    return tl::unexpected<error>(error{category, std::move(name), std::move(message)});
}

}  // namespace berth

// BERTH_TRY(name, expr): evaluates expr (a result<T>), returns its error from this function, else defines `name` as the value.
#define BERTH_TRY(name, ...)                                       \
    auto name##_or_error_ = (__VA_ARGS__);                         \
    if (!name##_or_error_) {                                       \
        return ::berth::fail(std::move(name##_or_error_).error()); \
    }                                                              \
    auto name = std::move(*name##_or_error_)

// BERTH_CHECK(expr): evaluates expr (a result<...>), returns its error from this function, drops its value.
#define BERTH_CHECK(...)                                              \
    do {                                                              \
        if (auto check_or_error_ = (__VA_ARGS__); !check_or_error_) { \
            return ::berth::fail(std::move(check_or_error_).error()); \
        }                                                             \
    } while (false)
