// Who may log in by a key that the hub shares with him: the switches, user names, tokens, and one reason for each refusal.
#include "hub/login/login.h"
#include "store/sqlite/hub_store.h"
#include "support/onboarding_parties.h"
#include "support/test_pki.h"

namespace berth::test {
namespace {

using namespace hub;
using namespace registry;

class KeyLogin : public testing::Test {
protected:
    KeyLogin() : store(got(store::sqlite_hub_store::open((directory.path() / "hub.db").string()))) {
        EXPECT_TRUE(store->set({true, true, ""}));
        no_chain.refusal = login_refusal::no_certificate;
        for (const char* name : {"dev1", "dev2", "dev1/mod1"}) {
            keyed(name);
        }
        identity_settings by_ca;
        EXPECT_TRUE(store->add(make_identity({"dev3", ""}, by_ca, random, test_now)));
    }
    void keyed(const std::string& name) {
        identity_settings settings;
        settings.login.way = login_way::shared_key;
        const auto one = make_identity(got(parse_identity_name(name)), settings, random, test_now);
        ASSERT_TRUE(store->add(one));
        ASSERT_TRUE(store->set_keys(one, draw_shared_keys(random), test_now));
    }
    [[nodiscard]] shared_keys keys_of(const std::string& name) const {
        auto out = got(store->keys_of(got(parse_identity_name(name))));
        EXPECT_TRUE(out) << name;
        return out ? std::move(*out) : shared_keys{};
    }
    [[nodiscard]] std::string token(const std::string& resource, const std::string& of, unix_seconds expiry = test_now + 3600,
                                    const std::string& policy = "") const {
        return make_sas_token(resource, keys_of(of).primary, expiry, policy);
    }
    [[nodiscard]] login_answer answer(const std::string& name, const std::string& user, const std::string& password,
                                      unix_seconds now = test_now) const {
        const auto words = judge_words(name, user, password);
        return judge_login(*store, no_chain, name, now, &words);
    }
    // "in", or the reason.
    [[nodiscard]] std::string login(const std::string& name, const std::string& user, const std::string& password,
                                    unix_seconds now = test_now) const {
        const auto a = answer(name, user, password, now);
        return a.in ? "in" : std::string(to_string(a.refusal));
    }

