// What a newcomer mistypes, and which directories are taken; that each command says something with --json.
#include "common/files.h"
#include "common/words.h"
#include "support/onboarding_parties.h"
#include "support/programs.h"
#include "support/swtpm.h"

namespace berth::test {
namespace {

namespace fs = std::filesystem;

class Mistakes : public testing::Test {
protected:
    [[nodiscard]] std::string at(const std::string& name) const { return (directory.path() / name).string(); }
    // With --json and without.
    static void expect_refused(std::vector<std::string> arguments, const std::string& name,
                               const std::vector<std::string>& texts) {
        const auto plain = berth(arguments);
        EXPECT_EQ(plain.exit, 2) << plain.all();
        EXPECT_THAT(plain.all(), testing::HasSubstr("[" + name + "]"));
        arguments.insert(arguments.begin(), "--json");
        const auto r = berth(arguments);
        EXPECT_EQ(r.exit, 2) << r.all();
        EXPECT_EQ(r.error_name(), name) << r.all();
        for (const auto& text : texts) {
            EXPECT_THAT(plain.all(), testing::HasSubstr(text));
            EXPECT_THAT(r.all(), testing::HasSubstr(text));
        }
    }
    // A set-up with a device in its bundle.
    void set_up() const {
        ASSERT_EQ(berth({"factory", "init", "--dir", at("factory"), "--maker", "Acme", "--algorithm", "p256"}).exit, 0);
        ASSERT_EQ(berth({"masa", "init", "--dir", at("masa"), "--factory", at("factory"), "--host", "m.example"}).exit, 0);
        ASSERT_EQ(berth({"ca", "init", "--dir", at("ca"), "--customer", "Birch", "--algorithm", "p256"}).exit, 0);
        ASSERT_EQ(berth({"registrar", "init", "--dir", at("registrar"), "--ca", at("ca"), "--host", "r", "--maker-root",
                         at("factory/z1.pem"), "--masa", "127.0.0.1:1"})
                      .exit,
                  0);
        ASSERT_EQ(
            berth({"factory", "make", "--dir", at("factory"), "--masa", at("masa"), "--serial", "SN-1", "--out", at("device")})
                .exit,
            0);
    }
    temporary_directory directory;
};

TEST_F(Mistakes, ACommandThatIsNotThere) {
    expect_refused({"foo"}, "unknown_command", {"there is no command berth foo", "berth --help"});
    expect_refused({"ownershp", "show"}, "unknown_command", {"is berth ownership meant?", "berth --help"});
    expect_refused({"registrar", "aprove", "SN-1"}, "unknown_command",
                   {"is berth registrar approve meant?", "berth registrar --help"});
    expect_refused({"registrar", "config", "shwo"}, "unknown_command", {"is berth registrar config show meant?"});
    expect_refused({"firmware", "pakc"}, "unknown_command", {"is berth firmware pack meant?", "berth firmware --help"});
}

TEST_F(Mistakes, AGroupWithoutACommand) {
    expect_refused({}, "command_missing", {"demo", "berth --help"});
    expect_refused({"masa"}, "command_missing", {"init, log", "berth masa --help"});
}

// Also where one that is needed is missing because of it.
TEST_F(Mistakes, AnOptionThatIsNotThere) {
    expect_refused({"registrar", "devices", "--dri", "x"}, "unknown_option", {"no option --dri; is --dir meant?", "--help"});
    expect_refused({"factory", "make", "--serail=SN-1"}, "unknown_option", {"no option --serail; is --serial meant?"});
    expect_refused({"demo", "--nonsense"}, "unknown_option", {"berth demo has no option --nonsense."});
}

TEST_F(Mistakes, OtherMistakesAreTheParsers) {
    EXPECT_EQ(berth({"--json", "--nonsense"}).error_name(), "bad_arguments");
    EXPECT_EQ(berth({"--json", "ca", "init"}).error_name(), "bad_arguments");
    EXPECT_EQ(berth({"--help"}).exit, 0);
    EXPECT_EQ(berth({"masa", "--help"}).exit, 0);
}

TEST_F(Mistakes, DirectoriesThatAreInUseAreLeftAlone) {
    fs::create_directory(at("used"));
    ASSERT_TRUE(app::write_text(at("used/mine"), "mine"));
    for (const char* command : {"demo", "quickstart"}) {
        expect_refused({command, "--dir", at("used")}, "file_exists", {"is not empty", "berth " + std::string(command)});
        EXPECT_EQ(std::distance(fs::directory_iterator(at("used")), fs::directory_iterator()), 1);
    }
}

TEST_F(Mistakes, ADemonstrationTellsItsTableAndIsNotOverwritten) {
    BERTH_NEEDS_SWTPM();
    const std::string dir = at("a demo");
    const auto shown = run_program("berth", {"--json", "demo", "--devices", "3", "--dir", dir}, 120'000);
    ASSERT_EQ(shown.exit, 0) << shown.all();
    ASSERT_GE(shown.output.size(), 3u);
    for (const auto& line : shown.output) {
        EXPECT_TRUE(wire::parse_json_object(line)) << line;
    }
    EXPECT_EQ(shown.json().at("device").as_string(), "SN-0001");
    EXPECT_EQ(shown.json().at("result").as_string(), "onboarded");
    EXPECT_EQ(shown.json().at("steps").to_number<int>(), 14);
    EXPECT_TRUE(got(wire::parse_json_object(shown.output.back())).at("ok").as_bool());
    expect_refused({"demo", "--dir", dir}, "file_exists", {"was filled by an earlier berth demo", "rm -r '"});
    expect_refused({"quickstart", "--dir", dir}, "file_exists", {"is not empty"});
}

TEST_F(Mistakes, CommandsThatChangeSomethingSaySo) {
    set_up();
    const auto group =
        berth({"--json", "registrar", "group", "SN-1", "pumps", "--dir", at("registrar"), "--maker-root", at("factory/z1.pem")});
    EXPECT_EQ(group.exit, 0) << group.all();
    EXPECT_EQ(group.json().at("serial").as_string(), "SN-1");
    EXPECT_EQ(group.json().at("group").as_string(), "pumps");
    const auto reset = berth({"--json", "device", "reset", "--bundle", at("device")});
    EXPECT_EQ(reset.exit, 0) << reset.all();
    EXPECT_EQ(reset.json().at("serial").as_string(), "SN-1");
    EXPECT_FALSE(reset.json().at("was_installed").as_bool());
    register_customer(directory.path(), "Birch", "ca");
    const auto removed = berth({"--json", "customer", "remove", "Birch", "--masa", at("masa")});
    EXPECT_EQ(removed.exit, 0) << removed.all();
    EXPECT_EQ(removed.json().at("customer").as_string(), "Birch");
    EXPECT_EQ(removed.json().at("devices").to_number<int>(), 0);
    const auto unknown = berth({"--json", "customer", "remove", "Nobody", "--masa", at("masa")});
    EXPECT_EQ(unknown.error_name(), "unknown_customer");
    EXPECT_THAT(unknown.all(), testing::Not(testing::HasSubstr("register it first")));
}

// Whose devices they are stays so, and is told.
TEST_F(Mistakes, ACustomerWithDevicesIsRemoved) {
    set_up();
    register_customer(directory.path(), "Birch", "ca");
    const auto made = berth(
        {"--json", "factory", "make", "--dir", at("factory"), "--masa", at("masa"), "--serial", "SN-7", "--out", at("lonely")});
    ASSERT_EQ(made.exit, 0) << made.all();
    ASSERT_EQ(berth({"ownership", "assign", "SN-7", "Birch", "--masa", at("masa")}).exit, 0);
    // A device that nobody gave an address finds no registrar, and says what was asked.
    const auto lost = berth({"--json", "device", "onboard", "--bundle", at("lonely")});
    EXPECT_EQ(lost.exit, 3) << lost.all();
    if (lost.error_name() == "no_registrar") {  // else what DNS-SD said here
        EXPECT_THAT(lost.all(), testing::HasSubstr("device.toml has no masa"));
        EXPECT_THAT(lost.all(), testing::Not(testing::HasSubstr("the manufacturer names none")));
    }
    const auto removed = berth({"customer", "remove", "Birch", "--masa", at("masa")});
    EXPECT_EQ(removed.exit, 0) << removed.all();
    EXPECT_THAT(removed.all(), testing::HasSubstr("1 devices stay its own"));
}

TEST_F(Mistakes, AMissingFileIsTheEnvironments) {
    set_up();
    const auto set = berth({"--json", "registrar", "config", "set", "--default", at("nowhere.json"), "--dir", at("registrar")});
    EXPECT_EQ(set.exit, 3) << set.all();
    EXPECT_EQ(set.error_name(), "file_not_found");
    EXPECT_THAT(set.all(), testing::HasSubstr("nowhere.json"));
    const auto import = berth({"--json", "ownership", "import", at("nowhere.csv"), "--masa", at("masa")});
    EXPECT_EQ(import.exit, 3) << import.all();
    EXPECT_EQ(import.error_name(), "file_not_found");
    EXPECT_EQ(berth({"--json", "masa", "log", "verify", "--masa", at("masa"), "--key", at("nowhere.pub")}).exit, 3);
}

TEST(Words, AreQuotedForTheShell) {
    EXPECT_EQ(app::shell_word("/tmp/a-b_c.d:1,2=3@4%5+6"), "/tmp/a-b_c.d:1,2=3@4%5+6");
    for (const std::string text : {"", "a b", "it's", "$HOME", "`x`", "a\nb", "\"", "*"}) {
        EXPECT_EQ(run_program("/bin/sh", {"-c", "[ x" + app::shell_word(text) + " = \"x$W\" ]"}, 5'000, {"W=" + text}).exit, 0)
            << text;
    }
}

TEST(Words, TheNearestIsTheOneThatWasMeant) {
    const std::vector<std::string> known{"masa", "registrar", "ownership", "demo"};
    EXPECT_EQ(app::nearest("registar", known), "registrar");
    EXPECT_EQ(app::nearest("onwership", known), "ownership");
    EXPECT_EQ(app::nearest("masaa", known), "masa");
    EXPECT_EQ(app::nearest("foo", known), std::nullopt);
    EXPECT_EQ(app::nearest("", known), std::nullopt);
    EXPECT_EQ(app::nearest("demo2000", known), std::nullopt);
    EXPECT_EQ(app::nearest(std::string(1'000'000, 'm'), known), std::nullopt);
}

}  // namespace
}  // namespace berth::test
