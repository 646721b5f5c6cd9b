// One table of routes: what is answered, what is described, and what each needs.
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
namespace json = wire::json;

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

// With a name in each place for one.
std::string some_path(const api_route& route) {
    std::string out;
    for (std::string_view rest = route.path; !rest.empty();) {
        const size_t open = std::min(rest.find('{'), rest.size());
        out += rest.substr(0, open);
        rest.remove_prefix(open);
        if (!rest.empty()) {
            out += "name";
            rest.remove_prefix(rest.find('}') + 1);
        }
    }
    return out;
}

TEST(Routes, EachIsDescribedAndEachThatIsDescribedIsThere) {
    const auto described = describe_api(api_routes());
    std::set<std::pair<std::string, std::string>> routes, paths;
    std::set<std::string_view> operations;
    for (const auto& r : api_routes()) {
        EXPECT_TRUE(routes.emplace(lower(r.method), r.path).second) << r.method << " " << r.path << " is there twice";
        EXPECT_TRUE(operations.insert(r.operation).second) << r.operation;
    }
    for (const auto& [path, methods] : described.at("paths").as_object()) {
        for (const auto& [method, operation] : methods.as_object()) {
            paths.emplace(method, path);
            EXPECT_TRUE(operation.as_object().contains("responses"));
        }
    }
    EXPECT_EQ(routes, paths);
}

TEST(Routes, TheDescriptionRefersToWhatItHas) {
    const auto described = describe_api(api_routes());
    const auto& schemas = described.at("components").at("schemas").as_object();
    EXPECT_FALSE(schemas.empty());
    std::set<std::string> used;
    const std::string text = wire::to_text(described);
    constexpr std::string_view mark = "#/components/schemas/";
    for (size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at + 1)) {
        const size_t begin = at + mark.size();
        used.insert(text.substr(begin, text.find('"', begin) - begin));
    }
    for (const auto& name : used) {
        EXPECT_TRUE(schemas.contains(name)) << name;
    }
    for (const auto& [name, schema] : schemas) {
        EXPECT_TRUE(used.contains(name)) << name << " is of no use";
    }
    // Each name in a path is a parameter.
    for (const auto& r : api_routes()) {
        const auto& operation = described.at("paths").at(r.path).at(lower(r.method)).as_object();
        const auto names = std::ranges::count(r.path, '{');
        int64_t found = 0;
        if (const auto* const parameters = operation.if_contains("parameters")) {
            found = std::ranges::count_if(parameters->as_array(), [](const auto& p) { return p.at("in").as_string() == "path"; });
        }
        EXPECT_EQ(found, names) << r.path;
    }
}

TEST(Routes, AreFoundByWhatIsSpeltOut) {
    EXPECT_EQ(find_route("POST", "/devices/query").route->operation, "query");
    EXPECT_EQ(find_route("GET", "/devices/query").route->operation, "getDevice");
    EXPECT_EQ(find_route("HEAD", "/devices/a").route->operation, "getDevice");
    EXPECT_EQ(find_route("GET", "/devices/").route->operation, "listDevices");
    EXPECT_EQ(find_route("GET", "/devices/a%20b").names.at("id"), "a b");
    EXPECT_EQ(find_route("GET", "/devices/a%2Fmodules%2Fb").names.at("id"), "a/modules/b") << "an escaped slash parts nothing";
    EXPECT_TRUE(find_route("GET", "/devices/%zz").malformed);
    const auto wrong = find_route("BREW", "/devices/a");
    EXPECT_EQ(wrong.route, nullptr);
    EXPECT_EQ(wrong.allowed, "GET, HEAD, PUT, DELETE");
    const auto locks = find_route("HEAD", "/messages/serviceBound/feedback");
    EXPECT_EQ(locks.route, nullptr) << "it would lock what nobody is told";
    EXPECT_EQ(locks.allowed, "GET");
    EXPECT_EQ(find_route("GET", "/device").allowed, "");
    EXPECT_EQ(find_route("GET", "/devices/a/modules/b/c").allowed, "");
    EXPECT_EQ(find_route("GET", "//devices").allowed, "");
    EXPECT_EQ(find_route("GET", "/").allowed, "");
}

