// The PIN of a token, asked for at a terminal and not shown there.
#include "key_places.h"

#include <array>

#include <poll.h>
#include <pty.h>
#include <termios.h>

namespace berth::test {
namespace {

struct dialogue {
    std::string shown;
    int exit = -1;
    bool echoes_after = false;
};

// berth at a terminal of its own; `typed` once it asks.
dialogue at_terminal(std::vector<std::string> arguments, const std::string& typed) {
    dialogue out;
    const std::string program = std::string(BERTH_BIN_DIR) + "/berth";
    arguments.insert(arguments.begin(), program);
    std::vector<char*> argv;
    for (auto& a : arguments) {
        argv.push_back(a.data());
    }
    argv.push_back(nullptr);
    int terminal = -1;
    const pid_t child = ::forkpty(&terminal, nullptr, nullptr, nullptr);
    if (child == 0) {
        ::execv(program.c_str(), argv.data());
        ::_exit(127);
    }
    bool asked = false;
    pollfd wait{terminal, POLLIN, 0};
    std::array<char, 512> some{};
    while (::poll(&wait, 1, 30'000) > 0) {
        const ssize_t got = ::read(terminal, some.data(), some.size());
        if (got <= 0) {
            break;
        }
        out.shown.append(some.data(), static_cast<size_t>(got));
        if (!asked && out.shown.find("PIN of the token berth: ") != std::string::npos) {
            asked = ::write(terminal, typed.data(), typed.size()) > 0;
        }
        termios now{};
        out.echoes_after = ::tcgetattr(terminal, &now) == 0 && (now.c_lflag & ECHO) != 0;
    }
    ::close(terminal);  // ends who still asks
    out.exit = exit_of(child);
    return out;
}

class Prompt : public testing::Test {
protected:
    void SetUp() override {
        BERTH_NEEDS_SOFTHSM();
        ASSERT_EQ(berth({"key", "generate", in_token("prompted"), "--alg", "p256"}).exit, 0);
    }
    void TearDown() override {
        if (softhsm::installed()) {
            berth({"key", "delete", in_token("prompted")});
        }
    }
    std::string without_pin = "pkcs11:token=berth;object=prompted?module-path=" + softhsm::module();
};

TEST_F(Prompt, AsksForThePinAndDoesNotShowIt) {
    const auto said = at_terminal({"key", "show", without_pin}, std::string(softhsm::pin) + "\n");
    EXPECT_EQ(said.exit, 0) << said.shown;
    EXPECT_NE(said.shown.find("PUBLIC KEY"), std::string::npos) << said.shown;
    EXPECT_EQ(said.shown.find(softhsm::pin), std::string::npos) << said.shown;
}

// Octets would set a terminal's modes.
TEST(Terminal, IsGivenHexadecimal) {
    const auto drawn = at_terminal({"key", "random", "file:anything", "--octets", "64"}, "");
    EXPECT_EQ(drawn.exit, 0) << drawn.shown;
    EXPECT_EQ(drawn.shown.size(), 2 * 64 + 2U) << drawn.shown;
    EXPECT_EQ(drawn.shown.find_first_not_of("0123456789abcdef\r\n"), std::string::npos) << drawn.shown;
}

TEST_F(Prompt, TakesNoForAnAnswer) {
    for (const char* typed : {"\n", "24\x03"}) {
        const auto said = at_terminal({"key", "show", without_pin}, typed);
        EXPECT_EQ(said.exit, 2) << said.shown;
        EXPECT_NE(said.shown.find("pin_required"), std::string::npos) << said.shown;
        EXPECT_TRUE(said.echoes_after) << "the terminal is as it was";
    }
}

TEST_F(Prompt, WithoutATerminalItSaysWhatToDo) {
    // setsid: a process without a controlling terminal.
    const auto refused =
        run_program("/usr/bin/setsid", {"--wait", std::string(BERTH_BIN_DIR) + "/berth", "--json", "key", "show", without_pin});
    EXPECT_EQ(refused.error_name(), "pin_required") << refused.all();
    EXPECT_NE(refused.all().find("pin-source"), std::string::npos);
}

}  // namespace
}  // namespace berth::test
