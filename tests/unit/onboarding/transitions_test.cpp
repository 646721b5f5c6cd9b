// The transition tables, printed: docs/onboarding-transitions.md is what drives the machines, and goes stale otherwise.
#include "onboarding/device/transitions.h"
#include "onboarding/masa/transitions.h"
#include "onboarding/registrar/transitions.h"

#include <fstream>
#include <sstream>

namespace berth::onboarding {
namespace {

template <class Table>
void print(std::ostream& out, const char* title, const Table& table) {
    out << "\n## " << title << "\n\n| state | event | next state |\n|---|---|---|\n";
    for (const auto& row : table) {
        out << "| " << to_string(row.from) << " | " << to_string(row.on) << " | " << to_string(row.to) << " |\n";
    }
}

TEST(OnboardingTransitions, AreWhatTheDocumentationSays) {
    std::ostringstream printed;
    printed << "# Transitions of the onboarding machines\n\nPrinted from the tables in src/onboarding by tests/unit/onboarding. "
               "What is "
               "not listed is `unexpected_message`.\nTo print it anew: BERTH_WRITE_DOCS=1 build/release/tests/unit_onboarding\n";
    print(printed, "Device", device_transitions);
    print(printed, "Registrar", registrar_transitions);
    print(printed, "MASA, one session", masa_transitions);
    const std::string file = BERTH_SOURCE_DIR "/docs/onboarding-transitions.md";
    if (std::getenv("BERTH_WRITE_DOCS")) {
        std::ofstream(file) << printed.str();
    }
    std::ifstream in(file);
    const std::string there((std::istreambuf_iterator<char>(in)), {});
    EXPECT_EQ(there, printed.str()) << "BERTH_WRITE_DOCS=1 prints it anew";
}

template <class Table>
bool unambiguous(const Table& table) {
    for (size_t i = 0; i < table.size(); ++i) {
        for (size_t k = i + 1; k < table.size(); ++k) {
            if (table[i].from == table[k].from && table[i].on == table[k].on) {
                return false;
            }
        }
    }
    return true;
}

TEST(OnboardingTransitions, SayOneThingEach) {
    EXPECT_TRUE(unambiguous(device_transitions));
    EXPECT_TRUE(unambiguous(registrar_transitions));
    EXPECT_TRUE(unambiguous(masa_transitions));
}

}  // namespace
}  // namespace berth::onboarding
