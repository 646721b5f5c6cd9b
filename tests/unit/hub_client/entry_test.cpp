// What a customer's configuration says of the way to a hub.
#include "hub_client/hub_entry.h"
#include "support/onboarding_parties.h"
#include "support/test_pki.h"

namespace berth::test {
namespace {

namespace json = wire::json;

std::string complaint(const json::value& provisioning) {
    const auto read = app::read_hub_entry({{"provisioning", provisioning}});
    if (read) {
        return *read ? "good" : "none";
    }
    return read.error().name + " " + read.error().params.front().second;
}

TEST(HubEntry, IsReadFromTheConfiguration) {
    const auto root = make_root("Cloud");
    const auto read = app::read_hub_entry({{"site", "north"},
                                           {"provisioning",
                                            {{"endpoint", "https://hub.example:8443"},
                                             {"idScope", "0ne1"},
                                             {"credential", "device"},
                                             {"anchors", root.certificate.to_pem()}}}});
    ASSERT_TRUE(read && *read);
    EXPECT_EQ((*read)->endpoint.host.text(), "hub.example:8443");
    EXPECT_EQ((*read)->id_scope, "0ne1");
    EXPECT_EQ((*read)->credential, "device");
    ASSERT_EQ((*read)->anchors.size(), 1U);
    EXPECT_TRUE(**read == **app::read_hub_entry({{"provisioning",
                                                  {{"endpoint", "https://hub.example:8443/"},
                                                   {"idScope", "0ne1"},
                                                   {"credential", "device"},
                                                   {"anchors", root.certificate.to_pem()}}}}));
    const auto least = app::read_hub_entry({{"provisioning", {{"endpoint", "https://hub.example"}, {"idScope", "x"}}}});
    ASSERT_TRUE(least && *least);
    EXPECT_EQ((*least)->endpoint.host.port, 443);
    EXPECT_FALSE(**least == **read);
}

TEST(HubEntry, MayNotBeThere) {
    const auto none = app::read_hub_entry({});
    ASSERT_TRUE(none);
    EXPECT_FALSE(*none);
    EXPECT_EQ(complaint(nullptr), "none");
}

TEST(HubEntry, WhatIsWrongIsNamed) {
    const auto with = [](const char* member, json::value what) {
        json::object out{{"endpoint", "https://hub.example"}, {"idScope", "x"}};
        if (what.is_null()) {
            out.erase(member);
        } else {
            out[member] = std::move(what);
        }
        return complaint(out);
    };
    EXPECT_EQ(complaint(7), "bad_configuration provisioning.");
    for (const char* const bad : {"", "hub.example", "http://hub.example", "authkem://hub.example:1", "https://hub.example/path",
                                  "https://user@hub.example", "https://"}) {
        EXPECT_EQ(with("endpoint", bad), "bad_configuration provisioning.endpoint") << bad;
    }
    EXPECT_EQ(with("endpoint", nullptr), "bad_configuration provisioning.endpoint");
    EXPECT_EQ(with("idScope", nullptr), "bad_configuration provisioning.idScope");
    EXPECT_EQ(with("idScope", 7), "bad_configuration provisioning.idScope");
    for (const char* const bad : {"../installed/device", "a/b", "Device", ""}) {
        EXPECT_EQ(with("credential", bad), "bad_configuration provisioning.credential") << bad;
    }
    const auto leaf = make_root("Cloud");
    for (const char* const bad : {"", "text", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}) {
        EXPECT_EQ(with("anchors", bad), "bad_configuration provisioning.anchors") << bad;
    }
    EXPECT_EQ(with("anchors", json::value(leaf.certificate.to_pem())), "good");
}

}  // namespace
}  // namespace berth::test
