// What is left of the records when somebody may read them only, or has cut something off.
#include "common/files.h"
#include "keystore/key_uri.h"
#include "store/sqlite/masa_store.h"
#include "support/onboarding_parties.h"
#include "support/programs.h"

#include <unistd.h>

#include <atomic>
#include <thread>

namespace berth::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class KeptRecords : public testing::Test {
protected:
    KeptRecords() {
        done({"factory", "init", "--dir", at("factory"), "--maker", "Acme", "--algorithm", "p256"});
        done({"masa", "init", "--dir", at("masa"), "--factory", at("factory"), "--host", "m.example"});
        done({"factory", "make", "--dir", at("factory"), "--masa", at("masa"), "--serial", "SN-1", "--out", at("SN-1")});
        done({"ownership", "block", "SN-1", "--masa", at("masa")});
    }
    [[nodiscard]] std::string at(const std::string& name) const { return (directory.path() / name).string(); }
    static void done(const std::vector<std::string>& arguments) {
        const auto r = berth(arguments);
        EXPECT_EQ(r.exit, 0) << r.all();
    }
    [[nodiscard]] program_result verify(std::vector<std::string> more = {}) const {
        more.insert(more.begin(), {"--json", "masa", "log", "verify", "--masa", at("masa")});
        return berth(more);
    }
    [[nodiscard]] std::unique_ptr<store::sqlite_masa_store> records() const {
        return got(store::sqlite_masa_store::open(at("masa/masa.db")));
    }
    // As berthd does every minute.
    void sign() const {
        const auto store = records();
        const auto last = got(store->last_audit_entry());
        const auto key = got(keystore::open_signing_key("file:" + at("masa/audit.key"), {}));
        ASSERT_TRUE(store->save_checkpoint(
            got(registry::sign_checkpoint(last->number, last->hash, system_clock().now(), key->as_signing_key()))));
    }
    // As somebody does who may write the file.
    void alter(const std::string& sql) const {
        auto db = got(store::database::open(at("masa/masa.db"), {}));
        ASSERT_TRUE(db->execute(("DROP TRIGGER IF EXISTS audit_is_append_only_2; " + sql).c_str()));
    }
    temporary_directory directory;
};

TEST_F(KeptRecords, ACheckpointKeptElsewhereTellsOfAnEndThatWasCutOff) {
    EXPECT_EQ(berth({"--json", "masa", "log", "checkpoint", "--masa", at("masa")}).error_name(), "checkpoint_missing");
    sign();
    done({"masa", "log", "checkpoint", "--masa", at("masa"), "--out", at("kept.json")});
    EXPECT_EQ(berth({"--json", "masa", "log", "checkpoint", "--masa", at("masa"), "--out", at("kept.json")}).error_name(),
              "file_exists");
    const auto whole = verify({"--checkpoint", at("kept.json")});
    EXPECT_EQ(whole.exit, 0) << whole.all();
    EXPECT_EQ(whole.json().at("checkpoints_kept_elsewhere").as_int64(), 1);
    EXPECT_EQ(whole.json().at("uncovered").to_number<int>(), 0);
    alter("DELETE FROM audit WHERE number = 2; DELETE FROM checkpoint");
    EXPECT_EQ(verify().exit, 0) << "the file alone cannot tell";
    const auto cut = verify({"--checkpoint", at("kept.json")});
    EXPECT_EQ(cut.exit, 3);
    EXPECT_EQ(cut.error_name(), "audit_altered") << cut.all();
    EXPECT_THAT(cut.all(), HasSubstr("kept.json"));
    ASSERT_TRUE(app::write_text(at("none.json"), "{}"));
    EXPECT_EQ(verify({"--checkpoint", at("none.json")}).exit, 2);
}

