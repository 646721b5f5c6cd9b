// The hub's API over a registry: as SDKs of back ends use it, and as nobody should.
#include "hub/admin/admin_api.h"

#include "hub/admin/openapi.h"
#include "store/sqlite/twin_store.h"
#include "support/onboarding_parties.h"
#include "support/test_pki.h"

#include <gmock/gmock.h>

#include <set>

namespace berth::test {
namespace {

using namespace hub;
using namespace registry;
namespace json = wire::json;
using testing::HasSubstr;

class AdminApi : public testing::Test {
protected:
    AdminApi() : store(got(store::sqlite_hub_store::open((directory.path() / "hub.db").string()))) {}

    struct asking {
        std::string method = "GET", path = "/", body = {};
        std::optional<std::string> if_match = {}, if_none_match = {};
        std::map<std::string, std::string> query = {};
        std::string content_type = "application/json";
    };
    // As [hub] does: what failed is undone.
    admin_api::outcome ask(const asking& a, const result<caller>& who = caller{"test", right_set::all()}) {
        admin_api::outcome out;
        const auto done = store->all_or_nothing([&]() -> result<void> {
            out =
                api.answer(*store, twins, {a.method, a.path, a.query, a.if_match, a.if_none_match, a.content_type, a.body}, who);
            return out.keep ? result<void>() : fail(error_category::peer, "undone", "");
        });
        EXPECT_EQ(done.has_value(), out.keep);
        return out;
    }
    // "STATUS", and the service's code of a failure.
    static std::string said(const admin_api::outcome& o) {
        std::string out = std::to_string(o.answer.status);
        for (const auto& [name, value] : o.answer.headers) {
            out += name == "iothub-errorcode" ? " " + value : "";
        }
        return out;
    }
    std::string told(const asking& a) { return said(ask(a)); }
    static json::object body(const admin_api::outcome& o) { return got(wire::parse_json_object(o.answer.body)); }
    static json::array list(const admin_api::outcome& o) { return got(wire::parse_json(o.answer.body)).as_array(); }
    json::object make(const std::string& path) {
        const auto out = ask({"PUT", path, "{}"});
        EXPECT_EQ(out.answer.status, 200U) << out.answer.body;
        return body(out);
    }
    [[nodiscard]] uint64_t devices() { return got(store->tally()).devices; }

    temporary_directory directory;
    named_random random{"admin api"};
    manual_clock time{test_now};
    std::unique_ptr<store::sqlite_hub_store> store;
    store::sqlite_twin_store twins{*store};
    admin_api api{random, time};
};

// ---- devices and modules

TEST_F(AdminApi, ADeviceFromTheFirstToTheLast) {
    const auto made = ask({"PUT",
                           "/devices/pump%2D1",
                           R"({"deviceId":"pump-1","status":"enabled",
        "authentication":{"type":"certificateAuthority"},"capabilities":{"iotEdge":false}})",
                           {},
                           {},
                           {{"api-version", "2021-04-12"}}});
    ASSERT_EQ(made.answer.status, 200U) << made.answer.body;
    EXPECT_EQ(made.operation, "putDevice");
    const std::string etag(body(made).at("etag").as_string());
    EXPECT_THAT(made.answer.headers, testing::Contains(std::pair<std::string, std::string>("ETag", "\"" + etag + "\"")));
    EXPECT_EQ(body(ask({"GET", "/devices/pump-1"})), body(made));
    EXPECT_EQ(told({"PUT", "/devices/pump-1", "{}"}), "409 DeviceAlreadyExists");
    EXPECT_EQ(told({"PUT", "/devices/pump-1", "{}", {}, "*"}), "409 DeviceAlreadyExists");
    const auto off = ask({"PUT", "/devices/pump-1", R"({"status":"disabled"})", "\"" + etag + "\""});
    EXPECT_EQ(body(off).at("status").as_string(), "disabled");
    EXPECT_EQ(told({"PUT", "/devices/pump-1", R"({"status":"enabled"})", "\"" + etag + "\""}), "412 PreconditionFailed");
    EXPECT_EQ(body(ask({"GET", "/devices/pump-1"})).at("status").as_string(), "disabled") << "nothing has changed";
    EXPECT_EQ(told({"PUT", "/devices/pump-1", R"({"status":"enabled"})", "\"*\""}), "200") << "SDKs quote the star";
    EXPECT_EQ(told({"DELETE", "/devices/pump-1", "", "\"" + etag + "\""}), "412 PreconditionFailed");
    EXPECT_EQ(told({"DELETE", "/devices/pump-1", "", "\"*\""}), "204");
    EXPECT_EQ(told({"DELETE", "/devices/pump-1", "", "*"}), "404 DeviceNotFound");
    EXPECT_EQ(told({"PUT", "/devices/pump-1", "{}", "*"}), "404 DeviceNotFound") << "an update makes nothing";
    EXPECT_EQ(devices(), 0U);
}

