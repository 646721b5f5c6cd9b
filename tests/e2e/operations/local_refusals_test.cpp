// What commands refuse by themselves, before anything changes: the local exit code, words that say what to do.
#include "common/files.h"
#include "common/version.h"
#include "support/onboarding_parties.h"
#include "support/programs.h"

namespace berth::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class LocalRefusals : public testing::Test {
protected:
    // A manufacturer, two customers, one of them with a registrar, and two devices.
    static void SetUpTestSuite() {
        directory = std::make_unique<temporary_directory>();
        factory("factory", "Acme");
        done({"masa", "init", "--dir", at("masa"), "--factory", at("factory"), "--host", "m.example"});
        for (const char* name : {"Birch", "Cedar"}) {
            done({"ca", "init", "--dir", at(name), "--customer", name, "--algorithm", "p256"});
            register_customer(directory->path(), name, name);
        }
        done({"registrar", "init", "--dir", at("registrar"), "--ca", at("Birch"), "--host", "r", "--maker-root",
              at("factory/z1.pem"), "--masa", "127.0.0.1:1"});
        for (const char* serial : {"SN-1", "SN-2", "SN-3"}) {
            done({"factory", "make", "--dir", at("factory"), "--masa", at("masa"), "--serial", serial, "--out", at(serial)});
        }
    }
    static void TearDownTestSuite() { directory.reset(); }

    static std::string at(const std::string& name) { return (directory->path() / name).string(); }
    static void write(const std::string& name, const std::string& text) { ASSERT_TRUE(app::write_text(at(name), text)); }
    static program_result done(const std::vector<std::string>& arguments) {
        auto r = berth(arguments);
        EXPECT_EQ(r.exit, 0) << r.all();
        return r;
    }
    static void factory(const std::string& name, const std::string& maker) {
        done({"factory", "init", "--dir", at(name), "--maker", maker, "--algorithm", "p256"});
    }
    static program_result refused(std::vector<std::string> arguments, const std::string& name, int exit = 2) {
        arguments.insert(arguments.begin(), "--json");
        auto r = berth(arguments);
        EXPECT_EQ(r.error_name(), name) << r.all();
        EXPECT_EQ(r.exit, exit) << r.all();
        return r;
    }
    static std::string records() {
        return berth({"--json", "ownership", "show", "--masa", at("masa")}).all() +
               berth({"--json", "masa", "log", "show", "--masa", at("masa")}).all();
    }
    static std::string devices() { return berth({"--json", "registrar", "devices", "--dir", at("registrar")}).all(); }

    static std::unique_ptr<temporary_directory> directory;
};
std::unique_ptr<temporary_directory> LocalRefusals::directory;

TEST_F(LocalRefusals, ADeviceOfAMakerWhomTheRegistrarDoesNotServe) {
    factory("other", "Other");
    write("c.json", "{}");
    const auto before = devices();
    const std::string hash(64, 'a');
    for (const std::string& root : {at("other/z1.pem"), at("Birch/z2.pem")}) {
        refused({"registrar", "approve", "X-1", "--dir", at("registrar"), "--maker-root", root}, "unknown_device_root");
        refused({"registrar", "deny", "X-1", "--dir", at("registrar"), "--maker-root", root}, "unknown_device_root");
        refused({"registrar", "group", "X-1", "g", "--dir", at("registrar"), "--maker-root", root}, "unknown_device_root");
        refused({"registrar", "config", "set", "--device", "X-1", at("c.json"), "--dir", at("registrar"), "--maker-root", root},
                "unknown_device_root");
    }
    refused({"registrar", "approve", hash + "/X-1", "--dir", at("registrar")}, "unknown_device_root");
    EXPECT_EQ(devices(), before);
    EXPECT_TRUE(berth({"--json", "registrar", "config", "show", "--dir", at("registrar")}).output.empty());
    done({"registrar", "approve", "X-1", "--dir", at("registrar"), "--maker-root", at("factory/z1.pem")});
    EXPECT_THAT(devices(), HasSubstr("X-1"));
}

TEST_F(LocalRefusals, ADeviceIsNotGivenToItsOwner) {
    done({"ownership", "assign", "SN-1", "Birch", "--masa", at("masa")});
    const auto before = records();
    for (const char* command : {"release", "transfer"}) {
        refused({"ownership", command, "SN-1", "--from", "Birch", "--to", "Birch", "--masa", at("masa")}, "same_customer");
    }
    EXPECT_EQ(records(), before);
}

