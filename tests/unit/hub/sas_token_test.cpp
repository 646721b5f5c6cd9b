// Shared access signatures: as the SDKs make them, and everything that is none.
#include "hub/access/sas_token.h"
#include "support/test_pki.h"
#include "wire/base64.h"

#include <gmock/gmock.h>

namespace berth::test {
namespace {

using hub::sas_token;

const secret_bytes key(value_of(wire::from_base64("c2VjcmV0IGtleSBvZiAzMiBvY3RldHMgISEhISEhISE=")));
// Made by: printf '%s\n%s' SR SE | openssl dgst -sha256 -mac HMAC -macopt hexkey:KEY -binary | base64
const std::string theirs =
    "SharedAccessSignature sr=hub.example%2Fdevices%2Fdev1&sig=UAC%2FPiWjUuDjAwtnI47qpfdfYdiq8ywJbZQrAe7XVnE%3D&se=1800003600";

std::string refusal(const std::string& text, unix_seconds now = test_now, const secret_bytes& by = key) {
    const auto token = sas_token::parse(text);
    return token ? name_of_error(token->check(by, now)) : token.error().name;
}

TEST(SasToken, AsOthersMakeIt) {
    const auto token = value_of(sas_token::parse(theirs));
    EXPECT_EQ(token.resource, "hub.example/devices/dev1");
    EXPECT_EQ(token.policy, "");
    EXPECT_EQ(token.expiry, test_now + 3600);
    EXPECT_TRUE(token.check(key, test_now));
    EXPECT_EQ(hub::make_sas_token("hub.example/devices/dev1", key, test_now + 3600), theirs);
    // The order of the fields is nobody's.
    const size_t sig = theirs.find("&sig"), se = theirs.find("&se=");
    EXPECT_EQ(refusal(theirs.substr(0, sig) + theirs.substr(se) + theirs.substr(sig, se - sig)), "accepted");
}

TEST(SasToken, WithAPolicy) {
    const auto text = hub::make_sas_token("hub.example", key, test_now + 60, "registry & write");
    const auto token = value_of(sas_token::parse(text));
    EXPECT_EQ(token.policy, "registry & write");
    EXPECT_TRUE(token.check(key, test_now));
}

TEST(SasToken, InTimeOnly) {
    EXPECT_EQ(refusal(theirs, test_now + 3599), "accepted");
    EXPECT_EQ(refusal(theirs, test_now + 3600), "token_expired");
    EXPECT_EQ(refusal(hub::make_sas_token("h", key, test_now + hub::longest_sas)), "accepted");
    EXPECT_EQ(refusal(hub::make_sas_token("h", key, test_now + hub::longest_sas + 1)), "token_expired");
}

TEST(SasToken, ByThisKeyForThisTimeAndResource) {
    EXPECT_EQ(refusal(theirs, test_now, secret_bytes(bytes(32, 7))), "bad_token");
    EXPECT_EQ(refusal(theirs, test_now, secret_bytes()), "bad_token");
    std::string other = theirs;
    other.replace(other.find("dev1"), 4, "dev2");
    EXPECT_EQ(refusal(other), "bad_token");
    other = theirs;
    other.replace(other.find("1800003600"), 10, "1800003601");
    EXPECT_EQ(refusal(other), "bad_token");
    EXPECT_EQ(refusal("SharedAccessSignature sr=hub.example/devices/dev1" + theirs.substr(theirs.find("&sig"))), "bad_token")
        << "what was signed is what stands there";
}

TEST(SasToken, WhatIsNone) {
    const std::string sig = theirs.substr(theirs.find("&sig"));
    for (const std::string& text : std::initializer_list<std::string>{
             "", "SharedAccessSignature", "SharedAccessSignature sr=h", "Bearer x", theirs + "&skn", theirs + "&se=1",
             theirs + "&x=1", theirs + "&", "SharedAccessSignature sr=" + sig, "SharedAccessSignature sr=%" + sig,
             "SharedAccessSignature sr=%4" + sig, "SharedAccessSignature sr=%00" + sig, "SharedAccessSignature sr=%zz" + sig,
             "SharedAccessSignature sr=h&sig=AAAA&se=1900000000", theirs.substr(0, theirs.size() - 1) + "x",
             theirs.substr(0, theirs.find("&se=")) + "&se=-1",
             theirs.substr(0, theirs.find("&se=")) + "&se=", theirs.substr(0, theirs.find("&se=")) + "&se=99999999999999999999",
             "SharedAccessSignature sr=" + std::string(5000, 'x') + sig}) {
        EXPECT_EQ(refusal(text), "bad_token") << text;
    }
    // Nothing of it is repeated.
    EXPECT_THAT(sas_token::parse("SharedAccessSignature sr=secret").error().message, testing::Not(testing::HasSubstr("secret")));
}

TEST(SasToken, CoversWhatIsBelowItsResource) {
    const auto covers = [](const std::string& resource, const std::string& wanted) {
        return value_of(sas_token::parse(hub::make_sas_token(resource, key, test_now))).covers(wanted);
    };
    EXPECT_TRUE(covers("hub.example", "hub.example/devices/dev1"));
    EXPECT_TRUE(covers("hub.example/devices", "hub.example/devices/dev1"));
    EXPECT_TRUE(covers("hub.example/devices/dev1", "hub.example/devices/dev1"));
    EXPECT_TRUE(covers("hub.example/devices/dev1/", "hub.example/devices/dev1"));
    EXPECT_TRUE(covers("HUB.example:8883/devices/dev1", "hub.example/devices/dev1"));
    EXPECT_FALSE(covers("hub.example/devices/dev1", "hub.example/devices/dev10"));
    EXPECT_FALSE(covers("hub.example/devices/dev1", "hub.example/devices"));
    EXPECT_FALSE(covers("hub.example/devices/DEV1", "hub.example/devices/dev1"));
    EXPECT_FALSE(covers("other.example", "hub.example"));
    EXPECT_FALSE(covers("/", "hub.example"));
}

}  // namespace
}  // namespace berth::test
