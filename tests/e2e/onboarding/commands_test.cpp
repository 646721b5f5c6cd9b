// The commands, as scripts use them: --json, names of errors, exit codes; bad input changes nothing.
#include "common/files.h"
#include "support/onboarding_parties.h"
#include "support/programs.h"

#include <fstream>

namespace berth::test {
namespace {

namespace fs = std::filesystem;

class Commands : public testing::Test {
protected:
    [[nodiscard]] std::string at(const std::string& name) const { return (directory.path() / name).string(); }
    void write(const std::string& name, const std::string& text) const { std::ofstream(at(name)) << text; }

    // A factory, a MASA, one customer, one device.
    void set_up_everything() {
        ASSERT_EQ(berth({"factory", "init", "--dir", at("factory"), "--maker", "Acme"}).exit, 0);
        ASSERT_EQ(berth({"masa", "init", "--dir", at("masa"), "--factory", at("factory"), "--host", "masa.example"}).exit, 0);
        ASSERT_EQ(berth({"ca", "init", "--dir", at("ca"), "--customer", "Birch"}).exit, 0);
        register_customer(directory.path(), "Birch", "ca");
        const auto made = berth({"--json", "factory", "make", "--dir", at("factory"), "--masa", at("masa"), "--serial", "SN-1",
                                 "--out", at("device"), "--registrar", "127.0.0.1:1"});
        ASSERT_EQ(made.exit, 0) << made.all();
        EXPECT_EQ(made.json().at("serial").as_string(), "SN-1");
    }