TEST_F(LocalRefusals, WhatIsToldIsNoOrderToTheTerminal) {
    const auto shown = berth({"ownership", "assign", "SN-\x1b[2J\xff", "Birch", "--masa", at("masa")}).all();
    EXPECT_THAT(shown, HasSubstr("no device with serial \"SN-\\u001b[2J\\ufffd\" is in the records"));
    EXPECT_THAT(shown, testing::Not(HasSubstr("\x1b")));
}

// Another customer's root may bear the same name: the MASA decides, which knows who is who.
TEST_F(LocalRefusals, WhoNamesHimselfIsWarned) {
    const auto release = [](const std::string& successor) {
        return berth({"registrar", "release", "SN-1", "--to", successor, "--dir", at("registrar"), "--maker-root",
                      at("factory/z1.pem"), "--wait", "1"});
    };
    const auto self = release("Birch");
    EXPECT_THAT(self.all(), HasSubstr("registrar_not_running")) << "it would have been asked";
    EXPECT_EQ(self.exit, 3);
    EXPECT_THAT(self.all(), HasSubstr("\"Birch\" is the name in your own root"));
    EXPECT_THAT(release("Cedar").all(), testing::Not(HasSubstr("warning")));
}

TEST_F(LocalRefusals, AreNoOtherSides) {
    done({"ownership", "assign", "SN-2", "Birch", "--masa", at("masa")});
    done({"ownership", "revoke", "SN-2", "--masa", at("masa")});
    const auto before = records();
    EXPECT_THAT(
        refused({"ownership", "transfer", "SN-2", "--from", "Cedar", "--to", "Birch", "--masa", at("masa")}, "not_owner").all(),
        HasSubstr("belongs to \\\"Birch\\\""));
    const auto revoked = refused({"ownership", "assign", "SN-2", "Cedar", "--masa", at("masa")}, "revoked");
    EXPECT_THAT(revoked.all(), testing::Not(HasSubstr("certificate")));
    const std::vector<std::string> reg{"customer", "register",     "Dogwood",           "--masa",
                                       at("masa"), "--maker-root", at("factory/z1.pem")};
    const auto with = [&](const std::string& root, const std::string& proof) {
        auto out = reg;
        out.insert(out.end(), {"--root", root, "--proof", proof});
        return out;
    };
    EXPECT_THAT(refused(with(at("Birch/z2.pem"), at("Birch.proof")), "possession_unconfirmed").all(), HasSubstr("Dogwood"));
    EXPECT_THAT(refused(with(at("Birch/ca.pem"), at("Birch.proof")), "bad_profile").all(), HasSubstr("ca.pem"));
    EXPECT_THAT(refused(with(at("Birch/z2.pem"), at("Birch/z2.pem")), "bad_base64").all(), HasSubstr("Birch/z2.pem"));
    EXPECT_EQ(records(), before);
}

TEST_F(LocalRefusals, ExpiredRoots) {
    manual_clock long_ago{1'000'000};
    ASSERT_TRUE(
        app::factory_init(at("old"), {"Old", crypto::signature_algorithm::ecdsa_p256_sha256}, long_ago, crypto::system_random()));
    ASSERT_TRUE(
        app::ca_init(at("oldca"), {"Old", crypto::signature_algorithm::ecdsa_p256_sha256}, long_ago, crypto::system_random()));
    const auto before = records();
    const auto prove = [](const std::string& ca, const std::string& maker) {
        return std::vector<std::string>{"ca",    "prove",        "--dir", at(ca),  "--customer",
                                        "Birch", "--maker-root", maker,   "--out", at("new.proof")};
    };
    EXPECT_THAT(refused(prove("Birch", at("old/z1.pem")), "certificate_expired").all(), HasSubstr("old/z1.pem"));
    EXPECT_THAT(refused(prove("oldca", at("factory/z1.pem")), "certificate_expired").all(), HasSubstr("oldca/z2.pem"));
    EXPECT_FALSE(fs::exists(at("new.proof")));
    refused({"customer", "register", "Old", "--masa", at("masa"), "--root", at("oldca/z2.pem"), "--proof", at("Birch.proof"),
             "--maker-root", at("factory/z1.pem")},
            "certificate_expired");
    refused({"factory", "make", "--dir", at("old"), "--masa", at("masa"), "--serial", "O-1", "--out", at("O-1")},
            "certificate_expired");
    EXPECT_FALSE(fs::exists(at("O-1")));
    EXPECT_EQ(records(), before);
}