TEST_F(AdminApi, AChangeKeepsWhatItDoesNotName) {
    ask({"PUT", "/devices/a", R"({"berth":{"group":"pumps","tags":{"site":"Jena"}}})"});
    // SDKs that do not know our member send back all others that they were told.
    auto read = body(ask({"GET", "/devices/a"}));
    read.erase("berth");
    read["statusReason"] = "moved";
    const auto after = body(ask({"PUT", "/devices/a", wire::to_text(read), std::string(read.at("etag").as_string())}));
    EXPECT_EQ(after.at("berth").at("group").as_string(), "pumps");
    EXPECT_EQ(after.at("statusReason").as_string(), "moved");
}

TEST_F(AdminApi, ModulesGoWithTheirDevice) {
    EXPECT_EQ(told({"PUT", "/devices/a/modules/m", "{}"}), "404 DeviceNotFound");
    make("/devices/a");
    EXPECT_EQ(make("/devices/a/modules/m").at("moduleId").as_string(), "m");
    EXPECT_EQ(told({"PUT", "/devices/a/modules/m", "{}"}), "409 ModuleAlreadyExistsOnDevice");
    EXPECT_EQ(told({"GET", "/devices/a/modules/n"}), "404 ModuleNotFound");
    EXPECT_EQ(list(ask({"GET", "/devices/a/modules"})).size(), 1U);
    EXPECT_EQ(told({"GET", "/devices/b/modules"}), "404 DeviceNotFound");
    for (int i = 1; i < 50; ++i) {
        make("/devices/a/modules/m" + std::to_string(i));
    }
    EXPECT_EQ(told({"PUT", "/devices/a/modules/one-more", "{}"}), "413 TooManyModulesOnDevice");
    EXPECT_EQ(told({"DELETE", "/devices/a", "", "*"}), "204");
    EXPECT_EQ(told({"GET", "/devices/a/modules/m"}), "404 ModuleNotFound");
}

TEST_F(AdminApi, MistakesAreToldAndChangeNothing) {
    const auto bad = [this](const asking& a) {
        const auto out = ask(a);
        EXPECT_EQ(out.answer.status, 400U) << out.answer.body;
        return out.why ? out.why->name : "";
    };
    EXPECT_EQ(bad({"PUT", "/devices/a", "{"}), "bad_json");
    EXPECT_EQ(bad({"PUT", "/devices/a", "[]"}), "bad_json");
    EXPECT_EQ(bad({"PUT", "/devices/a", R"({"deviceId":"b"})"}), "name_mismatch");
    EXPECT_EQ(bad({"PUT", "/devices/a", R"({"colour":"red"})"}), "bad_identity");
    EXPECT_EQ(bad({"PUT", "/devices/a", R"({"status":"enabled","status":"disabled"})"}), "duplicate_json_member");
    EXPECT_EQ(bad({"PUT", "/devices/a%2Fb", "{}"}), "bad_identity_name");
    EXPECT_EQ(bad({"PUT", "/devices/a%2", "{}"}), "malformed");
    EXPECT_EQ(bad({"PUT", "/devices/a", "{}", {}, "abc"}), "bad_condition");
    EXPECT_EQ(bad({"PUT", "/devices/a", "{}", "*", "*"}), "bad_condition");
    EXPECT_EQ(bad({"GET", "/devices", "", {}, {}, {{"top", "0"}}}), "bad_parameter");
    EXPECT_EQ(bad({"GET", "/devices", "", {}, {}, {{"top", "1001"}}}), "bad_parameter");
    EXPECT_EQ(bad({"GET", "/devices", "", {}, {}, {{"top", "-1"}}}), "bad_parameter");
    EXPECT_EQ(bad({"GET", "/v1/identities", "", {}, {}, {{"status", "on"}}}), "bad_parameter");
    // What the unmodified package asks for where it is told nothing of authentication.
    EXPECT_EQ(
        bad({"PUT", "/devices/a", R"({"authentication":{"type":"sas","symmetricKey":{"primaryKey":"","secondaryKey":""}}})"}),
        "shared_keys_refused");
    EXPECT_EQ(bad({"PUT", "/devices/a", R"({"capabilities":{"iotEdge":true}})"}), "unsupported");
    EXPECT_EQ(told({"PUT", "/devices/a", "{}", {}, {}, {}, "text/plain"}), "415 GenericUnsupportedMediaType");
    EXPECT_EQ(told({"PUT", "/devices/a", "{\"statusReason\":\"" + std::string(most_small_body, 'x') + "\"}"}),
              "413 GenericRequestEntityTooLarge");
    EXPECT_EQ(devices(), 0U);
    EXPECT_EQ(got(store->newest_event()), 0U);
}

