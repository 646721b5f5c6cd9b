// Test vectors that are not part of the source tree.
#pragma once

#include "base/bytes.h"
#include "wire/base64.h"
#include "wire/json.h"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

#include <gtest/gtest.h>

namespace berth::test {

inline std::string vectors_dir() {
    const char* from_environment = std::getenv("BERTH_VECTORS_DIR");
    return from_environment != nullptr ? from_environment : BERTH_DEFAULT_VECTORS_DIR;
}

inline std::optional<std::string> vector_text(const std::string& name) {
    std::ifstream in(vectors_dir() + "/" + name, std::ios::binary);
    if (!in) {
        return std::nullopt;
    }
    return std::string(std::istreambuf_iterator<char>(in), {});
}

inline bytes hex(std::string_view text) {
    auto octets = from_hex(text);
    EXPECT_TRUE(octets) << text.substr(0, 40);
    return octets ? *octets : bytes{};
}

inline bytes hex(const wire::json::value& value) {
    return hex(std::string_view(value.as_string()));
}

inline bytes unbase64(const wire::json::value& value) {
    auto octets = wire::from_base64(std::string_view(value.as_string()));
    EXPECT_TRUE(octets);
    return octets ? *octets : bytes{};
}

inline std::string text(const wire::json::value& value) {
    return std::string(std::string_view(value.as_string()));
}

}  // namespace berth::test

// Defines `name` as the parsed JSON of a vector file, or skips the test when the vectors are not installed.
#define BERTH_JSON_VECTORS(name, file)                                                                            \
    const auto name##_text = ::berth::test::vector_text(file);                                                    \
    if (!name##_text) {                                                                                           \
        GTEST_SKIP() << file << " not found below " << ::berth::test::vectors_dir() << "; set BERTH_VECTORS_DIR"; \
    }                                                                                                             \
    auto name##_parsed = ::berth::wire::parse_json(*name##_text);                                                 \
    ASSERT_TRUE(name##_parsed) << name##_parsed.error().message;                                                  \
    const ::berth::wire::json::value& name = *name##_parsed