TEST_F(LocalRefusals, AProofIsNotOverwritten) {
    write("mine", "mine");
    refused(
        {"ca", "prove", "--dir", at("Birch"), "--customer", "Birch", "--maker-root", at("factory/z1.pem"), "--out", at("mine")},
        "file_exists");
    EXPECT_EQ(got(app::read_text(at("mine"))), "mine");
}

TEST_F(LocalRefusals, ErrorsNameTheFileTheLineAndTheOption) {
    EXPECT_THAT(refused({"device", "config", "--bundle", at("SN-1")}, "not_onboarded").all(), HasSubstr("berth device onboard"));
    write("bad.json", "{\n \"a\": 1,\n \"b\" 2\n}\n");
    const auto set = refused({"registrar", "config", "set", "--default", at("bad.json"), "--dir", at("registrar")}, "bad_json");
    EXPECT_THAT(set.all(), HasSubstr("bad.json"));
    EXPECT_THAT(set.all(), HasSubstr("line 3"));
    const auto told = refused({"ownership", "configure", "SN-1", at("bad.json"), "--masa", at("masa")}, "bad_json");
    EXPECT_THAT(told.all(), HasSubstr("bad.json"));
    write("secret", "secret\n");
    fs::permissions(at("secret"), fs::perms::owner_read | fs::perms::owner_write);
    done({"factory", "init", "--dir", at("locked"), "--maker", "L", "--algorithm", "p256", "--passphrase-file", at("secret")});
    EXPECT_THAT(refused({"factory", "make", "--dir", at("locked"), "--masa", at("masa"), "--serial", "L-1", "--out", at("L-1")},
                        "passphrase_required")
                    .all(),
                HasSubstr("--passphrase-file"));
    EXPECT_THAT(berth({"foo"}).all(), HasSubstr("there is no command berth foo. berth --help"));
}

TEST_F(LocalRefusals, AGroupThatNoDeviceIsIn) {
    write("c.json", "{}");
    done({"registrar", "group", "SN-1", "valves", "--dir", at("registrar"), "--maker-root", at("factory/z1.pem")});
    const auto slip = done({"registrar", "config", "set", "--group", "valvs", at("c.json"), "--dir", at("registrar")});
    EXPECT_THAT(slip.all(), HasSubstr("is valves meant?"));
    EXPECT_THAT(done({"registrar", "config", "set", "--group", "valves", at("c.json"), "--dir", at("registrar")}).all(),
                testing::Not(HasSubstr("meant?")));
    const auto listed = done({"registrar", "devices", "--dir", at("registrar")});
    EXPECT_THAT(listed.output.front(), HasSubstr("STATUS"));
    EXPECT_THAT(listed.all(), HasSubstr("version 3")) << "what it gets when it asks";
}

TEST_F(LocalRefusals, ADecisionThatWasMadeIsShown) {
    const auto denied =
        berth({"--json", "registrar", "deny", "D-1", "--dir", at("registrar"), "--maker-root", at("factory/z1.pem")});
    EXPECT_EQ(denied.json().at("status").as_string(), "denied");
    EXPECT_THAT(std::string(denied.json().at("first_seen").as_string()), testing::MatchesRegex("....-..-..T..:..:..Z"));
    EXPECT_TRUE(denied.json().at("onboarded_at").is_null());
}

TEST_F(LocalRefusals, OwnershipShowsSuccessorAndConfiguration) {
    write("m.json", R"({"ring":2})");
    done({"ownership", "assign", "SN-3", "Birch", "--masa", at("masa")});
    done({"ownership", "configure", "SN-3", at("m.json"), "--masa", at("masa")});
    const auto shown = done({"ownership", "show", "SN-3", "--masa", at("masa")});
    EXPECT_THAT(shown.all(), HasSubstr(R"({"ring":2})"));
    const auto json = berth({"--json", "ownership", "show", "SN-3", "--masa", at("masa")}).json();
    EXPECT_EQ(wire::to_text(json.at("configuration")), R"({"ring":2})");
    {
        // A voucher that is under way: the release waits for it.
        auto store = got(store::sqlite_masa_store::open(at("masa/masa.db")));
        onboarding::authorization_attempt a;
        a.answer.device = got(store->find_serial("SN-3")).front().device;
        a.answer.customer = "Birch";
        a.now = system_clock().now();
        a.voucher_expires_at = a.now + 900;
        ASSERT_EQ(got(store->authorize(a)).verdict, onboarding::authorization_verdict::stored);
    }
    done({"ownership", "release", "SN-3", "--owner", "Birch", "--to", "Cedar", "--masa", at("masa")});
    EXPECT_THAT(done({"ownership", "show", "SN-3", "--masa", at("masa")}).all(), HasSubstr("from Birch to Cedar at "));
}

