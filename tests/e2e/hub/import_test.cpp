// berth hub device import: fleets from spreadsheets and from JSON lines.
#include "hub_world.h"

namespace berth::test {
namespace {

class HubImport : public HubWorld {
protected:
    void put_table(size_t rows, const std::string& more = "") const {
        std::string text = "deviceId,status\n";
        for (size_t i = 0; i < rows; ++i) {
            text += fmt::format("dev-{:06}{}\n", i, i % 10 == 0 ? ",disabled" : ",");
        }
        put("fleet.csv", text + more);
    }
    [[nodiscard]] int64_t devices() const { return done({"statistics"}).at("totalDeviceCount").to_number<int64_t>(); }
};

TEST_F(HubImport, TablesAsSpreadsheetsWriteThem) {
    put("a.csv", "\xef\xbb\xbf"
                 "Group;DEVICEID;statusReason;moduleId\r\npumps;dev1;\"a; b\";\r\n;dev2;;\r\n\r\n# a remark\r\n;dev1;;valve\r\n");
    EXPECT_EQ(done({"device", "import", at("a.csv")}).at("added").to_number<int>(), 3);
    const auto one = done({"device", "show", "dev1"});
    EXPECT_EQ(one.at("berth").at("group").as_string(), "pumps");
    EXPECT_EQ(one.at("statusReason").as_string(), "a; b");
    EXPECT_EQ(done({"device", "show", "dev1/valve"}).at("moduleId").as_string(), "valve");
    put("b.csv", "primaryThumbprint\tdeviceId\n" + std::string(64, 'a') + "\tdev3\n");
    done({"device", "import", at("b.csv")});
    EXPECT_EQ(done({"device", "show", "dev3"}).at("authentication").at("type").as_string(), "selfSigned");
}

TEST_F(HubImport, JsonLinesAsTheyAreShown) {
    done({"device", "add", "dev1", "--group", "pumps", "--tags", R"({"a":1})"});
    done({"device", "add", "dev1/m", "--thumbprint", std::string(64, 'b'), "--disabled"});
    const auto devices = hub({"device", "list"}).output, modules = hub({"device", "list", "--modules"}).output;
    ASSERT_EQ(devices.size() + modules.size(), 2U);
    put("moved.jsonl", devices[0] + "\n" + modules[0] + "\n");
    must({"hub", "init", "--dir", at("other")});
    const auto moved = berth({"--json", "hub", "device", "import", at("moved.jsonl"), "--hub", at("other")});
    EXPECT_EQ(moved.json().at("added").to_number<int>(), 2) << moved.all();
    const auto module = berth({"--json", "hub", "device", "show", "dev1/m", "--hub", at("other")}).json();
    EXPECT_EQ(module.at("status").as_string(), "disabled");
    EXPECT_EQ(module.at("authentication"), done({"device", "show", "dev1/m"}).at("authentication"));
}

TEST_F(HubImport, HalfABadFileImportsNothingOrTheGoodHalf) {
    put_table(3000, "bad+name,\nok-1,\nok-2,perhaps\ntoo,many,fields\n\"open,\n");
    const auto r = hub({"device", "import", at("fleet.csv")});
    EXPECT_EQ(r.exit, 2);
    EXPECT_EQ(r.error_name(), "bad_import");
    EXPECT_THAT(r.all(), testing::HasSubstr("\"lines\":\"3002,3004,3005,3006\""));
    EXPECT_THAT(r.all(), testing::HasSubstr("--skip-bad-lines"));
    EXPECT_EQ(devices(), 0);
    const auto some = done({"device", "import", at("fleet.csv"), "--skip-bad-lines"});
    EXPECT_EQ(some.at("added").to_number<int>(), 3001);
    EXPECT_EQ(some.at("refused").to_number<int>(), 4);
    EXPECT_EQ(devices(), 3001);
    EXPECT_EQ(done({"statistics"}).at("disabledDeviceCount").to_number<int>(), 300);
}

TEST_F(HubImport, OnceIsAsGoodAsTwice) {
    put_table(2500);
    EXPECT_EQ(done({"device", "import", at("fleet.csv")}).at("added").to_number<int>(), 2500);
    const auto again = done({"device", "import", at("fleet.csv")});
    EXPECT_EQ(again.at("added").to_number<int>(), 0);
    EXPECT_EQ(again.at("already").to_number<int>(), 2500);
    // What has been changed since is not put back.
    done({"device", "disable", "dev-000001"});
    const auto other = hub({"device", "import", at("fleet.csv")});
    EXPECT_EQ(other.error_name(), "identity_exists");
    EXPECT_THAT(other.all(), testing::HasSubstr("line 3"));
}

TEST_F(HubImport, WhatIsNoTableOfDevices) {
    const auto refusal = [this](const std::string& text) {
        put("x.csv", text);
        return refused({"device", "import", at("x.csv")});
    };
    EXPECT_EQ(refusal("deviceId,colour\ndev1,red\n"), "bad_import");
    EXPECT_EQ(refusal("status\nenabled\n"), "bad_import");
    std::string many = "device,status\n";
    for (int i = 0; i < 50; ++i) {
        many += fmt::format("dev{},enabled\n", i);
    }
    put("x.csv", many);
    const auto once = hub({"device", "import", at("x.csv")});
    EXPECT_THAT(once.all(), testing::HasSubstr("line 1"));
    EXPECT_THAT(once.all(), testing::Not(testing::HasSubstr("dev0"))) << "it is told once";
    EXPECT_EQ(refusal("deviceId,deviceId\na,b\n"), "bad_import");
    EXPECT_EQ(refusal("{\"deviceId\":\"a\",\"colour\":1}\n"), "bad_identity");
    EXPECT_EQ(refusal("deviceId,statusReason\na,caf\xe9\n"), "bad_identity") << "not UTF-8, as JSON wants it";
    EXPECT_EQ(refusal("{\"deviceId\":\"a\"\n"), "bad_json");
    EXPECT_EQ(refusal("{\"moduleId\":\"m\"}\n"), "bad_json");
    EXPECT_EQ(refusal("{\"deviceId\":\"a\",\"moduleId\":\"m\"}\n"), "unknown_identity");
    EXPECT_EQ(refusal("deviceId\n" + std::string(70'000, 'x') + "\n"), "bad_import");
    EXPECT_EQ(refused({"device", "import", at("nothing.csv")}, 3), "file_error");
    EXPECT_EQ(devices(), 0);
}

}  // namespace
}  // namespace berth::test
