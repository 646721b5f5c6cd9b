// Names, settings and JSON of the hub's identities.
#include "registry/hub/hub_registry.h"
#include "registry/hub/identity_json.h"
#include "support/test_pki.h"

#include <gmock/gmock.h>

namespace berth::test {
namespace {

using namespace registry;

std::string name_of(std::string_view text) {
    const auto parsed = parse_identity_name(text);
    return parsed ? parsed->device + "|" + parsed->module : parsed.error().name;
}

TEST(IdentityName, IsADeviceOrAModuleBelowOne) {
    EXPECT_EQ(name_of("dev1"), "dev1|");
    EXPECT_EQ(name_of("dev1/mod1"), "dev1|mod1");
    EXPECT_EQ(name_of("A-.%_*?!(),:=@$'z"), "A-.%_*?!(),:=@$'z|");
    EXPECT_EQ(name_of(std::string(128, 'x')), std::string(128, 'x') + "|");
    EXPECT_EQ((identity_name{"dev1", "mod1"}.text()), "dev1/mod1");
    EXPECT_EQ((identity_name{"dev1", ""}.text()), "dev1");
}

TEST(IdentityName, RefusesWhatTopicsAndCertificatesWouldMisread) {
    using namespace std::string_literals;
    for (const std::string& text :
         {""s, "dev1/"s, "/mod1"s, "dev1/mod1/more"s, "dev+1"s, "dev#"s, "dev 1"s, "dev\0x"s, "d\xc3\xa9v"s, "$dps"s,
          "dev1/$edge"s, "dev\n1"s, std::string(129, 'x'), "dev1/" + std::string(129, 'x'), "dev\x7f"s, "dev\"1"s, "dev\\1"s}) {
        EXPECT_EQ(name_of(text), "bad_identity_name") << text;
    }
    // Nothing of it reaches a terminal as it is.
    EXPECT_THAT(parse_identity_name("dev\x1b[31m").error().message, testing::Not(testing::HasSubstr("\x1b")));
}

identity some_identity(const std::string& name) {
    named_random random("identity " + name);
    identity_settings settings;
    settings.status_reason = "in stock";
    settings.group = "pumps";
    settings.tags = R"({"site":"Jena"})";
    return make_identity(value_of(parse_identity_name(name)), settings, random, test_now);
}

TEST(Identity, TagChangesWithTheVersionAndIsNeverAnotherGenerations) {
    identity one = some_identity("dev1");
    const std::string before = one.etag();
    ++one.version;
    EXPECT_NE(one.etag(), before);
    named_random other("another");
    identity again = make_identity(one.name, one.settings, other, test_now);
    EXPECT_NE(again.generation, one.generation);
    EXPECT_NE(again.etag(), before);
    EXPECT_LT(again.generation, uint64_t{1} << 63);
}

TEST(Identity, IfMatchTakesTheTagQuotedOrNotOrAny) {
    const identity one = some_identity("dev1");
    EXPECT_TRUE(check_etag(one, one.etag()));
    EXPECT_TRUE(check_etag(one, "\"" + one.etag() + "\""));
    EXPECT_TRUE(check_etag(one, "W/\"" + one.etag() + "\""));
    EXPECT_TRUE(check_etag(one, "*"));
    EXPECT_EQ(name_of_error(check_etag(one, "")), "etag_mismatch");
    EXPECT_EQ(name_of_error(check_etag(one, "\"*\"")), "etag_mismatch");
    EXPECT_EQ(name_of_error(check_etag(one, one.etag() + "0")), "etag_mismatch");
}

TEST(IdentityJson, TellsWhatTheSdksReadAndOurOwnBesides) {
    identity one = some_identity("dev1");
    const auto json = to_json(one);
    EXPECT_EQ(json.at("deviceId").as_string(), "dev1");
    EXPECT_FALSE(json.contains("moduleId"));
    EXPECT_EQ(json.at("generationId").as_string(), std::to_string(one.generation));
    EXPECT_EQ(json.at("etag").as_string(), one.etag());
    EXPECT_EQ(json.at("status").as_string(), "enabled");
    EXPECT_EQ(json.at("statusReason").as_string(), "in stock");
    EXPECT_EQ(json.at("statusUpdatedTime").as_string(), to_iso8601(test_now));
    EXPECT_EQ(json.at("lastActivityTime").as_string(), "0001-01-01T00:00:00Z");
    EXPECT_EQ(json.at("connectionState").as_string(), "Disconnected");
    EXPECT_EQ(json.at("authentication").at("type").as_string(), "certificateAuthority");
    EXPECT_TRUE(json.at("authentication").at("x509Thumbprint").at("primaryThumbprint").is_null());
    EXPECT_EQ(json.at("berth").at("group").as_string(), "pumps");
    EXPECT_EQ(json.at("berth").at("tags").at("site").as_string(), "Jena");
    EXPECT_EQ(to_json(some_identity("dev1/m")).at("moduleId").as_string(), "m");
}

result<identity_settings> read(const std::string& text, const identity_name& name = {"dev1", ""},
                               const identity_settings& before = {}) {
    return settings_from_json(value_of(wire::parse_json_object(text)), name, before);
}
std::string refusal(const std::string& text, const identity_name& name = {"dev1", ""}) {
    return name_of_error(read(text, name));
}

TEST(IdentityJson, WhatIsToldCanBeSentBack) {
    identity one = some_identity("dev1/m");
    one.settings.enabled = false;
    one.settings.login = {login_way::thumbprint, thumbprint{1}, std::nullopt};
    EXPECT_EQ(value_of(settings_from_json(to_json(one), one.name)), one.settings);
    one.settings.login = {login_way::none, std::nullopt, std::nullopt};
    EXPECT_EQ(value_of(settings_from_json(to_json(one), one.name)), one.settings);
}

TEST(IdentityJson, WhatIsNotGivenStays) {
    identity_settings before = some_identity("dev1").settings;
    before.login = {login_way::thumbprint, std::nullopt, thumbprint{2}};
    EXPECT_EQ(value_of(read("{}", {"dev1", ""}, before)), before);
    const auto disabled = value_of(read(R"({"status":"disabled"})", {"dev1", ""}, before));
    EXPECT_FALSE(disabled.enabled);
    EXPECT_EQ(disabled.login, before.login);
    // Another way to log in leaves no thumbprint behind.
    EXPECT_EQ(value_of(read(R"({"authentication":{"type":"certificateAuthority"}})", {"dev1", ""}, before)).login, login_rule{});
}

TEST(IdentityJson, SdkBodies) {
    // As azure-iothub's Registry.create sends them.
    EXPECT_EQ(
        value_of(read(R"({"deviceId":"dev1","status":"disabled","authentication":{"type":"certificateAuthority"}})")).enabled,
        false);
    const auto by_print = value_of(read(R"({"deviceId":"dev1","authentication":{"type":"selfSigned","x509Thumbprint":{
        "primaryThumbprint":"AB:)" + std::string("CD:") +
                                        R"(00000000000000000000000000000000000000000000000000000000000F",
        "secondaryThumbprint":null}}})"));
    ASSERT_TRUE(by_print.login.primary);
    EXPECT_EQ((*by_print.login.primary)[0], 0xab);
    EXPECT_EQ((*by_print.login.primary)[1], 0xcd);
    EXPECT_EQ((*by_print.login.primary)[31], 0x0f);
    EXPECT_TRUE(read(R"({"authentication":{"type":"certificateAuthority","symmetricKey":{"primaryKey":null,"secondaryKey":""}},
        "capabilities":{"iotEdge":false},"deviceScope":"","parentScopes":[]})"));
}

