// Twins: what devices ask over MQTT, and what back ends read and change.
#include "hub/admin/admin_api.h"
#include "hub/twin/twins.h"
#include "store/sqlite/twin_store.h"
#include "support/onboarding_parties.h"
#include "support/test_pki.h"

#include <gmock/gmock.h>

namespace berth::test {
namespace {

using namespace hub;
using namespace registry;
namespace json = wire::json;
using testing::HasSubstr;

TEST(HubRequest, IsReadFromItsTopic) {
    using kind = hub_request::kind;
    const auto get = parse_hub_request("$iothub/twin/GET/?$rid=7f");
    ASSERT_TRUE(get);
    EXPECT_EQ(get->what, kind::get_twin);
    EXPECT_EQ(get->answer_topic(200), "$iothub/twin/res/200/?$rid=7f");
    const auto report = parse_hub_request("$iothub/twin/PATCH/properties/reported/?$rid=1&more=2");
    ASSERT_TRUE(report);
    EXPECT_EQ(report->what, kind::report);
    EXPECT_EQ(report->answer_topic(204, "$version=3"), "$iothub/twin/res/204/?$rid=1&$version=3");
    EXPECT_EQ(parse_hub_request("$iothub/credentials/POST/issueCertificate/?$rid=1")->answer_topic(202),
              "$iothub/credentials/res/202/?$rid=1");
    for (const char* const none : {"$iothub/twin/GET/", "$iothub/twin/GET/?", "$iothub/twin/GET/?$rid=",
                                   "$iothub/twin/GET/?$rid=a/b", "$iothub/twin/GET/?$rid=#", "$iothub/twin/GET/?$rid=1&$rid=2",
                                   "$iothub/twin/PUT/?$rid=1", "$iothub/methods/res/200/?$rid=1", ""}) {
        EXPECT_FALSE(parse_hub_request(none)) << none;
    }
    EXPECT_FALSE(parse_hub_request("$iothub/twin/GET/?$rid=" + std::string(129, 'a')));
    EXPECT_TRUE(parse_hub_request("$iothub/twin/GET/?$rid=" + std::string(128, 'a')));
}

class Twins : public testing::Test {
protected:
    Twins() {
        for (const auto& name : {identity_name{"a", ""}, identity_name{"a", "m"}, identity_name{"b", ""}}) {
            EXPECT_TRUE(store->add(make_identity(name, {}, random, test_now)));
        }
    }
    // "TOPIC PAYLOAD"
    std::string asks(const identity_name& who, const std::string& topic, const std::string& payload = " ") {
        const auto request = parse_hub_request(topic);
        if (!request) {
            return "none";
        }
        const auto out = answer_twin(*store, twins, who, *request, as_bytes(payload), ++now);
        return out.topic + " " + std::string(as_text(out.payload));
    }
    std::string get(const identity_name& who) { return asks(who, "$iothub/twin/GET/?$rid=1"); }
    std::string report(const identity_name& who, const std::string& payload) {
        return asks(who, "$iothub/twin/PATCH/properties/reported/?$rid=2", payload);
    }
    // "STATUS BODY"
    std::string rest(const std::string& method, const std::string& path, const std::string& body = "",
                     const std::optional<std::string>& if_match = {}, right_set may = right_set::all()) {
        const auto out =
            api.answer(*store, twins, {method, path, {}, if_match, {}, "application/json", body}, caller{"test", may});
        return std::to_string(out.answer.status) + " " + out.answer.body;
    }
    json::object show(const std::string& path) { return got(wire::parse_json_object(rest("GET", path).substr(4))); }

