// The disk under berthd: full, and damaged.
#include "store/sqlite/masa_store.h"
#include "support/small_world.h"

#include <sys/resource.h>

#include <fstream>

namespace berth::test {
namespace {

namespace fs = std::filesystem;

class Storage : public small_world {
protected:
    static void SetUpTestSuite() {
        begin({"Birch"}, [](app::world::options& how) { how.admin = true; });
    }
    // No file of the process may grow beyond this, as on a full disk; RLIM_INFINITY lifts it.
    static void limit_files(const std::string& process, rlim_t octets) {
        rlimit now{};
        ASSERT_EQ(::prlimit(world->pid(process), RLIMIT_FSIZE, nullptr, &now), 0);
        now.rlim_cur = std::min(octets, now.rlim_max);
        ASSERT_EQ(::prlimit(world->pid(process), RLIMIT_FSIZE, &now, nullptr), 0);
    }
    // Where the process's write-ahead log ends now.
    static rlim_t size_of_wal(const fs::path& db) { return static_cast<rlim_t>(fs::file_size(db.string() + "-wal")); }
    static int ready(const std::string& process) { return http_get(world->admin_port(process), "/readyz").status; }

    static void expect_survives(const std::string& process, const fs::path& db, const std::string& serial) {
        const auto before = make(serial + "-a", "Birch");
        ASSERT_EQ(onboard(before).exit, 0);
        const auto bundle = make(serial + "-b", "Birch");
        ASSERT_TRUE(eventually([&] { return ready("masa") == 200 && ready("Birch") == 200; }));
        limit_files(process, size_of_wal(db));
        const auto failed = onboard(bundle);
        EXPECT_NE(failed.exit, 0) << "what cannot be stored is not granted";
        EXPECT_FALSE(fs::exists(bundle / "installed"));
        const auto said = hear(process, "store_failed", "disk_full");
        ASSERT_TRUE(said);
        EXPECT_THAT(std::string(said->at("message").as_string()), testing::HasSubstr("free some space"));
        EXPECT_EQ(ready(process), 503) << http_get(world->admin_port(process), "/readyz").body;
        EXPECT_THAT(http_get(world->admin_port(process), "/readyz").body, testing::HasSubstr("disk_full"));
        EXPECT_EQ(http_get(world->admin_port(process), "/healthz").status, 200);
        EXPECT_FALSE(world->ended(process)) << "it goes on";
        limit_files(process, RLIM_INFINITY);
        EXPECT_TRUE(eventually([&] { return ready(process) == 200; })) << "ready by itself once there is space";
        EXPECT_EQ(onboard(bundle).exit, 0);
        // What was there before is there.
        EXPECT_EQ(berth({"--json", "registrar", "devices", serial + "-a", "--dir", world->customer("Birch").registrar.string()})
                      .json()
                      .at("last_result")
                      .as_string(),
                  "installed");
        EXPECT_EQ(berth({"masa", "log", "verify", "--masa", world->masa().string()}).exit, 0);
    }
};

TEST_F(Storage, FullDiskUnderTheRegistrar) {
    expect_survives("Birch", world->customer("Birch").registrar / "registrar.db", "F-1");
}

TEST_F(Storage, FullDiskUnderTheMasa) {
    expect_survives("masa", world->masa() / "masa.db", "F-2");
}

TEST_F(Storage, DamagedFileIsNamedAtStart) {
    const fs::path db = world->customer("Birch").registrar / "registrar.db";
    const fs::path kept = directory->path() / "kept";
    world->signal("Birch", SIGTERM);
    ASSERT_TRUE(eventually([] { return world->ended("Birch").has_value(); }));
    fs::create_directory(kept);
    for (const char* part : {"", "-wal", "-shm"}) {
        if (fs::exists(db.string() + part)) {
            fs::rename(db.string() + part, kept / (std::string("registrar.db") + part));
        }
    }
    fs::copy_file(kept / "registrar.db", db);
    {
        std::fstream file(db, std::ios::in | std::ios::out | std::ios::binary);
        for (int page = 1; page < 12; ++page) {
            file.seekp(page * 4096);
            file.write(std::string(512, '\xff').data(), 512);
        }
    }
    const auto damaged = got(app::read_text(db));
    const auto r = run_program("berthd", {"--config", world->config("Birch").string()});
    EXPECT_EQ(r.exit, 3) << r.all();
    EXPECT_THAT(r.all(), testing::HasSubstr("[corrupt_store]"));
    EXPECT_THAT(r.all(), testing::HasSubstr(db.string()));
    EXPECT_THAT(r.all(), testing::HasSubstr("restore it from a backup"));
    EXPECT_EQ(got(app::read_text(db)), damaged) << "nothing is made worse";
    for (const char* part : {"-wal", "-shm"}) {
        fs::remove(db.string() + part);
    }
    for (const auto& file : fs::directory_iterator(kept)) {
        fs::rename(file.path(), db.parent_path() / file.path().filename());
    }
    ASSERT_TRUE(world->restart("Birch"));
    EXPECT_EQ(onboard(make("F-3", "Birch")).exit, 0) << "the backup serves";
}

}  // namespace
}  // namespace berth::test