TEST_F(KeptRecords, AnEmptiedLogIsNotWhole) {
    sign();
    alter("DELETE FROM audit; DELETE FROM checkpoint");
    const auto emptied = verify();
    EXPECT_EQ(emptied.exit, 3);
    EXPECT_EQ(emptied.error_name(), "audit_altered") << emptied.all();
    EXPECT_THAT(emptied.all(), HasSubstr("SN-1"));
    // One that never had anything to tell.
    done({"masa", "init", "--dir", at("empty"), "--factory", at("factory"), "--host", "m.example"});
    const auto empty = berth({"masa", "log", "verify", "--masa", at("empty")});
    EXPECT_EQ(empty.exit, 0);
    EXPECT_THAT(empty.all(), testing::Not(HasSubstr("whole")));
}

TEST_F(KeptRecords, OldEntriesWithoutACheckpointAreTold) {
    EXPECT_EQ(verify().json().at("uncovered").to_number<int>(), 2) << "they are young";
    ASSERT_TRUE(records()->audit({system_clock().now() - 3600, "blocked", {}, "", "ok", ""}));
    EXPECT_EQ(verify().exit, 0) << "the first that has none is young";
    sign();
    ASSERT_TRUE(records()->audit({system_clock().now() - 3600, "blocked", {}, "", "ok", ""}));
    const auto old = verify();
    EXPECT_EQ(old.exit, 3);
    EXPECT_EQ(old.error_name(), "checkpoint_missing") << old.all();
    EXPECT_EQ(verify({"--allow-uncovered"}).exit, 0);
    sign();
    EXPECT_EQ(verify().exit, 0);
    alter("DELETE FROM checkpoint WHERE number = 4");
    EXPECT_EQ(verify().error_name(), "checkpoint_missing");
    // What somebody has written instead, who has no key: its date is his, too.
    sign();
    ASSERT_TRUE(records()->audit({system_clock().now() + 10L * 365 * 24 * 3600, "blocked", {}, "", "ok", ""}));
    const auto later = verify();
    EXPECT_EQ(later.exit, 3);
    EXPECT_EQ(later.error_name(), "checkpoint_missing") << later.all();
    EXPECT_THAT(later.all(), HasSubstr("still to come"));
}

TEST_F(KeptRecords, AnEntryFromBeforeTimeBeganNeedsACheckpointToo) {
    sign();
    ASSERT_TRUE(records()->audit({std::numeric_limits<unix_seconds>::min() + 1, "blocked", {}, "", "ok", ""}));
    const auto before_time = verify();
    EXPECT_EQ(before_time.exit, 3);
    EXPECT_EQ(before_time.error_name(), "checkpoint_missing") << before_time.all();
}

TEST_F(KeptRecords, ACheckpointIsKeptOnlyIfItIsOne) {
    sign();
    alter("UPDATE checkpoint SET signature = zeroblob(length(signature))");
    const auto forged = berth({"--json", "masa", "log", "checkpoint", "--masa", at("masa"), "--out", at("kept.json")});
    EXPECT_EQ(forged.error_name(), "bad_signature") << forged.all();
    EXPECT_EQ(forged.exit, 3);
    EXPECT_FALSE(fs::exists(at("kept.json")));
    EXPECT_EQ(berth({"--json", "masa", "log", "checkpoint", "--masa", at("masa"), "--key", at("factory/z1.pem")}).error_name(),
              "bad_pem");
}

// masa.db is elsewhere, and a berthd has it open.
TEST_F(KeptRecords, BehindALinkAreReadWithWhatWaitsInTheWal) {
    fs::create_directory(at("state"));
    fs::rename(at("masa/masa.db"), at("state/masa.db"));
    fs::create_symlink(at("state/masa.db"), at("masa/masa.db"));
    const auto open = records();
    ASSERT_TRUE(open->audit({system_clock().now(), "a_late_entry", {}, "", "ok", ""}));
    EXPECT_THAT(berth({"masa", "log", "show", "--masa", at("masa")}).all(), HasSubstr("a_late_entry"));
}