TEST(IdentityJson, RefusesWhatItWouldHaveToDrop) {
    EXPECT_EQ(refusal(R"({"colour":"red"})"), "bad_identity");
    EXPECT_EQ(refusal(R"({"berth":{"colour":"red"}})"), "bad_identity");
    EXPECT_EQ(refusal(R"({"authentication":{"colour":"red"}})"), "bad_identity");
    EXPECT_EQ(refusal(R"({"authentication":{"type":"selfSigned","x509Thumbprint":{"third":"00"}}})"), "bad_identity");
    EXPECT_EQ(refusal(R"({"moduleId":"m"})"), "bad_identity") << "a device has none";
    EXPECT_EQ(refusal(R"({"deviceId":"dev2"})"), "name_mismatch");
    EXPECT_EQ(refusal(R"({"deviceId":"dev1","moduleId":"n"})", {"dev1", "m"}), "name_mismatch");
    EXPECT_EQ(refusal(R"({"deviceId":"DEV1"})"), "name_mismatch") << "compared octet by octet";
    EXPECT_EQ(refusal(R"({"deviceId":7})"), "bad_identity");
    EXPECT_EQ(refusal(R"({"status":"Enabled"})"), "bad_identity");
    EXPECT_EQ(refusal(R"({"status":true})"), "bad_identity");
    EXPECT_EQ(refusal(R"({"statusReason":")" + std::string(129, 'x') + "\"}"), "bad_identity");
    EXPECT_EQ(refusal(R"({"statusReason":"a\u0007"})"), "bad_identity");
    EXPECT_EQ(refusal(R"({"berth":{"tags":{"a":")" + std::string(most_tags, 'x') + "\"}}}"), "bad_identity");
    EXPECT_EQ(refusal(R"({"berth":{"tags":[]}})"), "bad_identity");
    EXPECT_EQ(refusal(R"({"authentication":"none"})"), "bad_identity");
    EXPECT_EQ(refusal(R"({"authentication":{"type":"x509"}})"), "bad_identity");
    EXPECT_EQ(refusal(R"({"authentication":{"type":"selfSigned"}})"), "bad_identity") << "by which certificate?";
    EXPECT_EQ(refusal(R"({"authentication":{"type":"certificateAuthority","x509Thumbprint":{"primaryThumbprint":")" +
                      std::string(64, 'a') + "\"}}}"),
              "bad_identity");
    EXPECT_EQ(refusal(R"({"authentication":{"type":"sas"}})"), "shared_keys_refused");
    EXPECT_EQ(refusal(R"({"authentication":{"symmetricKey":{"primaryKey":"AAAA"}}})"), "shared_keys_refused");
    EXPECT_EQ(refusal(R"({"capabilities":{"iotEdge":true}})"), "unsupported");
    EXPECT_EQ(refusal(R"({"deviceScope":"ms-azure-iot-edge://x"})"), "unsupported");
    EXPECT_EQ(refusal(R"({"parentScopes":["x"]})"), "unsupported");
}

TEST(IdentityJson, ThumbprintsAreSha256) {
    EXPECT_THAT(thumbprint_from_text(std::string(40, 'a')).error().message, testing::HasSubstr("-sha256"));
    EXPECT_EQ(name_of_error(thumbprint_from_text(std::string(62, 'a'))), "bad_identity");
    EXPECT_EQ(name_of_error(thumbprint_from_text(std::string(63, 'a') + "g")), "bad_identity");
    EXPECT_EQ(name_of_error(thumbprint_from_text("")), "bad_identity");
}

}  // namespace
}  // namespace berth::test