// Of the JSON of one: its primary and its secondary key, "" where it tells none.
std::pair<std::string, std::string> keys_in(const json::object& told) {
    const auto text = [&told](const char* which) {
        const auto& key = told.at("authentication").at("symmetricKey").at(which);
        return key.is_string() ? std::string(key.as_string()) : "";
    };
    return {text("primaryKey"), text("secondaryKey")};
}

TEST_F(AdminApi, SharedKeysAreGivenOrDrawnWhereTheHubTakesThem) {
    const std::string mine = "MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw", other = "MTExMTExMTExMTExMTExMTExMTExMTEx";
    const std::string drawn = R"({"authentication":{"type":"sas","symmetricKey":{"primaryKey":"","secondaryKey":""}}})";
    const std::string given =
        R"({"authentication":{"type":"sas","symmetricKey":{"primaryKey":")" + mine + R"(","secondaryKey":")" + other + R"("}}})";
    ASSERT_TRUE(store->set({true, false, ""}));
    // As the unmodified package asks.
    const auto first = body(ask({"PUT", "/devices/drawn", drawn}));
    EXPECT_EQ(first.at("authentication").at("type").as_string(), "sas");
    EXPECT_EQ(keys_in(first).first.size(), 44U);
    EXPECT_NE(keys_in(first).first, keys_in(first).second);
    EXPECT_EQ(keys_in(body(ask({"PUT", "/devices/given", given}))), (std::pair{mine, other}));
    EXPECT_EQ(keys_in(body(ask({"GET", "/devices/given"}))), (std::pair{mine, other}));
    // What was read is sent back as it is, and changes nothing of the keys.
    const auto read = ask({"GET", "/devices/given"});
    auto again = body(read);
    again["statusReason"] = "looked at";
    EXPECT_EQ(keys_in(body(ask({"PUT", "/devices/given", wire::to_text(again), "*"}))), (std::pair{mine, other}));
    // One of two.
    const auto rolled =
        body(ask({"PUT", "/devices/given", R"({"authentication":{"symmetricKey":{"primaryKey":")" + other + R"("}}})", "*"}));
    EXPECT_EQ(keys_in(rolled), (std::pair{other, other}));
    EXPECT_EQ(body(ask({"GET", "/devices/given"})).at("etag"), rolled.at("etag"));
    // By certificate, and back: others than before.
    EXPECT_EQ(ask({"PUT", "/devices/drawn", R"({"authentication":{"type":"certificateAuthority"}})", "*"}).answer.status, 200U);
    EXPECT_EQ(keys_in(body(ask({"GET", "/devices/drawn"}))).first, "");
    EXPECT_NE(keys_in(body(ask({"PUT", "/devices/drawn", drawn, "*"}))), keys_in(first));
    // Modules have a switch of their own.
    EXPECT_EQ(ask({"PUT", "/devices/given/modules/m", drawn}).why->name, "shared_keys_refused");
    ASSERT_TRUE(store->set({false, true, ""}));
    EXPECT_EQ(keys_in(body(ask({"PUT", "/devices/given/modules/m", given}))), (std::pair{mine, other}));
    EXPECT_EQ(ask({"PUT", "/devices/new", given}).why->name, "shared_keys_refused");
    EXPECT_EQ(ask({"PUT", "/devices/given", given, "*"}).why->name, "shared_keys_refused");
    EXPECT_EQ(ask({"PUT", "/devices/given", R"({"statusReason":"x"})", "*"}).answer.status, 200U) << "all else may be changed";
}

