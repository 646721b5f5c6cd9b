#include "desired_watch.h"

#include "support/onboarding_parties.h"
#include "support/test_pki.h"

namespace berth::test {
namespace {

using namespace registry;
using app::desired_watch;

class DesiredWatch : public testing::Test {
protected:
    DesiredWatch() {
        for (const auto& name : {a, module}) {
            EXPECT_TRUE(store->add(make_identity(name, {}, random, test_now)));
        }
        wish(a, R"({"before":1})");
        watch = got(desired_watch::open(file));
    }
    // As another process does.
    void wish(const identity_name& name, const std::string& patch) {
        auto before = got(twins.twin_of(name)).desired;
        const auto said = got(wire::parse_json_object(patch));
        EXPECT_TRUE(twins.set_desired(name, got(patched(before, said, test_now)), said));
    }
    // "TOPIC PAYLOAD" of each session.
    std::multimap<desired_watch::handle, std::string> look() {
        std::multimap<desired_watch::handle, std::string> out;
        for (const auto& each : watch->look()) {
            out.emplace(each.session, each.topic + " " + each.payload);
        }
        return out;
    }
    const identity_name a{"a", ""}, module{"a", "m"};
    const int one = 0, other = 0;
    temporary_directory directory;
    named_random random{"desired"};
    const std::filesystem::path file = directory.path() / "hub.db";
    std::unique_ptr<store::sqlite_hub_store> store = got(store::sqlite_hub_store::open(file.string()));
    store::sqlite_twin_store twins{*store};
    std::unique_ptr<desired_watch> watch;
};

TEST_F(DesiredWatch, WhoListensIsTold) {
    watch->listens(&one, a);
    watch->listens(&other, module);
    EXPECT_TRUE(look().empty()) << "what was wanted before it reads";
    wish(a, R"({"rate":5})");
    wish(a, R"({"rate":null})");
    const auto told = look();
    EXPECT_EQ(told.size(), 2U);
    const auto first = told.find(&one);
    ASSERT_NE(first, told.end());
    EXPECT_EQ(first->second, R"($iothub/twin/PATCH/properties/desired/?$version=3 {"rate":5,"$version":3})");
    EXPECT_EQ(std::next(first)->second, R"($iothub/twin/PATCH/properties/desired/?$version=4 {"rate":null,"$version":4})");
    EXPECT_TRUE(look().empty()) << "once";
    wish(module, R"({"x":1})");
    EXPECT_EQ(look().count(&other), 1U);
}

TEST_F(DesiredWatch, WhoHasLeftIsNot) {
    watch->listens(&one, a);
    watch->listens(&other, a);  // it takes over, and both are there for a moment
    wish(a, R"({"x":1})");
    EXPECT_EQ(look().size(), 2U);
    watch->left(&one);
    wish(a, R"({"x":2})");
    EXPECT_EQ(look().count(&other), 1U);
    watch->left(&other);
    watch->left(&other);
    wish(a, R"({"x":3})");
    EXPECT_TRUE(look().empty());
    watch->listens(&one, a);
    EXPECT_TRUE(look().empty()) << "what was wanted meanwhile it reads";
}

TEST_F(DesiredWatch, ManyAreToldOneAfterTheOther) {
    watch->listens(&one, a);
    for (size_t i = 0; i < desired_watch::most_at_once + 3; ++i) {
        wish(a, R"({"x":1})");
    }
    EXPECT_EQ(look().size(), desired_watch::most_at_once);
    EXPECT_EQ(look().size(), 3U);
}

}  // namespace
}  // namespace berth::test
