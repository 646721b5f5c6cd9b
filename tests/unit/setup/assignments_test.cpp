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
    [[nodiscard]] result<app::import_plan> read(const std::string& text) const {
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
    EXPECT_EQ(read("T-00,Birch\n# a remark\n\n{\"serial\":\"T-01\",\"customer\":\"Cedar\"}")->assign.size(), 2u);
    const std::vector<std::pair<std::string, std::string>> wrong{
        {"T-00,Nobody", "unknown_customer"}, {"T-99,Birch", "unknown_device"},   {"T-02", "bad_import"},
        {"{\"serial\":1}", "bad_json"},      {"T-00,Cedar", "already_assigned"},  // the line before gave it to Birch
    };
    for (const auto& [line, name] : wrong) {
        const auto judged = read("T-00,Birch\n" + line + "\n");
        ASSERT_EQ(judged->refused.size(), 1u) << line;
        EXPECT_EQ(judged->refused[0].line, 2u) << line;
        EXPECT_EQ(judged->mistakes("file").name, name) << line;
        EXPECT_EQ(judged->mistakes("file").params.back(), (std::pair<std::string, std::string>("lines", "2")));
        EXPECT_EQ(judged->assign.size(), 1u) << line;
    }
    EXPECT_EQ(assigned(), 0u);
}

TEST_F(Assignments, AnotherEncodingIsNamedOnce) {
    for (const std::string mark : {"\xff\xfe", "\xfe\xff"}) {
        const auto refused = read(mark + std::string("T\0", 2));
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().name, "bad_import");
        EXPECT_NE(refused.error().message.find("UTF-16"), std::string::npos);
    }
}

TEST_F(Assignments, WhereColumnsAreNamedARowMayBeginLikeARemark) {
    const auto plan = got(read("order;serial;customer\n#1001;T-01;Birch\n# a remark\n1002;T-02;Birch\n"));
    EXPECT_EQ(plan.assign.size(), 2u);
    EXPECT_TRUE(plan.refused.empty());
}

TEST_F(Assignments, EveryBadLineIsToldWithItsNumber) {
    const auto plan = got(read("T-00,Birch\nT-99,Birch\nT-01,Nobody\nT-02,Birch\nT-03\n"));
    EXPECT_EQ(plan.assign.size(), 2u);
    const auto mistakes = plan.mistakes("file");
    EXPECT_EQ(mistakes.name, "bad_import");
    EXPECT_EQ(mistakes.category, error_category::usage);
    EXPECT_EQ(mistakes.params.back(), (std::pair<std::string, std::string>("lines", "2 3 5")));
    for (const char* text : {"file:2: ", "unknown_device", "file:3: ", "unknown_customer", "file:5: ", "3 lines of file"}) {
        EXPECT_THAT(mistakes.message, testing::HasSubstr(text));
    }
}

