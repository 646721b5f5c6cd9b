// The next certificate, over the session that a device has at its hub's broker.
#include "mqtt_talk.h"
#include "operational_world.h"

namespace berth::test {
namespace {

using testing::HasSubstr;

class OperationalRenewal : public OperationalWorld {
protected:
    void SetUp() override {
        OperationalWorld::SetUp();
        register_issuer();
        for (const char* const name : {"dev-1", "dev-1/mod-1"}) {
            done({"device", "add", name});
        }
    }
    static std::string with_broker(const std::string& more) {
        return std::string(usual) + "[hub.mqtt]\nlisten = \"127.0.0.1:0\"\nchain = \"server.pem\"\nkey = \"server.key\"\n" + more;
    }
    static std::string with_all() { return with_broker("[hub.issuer]\ndirectory = \"ca\"\nauthority = \"ca\"\n"); }
    // What a session hears that says `said`, until something comes to a topic with `last` in it.
    std::map<std::string, std::string> talk(const std::string& file, const mqtt_talk& what, const std::string& last,
                                            int tenths = 150) {
        put("said", what.said());
        put("heard", "");
        put("talk.sh",
            fmt::format("cd {}; (cat said; i=0; until grep -aq '{}' heard || [ $i -gt {} ]; do sleep 0.1; i=$((i+1)); done)"
                        " | {} s_client -quiet -no_ign_eof -nocommands -connect localhost:{} -CAfile web.pem -cert {}.pem "
                        "-cert_chain {}.pem"
                        " -key {}.key > heard 2> heard.log",
                        directory.path().string(), last, tenths, BERTH_OPENSSL_COMMAND, ports_.at("mqtt"), file, file, file));
        (void)run_program("/bin/sh", {at("talk.sh")}, 30'000);
        return mqtt_talk::heard(text("heard"));
    }
    // "STATUS": the last of its answers, whose body is in `told`.
    std::string asks(const std::string& file, const std::string& id, const wire::json::object& body) {
        mqtt_talk session(id, "localhost/" + id + "/?api-version=2025-08-01-preview");
        session.subscribe("$iothub/credentials/res/#").subscribe("$iothub/twin/res/#");
        session.publish("$iothub/credentials/POST/issueCertificate/?$rid=77", wire::to_text(body));
        session.publish("$iothub/twin/GET/?$rid=78", " ");  // all are answered in their order
        all = talk(file, session, "twin/res/");
        EXPECT_TRUE(all.contains("$iothub/twin/res/200/?$rid=78")) << text("heard.log") << heard_;
        std::string status = "none";
        for (const auto& [topic, payload] : all) {
            constexpr std::string_view start = "$iothub/credentials/res/";
            if (topic.starts_with(start) && topic.ends_with("/?$rid=77") && topic.substr(start.size(), 3) != "202") {
                status = topic.substr(start.size(), 3);
                told = got(wire::parse_json_object(payload));
            }
        }
        return status;
    }
    [[nodiscard]] uint32_t code() const { return told.at("errorCode").to_number<uint32_t>(); }

    std::map<std::string, std::string> all;
    wire::json::object told;
};

TEST_F(OperationalRenewal, ADeviceGoesOnWithWhatItIsGiven) {
    begin(with_all());
    make_leaf("fleet", "first", "dev-1", "clientAuth");
    std::string before = "first";
    for (const auto& [name, key] : {std::pair("second", "ec -pkeyopt ec_paramgen_curve:P-384"), std::pair("third", "mldsa87"),
                                    std::pair("fourth", "mldsa65")}) {
        SCOPED_TRACE(name);
        ASSERT_EQ(asks(before, "dev-1", {{"id", "dev-1"}, {"csr", request(name, "/CN=dev-1", key)}, {"replace", "*"}}), "200")
            << wire::to_text(told) << text("heard.log");
        EXPECT_TRUE(all.contains("$iothub/credentials/res/202/?$rid=77"));
        EXPECT_EQ(keep_chain(name, told.at("certificates").as_array()), 2U);
        openssl("verify -x509_strict -purpose sslclient -CAfile ca/z2.pem -untrusted " + std::string(name) + ".pem " + name +
                ".pem");
        before = name;
    }
    // The ones before are good as long as they say.
    EXPECT_EQ(asks("first", "dev-1", {{"csr", "AAAA"}}), "400");
    EXPECT_EQ(code(), 400'040U);
    const auto log = berth({"--json", "ca", "log", "--dir", at("ca")}).all();
    EXPECT_THAT(log, HasSubstr("\"idevid\""));
    EXPECT_THAT(log, HasSubstr("\"operational\"")) << "what it had been given before was the proof";
    // Until its operator ends them all.
    done({"device", "revoke", "dev-1"});
    EXPECT_TRUE(talk("fourth", mqtt_talk("dev-1", "localhost/dev-1/?api-version=1"), "no such topic", 20).empty());
    EXPECT_TRUE(says("epoch_passed"));
}

TEST_F(OperationalRenewal, AModuleHasItsOwn) {
    begin(with_all());
    const std::string subject = "'/CN=dev-1\\/mod-1'";
    openssl("req -x509 -nodes -days 30 -subj " + subject +
            " -addext extendedKeyUsage=clientAuth -addext basicConstraints=critical,CA:FALSE "
            "-keyout mod.key -out mod.pem -newkey " +
            ec + " -CA fleet.pem -CAkey fleet.key");
    ASSERT_EQ(asks("mod", "dev-1/mod-1", {{"csr", request("mod2", "/CN=dev-1\\/mod-1")}}), "200") << wire::to_text(told);
    keep_chain("mod2", told.at("certificates").as_array());
    EXPECT_EQ(asks("mod2", "dev-1/mod-1", {{"csr", request("mod3", "/CN=dev-1")}}), "400") << "its device's is not its own";
}

TEST_F(OperationalRenewal, WhoIsGivenNone) {
    begin(with_all());
    make_leaf("fleet", "first", "dev-1", "clientAuth");
    EXPECT_EQ(asks("first", "dev-1", {{"csr", request("a", "/CN=dev-2")}}), "400");
    EXPECT_EQ(code(), 400'040U);
    EXPECT_EQ(asks("first", "dev-1", {{"csr", request("b", "/CN=dev-1", "rsa:2048")}}), "400");
    EXPECT_EQ(asks("first", "dev-1", {{"csr", request("c", "/CN=dev-1")}, {"id", "dev-2"}}), "400");
    const auto print = shown("first", "-fingerprint -sha256");
    done({"device", "add", "dev-2", "--thumbprint", print.substr(print.find('=') + 1, 95)});
    EXPECT_EQ(asks("first", "dev-2", {{"csr", request("d", "/CN=dev-2")}}), "412") << wire::to_text(told);
    EXPECT_EQ(code(), 412'001U);
    // Its group's policy says who may.
    done({"policy", "set", "default", "--allow", "twin"});
    EXPECT_EQ(asks("first", "dev-1", {{"csr", request("e", "/CN=dev-1")}}), "none");
    EXPECT_THAT(berth({"--json", "ca", "log", "--dir", at("ca")}).all(), testing::Not(HasSubstr("hub-device")));
}

TEST_F(OperationalRenewal, AHubWithoutACaSaysSo) {
    begin(with_broker(""));
    make_leaf("fleet", "first", "dev-1", "clientAuth");
    EXPECT_EQ(asks("first", "dev-1", {{"csr", request("a", "/CN=dev-1")}}), "403");
    EXPECT_EQ(code(), 403'010U);
}

}  // namespace
}  // namespace berth::test
