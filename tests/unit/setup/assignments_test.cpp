// Importing many assignments beside a MASA that is at work on the same records.
#include "setup/assignments.h"

#include "store/sqlite/database.h"
#include "support/onboarding_parties.h"

namespace berth::test {
namespace {

constexpr unix_seconds now = 1'800'000'000;

class Assignments : public testing::Test {
protected:
    void SetUp() override {
        for (const char* name : {"Birch", "Cedar"}) {
            auto root = app::make_root(directory.path(), name, pki::root_template(name, name, {0, 2'000'000'000}),
                                       crypto::signature_algorithm::ecdsa_p256_sha256, crypto::system_random());
            ASSERT_TRUE(store->register_customer({name, to_bytes(root->certificate().der()), {}}, now));
        }
        for (int i = 0; i < 25; ++i) {
            registry::ownership d;
            d.device = {{1}, fmt::format("T-{:02}", i)};
            ASSERT_TRUE(store->add_device(d, "", now));
        }
    }
    [[nodiscard]] result<std::vector<app::assignment>> read(const std::string& text) const {
        return app::read_assignments(*store, text, "file", "", now);
    }
    [[nodiscard]] size_t assigned() const {
        size_t out = 0;
        for (const auto& d : got(store->list_devices(100, {}))) {
            out += d.state == registry::ownership_state::assigned ? 1 : 0;
        }
        return out;
    }

    temporary_directory directory;
    std::unique_ptr<store::sqlite_masa_store> store = got(store::sqlite_masa_store::open((directory.path() / "m.db").string()));
    manual_clock time{now};
};

TEST_F(Assignments, AreJudgedBeforeAnyIsMade) {
    EXPECT_EQ(read("T-00,Birch\n# a remark\n\n{\"serial\":\"T-01\",\"customer\":\"Cedar\"}")->size(), 2u);
    const std::vector<std::pair<std::string, std::string>> wrong{
        {"T-00,Nobody", "unknown_customer"}, {"T-99,Birch", "unknown_device"},   {"T-02", "bad_import"},
        {"{\"serial\":1}", "bad_json"},      {"T-00,Cedar", "already_assigned"},  // the line before gave it to Birch
    };
    for (const auto& [line, name] : wrong) {
        const auto judged = read("T-00,Birch\n" + line + "\n");
        ASSERT_FALSE(judged) << line;
        EXPECT_EQ(judged.error().name, name) << line;
        EXPECT_EQ(judged.error().params.back(), (std::pair<std::string, std::string>("line", "2")));
    }
    EXPECT_EQ(assigned(), 0u);
}

TEST_F(Assignments, LeaveTheWriteLockBetweenBatches) {
    std::string text;
    for (int i = 0; i < 25; ++i) {
        text += fmt::format("T-{:02},Birch\n", i);
    }
    // What the MASA is: another connection, which cannot wait.
    auto other = got(store::sqlite_masa_store::open((directory.path() / "m.db").string()));
    size_t chances = 0;
    ASSERT_TRUE(app::assign_in_batches(*store, got(read(text)), 10, time, [&](milliseconds) {
        ++chances;
        EXPECT_TRUE(other->set_blocked({{1}, "T-24"}, chances % 2 == 0, now));
        EXPECT_EQ(assigned(), chances * 10) << "what is done is done";
    }));
    EXPECT_EQ(chances, 2u);
    EXPECT_EQ(assigned(), 25u);
    ASSERT_TRUE(app::assign_in_batches(*store, got(read(text)), 10, time, [](milliseconds) {}))
        << "importing again is no mistake";
}

TEST_F(Assignments, WhatChangedMeanwhileIsNamedByLine) {
    const auto all = got(read("T-00,Birch\nT-01,Birch\nT-02,Birch\n"));
    ASSERT_TRUE(store->assign({{1}, "T-01"}, "Cedar", now));
    const auto done = app::assign_in_batches(*store, all, 1, time, [](milliseconds) {});
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().name, "already_assigned");
    EXPECT_EQ(done.error().params.back(), (std::pair<std::string, std::string>("line", "2")));
    EXPECT_EQ(store->find_device({{1}, "T-01"})->value().customer, "Cedar");
    EXPECT_EQ(store->find_device({{1}, "T-02"})->value().state, registry::ownership_state::manufactured);
}

}  // namespace
}  // namespace berth::test
