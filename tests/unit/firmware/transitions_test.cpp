// The table is what docs/firmware-transitions.md prints, and each row leads to one state.
#include "firmware/transitions.h"

#include <fstream>
#include <set>
#include <sstream>

namespace berth::firmware {
namespace {

TEST(FirmwareTransitions, TheDocumentIsPrintedFromTheTable) {
    std::ifstream in(BERTH_SOURCE_DIR "/docs/firmware-transitions.md");
    std::stringstream there;
    there << in.rdbuf();
    EXPECT_NE(there.str().find(transitions_as_markdown()), std::string::npos)
        << "docs/firmware-transitions.md has another table than this:\n"
        << transitions_as_markdown();
}

TEST(FirmwareTransitions, EveryEventLeadsToOneStateAndEveryStateOn) {
    std::set<std::pair<state, event>> seen;
    std::set<state> reached, left;
    for (const auto& row : transitions()) {
        EXPECT_TRUE(seen.insert({row.from, row.on}).second) << to_string(row.from) << " " << to_string(row.on);
        EXPECT_EQ(next_state(row.from, row.on), row.to);
        EXPECT_EQ(state_from(to_string(row.from)), row.from);
        reached.insert(row.to);
        left.insert(row.from);
    }
    EXPECT_EQ(reached.size(), states);
    EXPECT_EQ(left.size(), states) << "nothing is stuck";
    // Nothing is switched to that was not verified and written.
    EXPECT_EQ(next_state(state::downloading, event::wrote), std::nullopt);
    EXPECT_EQ(next_state(state::downloading, event::activate), std::nullopt);
    EXPECT_EQ(next_state(state::verified, event::activate), std::nullopt);
    // A trial ends by being confirmed or by going back, and not by a newer release.
    EXPECT_EQ(next_state(state::switched, event::chosen), std::nullopt);
    EXPECT_EQ(next_state(state::switched, event::dropped), std::nullopt);
}

}  // namespace
}  // namespace berth::firmware