TEST(Routes, OfFilesAreDescribedAndAnsweredElsewhere) {
    const std::map<std::string_view, std::pair<const char*, const char*>> all{
        {"listFiles", {"GET", "/v1/files"}},
        {"readFile", {"GET", "/v1/files/dev-1/a%2Fb"}},
        {"deleteFile", {"DELETE", "/v1/files/dev-1/a"}},
        {"receiveFileNotice", {"GET", "/messages/serviceBound/filenotifications"}},
        {"completeFileNotice", {"DELETE", "/messages/serviceBound/filenotifications/l"}},
        {"abandonFileNotice", {"POST", "/messages/serviceBound/filenotifications/l/abandon"}}};
    const auto text = wire::to_text(describe_api(api_routes()));
    for (const auto& [operation, where] : all) {
        const auto found = find_route(where.first, where.second);
        ASSERT_NE(found.route, nullptr) << operation;
        EXPECT_EQ(found.route->operation, operation);
        EXPECT_TRUE(found.route->elsewhere && found.route->handle == nullptr) << operation;
        EXPECT_EQ(found.route->needs, right::service_connect) << operation;
        EXPECT_THAT(text, testing::HasSubstr(operation));
    }
}

class Authorisation : public testing::Test {
protected:
    admin_api::outcome ask(const std::string& method, const std::string& path, const result<caller>& who) {
        return api.answer(*store, twins, {method, path, {}, {}, {}, "application/json", "nonsense"}, who);
    }
    temporary_directory directory;
    named_random random{"authorisation"};
    manual_clock time{test_now};
    std::unique_ptr<store::sqlite_hub_store> store = got(store::sqlite_hub_store::open((directory.path() / "hub.db").string()));
    store::sqlite_twin_store twins{*store};
    admin_api api{random, time};
};

// Each route with no right, with each one alone, and with all but the one that it needs.
TEST_F(Authorisation, ARouteNeedsItsOneRightAndNoOtherWillDo) {
    const std::string refused = unauthorized().body;
    for (const auto& r : api_routes()) {
        const std::string path = some_path(r), where = std::string(r.method) + " " + path;
        const auto stranger =
            ask(std::string(r.method), path, fail(error_category::peer, "no_credentials", "Nothing was shown."));
        if (!r.needs) {
            EXPECT_EQ(stranger.answer.status, 200U) << where;
            continue;
        }
        EXPECT_EQ(stranger.answer.status, 401U) << where;
        EXPECT_EQ(stranger.answer.body, refused) << where;
        EXPECT_EQ(stranger.why->name, "no_credentials");
        EXPECT_FALSE(stranger.keep);
        for (const right one : all_rights) {
            const auto with = ask(std::string(r.method), path, caller{"one", {one}});
            EXPECT_EQ(with.answer.status != 401U, one == *r.needs) << where << " with " << to_string(one);
            if (one != *r.needs) {
                EXPECT_EQ(with.answer.body, refused) << where;
                EXPECT_EQ(with.why->name, "right_missing");
            }
        }
    }
}

TEST_F(Authorisation, StrangersLearnNothing) {
    const auto nobody = fail(error_category::peer, "bad_token", "The shared access signature is not by this key.");
    const std::string refused = unauthorized().body;
    for (const char* const path : {"/devices/there", "/nothing", "/devices/%zz", "/", "/v1", "/twins/a"}) {
        for (const char* const method : {"GET", "PUT", "BREW"}) {
            const auto o = ask(method, path, nobody);
            EXPECT_EQ(o.answer.status, 401U) << method << " " << path;
            EXPECT_EQ(o.answer.body, refused);
            EXPECT_THAT(o.answer.body, testing::Not(testing::HasSubstr("bad_token")));
        }
    }
}

TEST_F(Authorisation, WhatIsNotThereIsToldToWhoMayAsk) {
    const caller who{"reader", {right::registry_read}};
    EXPECT_EQ(ask("GET", "/nothing", who).answer.status, 404U);
    const auto wrong = ask("PATCH", "/devices/a", who);
    EXPECT_EQ(wrong.answer.status, 405U);
    EXPECT_THAT(wrong.answer.headers, testing::Contains(std::pair<std::string, std::string>("Allow", "GET, HEAD, PUT, DELETE")));
    const auto method = ask("POST", "/twins/a/methods", caller{"service", {right::service_connect}});
    EXPECT_EQ(method.answer.status, 501U);
    EXPECT_THAT(method.answer.body, testing::HasSubstr("[hub.mqtt]"));
}

}  // namespace
}  // namespace berth::test