TEST_F(AdminApi, SharedKeysAreToldToThoseWhoMayWriteAndNowhereElse) {
    const std::string mine = "MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw";
    const std::string given = R"({"authentication":{"type":"sas","symmetricKey":{"primaryKey":")" + mine + R"("}}})";
    ASSERT_TRUE(store->set({true, true, ""}));
    EXPECT_EQ(ask({"PUT", "/devices/a", given}).answer.status, 200U);
    EXPECT_EQ(ask({"PUT", "/devices/a/modules/m", given}).answer.status, 200U);
    const result<caller> reader = caller{"reader", {right::registry_read}};
    for (const char* const path : {"/devices/a", "/devices/a/modules/m"}) {
        EXPECT_THAT(ask({"GET", path}).answer.body, HasSubstr(mine));
        const auto told = ask({"GET", path}, reader);
        EXPECT_EQ(told.answer.status, 200U);
        EXPECT_EQ(keys_in(body(told)).first, "");
    }
    for (const char* const path : {"/devices", "/devices/a/modules", "/v1/identities", "/v1/events", "/openapi.json"}) {
        EXPECT_THAT(ask({"GET", path}).answer.body, testing::Not(HasSubstr("MDAw"))) << path;
    }
    EXPECT_THAT(ask({"POST", "/v1/devices/a/revoke"}).answer.body, testing::Not(HasSubstr("MDAw")));
    // Many at once take none.
    const auto many = ask({"POST", "/devices",
                           R"([{"id":"b","importMode":"create","authentication":{"type":"sas","symmetricKey":{"primaryKey":")" +
                               mine + R"("}}}])"});
    EXPECT_THAT(many.answer.body, HasSubstr("shared_keys_refused"));
    const uint64_t there = devices();
    const auto bad = [this](const std::string& key) {
        const auto out = ask({"PUT", "/devices/c", R"({"authentication":{"type":"sas","symmetricKey":)" + key + "}}"});
        return out.why ? out.why->name : "accepted";
    };
    EXPECT_EQ(bad(R"({"primaryKey":"AAAA"})"), "bad_shared_key");
    EXPECT_EQ(bad(R"({"primaryKey":"!"})"), "bad_shared_key");
    EXPECT_EQ(bad(R"({"primaryKey":1})"), "bad_identity");
    EXPECT_EQ(bad(R"({"thirdKey":"AAAA"})"), "bad_identity");
    EXPECT_EQ(bad("[]"), "bad_identity");
    EXPECT_EQ(devices(), there) << "nothing is left behind";
}

TEST_F(AdminApi, FailuresReadAsTheServices) {
    const auto o = ask({"GET", "/devices/nobody"});
    const std::string message(body(o).at("Message").as_string());
    // As the package takes it apart.
    EXPECT_EQ(message.substr(0, message.find(';')), "ErrorCode:DeviceNotFound");
    EXPECT_EQ(message.find(';'), message.rfind(';'));
    EXPECT_EQ(body(o).at("error").at("name").as_string(), "unknown_identity");
    EXPECT_EQ(body(ask({"GET", "/v1/cas/%ff%C3%A4"})).at("error").at("params").at("name").as_string(), "???");
    const auto ours = failure({error_category::environment, "disk_full", "/var/lib/berth/hub is full"});
    EXPECT_EQ(ours.status, 503U);
    EXPECT_THAT(ours.body, testing::Not(HasSubstr("/var/lib")));
}

TEST_F(AdminApi, OfTwoWhoHaveReadTheSameOneChangesIt) {
    const std::string etag(make("/devices/a").at("etag").as_string());
    int changed = 0;
    for (const char* const reason : {"first", "second"}) {
        const auto o = ask({"PUT", "/devices/a", fmt::format(R"({{"statusReason":"{}"}})", reason), etag});
        changed += o.answer.status == 200;
    }
    EXPECT_EQ(changed, 1);
    EXPECT_EQ(body(ask({"GET", "/devices/a"})).at("statusReason").as_string(), "first");
    // Another of the same name is not the one that was read.
    ask({"DELETE", "/devices/a", "", "*"});
    make("/devices/a");
    EXPECT_EQ(told({"PUT", "/devices/a", "{}", etag}), "412 PreconditionFailed");
}

// ---- lists and events

