// What a Mosquitto of berthd's own is told.
#include "broker/broker_process.h"
#include "support/onboarding_parties.h"
#include "support/test_pki.h"

namespace berth::test {
namespace {

using namespace app;

broker_settings usual_broker() {
    broker_settings s;
    s.hub = "/var/lib/berth/hub";
    s.directory = "/var/lib/berth/hub/broker";
    s.listen = {"::", 8883};
    s.chain = "/etc/berth/broker.pem";
    s.key = "/etc/berth/broker.key";
    s.groups = "X25519MLKEM768";
    s.plugin = "/usr/lib/berth/berth-broker-plugin.so";
    return s;
}

size_t line_of(const std::string& conf, const std::string& line) {
    const size_t found = ("\n" + conf).find("\n" + line + "\n");
    EXPECT_NE(found, std::string::npos) << line << " is missing in\n" << conf;
    return found;
}

TEST(broker_conf, of_a_hub) {
    const auto conf = got(mosquitto_conf(usual_broker()));
    const size_t listener = line_of(conf, "listener 8883 ::");
    EXPECT_LT(line_of(conf, "listener 0 local"), listener);
    // Above all listeners these would make one at port 1883.
    for (const auto* of_the_listener : {"require_certificate true", "max_qos 1", "tls_version tlsv1.3",
                                        "certfile /etc/berth/broker.pem", "keyfile /etc/berth/broker.key"}) {
        EXPECT_GT(line_of(conf, of_the_listener), listener) << of_the_listener;
    }
    for (const auto* of_all : {"allow_anonymous false", "per_listener_settings false", "persistence true", "plugin_opt_role hub",
                               "plugin_opt_groups X25519MLKEM768", "plugin_opt_hub /var/lib/berth/hub"}) {
        EXPECT_LT(line_of(conf, of_all), line_of(conf, "listener 0 local")) << of_all;
    }
    // With these Mosquitto asks no plugin, or judges chains itself.
    for (const auto* never :
         {"cafile", "capath", "use_identity_as_username", "use_subject_as_username", "password_file", "user "}) {
        EXPECT_EQ(conf.find(never), std::string::npos) << never;
    }
}

TEST(broker_conf, of_a_hub_that_takes_websockets) {
    auto s = usual_broker();
    EXPECT_EQ(got(mosquitto_conf(s)).find("relay"), std::string::npos);
    s.relays = true;
    const auto conf = got(mosquitto_conf(s));
    const size_t listener = line_of(conf, "listener 0 relayed");
    EXPECT_GT(listener, line_of(conf, "listener 0 local"));
    EXPECT_LT(listener, line_of(conf, "listener 8883 ::"));
    EXPECT_LT(line_of(conf, "plugin_opt_relay_socket relayed"), listener);
    EXPECT_LT(line_of(conf, "plugin_opt_relay_secret relay-secret"), listener);
    // A listener's options end where the next one begins.
    EXPECT_EQ(conf.substr(listener, conf.find("listener 8883") - listener), "listener 0 relayed\nmax_qos 1\n\n");
}

TEST(broker_conf, of_a_hub_that_takes_shared_keys) {
    auto s = usual_broker();
    s.shared_keys = true;
    line_of(got(mosquitto_conf(s)), "require_certificate false");
}

TEST(broker_conf, of_a_provisioning_service) {
    auto s = usual_broker();
    s.role = broker_role::provisioning;
    s.service = "/var/lib/berth/hub/service";
    s.as_root = true;
    const auto conf = got(mosquitto_conf(s));
    line_of(conf, "plugin_opt_role provisioning");
    line_of(conf, "plugin_opt_service /var/lib/berth/hub/service");
    line_of(conf, "persistence false");
    line_of(conf, "user root");
}

TEST(broker_conf, of_mistakes) {
    auto s = usual_broker();
    s.chain = "/etc/a\nallow_anonymous true";
    EXPECT_EQ(name_of_error(mosquitto_conf(s)), "bad_config");
    s = usual_broker();
    s.groups = "X25519\nallow_anonymous true";
    EXPECT_EQ(name_of_error(mosquitto_conf(s)), "bad_config");
    EXPECT_EQ(name_of_error(find_broker("/nowhere/mosquitto")), "broker_missing");
    EXPECT_EQ(name_of_error(find_broker("/tmp")), "broker_missing");
}

}  // namespace
}  // namespace berth::test
