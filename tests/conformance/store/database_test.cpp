// SQLite itself: migrations, damage, a full disk, batches.
#include "store/sqlite/database.h"
#include "store/sqlite/migrations.h"
#include "support/onboarding_parties.h"

#include <fstream>

#include <sys/resource.h>

#include <csignal>

namespace berth::test {
namespace {

using store::database;
namespace fs = std::filesystem;

int64_t count(database& db) {
    auto read = db.prepare("SELECT count(*) FROM t");
    EXPECT_TRUE(read && *read->step());
    return read->integer(0);
}

constexpr database::migration schema[] = {{1, "CREATE TABLE t (x BLOB)"}};

TEST(Database, IsPrivateAndMigrated) {
    temporary_directory d;
    const std::string file = d.path() / "x.db";
    {
        auto db = database::open(file, schema);
        ASSERT_TRUE(db);
        ASSERT_TRUE((*db)->execute("INSERT INTO t VALUES (x'01')"));
    }
    EXPECT_EQ(fs::status(file).permissions(), fs::perms::owner_read | fs::perms::owner_write);
    constexpr database::migration newer[] = {{1, "SELECT broken"}, {2, "ALTER TABLE t ADD COLUMN y"}};
    auto db = database::open(file, newer);
    ASSERT_TRUE(db) << db.error().message << " (a step that was taken is not taken again)";
    EXPECT_EQ(count(**db), 1);
    db->reset();
    EXPECT_EQ(database::open(file, schema).error().name, "store_too_new");
}

TEST(Database, OfAnotherKindIsRefusedAndNotChanged) {
    temporary_directory d;
    const std::string file = d.path() / "x.db";
    ASSERT_TRUE(database::open(file, schema, 1));
    constexpr database::migration others[] = {{1, "CREATE TABLE o (x)"}, {2, "CREATE TABLE p (x)"}};
    EXPECT_EQ(database::open(file, others, 2).error().name, "wrong_store");
    EXPECT_TRUE(database::open(file, schema, 1)) << "as it was: no version of the other's";
    EXPECT_TRUE(database::open(file, schema)) << "who asks for none takes any";
}

TEST(Database, ReadingChangesNothing) {
    temporary_directory d;
    const std::string file = d.path() / "x.db";
    EXPECT_FALSE(database::open(file, schema, 0, store::opening::to_read)) << "it is not made";
    EXPECT_FALSE(fs::exists(file));
    {
        auto writer = std::move(*database::open(file, schema, 1));
        ASSERT_TRUE(writer->execute("INSERT INTO t VALUES (x'01')"));
        auto beside = database::open(file, schema, 1, store::opening::to_read);
        ASSERT_TRUE(beside) << beside.error().message;
        EXPECT_EQ(count(**beside), 1) << "what waits in the -wal file is seen";
        EXPECT_EQ((*beside)->execute("INSERT INTO t VALUES (x'02')").error().name, "store_not_writable");
        EXPECT_EQ(count(*writer), 1);
    }
    EXPECT_EQ(database::open(file, schema, 2, store::opening::to_read).error().name, "wrong_store");
    constexpr database::migration newer[] = {{1, ""}, {2, "ALTER TABLE t ADD COLUMN y"}};
    EXPECT_TRUE(database::open(file, newer, 1, store::opening::to_read)) << "an earlier schema is migrated";
    EXPECT_EQ(database::open(file, schema, 1, store::opening::to_read).error().name, "store_too_new");
}

TEST(Database, AMigrationThatFailsLeavesNothing) {
    temporary_directory d;
    const std::string file = d.path() / "x.db";
    constexpr database::migration broken[] = {{1, "CREATE TABLE t (x BLOB)"}, {2, "CREATE TABLE u (x BLOB); nonsense"}};
    EXPECT_FALSE(database::open(file, broken));
    EXPECT_TRUE(database::open(file, schema)) << "version 1 was not left behind either";
}

TEST(Database, NamesDamage) {
    temporary_directory d;
    const std::string file = d.path() / "x.db";
    std::ofstream(file) << std::string(8192, 'x');
    EXPECT_EQ(database::open(file, schema).error().name, "corrupt_store");
    EXPECT_EQ(database::open(d.path() / "no" / "such" / "x.db", schema).error().name, "store_not_writable");
}

TEST(Database, InnerFailuresUndoThemselvesOnly) {
    temporary_directory d;
    auto db = std::move(*database::open(d.path() / "x.db", schema));
    ASSERT_TRUE(db->begin_batch());
    ASSERT_TRUE(db->transaction([&] { return db->execute("INSERT INTO t VALUES (x'01')"); }));
    EXPECT_FALSE(db->transaction([&]() -> result<void> {
        BERTH_CHECK(db->execute("INSERT INTO t VALUES (x'02')"));
        return fail(error_category::usage, "changed_my_mind", "");
    }));
    ASSERT_TRUE(db->end_batch());
    EXPECT_EQ(count(*db), 1);
}

TEST(Database, AFullDiskLosesNothing) {
    temporary_directory d;
    const std::string file = d.path() / "x.db";
    auto db = std::move(*database::open(file, schema));
    ASSERT_TRUE(db->execute("INSERT INTO t VALUES (x'01')"));
    // The largest that this process may make a file: the nearest to a full disk that a test can have to itself.
    std::signal(SIGXFSZ, SIG_IGN);
    rlimit before{};
    getrlimit(RLIMIT_FSIZE, &before);
    const rlimit small{200'000, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
    const auto full = db->transaction([&] { return db->execute("INSERT INTO t VALUES (zeroblob(3000000))"); });
    setrlimit(RLIMIT_FSIZE, &before);
    ASSERT_FALSE(full);
    EXPECT_TRUE(full.error().is("disk_full") || full.error().is("store_io_error")) << full.error().name;
    EXPECT_EQ(full.error().category, error_category::environment);
    EXPECT_EQ(count(*db), 1);
    ASSERT_TRUE(db->execute("INSERT INTO t VALUES (x'03')")) << "it goes on when there is room";
    EXPECT_EQ(count(*db), 2);
}

}  // namespace
}  // namespace berth::test
