// SQLite itself: migrations, damage, a full disk, batches.
#include "common/files.h"
#include "store/sqlite/masa_store.h"
#include "store/sqlite/migrations.h"
#include "support/onboarding_parties.h"

#include <fstream>

#include <sys/fsuid.h>
#include <sys/resource.h>

#include <unistd.h>

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

// As a failed read or a full disk make it do: what comes behind is not a commit of its own.
TEST(Database, ABatchThatSqliteGaveUpTakesNothingMore) {
    temporary_directory d;
    auto db = std::move(*database::open(d.path() / "x.db", schema));
    ASSERT_TRUE(db->begin_batch());
    const auto insert = [&] { return db->transaction([&] { return db->execute("INSERT INTO t VALUES (x'01')"); }); };
    ASSERT_TRUE(insert());
    ASSERT_TRUE(db->execute("ROLLBACK"));
    const auto refused = insert();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().name, "store_failed");
    EXPECT_FALSE(db->end_batch());
    EXPECT_EQ(count(*db), 0);
    EXPECT_TRUE(insert()) << "and the next batch is as any";
    EXPECT_EQ(count(*db), 1);
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
    // One of an earlier schema, too: a berthd of its version may have it open.
    const auto before = got(app::read_text(file));
    constexpr database::migration newer[] = {{1, ""}, {2, "ALTER TABLE t ADD COLUMN y"}};
    EXPECT_EQ(database::open(file, newer, 1, store::opening::to_read).error().name, "store_too_old");
    EXPECT_TRUE(database::open(file, newer, 1, store::opening::to_look));
    constexpr database::migration index[] = {{1, ""}, {2, "CREATE INDEX i ON t (x)", false}};
    const auto readable = database::open(file, index, 1, store::opening::to_read);
    ASSERT_TRUE(readable) << readable.error().message;
    EXPECT_EQ(count(**readable), 1);
    EXPECT_EQ(got(app::read_text(file)), before);
    EXPECT_TRUE(database::open(file, newer, 1, store::opening::existing)) << "who writes brings it up to date";
    EXPECT_EQ(database::open(file, schema, 1, store::opening::to_read).error().name, "store_too_new");
}

// Root may write everywhere: as long as this lives, the thread is somebody else to the files.
class nobody {
public:
    explicit nobody(const fs::path& directory) {
        if (::geteuid() == 0) {
            for (const auto& entry : fs::directory_iterator(directory)) {
                EXPECT_EQ(::chown(entry.path().c_str(), other, other), 0);
            }
            EXPECT_EQ(::chown(directory.c_str(), other, other), 0);
            ::setfsgid(other);
            ::setfsuid(other);
        }
        fs::permissions(directory, fs::perms::owner_read | fs::perms::owner_exec);
        directory_ = directory;
    }
    ~nobody() {
        ::setfsuid(::geteuid());
        ::setfsgid(::getegid());
        fs::permissions(directory_, fs::perms::owner_all);
    }
    nobody(const nobody&) = delete;
    nobody& operator=(const nobody&) = delete;

private:
    static constexpr unsigned other = 65534;
    fs::path directory_;
};

TEST(Database, ThroughALinkWhatWaitsInTheWalIsSeen) {
    temporary_directory d;
    fs::create_directory(d.path() / "elsewhere");
    const std::string file = d.path() / "elsewhere" / "x.db";
    const std::string link = d.path() / "x.db";
    fs::create_symlink(file, link);
    auto writer = got(database::open(file, schema, 1));
    ASSERT_TRUE(writer->execute("INSERT INTO t VALUES (x'01')"));
    EXPECT_EQ(count(*got(database::open(link, schema, 1, store::opening::to_read))), 1);
    // A copy of both, where nothing can be made: neither read past the -wal file, nor through the link.
    const fs::path copies = d.path() / "copies";
    fs::create_directory(copies);
    for (const char* part : {"", "-wal"}) {
        fs::copy_file(file + part, (copies / "x.db").string() + part);
    }
    fs::remove(link);
    fs::create_symlink(copies / "x.db", link);
    fs::permissions(d.path(), fs::perms::others_exec, fs::perm_options::add);
    const nobody as(copies);
    for (const std::string& name : {link, (copies / "x.db").string()}) {
        const auto refused = database::open(name, schema, 1, store::opening::to_read);
        ASSERT_FALSE(refused) << name;
        EXPECT_EQ(refused.error().name, "store_not_writable");
        EXPECT_THAT(refused.error().message, testing::HasSubstr("copy both"));
    }
}

