#include "registry/lifecycle.h"

#include <fstream>

namespace berth::registry {
namespace {

std::vector<life_entry> chained(std::vector<life_entry> entries) {
    life_hash previous{};
    uint64_t number = 0;
    for (auto& e : entries) {
        e.number = ++number;
        e.hash = previous = hash_of(e, previous);
    }
    return entries;
}

std::vector<life_entry> life() {
    return chained({{0, 100, life_step::made, "pump", "aa", {}},
                    {0, 200, life_step::asked, "", "", {}},
                    {0, 300, life_step::onboarded, "Birch", "bb", {}},
                    {0, 400, life_step::operational, "Birch", "bb", {}}});
}

TEST(Lifecycle, IsWhatTheDocumentationSays) {
    std::ifstream in(BERTH_SOURCE_DIR "/docs/lifecycle.md");
    const std::string there((std::istreambuf_iterator<char>(in)), {});
    EXPECT_NE(there.find(life_transitions_as_markdown()), std::string::npos) << "docs/lifecycle.md has another table than this:\n"
                                                                             << life_transitions_as_markdown();
}

TEST(Lifecycle, EveryStepLeadsToOnePhase) {
    const auto all = life_transitions();
    for (size_t i = 0; i < all.size(); ++i) {
        for (size_t k = i + 1; k < all.size(); ++k) {
            EXPECT_FALSE(all[i].from == all[k].from && all[i].step == all[k].step)
                << to_string(all[i].from) << " " << to_string(all[i].step);
        }
    }
}

TEST(Lifecycle, WhatIsNotInTheTableIsRefusedAndSaysWhatToDo) {
    for (const auto from : {life_phase::supply_chain, life_phase::manufacturing, life_phase::enrolment, life_phase::provisioning,
                            life_phase::operational, life_phase::reassignment, life_phase::decommissioned}) {
        for (const auto step :
             {life_step::made, life_step::certified, life_step::asked, life_step::onboarded, life_step::operational,
              life_step::reset, life_step::ending, life_step::decommissioned, life_step::recommissioned}) {
            const bool known =
                std::ranges::any_of(life_transitions(), [&](const auto& t) { return t.from == from && t.step == step; });
            const auto next = phase_after(from, step);
            EXPECT_EQ(next.has_value(), known) << to_string(from) << " " << to_string(step);
            if (!next) {
                EXPECT_EQ(next.error().name, "wrong_phase");
                EXPECT_NE(next.error().message.find("berth "), std::string::npos) << next.error().message;
            }
        }
    }
}

TEST(Lifecycle, PhaseFollowsFromTheSteps) {
    EXPECT_EQ(phase_of({}), life_phase::supply_chain);
    const auto all = life();
    EXPECT_EQ(phase_of(std::span(all).first(1)), life_phase::manufacturing);
    EXPECT_EQ(phase_of(std::span(all).first(3)), life_phase::provisioning);
    EXPECT_EQ(phase_of(all), life_phase::operational);
    for (const auto step : {life_step::made, life_step::recommissioned}) {
        EXPECT_EQ(life_step_from(to_string(step)), step);
    }
    EXPECT_FALSE(life_step_from("born"));
}

TEST(Lifecycle, AHistoryThatWasChangedIsFound) {
    EXPECT_TRUE(check_history({}));
    EXPECT_TRUE(check_history(life()));
    const auto expect_altered = [](const std::vector<life_entry>& entries, const std::string& number) {
        const auto checked = check_history(entries);
        ASSERT_FALSE(checked);
        EXPECT_EQ(checked.error().name, "history_altered");
        EXPECT_EQ(checked.error().params.front().second, number);
    };
    auto changed = life();
    changed[1].at += 1;
    expect_altered(changed, "2");
    changed = life();
    changed[2].about = "Cedar";
    expect_altered(changed, "3");
    changed = life();
    changed[0].id = "ab";
    expect_altered(changed, "1");
    changed = life();
    changed.erase(changed.begin() + 1);
    expect_altered(changed, "2");
    changed = life();
    std::swap(changed[1], changed[2]);
    expect_altered(changed, "2");
    // What moves between fields is another entry.
    changed = life();
    changed[2].about = "Birchb";
    changed[2].id = "b";
    expect_altered(changed, "3");
}

}  // namespace
}  // namespace berth::registry