    const identity_name a{"a", ""}, module{"a", "m"}, b{"b", ""};
    temporary_directory directory;
    named_random random{"twins"};
    manual_clock time{test_now};
    unix_seconds now = test_now;
    std::unique_ptr<store::sqlite_hub_store> store = got(store::sqlite_hub_store::open((directory.path() / "hub.db").string()));
    store::sqlite_twin_store twins{*store};
    admin_api api{random, time};
};

TEST_F(Twins, TheLogSaysWhoWasRefused) {
    testing::internal::CaptureStderr();
    EXPECT_THAT(report(module, "[]"), HasSubstr("res/400"));
    const auto said = testing::internal::GetCapturedStderr();
    EXPECT_THAT(said, HasSubstr("twin_refused"));
    EXPECT_THAT(said, HasSubstr("a/m"));
}

TEST_F(Twins, ADeviceReadsAndReports) {
    EXPECT_EQ(get(a), R"($iothub/twin/res/200/?$rid=1 {"desired":{"$version":1},"reported":{"$version":1}})");
    EXPECT_EQ(report(a, R"({"level":7,"net":{"ip":"::1"}})"), "$iothub/twin/res/204/?$rid=2&$version=2 ");
    EXPECT_EQ(report(a, R"({"level":null})"), "$iothub/twin/res/204/?$rid=2&$version=3 ");
    EXPECT_EQ(get(a), R"($iothub/twin/res/200/?$rid=1 {"desired":{"$version":1},"reported":{"net":{"ip":"::1"},"$version":3}})");
    EXPECT_THAT(get(module), HasSubstr(R"("reported":{"$version":1})")) << "a module has its own";
    EXPECT_THAT(get(b), HasSubstr(R"("reported":{"$version":1})"));
}

TEST_F(Twins, AFullOneHasRoomInAnAnswer) {
    json::object much;
    for (int i = 0; i < 8; ++i) {
        much["member" + std::to_string(i)] = std::string(4'000, 'x');
    }
    much["rest"] = std::string(640, 'x');
    EXPECT_THAT(report(a, wire::to_text(much)), HasSubstr("res/204/"));
    EXPECT_EQ(
        rest("PATCH", "/twins/a", wire::to_text(json::object{{"properties", json::object{{"desired", much}}}})).substr(0, 3),
        "200");
    const auto all = answer_twin(*store, twins, a, *parse_hub_request("$iothub/twin/GET/?$rid=1"), {}, now);
    EXPECT_GT(all.payload.size(), most_carried_payload);
    EXPECT_EQ(got(read_carried_answers(to_text(std::vector<std::optional<carried_answer>>{all}))).front(), all);
}

TEST_F(Twins, WhatIsWrongIsToldAndChangesNothing) {
    for (const char* const bad : {"", " ", "7", "[]", "{", R"({"a":1,"a":2})", R"({"$version":2})", R"({"a.b":1})"}) {
        EXPECT_THAT(report(a, bad), HasSubstr("$iothub/twin/res/400/?$rid=2 {\"errorCode\":400000,")) << bad;
    }
    std::string deep = "1";
    for (int i = 0; i < 100; ++i) {
        deep = "{\"a\":" + deep + "}";
    }
    EXPECT_THAT(report(a, deep), HasSubstr("res/400/"));
    EXPECT_THAT(report(a, "{\"a\":\"" + std::string(70'000, 'x') + "\"}"), HasSubstr("res/413/"));
    EXPECT_THAT(get(a), HasSubstr(R"("reported":{"$version":1})"));
    EXPECT_THAT(asks({"gone", ""}, "$iothub/twin/GET/?$rid=9"), HasSubstr("$iothub/twin/res/404/?$rid=9"));
}

TEST_F(Twins, BackEndsWishAndRead) {
    report(a, R"({"level":7})");
    const auto changed = rest("PATCH", "/twins/a", R"({"tags":{"site":"x"},"properties":{"desired":{"rate":5}}})");
    EXPECT_EQ(changed.substr(0, 3), "200") << changed;
    EXPECT_THAT(get(a), HasSubstr(R"({"desired":{"rate":5,"$version":2},"reported":{"level":7,"$version":2}})"))
        << "tags are not the device's to see";
    auto t = show("/twins/a");
    EXPECT_EQ(t.at("deviceId").as_string(), "a");
    EXPECT_EQ(t.at("tags").at("site").as_string(), "x");
    EXPECT_EQ(t.at("properties").at("desired").at("rate"), 5);
    EXPECT_EQ(t.at("properties").at("reported").at("level"), 7);
    EXPECT_EQ(t.at("properties").at("reported").at("$version"), 2);
    EXPECT_EQ(got(store->find(a))->settings.tags, R"({"site":"x"})") << "tags are the identity's";
    EXPECT_EQ(rest("PATCH", "/twins/a", R"({"properties":{"desired":{"rate":null,"mode":"on"}}})").substr(0, 3), "200");
    EXPECT_EQ(wire::to_text(show("/twins/a").at("tags")), R"({"site":"x"})");
    // What an SDK was told, it sends back.
    t = show("/twins/a");
    EXPECT_EQ(rest("PUT", "/twins/a", wire::to_text(t)).substr(0, 3), "200");
    EXPECT_THAT(get(a), HasSubstr(R"("desired":{"mode":"on","$version":4})"));
    EXPECT_EQ(rest("PUT", "/twins/a", "{}").substr(0, 3), "200");
    EXPECT_THAT(get(a), HasSubstr(R"("desired":{"$version":5})"));
    EXPECT_EQ(rest("PATCH", "/twins/a/modules/m", R"({"properties":{"desired":{"x":1}}})").substr(0, 3), "200");
    EXPECT_THAT(get(module), HasSubstr(R"("desired":{"x":1,"$version":2})"));
}

TEST_F(Twins, AWishIsRefusedWhole) {
    for (const char* const bad :
         {R"({"properties":{"reported":{}},"more":1})", R"({"properties":{"other":{}}})", R"({"properties":7})", R"({"tags":[]})",
          R"({"properties":{"desired":{"a.b":1}}})", R"({"properties":{"desired":null}})"}) {
        EXPECT_EQ(rest("PATCH", "/twins/a", bad).substr(0, 3), "400") << bad;
    }
    EXPECT_EQ(rest("PATCH", "/twins/nobody", "{}").substr(0, 3), "404");
    EXPECT_EQ(rest("GET", "/twins/a", "", {}, {right::registry_read, right::registry_write}).substr(0, 3), "401");
    EXPECT_EQ(rest("PATCH", "/twins/a", "{}", {}, {right::registry_read, right::registry_write}).substr(0, 3), "401");
    EXPECT_EQ(show("/twins/a").at("version"), 1);
}

TEST_F(Twins, TwoWhoChangeOneAtOnceAreToldApart) {
    const std::string etag(show("/twins/a").at("etag").as_string());
    EXPECT_EQ(rest("PATCH", "/twins/a", R"({"properties":{"desired":{"x":1}}})", "\"" + etag + "\"").substr(0, 3), "200");
    EXPECT_EQ(rest("PATCH", "/twins/a", R"({"properties":{"desired":{"x":2}}})", "\"" + etag + "\"").substr(0, 3), "412");
    EXPECT_EQ(rest("PATCH", "/twins/a", R"({"tags":{"x":2}})", etag).substr(0, 3), "412");
    EXPECT_EQ(rest("PATCH", "/twins/a", R"({"properties":{"desired":{"x":2}}})", "\"*\"").substr(0, 3), "200");
    const std::string next(show("/twins/a").at("etag").as_string());
    report(a, R"({"y":1})");
    EXPECT_EQ(rest("PATCH", "/twins/a", R"({"tags":{"x":2}})", next).substr(0, 3), "200")
        << "what a device says is no change of theirs";
    EXPECT_EQ(rest("PATCH", "/twins/a", R"({"tags":{"x":3}})", next).substr(0, 3), "412");
}

TEST_F(Twins, GoWithTheirIdentity) {
    report(a, R"({"level":7})");
    report(module, R"({"level":8})");
    const auto before = got(store->find(a));
    ASSERT_TRUE(store->remove(*before, ++now));
    ASSERT_TRUE(store->add(make_identity(a, {}, random, now)));
    EXPECT_THAT(get(a), HasSubstr(R"("reported":{"$version":1})")) << "another one's";
    EXPECT_THAT(get(module), HasSubstr("res/404/"));
    twin_section section;
    section.version = 2;
    const auto nobody = twins.set_reported({"nobody", ""}, section);
    ASSERT_FALSE(nobody);
    EXPECT_EQ(nobody.error().name, "etag_mismatch");
}

}  // namespace
}  // namespace berth::test