TEST_F(AdminApi, ListsByPage) {
    for (const char* const name : {"a", "b", "c", "d"}) {
        make(std::string("/devices/") + name);
    }
    make("/devices/b/modules/m");
    ask({"PUT", "/devices/c", R"({"status":"disabled","berth":{"group":"pumps"}})", "*"});
    EXPECT_EQ(list(ask({"GET", "/devices/"})).size(), 4U) << "the package asks with a slash";
    EXPECT_EQ(list(ask({"GET", "/devices", "", {}, {}, {{"top", "2"}}})).size(), 2U);
    const auto first = body(ask({"GET", "/v1/identities", "", {}, {}, {{"most", "3"}}}));
    EXPECT_EQ(first.at("next").as_string(), "c");
    const auto second = body(ask({"GET", "/v1/identities", "", {}, {}, {{"most", "3"}, {"after", "c"}}}));
    EXPECT_EQ(second.at("items").as_array().size(), 1U);
    EXPECT_TRUE(second.at("next").is_null());
    const auto only = [this](std::map<std::string, std::string> query) {
        std::string out;
        const auto page = body(ask({"GET", "/v1/identities", "", {}, {}, std::move(query)}));
        for (const auto& i : page.at("items").as_array()) {
            out += std::string(i.at("deviceId").as_string()) + (i.as_object().contains("moduleId") ? "/m " : " ");
        }
        return out;
    };
    EXPECT_EQ(only({{"status", "disabled"}}), "c ");
    EXPECT_EQ(only({{"group", "pumps"}}), "c ");
    EXPECT_EQ(only({{"group", ""}}), "a b d ");
    EXPECT_EQ(only({{"modules", "true"}}), "b/m ");
    EXPECT_EQ(only({{"device", "b"}}), "b/m ");
    EXPECT_EQ(body(ask({"GET", "/statistics/devices"})),
              (json::object{{"totalDeviceCount", 4}, {"enabledDeviceCount", 3}, {"disabledDeviceCount", 1}}));
}

TEST_F(AdminApi, EventsGoOnWhereTheyWereLeft) {
    make("/devices/a");
    ask({"POST", "/v1/devices/a/revoke"});
    ask({"DELETE", "/devices/a", "", "*"});
    const auto all = body(ask({"GET", "/v1/events"}));
    std::string told;
    for (const auto& e : all.at("events").as_array()) {
        told += std::string(e.at("event").as_string()) + " ";
    }
    EXPECT_EQ(told, "created revoked deleted ");
    EXPECT_EQ(body(ask({"GET", "/v1/events", "", {}, {}, {{"after", "2"}}})).at("events").as_array().size(), 1U);
    EXPECT_EQ(all.at("newest").to_number<int>(), 3);
    EXPECT_EQ(told.empty(), false);
    EXPECT_EQ(said(ask({"POST", "/v1/devices/a/revoke"})), "404 DeviceNotFound");
}

TEST_F(AdminApi, SessionsAreToldByWhoKnowsThem) {
    EXPECT_EQ(told({"GET", "/statistics/service"}), "501 FeatureNotSupported");
    make("/devices/a");
    session_source sessions;
    sessions.connected = [] { return uint64_t{1}; };
    sessions.facts = [](const identity_name& n) { return connection_facts{n.device == "a", test_now, 2}; };
    admin_api with(random, time, sessions);
    const caller who{"test", right_set::all()};
    EXPECT_EQ(
        body(with.answer(*store, twins, {"GET", "/statistics/service", {}, {}, {}, "", ""}, who)).at("connectedDeviceCount"), 1);
    EXPECT_EQ(body(with.answer(*store, twins, {"GET", "/devices/a", {}, {}, {}, "", ""}, who)).at("connectionState").as_string(),
              "Connected");
}

// ---- many at once