    temporary_directory directory;
    named_random random{"key login"};
    std::unique_ptr<store::sqlite_hub_store> store;
    judged_chain no_chain;
    const std::string dev1_user = "hub.example/dev1/?api-version=2021-04-12", dev1 = "hub.example/devices/dev1";
    const std::string mod1_user = "hub.example/dev1/mod1/?api-version=2021-04-12", mod1 = "hub.example/devices/dev1/modules/mod1";
};

TEST_F(KeyLogin, DevicesAndModulesUntilTheirTokensEnd) {
    const auto in = answer("dev1", dev1_user, token(dev1, "dev1")).in;
    ASSERT_TRUE(in);
    EXPECT_TRUE(in->by_key);
    EXPECT_FALSE(in->ca);
    EXPECT_EQ(in->until, test_now + 3599) << "the last second in which the token is good";
    EXPECT_EQ(login("dev1/mod1", mod1_user, token(mod1, "dev1/mod1")), "in");
    EXPECT_EQ(login("dev1", "HUB.example:8883/dev1/?DeviceClientType=x&api-version=2021-04-12",
                    token("hub.EXAMPLE:8883/devices/dev1", "dev1")),
              "in")
        << "hosts compare without case and port";
    EXPECT_EQ(login("dev1", dev1_user, make_sas_token(dev1, keys_of("dev1").secondary, test_now + 60)), "in") << "either key";
    EXPECT_EQ(login("dev1", dev1_user, token(dev1, "dev1"), test_now + 3600), "token_expired");
    EXPECT_EQ(login("dev1", dev1_user, token(dev1, "dev1", test_now + 2 * longest_sas)), "token_expired") << "for too long";
}

TEST_F(KeyLogin, OnlyWhereTheHubTakesKeys) {
    ASSERT_TRUE(store->set({false, true, ""}));
    EXPECT_EQ(login("dev1", dev1_user, token(dev1, "dev1")), "shared_keys_off");
    EXPECT_EQ(login("dev1/mod1", mod1_user, token(mod1, "dev1/mod1")), "in");
    ASSERT_TRUE(store->set({true, false, ""}));
    EXPECT_EQ(login("dev1", dev1_user, token(dev1, "dev1")), "in");
    EXPECT_EQ(login("dev1/mod1", mod1_user, token(mod1, "dev1/mod1")), "shared_keys_off");
    const auto untouched = got(store::sqlite_hub_store::open((directory.path() / "new.db").string()));
    EXPECT_EQ(got(untouched->settings()), hub_settings{}) << "off at first";
    EXPECT_FALSE(hub_settings{}.takes_key_of({"dev1", ""}) || hub_settings{}.takes_key_of({"dev1", "mod1"}));
}

TEST_F(KeyLogin, ATokenIsItsOwnersAlone) {
    EXPECT_EQ(login("dev1", dev1_user, token(dev1, "dev2")), "bad_token") << "by another's key";
    EXPECT_EQ(login("dev1", dev1_user, token("hub.example/devices/dev2", "dev1")), "wrong_resource");
    EXPECT_EQ(login("dev1", dev1_user, token("hub.example/devices", "dev1")), "wrong_resource") << "what is above it";
    EXPECT_EQ(login("dev1", dev1_user, token("hub.example", "dev1")), "wrong_resource");
    EXPECT_EQ(login("dev1", dev1_user, token(mod1, "dev1")), "wrong_resource") << "what is below it";
    EXPECT_EQ(login("dev1", dev1_user, token(dev1 + "/", "dev1")), "wrong_resource");
    EXPECT_EQ(login("dev1/mod1", mod1_user, token(dev1, "dev1")), "wrong_resource") << "a device is not its modules";
    EXPECT_EQ(login("dev1/mod1", mod1_user, token(mod1, "dev1")), "bad_token");
    EXPECT_EQ(login("dev1", dev1_user, token("other.example/devices/dev1", "dev1")), "wrong_resource")
        << "of what the user name says";
    EXPECT_EQ(login("dev1", dev1_user, token(dev1, "dev1", test_now + 3600, "device")), "bad_token") << "a policy's";
    auto wrong = token(dev1, "dev1");
    const size_t sig = wrong.find("sig=") + 5;
    wrong[sig] = wrong[sig] == 'A' ? 'B' : 'A';
    EXPECT_EQ(login("dev1", dev1_user, wrong), "bad_token");
    EXPECT_EQ(login("dev1", dev1_user, "hello"), "bad_token");
}

TEST_F(KeyLogin, TheUserNameIsTheClientsOwn) {
    const auto good = token(dev1, "dev1");
    for (const char* user : {"", "dev1", "/dev1/?api-version=1", "hub.example/dev2/?api-version=2021-04-12", "hub.example/dev1",
                             "hub.example/dev1/?", "hub.example/dev1/?x=1", "hub.example/dev1/mod1/?api-version=2021-04-12",
                             "hub.example/dev1?api-version=2021-04-12", "hub.example/dev11/?api-version=2021-04-12",
                             "hub.example/DEV1/?api-version=2021-04-12"}) {
        EXPECT_EQ(login("dev1", user, good), "bad_user_name") << user;
    }
    EXPECT_EQ(login("dev1", std::string(300, 'h') + "/dev1/?api-version=1", good), "bad_user_name");
}

TEST_F(KeyLogin, TokensAreForThisHubWhereItHasAName) {
    ASSERT_TRUE(store->set({true, true, "hub.example"}));
    EXPECT_EQ(login("dev1", dev1_user, token(dev1, "dev1")), "in");
    EXPECT_EQ(login("dev1", "other.example/dev1/?api-version=2021-04-12", token("other.example/devices/dev1", "dev1")),
              "wrong_resource");
}

TEST_F(KeyLogin, TheRegistrySaysWhichWay) {
    auto with_leaf = no_chain;
    with_leaf.refusal.reset();
    with_leaf.name = identity_name{"dev1", ""};
    with_leaf.ca.emplace();
    with_leaf.not_after = test_now + day;
    const auto a = judge_login(*store, with_leaf, "dev1", test_now);
    EXPECT_EQ(to_string(a.refusal), "login_not_allowed") << "a certificate that is good, of one that has a key";
    EXPECT_FALSE(a.in);
    // The other one logs in by certificate, whatever else he says, and not without.
    const std::string user = "hub.example/dev3/?api-version=2021-04-12";
    const auto words = judge_words("dev3", user, token("hub.example/devices/dev3", "dev1"));
    EXPECT_EQ(to_string(judge_login(*store, no_chain, "dev3", test_now, &words).refusal), "login_not_allowed");
    with_leaf.name = identity_name{"dev3", ""};
    EXPECT_TRUE(judge_login(*store, with_leaf, "dev3", test_now, &words).in);
    EXPECT_EQ(to_string(judge_login(*store, no_chain, "dev3", test_now).refusal), "no_certificate");
}

TEST_F(KeyLogin, GoesWithTheIdentity) {
    const auto good = token(dev1, "dev1");
    auto who = got(store->find({"dev1", ""})).value();
    auto settings = who.settings;
    settings.enabled = false;
    who = got(store->change(who, settings, test_now));
    EXPECT_EQ(login("dev1", dev1_user, good), "disabled");
    EXPECT_EQ(login("dev1/mod1", mod1_user, token(mod1, "dev1/mod1")), "device_disabled");
    settings.enabled = true;
    who = got(store->change(who, settings, test_now));
    EXPECT_EQ(login("dev1", dev1_user, good), "in") << "the same keys";
    ASSERT_TRUE(store->set_keys(who, draw_shared_keys(random), test_now));
    EXPECT_EQ(login("dev1", dev1_user, good), "bad_token") << "by a key that is no more";
    ASSERT_TRUE(store->remove(got(store->find({"dev1", ""})).value(), test_now));
    EXPECT_EQ(login("dev1", dev1_user, good), "unknown_identity");
    EXPECT_EQ(login("nobody", "hub.example/nobody/?api-version=1", good), "unknown_identity");
    EXPECT_EQ(login("$dev", "hub.example/$dev/?api-version=1", good), "bad_name");
}

}  // namespace
}  // namespace berth::test
