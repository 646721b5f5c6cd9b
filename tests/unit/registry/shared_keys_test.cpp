// Keys that are shared with devices: how they are given, and when they are not taken.
#include "registry/hub/shared_keys.h"
#include "support/test_pki.h"
#include "wire/base64.h"

namespace berth::test {
namespace {

using namespace registry;

std::string key_of(size_t octets) {
    return wire::base64(bytes(octets, 0x5a));
}

TEST(SharedKeys, AreSixteenToSixtyFourOctetsInBase64) {
    for (const size_t size : {16U, 32U, 64U}) {
        EXPECT_EQ(value_of(shared_key_from_text(key_of(size))).size(), size);
    }
    for (const std::string& text : {key_of(15), key_of(65), std::string(), std::string("not base64 at all"), key_of(32) + "\n"}) {
        const auto refused = shared_key_from_text(text);
        ASSERT_FALSE(refused) << text;
        EXPECT_EQ(refused.error().name, "bad_shared_key");
        EXPECT_TRUE(text.empty() || refused.error().message.find(text) == std::string::npos) << "they are not told again";
    }
}

TEST(SharedKeys, AFileHasOneOrTwo) {
    named_random random("shared keys");
    const auto one = value_of(shared_keys_from_text(key_of(16) + "\n", random));
    EXPECT_EQ(one.primary.size(), 16U);
    EXPECT_EQ(one.secondary.size(), drawn_shared_key) << "the other one is drawn";
    const auto two = value_of(shared_keys_from_text(key_of(16) + "\r\n" + key_of(20), random));
    EXPECT_EQ(two.secondary.size(), 20U);
    EXPECT_EQ(name_of_error(shared_keys_from_text(key_of(16) + "\n" + key_of(16) + "\n" + key_of(16), random)), "bad_shared_key");
    EXPECT_EQ(name_of_error(shared_keys_from_text("\n", random)), "bad_shared_key");
    const auto drawn = draw_shared_keys(random);
    EXPECT_EQ(drawn.primary.size(), drawn_shared_key);
    EXPECT_NE(to_hex(drawn.primary.reveal()), to_hex(drawn.secondary.reveal()));
}

TEST(SharedKeys, AreForThoseWhoLogInByThemWhereTheyAreTaken) {
    identity device, module;
    device.name = {"dev1", ""};
    module.name = {"dev1", "mod1"};
    device.settings.login.way = module.settings.login.way = login_way::shared_key;
    const hub_settings none, devices{true, false, ""}, modules{false, true, ""};
    EXPECT_EQ(name_of_error(check_has_key(device, none)), "shared_keys_refused");
    EXPECT_EQ(name_of_error(check_has_key(device, modules)), "shared_keys_refused");
    EXPECT_EQ(name_of_error(check_has_key(module, devices)), "shared_keys_refused");
    EXPECT_EQ(name_of_error(check_has_key(device, devices)), "accepted");
    EXPECT_EQ(name_of_error(check_has_key(module, modules)), "accepted");
    device.settings.login.way = login_way::certificate_authority;
    EXPECT_EQ(name_of_error(check_has_key(device, devices)), "login_not_by_key");
}

TEST(SharedKeys, HostNames) {
    EXPECT_EQ(value_of(host_name_from_text("Hub-1.Example")), "hub-1.example");
    EXPECT_EQ(value_of(host_name_from_text("")), "");
    for (const std::string& text :
         {std::string("hub.example:8883"), std::string("hub/x"), std::string("h\xc3\xbc"), std::string(254, 'a')}) {
        EXPECT_EQ(name_of_error(host_name_from_text(text)), "bad_host_name") << text;
    }
}

}  // namespace
}  // namespace berth::test
