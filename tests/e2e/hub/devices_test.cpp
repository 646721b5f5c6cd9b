// berth hub device: one by one.
#include "hub_world.h"

namespace berth::test {
namespace {

class HubDevices : public HubWorld {
protected:
    [[nodiscard]] std::vector<std::string> names(std::vector<std::string> more = {}) const {
        more.insert(more.begin(), {"device", "list"});
        std::vector<std::string> out;
        for (const auto& line : hub(more).output) {
            const auto i = got(wire::parse_json_object(line));
            out.push_back(std::string(i.at("deviceId").as_string()) +
                          (i.contains("moduleId") ? "/" + std::string(i.at("moduleId").as_string()) : ""));
        }
        return out;
    }
};

TEST_F(HubDevices, FromTheFirstToTheLast) {
    const auto made = done({"device", "add", "pump-1", "--group", "pumps", "--tags", R"({"site":"Jena"})"});
    EXPECT_EQ(made.at("status").as_string(), "enabled");
    EXPECT_EQ(made.at("authentication").at("type").as_string(), "certificateAuthority");
    EXPECT_EQ(made.at("berth").at("tags").at("site").as_string(), "Jena");
    done({"device", "add", "pump-1/valve"});
    const auto off = done({"device", "disable", "pump-1", "--reason", "stolen"});
    EXPECT_EQ(off.at("status").as_string(), "disabled");
    EXPECT_EQ(off.at("statusReason").as_string(), "stolen");
    EXPECT_NE(off.at("etag"), made.at("etag"));
    EXPECT_EQ(off.at("berth").at("group").as_string(), "pumps") << "nothing else has changed";
    EXPECT_EQ(refused({"device", "enable", "pump-1", "--if-match", std::string(made.at("etag").as_string())}, 1),
              "etag_mismatch");
    EXPECT_EQ(
        done({"device", "enable", "pump-1", "--if-match", std::string(off.at("etag").as_string())}).at("status").as_string(),
        "enabled");
    EXPECT_EQ(done({"device", "revoke", "pump-1"}).at("berth").at("certificateEpoch").to_number<int>(), 1);
    EXPECT_EQ(done({"statistics"}).at("totalDeviceCount").to_number<int>(), 1);
    done({"device", "delete", "pump-1"});
    EXPECT_EQ(refused({"device", "show", "pump-1/valve"}), "unknown_identity") << "it went with its device";
    std::string told;
    for (const auto& line : hub({"events"}).output) {
        const auto e = got(wire::parse_json_object(line));
        told += std::string(e.at("event").as_string()) + ":" + std::string(e.at("moduleId").as_string()) + " ";
    }
    EXPECT_EQ(told, "created: created:valve disabled: enabled: revoked: deleted:valve deleted: ");
    EXPECT_EQ(hub({"events", "--after", "6"}).output.size(), 1U);
}

TEST_F(HubDevices, ByTheirCertificates) {
    make_ca("self", "ec -pkeyopt ec_paramgen_curve:P-256");
    make_ca("next", "ML-DSA-65");
    const auto both = done({"device", "add", "dev1", "--certificate", at("self.pem"), "--certificate", at("next.pem")});
    EXPECT_EQ(both.at("authentication").at("type").as_string(), "selfSigned");
    const std::string print(both.at("authentication").at("x509Thumbprint").at("primaryThumbprint").as_string());
    EXPECT_EQ(print, to_hex(got(app::read_certificate(at("self.pem"))).sha256()));
    const auto changed = done({"device", "set", "dev1", "--second-thumbprint", print});
    EXPECT_EQ(changed.at("authentication").at("x509Thumbprint").at("secondaryThumbprint").as_string(), print);
    const auto by_ca = done({"device", "set", "dev1", "--login", "ca"});
    EXPECT_TRUE(by_ca.at("authentication").at("x509Thumbprint").at("primaryThumbprint").is_null());
    EXPECT_EQ(refused({"device", "set", "dev1", "--login", "thumbprint"}), "bad_identity");
    EXPECT_EQ(refused({"device", "set", "dev1", "--thumbprint", std::string(40, 'a')}), "bad_identity");
    EXPECT_EQ(done({"device", "set", "dev1", "--login", "none"}).at("authentication").at("type").as_string(), "none");
}

TEST_F(HubDevices, Lists) {
    for (const char* name : {"a", "b", "c", "b/m", "c/n"}) {
        done({"device", "add", name});
    }
    done({"device", "set", "c", "--group", "pumps"});
    done({"device", "disable", "b"});
    EXPECT_EQ(names(), (std::vector<std::string>{"a", "b", "c"}));
    EXPECT_EQ(names({"--status", "disabled"}), std::vector<std::string>{"b"});
    EXPECT_EQ(names({"--status", "enabled"}), (std::vector<std::string>{"a", "c"}));
    EXPECT_EQ(names({"--group", "pumps"}), std::vector<std::string>{"c"});
    EXPECT_EQ(names({"--no-group"}), (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(names({"--modules"}), (std::vector<std::string>{"b/m", "c/n"}));
    EXPECT_EQ(names({"--of", "c"}), std::vector<std::string>{"c/n"});
    EXPECT_EQ(names({"--after", "a", "--most", "1"}), std::vector<std::string>{"b"});
}

TEST_F(HubDevices, MistakesAreNamed) {
    EXPECT_EQ(refused({"device", "add", "a+b"}), "bad_identity_name");
    EXPECT_EQ(refused({"device", "add", "a/b/c"}), "bad_identity_name");
    EXPECT_EQ(refused({"device", "add", "nobody/m"}, 1), "unknown_identity");
    done({"device", "add", "a"});
    EXPECT_EQ(refused({"device", "add", "a"}), "identity_exists");
    EXPECT_EQ(refused({"device", "add", "b", "--tags", "[1]"}), "bad_json");
    EXPECT_EQ(refused({"device", "set", "c", "--group", "x"}), "unknown_identity");
    EXPECT_EQ(refused({"device", "set", "a", "--login", "password"}), "bad_arguments");
    EXPECT_EQ(refused({"device", "disable", "a", "--reason", std::string(129, 'x')}), "bad_identity");
    EXPECT_EQ(names(), std::vector<std::string>{"a"});
}

}  // namespace
}  // namespace berth::test
