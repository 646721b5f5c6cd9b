#include "device/installation.h"

#include <gtest/gtest.h>

namespace berth::app {
namespace {

installation_state example() {
    installation_state s;
    s.customer = "Birch";
    s.kk3_id[0] = 7;
    s.reported = true;
    s.installed_at = 1'800'000'000;
    s.registrar = "r.example:8443";
    s.configuration_version = 9;
    return s;
}

TEST(State, IsReadAsItWasWritten) {
    const auto read = parse_state(wire::to_text(to_json(example())));
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(to_json(*read), to_json(example()));
}

TEST(State, DamageIsNamed) {
    const std::string good = wire::to_text(to_json(example()));
    EXPECT_FALSE(parse_state(""));
    EXPECT_FALSE(parse_state(good.substr(0, good.size() - 1)));
    auto json = to_json(example());
    json["id"] = "0102";
    EXPECT_EQ(parse_state(wire::to_text(json)).error().name, "bad_installation");
    json = to_json(example());
    json["configuration_version"] = -1;
    EXPECT_EQ(parse_state(wire::to_text(json)).error().name, "bad_installation");
    for (const char* member : {"customer", "id", "registrar", "installed_at", "configuration_version"}) {
        json = to_json(example());
        json.erase(member);
        EXPECT_FALSE(parse_state(wire::to_text(json))) << member;
    }
}

}  // namespace
}  // namespace berth::app