TEST(Database, WhatIsWrittenWhileItIsReadWithoutLocksIsToldOf) {
    for (const bool empty_wal : {false, true}) {
        temporary_directory d;
        fs::permissions(d.path(), fs::perms::others_exec, fs::perm_options::add);
        const fs::path directory = d.path() / "store";
        fs::create_directory(directory);
        const std::string file = directory / "x.db";
        ASSERT_TRUE(got(database::open(file, schema, 1))->execute("INSERT INTO t VALUES (x'01'), (x'02'), (x'03')"));
        if (empty_wal) {
            std::ofstream(file + "-wal").flush();
        }
        std::unique_ptr<database> reader;
        {
            const nobody as(directory);
            reader = got(database::open(file, schema, 1, store::opening::to_read));
            ASSERT_TRUE(reader);
            EXPECT_EQ(count(*reader), 3);
        }
        auto rows = got(reader->prepare("SELECT x FROM t"));
        EXPECT_TRUE(got(rows.step()));
        ASSERT_TRUE(got(database::open(file, schema, 1))->execute("INSERT INTO t VALUES (x'04')"));
        EXPECT_EQ(rows.step().error().name, "store_busy") << "and no row of before or after";
        EXPECT_EQ(got(reader->prepare("SELECT count(*) FROM t")).step().error().name, "store_busy") << "nor later";
    }
}

// Where the directory is writable a reader has its place among the others, also when it is the first.
TEST(Database, AReaderThatWasThereFirstReadsOn) {
    temporary_directory d;
    const std::string file = d.path() / "x.db";
    ASSERT_TRUE(got(database::open(file, schema, 1))->execute("INSERT INTO t VALUES (x'01'), (x'02')"));
    auto reader = got(database::open(file, schema, 1, store::opening::to_read));
    const auto read = reader->at_one_moment([&]() -> result<int64_t> {
        EXPECT_EQ(count(*reader), 2);
        EXPECT_TRUE(got(database::open(file, schema, 1))->execute("INSERT INTO t VALUES (x'03')"));
        return count(*reader);
    });
    EXPECT_EQ(got(read), 2) << "one moment";
    EXPECT_EQ(count(*reader), 3) << "and another";
}

// What an earlier version wrote does not say which key it was written with.
TEST(Database, AStoreKeyThatIsTakenOnTrustIsToldOfOnce) {
    temporary_directory d;
    const auto store = got(store::sqlite_masa_store::open((d.path() / "m.db").string()));
    constexpr std::array<uint8_t, 32> key{1};
    const auto said = [&](bool keep) {
        testing::internal::CaptureStderr();
        EXPECT_TRUE(store->require_store_key(key, keep));
        return testing::internal::GetCapturedStderr();
    };
    ASSERT_TRUE(store->audit({1, "blocked", {}, "", "ok", ""}));
    EXPECT_EQ(said(false), "") << "who only looks decides nothing";
    EXPECT_THAT(said(true), testing::HasSubstr("store_key_kept"));
    EXPECT_EQ(said(true), "");
    EXPECT_EQ(store->require_store_key({2}).error().name, "wrong_store_key");
    const auto fresh = got(store::sqlite_masa_store::open((d.path() / "fresh.db").string()));
    testing::internal::CaptureStderr();
    EXPECT_TRUE(fresh->require_store_key(key));
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "") << "a new one was written with it";
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

// Who has it open already need not look through all of it again: what only a look at every page finds is not found then.
TEST(Database, LooksThroughAllOfItOnlyOnce) {
    temporary_directory d;
    const std::string file = d.path() / "x.db";
    {
        auto db = std::move(*database::open(file, schema));
        ASSERT_TRUE(
            db->execute("CREATE TABLE big (x BLOB); INSERT INTO big WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
                        "FROM n WHERE i < 400) SELECT randomblob(1000) FROM n"));
    }
    std::string text = got(app::read_text(file));
    const size_t page = 4096;
    ASSERT_GT(text.size(), 40 * page);
    std::fill(text.begin() + static_cast<std::ptrdiff_t>(30 * page), text.begin() + static_cast<std::ptrdiff_t>(31 * page), 'x');
    ASSERT_TRUE(app::write_text(file, text));
    EXPECT_EQ(database::open(file, schema, 0, store::opening::existing).error().name, "corrupt_store");
    EXPECT_TRUE(database::open(file, schema, 0, store::opening::again));
    EXPECT_EQ(database::open(d.path() / "none.db", schema, 0, store::opening::again).error().name, "file_not_found");
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