    temporary_directory directory;
};

TEST_F(Commands, InitOverwritesNoOtherAuthoritysCertificates) {
    set_up_everything();
    ASSERT_EQ(berth({"factory", "init", "--dir", at("other"), "--maker", "Other"}).exit, 0);
    ASSERT_EQ(berth({"ca", "init", "--dir", at("cedar"), "--customer", "Cedar"}).exit, 0);
    const auto z1 = got(app::read_text(at("other/z1.pem")));
    const auto z2 = got(app::read_text(at("cedar/z2.pem")));
    for (const std::vector<std::string>& command :
         {std::vector<std::string>{"masa", "init", "--dir", at("other"), "--factory", at("factory"), "--host", "m"},
          {"registrar", "init", "--dir", at("cedar"), "--ca", at("ca"), "--host", "r", "--maker-root", at("factory/z1.pem"),
           "--masa", "127.0.0.1:1"}}) {
        const auto r = berth(command);
        EXPECT_EQ(r.exit, 2) << r.all();
        EXPECT_THAT(r.all(), testing::HasSubstr("[file_exists]"));
    }
    EXPECT_EQ(got(app::read_text(at("other/z1.pem"))), z1);
    EXPECT_EQ(got(app::read_text(at("cedar/z2.pem"))), z2);
    EXPECT_FALSE(fs::exists(at("other/z5.pem")));
    EXPECT_FALSE(fs::exists(at("cedar/z4.pem")));
}

// "Keep z1.key offline"
TEST_F(Commands, WhoServesNeedsNothingOfTheFactorysDirectory) {
    set_up_everything();
    ASSERT_EQ(berth({"registrar", "init", "--dir", at("registrar"), "--ca", at("ca"), "--host", "r", "--maker-root",
                     at("factory/z1.pem"), "--masa", "127.0.0.1:1"})
                  .exit,
              0);
    fs::rename(at("factory"), at("safe"));
    for (const char* config : {"masa/berthd.toml", "registrar/berthd.toml"}) {
        const auto checked = run_program("berthd", {"check", at(config)});
        EXPECT_EQ(checked.exit, 0) << checked.all();
    }
}

TEST_F(Commands, SetUpAndAssign) {
    set_up_everything();
    for (const char* file : {"factory/z1.key", "factory/idevid-ca.key", "masa/z5.key", "masa/z5-spare.key", "masa/store.key",
                             "masa/audit.key", "masa/masa.db", "ca/z2.key", "ca/ca.key", "device/p3.pem", "device/p3-sig.pem"}) {
        EXPECT_EQ(fs::status(at(file)).permissions(), fs::perms::owner_read | fs::perms::owner_write) << file;
    }
    for (const char* file :
         {"device/z1.pem", "device/z3.pem", "device/z3-sig.pem", "device/masa-kem.pem", "device/device.toml"}) {
        EXPECT_TRUE(fs::exists(at(file))) << file;
    }
    const auto assigned = berth({"--json", "ownership", "assign", "SN-1", "Birch", "--masa", at("masa")});
    EXPECT_EQ(assigned.exit, 0) << assigned.all();
    EXPECT_EQ(assigned.json().at("state").as_string(), "assigned");
    EXPECT_EQ(assigned.json().at("owner").as_string(), "Birch");
    const auto log = berth({"--json", "masa", "log", "verify", "--masa", at("masa")});
    EXPECT_EQ(log.exit, 0);
    EXPECT_EQ(log.json().at("entries").as_int64(), 3);
}

TEST_F(Commands, RefusalsHaveNamesAndChangeNothing) {
    set_up_everything();
    const auto refused = [&](std::vector<std::string> arguments, const std::string& name, int exit) {
        arguments.insert(arguments.begin(), "--json");
        const auto r = berth(arguments);
        EXPECT_EQ(r.error_name(), name) << r.all();
        EXPECT_EQ(r.exit, exit) << r.all();
    };
    refused({"factory", "init", "--dir", at("factory"), "--maker", "Acme"}, "file_exists", 2);
    refused({"ownership", "assign", "SN-1", "Nobody", "--masa", at("masa")}, "unknown_customer", 2);
    refused({"ownership", "assign", "SN-9", "Birch", "--masa", at("masa")}, "unknown_device", 2);
    refused({"ownership", "assign", "SN-1", "Birch", "--masa", at("nowhere")}, "file_not_found", 3);
    refused({"ownership", "release", "SN-1", "--owner", "Birch", "--to", "Birch", "--masa", at("masa")}, "same_customer", 2);
    refused({"ownership", "release", "SN-1", "--owner", "Birch", "--to", "Cedar", "--masa", at("masa")}, "not_owner", 2);
    refused({"factory", "make", "--dir", at("factory"), "--masa", at("masa"), "--serial", "bad*serial", "--out", at("other")},
            "bad_serial", 2);
    refused({"factory", "make", "--dir", at("factory"), "--masa", at("masa"), "--serial", "S", "--out", at("other"), "--backend",
             "tpm"},
            "unknown_backend", 2);
    refused({"quickstart", "--dir", at("q"), "--roles", "masa,hub"}, "role_not_available", 2);
    // A proof for another name is no proof.
    refused({"customer", "register", "Cedar", "--masa", at("masa"), "--root", at("ca/z2.pem"), "--proof", at("ca.proof"),
             "--maker-root", at("factory/z1.pem")},
            "possession_unconfirmed", 2);
    refused({"customer", "register", "Birch", "--masa", at("masa"), "--root", at("ca/z2.pem"), "--proof", at("ca.proof"),
             "--maker-root", at("factory/z1.pem")},
            "customer_exists", 2);
    EXPECT_FALSE(fs::exists(at("other")));
    const auto shown = berth({"--json", "ownership", "show", "SN-1", "--masa", at("masa")});
    EXPECT_EQ(shown.json().at("state").as_string(), "manufactured");
}

TEST_F(Commands, ImportIsAllOrNothing) {
    set_up_everything();
    ASSERT_EQ(
        berth({"factory", "make", "--dir", at("factory"), "--masa", at("masa"), "--serial", "SN-2", "--out", at("device2")}).exit,
        0);
    write("bad.csv", "SN-1,Birch\nSN-2,Nobody\n");
    const auto bad = berth({"--json", "ownership", "import", at("bad.csv"), "--masa", at("masa")});
    EXPECT_EQ(bad.error_name(), "unknown_customer");
    EXPECT_EQ(berth({"--json", "ownership", "show", "SN-1", "--masa", at("masa")}).json().at("state").as_string(),
              "manufactured");
    write("good.csv", "# serial,customer\nSN-1,Birch\n{\"serial\":\"SN-2\",\"customer\":\"Birch\"}\n");
    EXPECT_EQ(berth({"--json", "ownership", "import", at("good.csv"), "--masa", at("masa")}).json().at("assigned").as_int64(), 2);
}

TEST_F(Commands, AlteredAuditLogIsNoticed) {
    set_up_everything();
    {
        const auto db = store::database::open(at("masa/masa.db"), {});
        ASSERT_TRUE(db);
        // The triggers refuse it to our own code; somebody with the file can drop them.
        EXPECT_FALSE((*db)->execute("UPDATE audit SET customer = 'Cedar' WHERE number = 2"));
        ASSERT_TRUE((*db)->execute("DROP TRIGGER audit_is_append_only_1; UPDATE audit SET customer = 'Cedar' WHERE number = 2"));
    }
    const auto verified = berth({"--json", "masa", "log", "verify", "--masa", at("masa")});
    EXPECT_EQ(verified.error_name(), "audit_altered");
    EXPECT_EQ(verified.exit, 3);
}

TEST_F(Commands, DamagedStoreIsNamed) {
    set_up_everything();
    fs::remove(at("masa/masa.db-wal"));
    fs::remove(at("masa/masa.db-shm"));
    {
        std::fstream file(at("masa/masa.db"), std::ios::in | std::ios::out | std::ios::binary);
        for (int page = 1; page < 12; ++page) {
            file.seekp(page * 4096);
            file.write(std::string(512, '\xff').data(), 512);
        }
    }
    const auto shown = berth({"--json", "ownership", "show", "--masa", at("masa")});
    EXPECT_EQ(shown.error_name(), "corrupt_store") << shown.all();
    EXPECT_EQ(shown.exit, 3);
}

TEST_F(Commands, ConfigurationMistakesHaveLineNumbers) {
    write("berthd.toml", "[masa]\nlisten = \"127.0.0.1:0\"\nlissten = 3\n");
    const auto checked = run_program("berthd", {"check", at("berthd.toml")});
    EXPECT_EQ(checked.exit, 2);
    EXPECT_THAT(checked.all(), testing::HasSubstr("[bad_config]"));
    EXPECT_THAT(checked.all(), testing::HasSubstr("berthd.toml:"));
    write("syntax.toml", "[masa]\nlisten = \n");
    EXPECT_THAT(run_program("berthd", {"check", at("syntax.toml")}).all(), testing::HasSubstr("syntax.toml:2"));
    write("empty.toml", "[log]\nlevel = \"info\"\n");
    EXPECT_THAT(run_program("berthd", {"check", at("empty.toml")}).all(), testing::HasSubstr("no role"));
}

TEST_F(Commands, UsageIsExitCode2) {
    EXPECT_EQ(berth({}).exit, 2);
    EXPECT_EQ(berth({"no-such-command"}).exit, 2);
    EXPECT_EQ(run_program("berthd", {}).exit, 2);
    EXPECT_EQ(run_program("berth-agent", {}).exit, 2);
    EXPECT_EQ(run_program("berth-agent", {"--bundle", at("nothing")}).exit, 3);
    EXPECT_EQ(berth({"--help"}).exit, 0);
}

}  // namespace
}  // namespace berth::test