TEST_F(Assignments, AsSpreadsheetsWriteThem) {
    const auto pairs = [&](const std::string& text) {
        const auto plan = got(read(text));
        EXPECT_TRUE(plan.refused.empty()) << text << plan.mistakes("file").message;
        std::string out;
        for (const auto& a : plan.assign) {
            out += fmt::format("{}:{}={} ", a.line, a.device.serial, a.customer);
        }
        return out;
    };
    const std::string wanted = "2:T-00=Birch 3:T-01=Cedar ";
    EXPECT_EQ(pairs("\xef\xbb\xbfSerial,Customer\r\nT-00,Birch\r\nT-01,Cedar\r\n"), wanted);
    EXPECT_EQ(pairs("\xef\xbb\xbf\"Serial number\";\"Customer\"\r\n\"T-00\";\"Birch\"\r\n\"T-01\";\"Cedar\"\r\n;\r\n"), wanted);
    EXPECT_EQ(pairs("serial\tcustomer\nT-00\tBirch\nT-01\tCedar\n"), wanted);
    EXPECT_EQ(pairs("Order,Owner,Serial\n77,Birch,T-00\n78,Cedar,T-01\n"), wanted) << "columns in another order";
    EXPECT_EQ(pairs("\n T-00 , Birch \nT-01,Cedar,,\n,,\n  \n"), wanted) << "blanks, and empty cells";
    auto root = app::make_root(directory.path(), "inc", pki::root_template("Inc", "Inc", {0, 2'000'000'000}),
                               crypto::signature_algorithm::ecdsa_p256_sha256, crypto::system_random());
    ASSERT_TRUE(store->register_customer({R"(Birch "B", Inc)", to_bytes(root->certificate().der()), {}}, now));
    EXPECT_EQ(pairs("T-00,\"Birch \"\"B\"\", Inc\"\n"), "1:T-00=Birch \"B\", Inc ");
    for (const char* wrong : {"T-00,Birch, Inc\n", "T-00,\"Birch\n", "T-00,\"Birch\" Inc\n"}) {
        EXPECT_EQ(got(read(wrong)).mistakes("file").name, "bad_import") << wrong;
    }
}

// Who may write a cell must not choose device and customer by it.
TEST_F(Assignments, TextInACellDoesNotBecomeColumnsOrLines) {
    const auto outcome = [&](const std::string& text) {
        const auto plan = got(read(text));
        std::string out;
        for (const auto& a : plan.assign) {
            out += fmt::format("{}:{}={} ", a.line, a.device.serial, a.customer);
        }
        for (const auto& r : plan.refused) {
            out += fmt::format("{}:{} ", r.line, r.why.name);
        }
        return out;
    };
    EXPECT_EQ(outcome("note;serial;customer\nx,T-09,Cedar,;T-01;Birch\n"), "2:T-01=Birch ") << "the header's separator";
    EXPECT_EQ(outcome("note;serial;customer\n\"a\nT-09;T-09;Cedar\n\";T-01;Birch\nx;T-02;Birch\n"), "2:T-01=Birch 5:T-02=Birch ")
        << "a line's end in quotes";
    EXPECT_EQ(outcome("T-01,Birch,\"a\nT-09,Cedar,\n\"\nT-02,Birch\n"), "4:T-02=Birch 1:bad_import ");
    EXPECT_EQ(outcome("T-01,\"Birch\" x,\"a\nT-09,Cedar\n\"\nT-02,Birch\n"), "4:T-02=Birch 1:bad_import ")
        << "behind a mistake as well";
    for (const char* first : {"x", "#x", "{x"}) {
        EXPECT_EQ(outcome(fmt::format("a;b;serial;customer\n{};\"\nT-09;T-09;T-09;Cedar\n\";T-01;Birch\n", first)),
                  "2:T-01=Birch ")
            << "in a row whose first cell begins like something else: " << first;
    }
    EXPECT_EQ(outcome("T-01,Birch\nT-02,\"a\nT-09,Cedar\n"), "1:T-01=Birch 2:bad_import ") << "a quote that is not closed";
    EXPECT_EQ(outcome("note\tserial\tcustomer\told\n\tT-01\tBirch\tCedar\n"), "2:T-01=Birch ") << "an empty first cell";
    EXPECT_EQ(outcome("# a remark, \"as it were\" and so on\nT-01;Birch\n # \"another\nT-02;Cedar\n"),
              "2:T-01=Birch 4:T-02=Cedar ");
    EXPECT_EQ(outcome("\tserial\tcustomer\nT-09\tT-01\tBirch\n"), "2:T-01=Birch ") << "also the header's";
    EXPECT_EQ(outcome("note;serial;customer\n5\" pipe;T-01;Birch\n;T-02;Cedar\n"), "2:T-01=Birch 3:T-02=Cedar ")
        << "a quote further on is none";
}

TEST_F(Assignments, WhatIsToldOfALineIsOneLineForATerminal) {
    const auto plan = got(read("\"T-\x1b[2J\nberth: all is well\",Birch\nT-00,\xc2\x9b"
                               "2JBirch\xff\n"));
    ASSERT_EQ(plan.refused.size(), 2u);
    for (const auto& r : plan.refused) {
        for (const char* raw : {"\x1b", "\n", "\xc2\x9b", "\xff"}) {
            EXPECT_THAT(r.why.message, testing::Not(testing::HasSubstr(raw)));
        }
    }
    EXPECT_THAT(plan.refused[0].why.message, testing::HasSubstr("\"T-\\u001b[2J\\nberth: all is well\""));
    EXPECT_EQ(plan.refused[1].why.params.back().first, "line");
}

TEST_F(Assignments, ARepeatedImportIsNotLogged) {
    const std::string text = "T-00,Birch\nT-01,Cedar\nT-00,Birch\n";
    const auto plan = got(read(text));
    EXPECT_EQ(plan.assign.size(), 2u);
    EXPECT_EQ(plan.already, 1u);
    ASSERT_TRUE(app::assign_in_batches(*store, plan.assign, 10, time, [](milliseconds) {}));
    const auto last = got(store->last_audit_entry())->number;
    const auto again = got(read(text));
    EXPECT_TRUE(again.assign.empty());
    EXPECT_EQ(again.already, 3u);
    // Another may have done the same between judging and doing.
    ASSERT_TRUE(app::assign_in_batches(*store, plan.assign, 10, time, [](milliseconds) {}));
    EXPECT_EQ(got(store->last_audit_entry())->number, last);
}

TEST_F(Assignments, LeaveTheWriteLockBetweenBatches) {
    std::string text;
    for (int i = 0; i < 25; ++i) {
        text += fmt::format("T-{:02},Birch\n", i);
    }
    // What the MASA is: another connection, which cannot wait.
    auto other = got(store::sqlite_masa_store::open((directory.path() / "m.db").string()));
    size_t chances = 0;
    ASSERT_TRUE(app::assign_in_batches(*store, got(read(text)).assign, 10, time, [&](milliseconds) {
        ++chances;
        EXPECT_TRUE(other->set_blocked({{1}, "T-24"}, chances % 2 == 0, now));
        EXPECT_EQ(assigned(), chances * 10) << "what is done is done";
    }));
    EXPECT_EQ(chances, 2u);
    EXPECT_EQ(assigned(), 25u);
    ASSERT_TRUE(app::assign_in_batches(*store, got(read(text)).assign, 10, time, [](milliseconds) {}))
        << "importing again is no mistake";
}

TEST_F(Assignments, WhatChangedMeanwhileIsNamedByLine) {
    const auto all = got(read("T-00,Birch\nT-01,Birch\nT-02,Birch\n")).assign;
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