// A factory at work: what it makes between the end of the log and the records is no alarm.
TEST_F(KeptRecords, AreJudgedAtOneMoment) {
    {
        const auto store = records();
        const auto last = got(store->last_audit_entry());
        const auto key = got(keystore::open_signing_key("file:" + at("masa/audit.key"), {}));
        const auto root = got(store->list_devices(1, {})).front().device.device_root_spki;
        // So many that they take a while to be checked, between the two.
        for (int i = 0; i < 200; ++i) {
            ASSERT_TRUE(store->audit({system_clock().now(), "blocked", {root, "SN-1"}, "", "ok", ""}));
            const auto entry = got(store->last_audit_entry());
            ASSERT_TRUE(store->save_checkpoint(
                got(registry::sign_checkpoint(entry->number, entry->hash, system_clock().now(), key->as_signing_key()))));
        }
    }
    std::atomic<bool> over = false;
    std::atomic<int> made = 0;
    std::thread factory([&] {
        const auto store = records();
        const auto root = got(store->list_devices(1, {})).front().device.device_root_spki;
        while (!over) {
            registry::ownership d;
            d.device = {root, fmt::format("ZZ-{:06}", made.load())};
            EXPECT_TRUE(store->add_device(d, "", system_clock().now()));
            ++made;
        }
    });
    while (made == 0) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    const int before = made;
    for (int i = 0; i < 10; ++i) {
        const auto r = verify();
        EXPECT_EQ(r.exit, 0) << r.all();
    }
    EXPECT_GT(made, before) << "or nothing was tried";
    over = true;
    factory.join();
}

// Neither files nor directory are writable. Root would not notice, unless without its privilege.
TEST_F(KeptRecords, AreReadWhereNothingCanBeWritten) {
    done({"ca", "init", "--dir", at("ca"), "--customer", "Birch", "--algorithm", "p256"});
    done({"registrar", "init", "--dir", at("registrar"), "--ca", at("ca"), "--host", "r", "--maker-root", at("factory/z1.pem"),
          "--masa", "127.0.0.1:1"});
    done({"registrar", "approve", "SN-1", "--dir", at("registrar"), "--maker-root", at("factory/z1.pem")});
    const auto mode = [&](unsigned files, unsigned directories) {
        for (const char* name : {"masa", "registrar"}) {
            for (const auto& entry : fs::directory_iterator(at(name))) {
                fs::permissions(entry.path(), static_cast<fs::perms>(files));
            }
            fs::permissions(at(name), static_cast<fs::perms>(directories));
        }
    };
    const auto unprivileged = [](std::vector<std::string> arguments) {
        const auto berth_program = (fs::path(BERTH_BIN_DIR) / "berth").string();
        if (::geteuid() != 0) {
            return run_program(berth_program, arguments);
        }
        arguments.insert(arguments.begin(), {"--bounding-set", "-dac_override,-dac_read_search", berth_program});
        return run_program("/usr/bin/setpriv", arguments);
    };
    mode(0400, 0500);
    for (const std::vector<std::string>& command : {std::vector<std::string>{"masa", "log", "show", "--masa", at("masa")},
                                                    {"masa", "log", "verify", "--masa", at("masa")},
                                                    {"ownership", "show", "--masa", at("masa")},
                                                    {"customer", "list", "--masa", at("masa")},
                                                    {"registrar", "devices", "--dir", at("registrar")},
                                                    {"registrar", "config", "show", "--dir", at("registrar")}}) {
        const auto r = unprivileged(command);
        EXPECT_EQ(r.exit, 0) << r.all();
    }
    const auto change = unprivileged({"ownership", "block", "SN-1", "--lift", "--masa", at("masa")});
    mode(0600, 0700);
    EXPECT_EQ(change.exit, 3) << change.all();
    EXPECT_THAT(change.all(), HasSubstr("store_not_writable"));
    EXPECT_TRUE(berth({"--json", "ownership", "show", "SN-1", "--masa", at("masa")}).json().at("blocked").as_bool());
}

}  // namespace
}  // namespace berth::test
