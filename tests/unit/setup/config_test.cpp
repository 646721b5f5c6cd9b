// Unknown names in a file are told first, in the order of the file.
#include "common/config_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth::test {
namespace {

// The complaint about this text, read as a file with "name", a table [one] with "size", and tables [[many]] with "word".
error complaint(const std::string& text) {
    const std::filesystem::path file = "/some/where.toml";
    const auto parsed = app::parse_toml(text, file);
    if (!parsed) {
        return parsed.error();
    }
    app::table_reader top(*parsed, file);
    (void)top.text("name");
    if (auto one = top.table("one")) {
        (void)one->integer("size", 1, 9, std::nullopt);
        EXPECT_TRUE(one->finish()) << "only the whole file complains";
    }
    for (auto& each : top.tables("many", true)) {
        (void)each.text("word");
        EXPECT_TRUE(each.finish());
    }
    const auto done = top.finish();
    return done ? error{error_category::usage, "none", "", {}} : done.error();
}

std::string param(const error& e, const std::string& key) {
    for (const auto& [k, value] : e.params) {
        if (k == key) {
            return value;
        }
    }
    return "";
}

TEST(ConfigReader, TakesWhatIsRight) {
    EXPECT_EQ(complaint("name = \"n\"\n[one]\nsize = 3\n[[many]]\nword = \"w\"\n").name, "none");
}

TEST(ConfigReader, TellsUnknownNamesBeforeWhatFollowsFromThem) {
    const auto key = complaint("nane = \"n\"\n[one]\nsize = 3\n[[many]]\nword = \"w\"\n");
    EXPECT_EQ(key.name, "bad_config");
    EXPECT_EQ(key.message, "/some/where.toml:1: \"nane\" is not a key of the file; is \"name\" meant?");
    EXPECT_EQ(param(key, "line"), "1");
    EXPECT_EQ(param(key, "key"), "nane");
    EXPECT_EQ(param(key, "meant"), "name");
    const auto table = complaint("name = \"n\"\n[[mayn]]\nword = \"w\"\n");
    EXPECT_EQ(table.message, "/some/where.toml:2: there is no table [mayn]; is \"many\" meant?");
    const auto below = complaint("name = 4\n[one]\nsize = 99\n[[many]]\nword = \"w\"\n[[many]]\nwrod = \"w\"\n");
    EXPECT_EQ(below.message, "/some/where.toml:7: \"wrod\" is not a key of [many]; is \"word\" meant?");
    EXPECT_EQ(param(below, "line"), "7");
}

TEST(ConfigReader, TellsTheFirstOfSeveral) {
    const auto e = complaint("name = \"n\"\n[one]\nfoo = 1\nsize = 3\n[bar]\n[[many]]\nbaz = 1\n");
    EXPECT_EQ(e.message, "/some/where.toml:3: \"foo\" is not a key of [one]");
    EXPECT_EQ(param(e, "meant"), "");
}

TEST(ConfigReader, TellsOtherMistakesWhereAllNamesAreKnown) {
    EXPECT_EQ(complaint("name = \"n\"\n[one]\nsize = 99\n[[many]]\nword = \"w\"\n").message,
              "/some/where.toml:3: \"size\" must be a number from 1 to 9");
    EXPECT_EQ(complaint("name = \"n\"\n[one]\nsize = 3\n").message, "/some/where.toml: the file needs \"many\" (tables)");
}

}  // namespace
}  // namespace berth::test
