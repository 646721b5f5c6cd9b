// The table is what docs/provisioning-transitions.md prints, and each row leads to one state.
#include "provisioning/transitions.h"

#include <fstream>
#include <set>
#include <sstream>

namespace berth::provisioning {
namespace {

TEST(ProvisioningTransitions, TheDocumentIsPrintedFromTheTable) {
    std::ifstream in(BERTH_SOURCE_DIR "/docs/provisioning-transitions.md");
    std::stringstream there;
    there << in.rdbuf();
    EXPECT_NE(there.str().find(transitions_as_markdown()), std::string::npos)
        << "docs/provisioning-transitions.md has another table than this:\n"
        << transitions_as_markdown();
}

TEST(ProvisioningTransitions, EveryEventLeadsToOneStateAndNoneOutOfAFinalOne) {
    std::set<std::pair<state, event>> seen;
    std::set<state> reached{state::unassigned};
    for (const auto& row : transitions()) {
        EXPECT_TRUE(seen.insert({row.from, row.on}).second) << to_string(row.from) << " " << to_string(row.on);
        EXPECT_FALSE(is_final(row.from));
        EXPECT_EQ(next_state(row.from, row.on), row.to);
        reached.insert(row.to);
    }
    EXPECT_EQ(reached.size(), states);
    EXPECT_EQ(next_state(state::unassigned, event::chosen), std::nullopt);
    EXPECT_EQ(next_state(state::assigned, event::registered), std::nullopt);
}

}  // namespace
}  // namespace berth::provisioning
