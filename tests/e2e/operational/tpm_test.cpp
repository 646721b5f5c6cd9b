// A device that has a TPM and nothing else: from its registration over HTTPS to its session at the hub.
#include "mqtt_talk.h"
#include "operational_world.h"
#include "support/tpm_device.h"

namespace berth::test {
namespace {

class OperationalTpm : public OperationalWorld {
protected:
    // Its answer's body, with this status.
    wire::json::object asks(const std::string& method, const std::string& path, const std::string& token,
                            const std::string& status) {
        std::vector<std::string> words{"-X", method, "-H", "Content-Type: application/json"};
        if (!token.empty()) {
            words.insert(words.end(), {"-H", "Authorization: " + token});
        }
        if (method == "PUT") {
            words.insert(words.end(), {"--data-binary", "@" + at("request.json")});
        }
        EXPECT_EQ(curl(words, path), status) << text("body");
        return body();
    }
    // CONNACK's return code; -1: there was none.
    int connects(const std::string& id, const std::string& token) {
        put("said", mqtt_talk(id, "localhost/" + id + "/?api-version=2021-04-12", token).said());
        put("heard", "");
        put("talk.sh",
            fmt::format(
                "cd {}; (cat said; i=0; until [ -s heard ] || [ $i -gt 100 ]; do sleep 0.1; i=$((i+1)); done) | {} s_client "
                "-quiet -no_ign_eof -nocommands -connect localhost:{} -CAfile web.pem > heard 2> heard.log",
                directory.path().string(), BERTH_OPENSSL_COMMAND, ports_.at("mqtt")));
        (void)run_program("/bin/sh", {at("talk.sh")}, 30'000);
        const std::string heard = text("heard");
        return heard.size() >= 4 && heard[0] == 0x20 ? heard[3] : -1;
    }
};

TEST_F(OperationalTpm, ItsTpmIsAllThatItHas) {
    BERTH_NEEDS_SWTPM();
    tpm_device device("ecc"), other("ecc");
    done({"set", "--device-sas", "on"});
    done({"enrolment", "add", "dev1", "--tpm-ek", device.endorsement()});
    begin(std::string(usual) +
          "[hub.mqtt]\nlisten = \"127.0.0.1:0\"\nchain = \"server.pem\"\nkey = \"server.key\"\nshared_keys = true\n"
          "[hub.provisioning]\nid_scope = \"scope1\"\n");
    const std::string at_service = "/scope1/registrations/dev1";
    const auto expiry = system_clock().now() + 3'600;
    put("request.json", other.body());
    EXPECT_FALSE(asks("PUT", at_service + "/register?api-version=2019-03-31", "", "401").contains("authenticationKey"));
    put("request.json", device.body());
    const auto first = asks("PUT", at_service + "/register?api-version=2019-03-31", "", "401");
    ASSERT_TRUE(first.contains("authenticationKey")) << text("body");
    EXPECT_FALSE(other.takes(std::string(first.at("authenticationKey").as_string())));
    ASSERT_TRUE(device.takes(std::string(first.at("authenticationKey").as_string())));
    const auto token = device.token("scope1/registrations/dev1", expiry);
    const auto begun = asks("PUT", at_service + "/register?api-version=2019-03-31", token, "202");
    EXPECT_THAT(text("header"), testing::ContainsRegex("[Rr]etry-[Aa]fter"));
    const std::string operation(begun.at("operationId").as_string());
    asks("GET", at_service + "/operations/" + operation, "", "404");
    const auto state = asks("GET", at_service + "/operations/" + operation, token, "200").at("registrationState").as_object();
    EXPECT_EQ(state.at("deviceId").as_string(), "dev1");
    ASSERT_TRUE(device.takes(std::string(state.at("tpm").at("authenticationKey").as_string())));
    asks("PUT", at_service + "/register?api-version=2019-03-31", token, "401");  // it was good once
    EXPECT_EQ(connects("dev1", device.token("localhost/devices/dev1", expiry, "")), 0) << text("heard.log");
    EXPECT_EQ(connects("dev1", device.token("localhost/devices/dev2", expiry, "")), 5);
    EXPECT_EQ(done({"device", "show", "dev1"}).at("authentication").at("type").as_string(), "sas");
}

}  // namespace
}  // namespace berth::test
