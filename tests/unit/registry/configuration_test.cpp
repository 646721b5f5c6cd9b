// Layers of configuration, merged (RFC 7396).
#include "registry/configuration.h"

namespace berth::registry {
namespace {

configuration_layer layer(uint64_t version, const char* json) {
    return {configuration_scope::everyone, "", version, json, 0};
}

TEST(Configuration, TheParticularWins) {
    const auto merged =
        merge({layer(3, R"({"a":1,"b":{"c":1,"d":2}})"), layer(1, R"({"b":{"c":9}})"), layer(2, R"({"e":true})")});
    ASSERT_TRUE(merged);
    EXPECT_EQ(merged->version, 3u);
    EXPECT_EQ(merged->json, R"({"a":1,"b":{"c":9,"d":2},"e":true})");
}

TEST(Configuration, NullRemoves) {
    EXPECT_EQ(merge({layer(1, R"({"a":1,"b":2})"), layer(2, R"({"a":null})")})->json, R"({"b":2})");
}

TEST(Configuration, NothingSetIsNothingSent) {
    EXPECT_EQ(merge({})->version, 0u);
    EXPECT_EQ(merge({})->json, "");
}

TEST(Configuration, WhatIsNoObjectIsRefused) {
    EXPECT_EQ(merge({layer(1, "[1]")}).error().name, "bad_json");
    EXPECT_EQ(merge({layer(1, R"({"a":1,"a":2})")}).error().name, "duplicate_json_member");
    EXPECT_EQ(merge({layer(1, (R"({"a":")" + std::string(70000, 'x') + "\"}").c_str())}).error().name, "too_large");
}

}  // namespace
}  // namespace berth::registry