TEST_F(AdminApi, ManyAtOnceEachForItself) {
    const std::string etag(make("/devices/there").at("etag").as_string());
    make("/devices/gone");
    const auto o = ask({"POST", "/devices",
                        fmt::format(R"([
        {{"id":"new","importMode":"create","status":"disabled","authentication":{{"type":"certificateAuthority"}}}},
        {{"id":"there","importMode":"create"}},
        {{"id":"there","importMode":"Update"}},
        {{"id":"gone","importMode":"Delete"}},
        {{"id":"nobody","importMode":"deleteIfMatchETag","eTag":"x"}},
        {{"id":"no/name","importMode":"create"}},
        {{"id":"new2","importMode":"create","tags":{{"a":1}}}},
        {{"id":"new3"}},
        {{"id":"new","moduleId":"m","importMode":"create"}}])",
                                    etag)});
    EXPECT_EQ(o.answer.status, 200U) << "SDKs throw at a 400, and the list is lost";
    EXPECT_TRUE(o.keep);
    EXPECT_TRUE(o.partly);
    EXPECT_FALSE(body(o).at("isSuccessful").as_bool());
    std::string told;
    const auto report = body(o);
    for (const auto& e : report.at("errors").as_array()) {
        told += std::string(e.at("deviceId").as_string()) + ":" + std::string(e.at("errorCode").as_string()) + " ";
    }
    EXPECT_EQ(told, "there:DeviceAlreadyExists there:DeviceDefinedMultipleTimes nobody:DeviceNotFound no/name:ArgumentInvalid "
                    "new2:FeatureNotSupported new3:ArgumentInvalid ");
    EXPECT_EQ(body(ask({"GET", "/devices/new"})).at("status").as_string(), "disabled") << "what was good is done";
    EXPECT_EQ(said(ask({"GET", "/devices/new/modules/m"})), "200");
    EXPECT_EQ(said(ask({"GET", "/devices/gone"})), "404 DeviceNotFound");
    const auto good = ask({"POST", "/devices",
                           fmt::format(R"([{{"id":"there","importMode":"UpdateIfMatchETag","eTag":"{}",
        "statusReason":"x"}}])",
                                       etag)});
    EXPECT_EQ(good.answer.status, 200U);
    EXPECT_TRUE(body(good).at("isSuccessful").as_bool());
    const auto late =
        ask({"POST", "/devices", fmt::format(R"([{{"id":"there","importMode":"updateIfMatchETag","etag":"{}"}}])", etag)});
    EXPECT_EQ(body(late).at("errors").at(0).at("errorCode").as_string(), "PreconditionFailed");
}

TEST_F(AdminApi, ManyHasItsBounds) {
    const auto many = [](size_t n) {
        json::array out;
        for (size_t i = 0; i < n; ++i) {
            out.push_back(json::object{{"id", fmt::format("dev-{}", i)}, {"importMode", "create"}});
        }
        return wire::to_text(out);
    };
    EXPECT_EQ(told({"POST", "/devices", many(0)}), "400 ArgumentInvalid");
    EXPECT_EQ(told({"POST", "/devices", many(101)}), "400 ArgumentInvalid");
    EXPECT_EQ(told({"POST", "/devices", "[1]"}), "400 ArgumentInvalid");
    EXPECT_EQ(told({"POST", "/devices", R"([{"id":"a","importMode":"create"},7])"}), "400 ArgumentInvalid");
    EXPECT_EQ(told({"POST", "/devices", R"({"id":"a"})"}), "400 ArgumentInvalid");
    EXPECT_EQ(devices(), 0U) << "of a list that is none nothing is done";
    EXPECT_EQ(told({"POST", "/devices", many(100)}), "200");
    EXPECT_EQ(devices(), 100U);
}

TEST_F(AdminApi, ImportsLinesAllOrTheGoodOnes) {
    const std::string lines = "{\"deviceId\":\"a\"}\r\n\n{\"deviceId\":\"a\",\"moduleId\":\"m\"}\n{\"deviceId\":\"b c\"}\nno\n"
                              "{\"deviceId\":\"x\",\"moduleId\":\"m\"}\n{\"deviceId\":\"b\"}";
    const auto import = [&](const std::string& text, bool skip) {
        return ask({"POST", "/v1/import", text, {}, {}, {{"skipBadLines", skip ? "true" : "false"}}, "application/jsonl"});
    };
    const auto all = import(lines, false);
    EXPECT_EQ(all.answer.status, 400U);
    EXPECT_FALSE(all.keep);
    EXPECT_EQ(devices(), 0U) << "nothing is imported when a line is wrong";
    EXPECT_EQ(body(all).at("added").to_number<int>(), 0);
    const auto some = import(lines, true);
    EXPECT_EQ(some.answer.status, 200U);
    EXPECT_EQ(body(some).at("added").to_number<int>(), 3);
    std::string why;
    const auto report = body(some);
    for (const auto& w : report.at("why").as_array()) {
        why += std::to_string(w.at("line").to_number<int>()) + ":" + std::string(w.at("name").as_string()) + " ";
    }
    EXPECT_EQ(why, "4:bad_identity_name 5:bad_json 6:unknown_identity ");
    const auto again = import("{\"deviceId\":\"a\"}\n{\"deviceId\":\"c\"}\n", false);
    EXPECT_EQ(body(again).at("already").to_number<int>(), 1);
    EXPECT_EQ(import("{\"deviceId\":\"a\",\"status\":\"disabled\"}\n", false).answer.status, 400U);
    EXPECT_EQ(devices(), 3U);
}

