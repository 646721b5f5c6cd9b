// What a device keeps, and what a start means.
#include "firmware/record.h"
#include "makers.h"

namespace berth::firmware {
namespace {

using test::maker;
using test::name_of;

verified_manifest seventh() {
    const maker by;
    auto m = maker::manifest(7);
    m.security_counter = 2;
    return verify_manifest(by.trusted(), maker::sign(m, {by.alice, by.bob, by.bob_es})).value();
}

record switched() {
    record r;
    r.vendor = "Acme";
    r.device_class = "gw-1";
    r.installed_seq = 6;
    EXPECT_TRUE(begin(r, seventh(), std::string(64, 'f'), "b"));
    EXPECT_TRUE(apply(r, event::fetched));
    EXPECT_TRUE(apply(r, event::wrote));
    EXPECT_TRUE(switch_over(r, {"a", "boot-1"}));
    return r;
}

TEST(FirmwareRecord, AStartTellsWhatBecameOfATrial) {
    const auto r = switched();
    EXPECT_EQ(look(r, {"a", "boot-1"}), trial::waiting);
    EXPECT_EQ(look(r, {"b", "boot-2"}), trial::running);
    EXPECT_EQ(look(r, {"a", "boot-2"}), trial::came_back);
    EXPECT_EQ(look(record{}, {"a", "boot-2"}), trial::none);
}

TEST(FirmwareRecord, OnlyWhatRunsIsConfirmed) {
    auto r = switched();
    EXPECT_EQ(name_of(confirm(r, {"a", "boot-1"})), "not_running");
    EXPECT_EQ(r.installed_seq, 6U);
    ASSERT_TRUE(confirm(r, {"b", "boot-2"}));
    EXPECT_EQ(r.installed_seq, 7U);
    EXPECT_EQ(r.security_counter, 2U);
    EXPECT_EQ(name_of(confirm(r, {"b", "boot-2"})), "wrong_state");
}

TEST(FirmwareRecord, WhatCameBackIsRemembered) {
    auto r = switched();
    ASSERT_TRUE(give_back(r, event::came_back));
    EXPECT_EQ(r.at, state::returned);
    EXPECT_EQ(r.installed_seq, 6U);
    EXPECT_TRUE(r.returned.contains(7));
    EXPECT_EQ(name_of(give_back(r, event::came_back)), "wrong_state");
}

TEST(FirmwareRecord, NoStepIsLeftOut) {
    record r;
    EXPECT_EQ(name_of(switch_over(r, {"a", "1"})), "wrong_state");
    EXPECT_EQ(name_of(apply(r, event::wrote)), "wrong_state");
    ASSERT_TRUE(begin(r, seventh(), std::string(64, 'f'), "b"));
    EXPECT_EQ(name_of(switch_over(r, {"a", "1"})), "wrong_state");
    EXPECT_EQ(name_of(begin(r, seventh(), std::string(64, 'f'), "b")), "wrong_state");
    EXPECT_EQ(r.at, state::downloading);
}

TEST(FirmwareRecord, ComesBackFromItsFile) {
    auto r = switched();
    r.list = {5, std::string(64, '1'), std::string(64, '2')};
    r.told_time = 3000;
    r.returned = {3, 4};
    const auto again = read_record(wire::to_text(to_json(r)));
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(wire::to_text(to_json(*again)), wire::to_text(to_json(r)));
    EXPECT_EQ(look(*again, {"b", "boot-2"}), trial::running);
    for (const std::string text : {"", "{}", "[1]", R"({"schema":1})"}) {
        EXPECT_EQ(name_of(read_record(text)), "state_damaged") << text;
    }
    auto half = to_json(r);
    half.erase("manifest");
    EXPECT_EQ(name_of(read_record(wire::to_text(half))), "state_damaged");
}

TEST(FirmwareRecord, TimeDoesNotGoBack) {
    record r;
    r.told_time = 3000;
    EXPECT_EQ(judged_time(r, 5000), 5000);
    EXPECT_EQ(judged_time(r, 10), 3000) << "the battery of the clock was empty";
    EXPECT_EQ(judged_time(r, 0), 0) << "no clock";
}

}  // namespace
}  // namespace berth::firmware
