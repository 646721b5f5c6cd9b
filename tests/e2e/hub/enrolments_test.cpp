// berth hub enrolment, enrolment-group, linked-hub, registration: what an operator sets for the provisioning service.
#include "hub_world.h"

#include "provisioning/https.h"
#include "provisioning/service.h"
#include "setup/hub.h"
#include "store/sqlite/provisioning_store.h"
#include "support/test_pki.h"
#include "wire/base64.h"

namespace berth::test {
namespace {

class HubEnrolments : public HubWorld {
protected:
    HubEnrolments() {
        make_ca("fleet", "ec -pkeyopt ec_paramgen_curve:P-256");
        done({"ca", "register", at("fleet.pem"), "--key", at("fleet.key")});
    }
    // NAME.pem, by the CA.
    void make_device(const std::string& name) const {
        openssl("req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=" + name + " -keyout " + name +
                ".key -out " + name + ".csr");
        openssl("x509 -req -in " + name + ".csr -CA fleet.pem -CAkey fleet.key -days 10 -out " + name + ".pem");
    }
    [[nodiscard]] std::vector<std::string> ids(const std::string& what, const char* member) const {
        std::vector<std::string> out;
        for (const auto& line : hub({what, "list"}).output) {
            out.push_back(std::string(got(wire::parse_json_object(line)).at(member).as_string()));
        }
        return out;
    }
};

TEST_F(HubEnrolments, GroupsAreMadeChangedAndDeleted) {
    const auto made =
        done({"enrolment-group", "add", "line-1", "--ca", "fleet", "--group", "pumps", "--tags", R"({"site":"Jena"})"});
    EXPECT_EQ(made.at("enrollmentGroupId").as_string(), "line-1");
    EXPECT_EQ(made.at("allocationPolicy").as_string(), "hashed");
    EXPECT_EQ(made.at("provisioningStatus").as_string(), "enabled");
    const std::string etag(made.at("etag").as_string());
    EXPECT_EQ(refused({"enrolment-group", "add", "LINE-1", "--ca", "fleet"}), "enrolment_exists");
    EXPECT_EQ(refused({"enrolment-group", "add", "line-2", "--ca", "fleet"}), "ca_enrolled");
    EXPECT_EQ(refused({"enrolment-group", "add", "line-2", "--ca", "nobody"}, 1), "unknown_ca");
    EXPECT_EQ(refused({"enrolment-group", "add", "line-2"}), "bad_enrolment");
    EXPECT_EQ(refused({"enrolment-group", "add", "line 2", "--ca", "fleet"}), "bad_registration_id");
    const auto off = done({"enrolment-group", "set", "line-1", "--status", "disabled", "--if-match", etag});
    EXPECT_EQ(off.at("provisioningStatus").as_string(), "disabled");
    EXPECT_EQ(off.at("berth").as_object().at("group").as_string(), "pumps") << "what is not named stays";
    EXPECT_EQ(refused({"enrolment-group", "set", "line-1", "--status", "enabled", "--if-match", etag}, 1), "etag_mismatch");
    EXPECT_EQ(refused({"enrolment-group", "set", "line-1", "--allocation", "webhook", "--webhook", "http://a.example/"}),
              "bad_enrolment");
    const auto asked = done({"enrolment-group", "set", "line-1", "--allocation", "webhook", "--webhook", "https://a.example/",
                             "--reprovision", "never"});
    EXPECT_EQ(asked.at("allocationPolicy").as_string(), "custom");
    EXPECT_FALSE(asked.at("reprovisionPolicy").as_object().at("updateHubAssignment").as_bool());
    const auto fixed = done({"enrolment-group", "set", "line-1", "--allocation", "static", "--linked-hub", "a.example"});
    ASSERT_EQ(fixed.at("iotHubs").as_array().size(), 1U);
    EXPECT_EQ(fixed.at("iotHubs").as_array().front().as_string(), "a.example");
    EXPECT_EQ(ids("enrolment-group", "enrollmentGroupId"), std::vector<std::string>{"line-1"});
    done({"enrolment-group", "delete", "line-1"});
    EXPECT_EQ(refused({"enrolment-group", "show", "line-1"}, 1), "unknown_enrolment");
}

TEST_F(HubEnrolments, SingleDevicesByTheirCertificates) {
    make_device("dev1");
    make_device("dev2");
    const auto made = done({"enrolment", "add", "dev1", "--certificate", at("dev1.pem"), "--device-id", "pump-1"});
    EXPECT_EQ(made.at("deviceId").as_string(), "pump-1");
    EXPECT_EQ(refused({"enrolment", "add", "dev3", "--certificate", at("dev2.pem")}), "bad_enrolment") << "another's name";
    EXPECT_EQ(refused({"enrolment", "add", "dev2"}), "bad_enrolment");
    EXPECT_EQ(refused({"enrolment", "add", "DEV1", "--certificate", at("dev1.pem")}), "enrolment_exists");
    EXPECT_EQ(ids("enrolment", "registrationId"), std::vector<std::string>{"dev1"});
    const auto told = berth({"hub", "enrolment", "show", "dev1", "--hub", at("hub")});
    EXPECT_THAT(told.all(), testing::HasSubstr("device pump-1"));
}

TEST_F(HubEnrolments, LinkedHubs) {
    done({"linked-hub", "add", "here.example:8883", "--local", "--near", "10.0.0.0/8", "--near", "2001:db8::/32"});
    done({"linked-hub", "add", "there.example", "--weight", "3"});
    EXPECT_EQ(refused({"linked-hub", "add", "third.example", "--local"}), "local_hub_exists");
    EXPECT_EQ(refused({"linked-hub", "add", "There.example"}), "bad_linked_hub");
    EXPECT_EQ(refused({"linked-hub", "add", "third.example", "--near", "10.0.0.1/8"}), "bad_linked_hub");
    EXPECT_EQ(refused({"linked-hub", "add", "third.example", "--weight", "1001"}), "bad_linked_hub");
    const auto set = done({"linked-hub", "set", "here.example:8883", "--weight", "9"});
    EXPECT_TRUE(set.at("local").as_bool());
    EXPECT_EQ(set.at("near").as_array().size(), 2U);
    EXPECT_EQ(refused({"linked-hub", "set", "third.example", "--weight", "9"}, 1), "unknown_linked_hub");
    EXPECT_EQ(ids("linked-hub", "host"), (std::vector<std::string>{"here.example:8883", "there.example"}));
    done({"linked-hub", "delete", "there.example"});
    EXPECT_EQ(refused({"linked-hub", "delete", "there.example"}), "unknown_linked_hub");
}

// What the commands have set takes in a device whose certificate plain openssl has made.
TEST_F(HubEnrolments, TheServiceGoesByThem) {
    make_device("dev1");
    done({"linked-hub", "add", "here.example", "--local"});
    done({"enrolment-group", "add", "all", "--ca", "fleet", "--group", "pumps"});
    const auto store = got(app::open_hub_store(at("hub")));
    store::sqlite_provisioning_store records(*store);
    named_random random("enrolments");
    provisioning::service_settings settings;
    settings.id_scope = "scope1";
    provisioning::service to(settings, *store, records, random);
    const auto chain = got(pki::certificate::parse_pem_chain(text("dev1.pem")));
    const auto now = system_clock().now();
    const auto ask = [&](const std::string& method, const std::string& path, const std::string& body = "{}") {
        return provisioning::answer_https(to, {chain, "192.0.2.1", ""}, {method, "/scope1/registrations/dev1" + path, body}, now);
    };
    const auto begun = ask("PUT", "/register");
    ASSERT_EQ(begun.status, 202U) << begun.text();
    const auto outcome = ask("GET", "/operations/" + std::string(begun.body.at("operationId").as_string()));
    EXPECT_EQ(outcome.body.at("status").as_string(), "assigned") << outcome.text();
    EXPECT_EQ(done({"device", "show", "dev1"}).at("berth").as_object().at("group").as_string(), "pumps");
    EXPECT_EQ(done({"registration", "show", "DEV1"}).at("assignedHub").as_string(), "here.example");
    EXPECT_EQ(hub({"registration", "list", "--of", "all"}).output.size(), 1U);
    // A request with a kind of key that is not certified here.
    openssl("req -new -newkey rsa:2048 -nodes -subj /CN=dev1 -keyout rsa.key -outform DER -out rsa.csr");
    const auto rsa = ask("PUT", "/register", R"({"csr":")" + wire::base64(as_bytes(text("rsa.csr"))) + "\"}");
    EXPECT_EQ(rsa.status, 400U) << rsa.text();
    EXPECT_EQ(rsa.body.at("errorCode").to_number<uint64_t>(), 400'040U);
    // While the service stands.
    done({"enrolment-group", "set", "all", "--status", "disabled"});
    EXPECT_EQ(ask("PUT", "/register").status, 401U);
    done({"registration", "delete", "dev1"});
    EXPECT_EQ(refused({"registration", "show", "dev1"}), "unknown_registration");
    EXPECT_TRUE(got(store->find({"dev1", ""}))) << "what is at the hub stays";
}

}  // namespace
}  // namespace berth::test