// ---- CAs

TEST_F(AdminApi, ACaInTwoSteps) {
    const auto fleet = make_root("Fleet", crypto::signature_algorithm::ecdsa_p256_sha256);
    const auto next = make_root("Next", crypto::signature_algorithm::ecdsa_p256_sha256);
    const auto put = [this](const std::string& path, const std::string& text, std::map<std::string, std::string> query = {}) {
        return ask({"POST", path, text, {}, {}, std::move(query), "application/x-pem-file"});
    };
    const auto prove = [&](const authority& by, const std::string& name, const json::object& begun) {
        const auto proof = got(registry::make_proof(by.certificate, by.key, begun.at("code").as_string(), random, test_now));
        return put("/v1/cas/" + name + "/verify", proof.to_pem());
    };
    const auto begun = put("/v1/cas", fleet.certificate.to_pem(), {{"name", "fleet"}});
    ASSERT_EQ(begun.answer.status, 201U) << begun.answer.body;
    EXPECT_FALSE(body(begun).at("letsIn").as_bool());
    EXPECT_EQ(said(put("/v1/cas", fleet.certificate.to_pem(), {{"name", "again"}})), "409 CertificateAuthorityConflict");
    EXPECT_EQ(said(put("/v1/cas", next.certificate.to_pem())), "400 ArgumentInvalid") << "it has no name";
    EXPECT_EQ(prove(next, "fleet", body(begun)).why->name, "wrong_proof");
    EXPECT_EQ(said(put("/v1/cas/other/verify", fleet.certificate.to_pem())), "404 CertificateNotFound");
    EXPECT_TRUE(body(prove(fleet, "fleet", body(begun))).at("letsIn").as_bool());
    EXPECT_EQ(said(put("/v1/cas/fleet/code", "")), "409 CertificateAuthorityConflict");

    prove(next, "next", body(put("/v1/cas", next.certificate.to_pem(), {{"name", "next"}})));
    const auto set = [this](const std::string& path, const std::string& text) { return ask({"POST", path, text}); };
    const auto later = to_iso8601(test_now + 3600);
    EXPECT_EQ(body(set("/v1/cas/fleet/replace", R"({"successor":"next","at":")" + later + "\"}")).at("retires").as_string(),
              later);
    EXPECT_FALSE(body(set("/v1/cas/fleet/retire", R"({"at":null})")).contains("retires"));
    EXPECT_EQ(said(set("/v1/cas/fleet/retire", R"({"at":"soon"})")), "400 ArgumentInvalid");
    EXPECT_EQ(said(set("/v1/cas/fleet/retire", R"({"at":"2027-02-30T00:00:00Z"})")), "400 ArgumentInvalid");
    EXPECT_EQ(said(set("/v1/cas/fleet/retire", R"({})")), "400 ArgumentInvalid");
    EXPECT_EQ(said(set("/v1/cas/fleet/retire", R"({"at":null,"by":"me"})")), "400 ArgumentInvalid");

    make("/devices/a");
    ASSERT_TRUE(store->note_login({"a", ""}, fleet.certificate.sha256(), test_now));
    EXPECT_EQ(body(ask({"GET", "/v1/cas/fleet"})).at("logins").to_number<int>(), 1);
    EXPECT_EQ(ask({"DELETE", "/v1/cas/fleet"}).why->name, "would_cut_off");
    EXPECT_EQ(list(ask({"GET", "/v1/cas"})).size(), 2U);
    EXPECT_EQ(body(ask({"DELETE", "/v1/cas/fleet", "", {}, {}, {{"cutOff", "true"}}})).at("cutOff").to_number<int>(), 1);
    EXPECT_EQ(said(ask({"GET", "/v1/cas/fleet"})), "404 CertificateNotFound");
}

}  // namespace
}  // namespace berth::test
