// A file of life-cycle events holds up nobody, and is a file.
#include "hub_server/event_file.h"

#include "common/files.h"
#include "support/onboarding_parties.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

namespace berth::test {
namespace {

namespace fs = std::filesystem;

bool eventually(const std::function<bool()>& holds) {
    for (int i = 0; i < 2'000; ++i) {
        if (holds()) {
            return true;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
}

class EventFile : public testing::Test {
protected:
    void deliver() {
        said.clear();
        sink.deliver({fmt::format(R"({{"number":{}}})", ++number)},
                     [this](const result<void>& how) { said = how ? "kept" : how.error().name; });
    }
    // What came of it.
    std::string told() {
        EXPECT_TRUE(eventually([this] {
            loop.restart();
            loop.run();
            return !said.empty();
        }));
        return said;
    }
    [[nodiscard]] std::string text() const { return fs::is_regular_file(file) ? got(app::read_text(file)) : ""; }

    temporary_directory directory;
    fs::path file = directory.path() / "events.jsonl";
    net::loop loop;
    app::event_file sink{loop, file};
    uint64_t number = 0;
    std::string said;
};

TEST_F(EventFile, IsWrittenWhileTheLoopGoesOn) {
    deliver();
    EXPECT_EQ(said, "") << "nobody waits for a disk";
    EXPECT_TRUE(eventually([this] { return text().ends_with("}\n"); })) << "without the loop, which does something else";
    EXPECT_EQ(said, "") << "it is told on the loop";
    EXPECT_EQ(told(), "kept");
    deliver();
    EXPECT_EQ(told(), "kept");
    EXPECT_THAT(text(), testing::HasSubstr("\"number\":2"));
}

TEST_F(EventFile, APipeIsNone) {
    ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
    deliver();
    EXPECT_EQ(told(), "no_regular_file") << "there it is kept nowhere, and takes no more once it is full";
    fs::remove(file);
    fs::create_directory(file);
    deliver();
    EXPECT_EQ(told(), "no_regular_file");
    fs::remove(file);
    fs::create_symlink("/dev/null", file);
    deliver();
    EXPECT_EQ(told(), "no_regular_file");
    fs::remove(file);
    deliver();
    EXPECT_EQ(told(), "kept");
    EXPECT_THAT(text(), testing::HasSubstr("\"number\":4"));
}

TEST_F(EventFile, WhoHasMovedItFindsAnother) {
    deliver();
    EXPECT_EQ(told(), "kept");
    fs::rename(file, directory.path() / "moved");
    deliver();
    EXPECT_EQ(told(), "kept");
    EXPECT_FALSE(fs::exists(file));
    sink.renew({});
    deliver();
    EXPECT_EQ(told(), "kept");
    EXPECT_THAT(text(), testing::HasSubstr("\"number\":3"));
}

TEST_F(EventFile, NobodyIsToldOfOneThatHasGone) {
    bool called = false;
    {
        app::event_file brief(loop, file);
        brief.deliver({"{}"}, [&](const result<void>&) { called = true; });
        EXPECT_TRUE(eventually([this] { return !text().empty(); }));
    }
    loop.restart();
    loop.run();
    EXPECT_FALSE(called);
}

}  // namespace
}  // namespace berth::test