TEST_F(LocalRefusals, ImportTellsAllBadLinesAndTakesTheGoodOnesWhenAsked) {
    for (const char* serial : {"I-1", "I-2"}) {
        done({"factory", "make", "--dir", at("factory"), "--masa", at("masa"), "--serial", serial, "--out", at(serial)});
    }
    write("i.csv", "\xef\xbb\xbfSerial;Customer\r\n\"I-1\";Birch\r\nI-9;Birch\r\nI-2;Nobody\r\n;\r\n");
    const auto before = records();
    const auto bad = refused({"ownership", "import", at("i.csv"), "--masa", at("masa")}, "bad_import");
    EXPECT_THAT(bad.all(), HasSubstr("i.csv:3: "));
    EXPECT_THAT(bad.all(), HasSubstr("i.csv:4: "));
    EXPECT_EQ(records(), before);
    const auto some = berth({"--json", "ownership", "import", at("i.csv"), "--masa", at("masa"), "--skip-bad-lines"});
    EXPECT_EQ(some.exit, 0) << some.all();
    EXPECT_EQ(some.json().at("assigned").as_int64(), 1);
    EXPECT_EQ(some.json().at("refused").as_array().size(), 2u);
    const auto after = records();
    EXPECT_NE(after, before);
    EXPECT_EQ(berth({"--json", "ownership", "import", at("i.csv"), "--masa", at("masa"), "--skip-bad-lines"})
                  .json()
                  .at("already_assigned")
                  .as_int64(),
              1);
    EXPECT_EQ(records(), after) << "the log too";
}

// What was not checked is not passed over in silence.
TEST_F(LocalRefusals, AServersNameThatIsNotChecked) {
    auto server =
        app::child_process::start(fs::path(BERTH_BIN_DIR) / "berth", {"--json", "authkem", "server", "--port", "0", "--cert",
                                                                      at("SN-1/z3.pem"), "--key", at("SN-1/p3.pem")});
    ASSERT_TRUE(server);
    std::vector<std::string> said;
    for (int i = 0; i < 200 && said.empty(); ++i) {
        app::poll_children({&*server}, 50);
        said = server->take_output_lines();
    }
    ASSERT_FALSE(said.empty());
    const std::string to = fmt::format("127.0.0.1:{}", got(wire::parse_json_object(said[0])).at("port").to_number<int>());
    const auto plain = berth({"authkem", "client", "--connect", to, "--ca", at("factory/z1.pem")});
    EXPECT_EQ(plain.exit, 0) << plain.all();
    EXPECT_THAT(plain.all(), HasSubstr("NOT CHECKED"));
    const auto json = berth({"--json", "authkem", "client", "--connect", to, "--ca", at("factory/z1.pem")}).json();
    EXPECT_FALSE(json.at("server_name_checked").as_bool());
    // A server that takes no certificates does not take the key when one comes with it: that is told, too.
    const auto early = berth({"authkem", "client", "--connect", to, "--pdk", at("SN-1/z3.pem"), "--cert", at("SN-2/z3.pem"),
                              "--key", at("SN-2/p3.pem")});
    EXPECT_NE(early.exit, 0);
    EXPECT_THAT(early.all(), HasSubstr("takes no certificate from its clients"));
}

TEST_F(LocalRefusals, HelpIsACommandToo) {
    EXPECT_EQ(done({"help"}).all(), done({"--help"}).all());
    EXPECT_EQ(done({"help", "registrar", "approve"}).all(), done({"registrar", "approve", "--help"}).all());
    for (const std::vector<std::string>& command :
         {std::vector<std::string>{"factory", "make"}, {"customer", "registrars"}, {"authkem", "server"}}) {
        auto help = command;
        help.emplace_back("--help");
        EXPECT_THAT(done(help).all(), testing::Not(HasSubstr("HOST:PORT:HOST:PORT")));
    }
}

TEST_F(LocalRefusals, ProgramsTellTheirVersions) {
    for (const char* program : {"berth", "berthd", "berth-agent"}) {
        const auto plain = run_program(program, {"--version"});
        EXPECT_EQ(plain.exit, 0);
        EXPECT_EQ(plain.all(), app::version_text(program, false) + "\n");
        EXPECT_THAT(plain.all(), HasSubstr("OpenSSL 3."));
        const auto json = run_program(program, {"--version", "--json"}).json();
        EXPECT_EQ(json.at("program").as_string(), program);
        EXPECT_EQ(json.at("version").as_string(), app::version());
    }
}

}  // namespace
}  // namespace berth::test
