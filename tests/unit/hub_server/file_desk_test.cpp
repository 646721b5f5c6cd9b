// Uploads on a disk: blocks, lists, quotas, what stays when berthd ends, what goes when nobody goes on.
#include "hub_server/file_desk.h"

#include "common/files.h"
#include "crypto/md5.h"
#include "hub_server/file_service.h"
#include "support/onboarding_parties.h"
#include "support/test_pki.h"
#include "wire/base64.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

namespace berth::test {
namespace {

namespace fs = std::filesystem;
using namespace registry;

class FileDesk : public testing::Test {
protected:
    FileDesk() {
        config.most_file = 1'000;
        config.device_quota = 2'000;
        config.hub_quota = 3'000;
        config.most_open = 2;
        begin();
        for (const char* const name : {"dev1", "dev2"}) {
            devices[name] = make_identity({name, ""}, {}, random, time.now());
            EXPECT_EQ(name_of_error(desk->registry().add(devices[name])), "accepted");
        }
    }
    ~FileDesk() override { end(); }
    void begin() {
        desk.emplace(loop, time, random, got(store::sqlite_hub_store::open((directory.path() / "hub.db").string())));
        files = got(app::file_desk::open(*desk, config, directory.path()));
    }
    void end() {
        turn();
        files.reset();
        desk.reset();
    }
    // What is ready now, and no timer.
    void turn() {
        desk->end_turn();
        loop.restart();
        loop.post([this] { loop.stop(); });
        loop.run();
        desk->end_turn();
    }
    // Until it has been told.
    template <class F>
    void until(F&& told) {
        for (int i = 0; i < 10'000 && !told(); ++i) {
            turn();
            if (!told()) {
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
            }
        }
        EXPECT_TRUE(told());
    }
    app::file_desk::started start(const std::string& device, const std::string& name) {
        EXPECT_TRUE(desk->begin());
        auto out = got(files->begin(devices[device], name, ""));
        desk->end_turn();
        return out;
    }
    std::string why_not(const std::string& device, const std::string& name) {
        EXPECT_TRUE(desk->begin());
        const auto out = files->begin(devices[device], name, "");
        desk->end_turn();
        return name_of_error(out);
    }
    std::string put(const std::string& device, const std::string& name, char id, size_t octets,
                    const app::file_desk::sums& by = {}) {
        std::optional<std::string> how;
        files->put_block(devices[device], {device, name}, {static_cast<uint8_t>(id)}, std::string(octets, id), by,
                         [&how](const result<void>& r) { how = name_of_error(r); });
        until([&how] { return how.has_value(); });
        return how.value_or("");
    }
    std::string list(const std::string& device, const std::string& name, const std::string& ids) {
        std::optional<std::string> how;
        std::vector<bytes> all;
        for (const char id : ids) {
            all.push_back({static_cast<uint8_t>(id)});
        }
        files->put_list(devices[device], {device, name}, all, "text/plain",
                        [&how](const result<store::kept_file>& r) { how = name_of_error(r); });
        until([&how] { return how.has_value(); });
        return how.value_or("");
    }
    std::string whole(const std::string& device, const std::string& name, const std::string& octets,
                      const app::file_desk::sums& by = {}) {
        std::optional<std::string> how;
        files->put_whole(devices[device], {device, name}, octets, by, "",
                         [&how](const result<store::kept_file>& r) { how = name_of_error(r); });
        until([&how] { return how.has_value(); });
        return how.value_or("");
    }
    std::string remove(const std::string& device, const std::string& name) {
        std::optional<std::string> how;
        files->remove({device, name}, [&how](const result<void>& r) { how = name_of_error(r); });
        until([&how] { return how.has_value(); });
        return how.value_or("");
    }
    std::string over(const std::string& device, const std::string& correlation, bool succeeded) {
        EXPECT_TRUE(desk->begin());
        const auto out = files->end(devices[device], correlation, succeeded);
        turn();
        return name_of_error(out);
    }
    [[nodiscard]] std::string kept(const std::string& name) const {
        const auto file = place_of(name);
        return fs::is_regular_file(file) ? got(app::read_text(file)) : "";
    }
    // Where the octets of "dev1/a" are, which the registry knows.
    [[nodiscard]] fs::path place_of(const std::string& name) const {
        const size_t end = name.find('/');
        const auto device = name.substr(0, end);
        const auto known = got(files->records().find(device, name.substr(end + 1)));
        return directory.path() / "files/kept" / device / (known ? known->content : "none");
    }
    [[nodiscard]] size_t contents(const std::string& device) const {
        const auto of_device = directory.path() / "files/kept" / device;
        return fs::exists(of_device) ? static_cast<size_t>(std::distance(fs::directory_iterator(of_device), {})) : 0;
    }
    // "CONTENT", or why not.
    std::string read(const store::kept_file& file) {
        std::optional<std::string> had;
        files->read(file, 0, file.octets, [&had](const result<std::string>& r) { had = r ? *r : name_of_error(r); });
        until([&had] { return had.has_value(); });
        return had.value_or("");
    }
    [[nodiscard]] size_t staged() const {
        return static_cast<size_t>(std::distance(fs::directory_iterator(directory.path() / "files/staged"), {}));
    }

    temporary_directory directory;
    net::loop loop;
    manual_clock time{test_now};
    named_random random{"files"};
    app::hub_files_config config;
    std::map<std::string, identity> devices;
    std::optional<app::hub_desk> desk;
    std::unique_ptr<app::file_desk> files;
};

TEST_F(FileDesk, BlocksMakeAFileInTheOrderOfTheirList) {
    const auto upload = start("dev1", "logs/a");
    EXPECT_EQ(put("dev1", "logs/a", 'a', 3), "accepted");
    EXPECT_EQ(put("dev1", "logs/a", 'b', 2), "accepted");
    EXPECT_EQ(put("dev1", "logs/a", 'c', 1), "accepted");
    EXPECT_EQ(list("dev1", "logs/a", "bx"), "unknown_block");
    EXPECT_EQ(list("dev2", "logs/a", "b"), "unknown_block") << "another's";
    EXPECT_EQ(kept("dev1/logs/a"), "");
    EXPECT_EQ(over("dev1", upload.correlation, true), "file_not_there");
    EXPECT_EQ(list("dev1", "logs/a", "bab"), "accepted");
    EXPECT_EQ(kept("dev1/logs/a"), "bbaaabb");
    EXPECT_EQ(staged(), 0U) << "what no list names goes with the rest";
    struct stat about{};
    ASSERT_EQ(::stat(place_of("dev1/logs/a").c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 0777U, 0600U);
    EXPECT_EQ(got(files->records().use_of("dev1")).octets, 7U);
    EXPECT_EQ(over("dev2", upload.correlation, true), "unknown_upload");
    EXPECT_EQ(over("dev1", upload.correlation, true), "accepted");
    EXPECT_EQ(over("dev1", upload.correlation, true), "unknown_upload");
    EXPECT_EQ(got(files->records().waiting()), 1U);
}

TEST_F(FileDesk, WhatWasPutStaysWhenBerthdEnds) {
    const auto upload = start("dev1", "a");
    EXPECT_EQ(put("dev1", "a", 'a', 400), "accepted");
    end();
    // Half a block, of a berthd that was killed.
    const auto at = fs::directory_iterator(directory.path() / "files/staged")->path();
    EXPECT_TRUE(app::write_text(at / ".1-1", "half"));
    begin();
    EXPECT_FALSE(fs::exists(at / ".1-1"));
    const auto there = files->blocks_of(devices["dev1"], {"dev1", "a"});
    ASSERT_EQ(there.size(), 1U);
    EXPECT_EQ(there.front().octets, 400U);
    EXPECT_EQ(put("dev1", "a", 'b', 100), "accepted");
    EXPECT_EQ(list("dev1", "a", "ab"), "accepted");
    EXPECT_EQ(kept("dev1/a"), std::string(400, 'a') + std::string(100, 'b'));
    // It is killed before it has said so, and asks again.
    time.advance(60'000);
    const auto again = start("dev1", "a");
    EXPECT_EQ(over("dev1", upload.correlation, true), "unknown_upload") << "the later one has taken its place";
    EXPECT_EQ(over("dev1", again.correlation, true), "accepted");
    time.advance(60'000);
    EXPECT_EQ(over("dev1", start("dev1", "a").correlation, true), "file_not_there") << "that was another upload's";
}

TEST_F(FileDesk, QuotasAreOfWhatIsPutAndOfWhatIsThere) {
    const auto first = start("dev1", "a");
    EXPECT_EQ(put("dev1", "a", 'a', 600), "accepted");
    EXPECT_EQ(put("dev1", "a", 'b', 401), "file_too_large");
    EXPECT_EQ(put("dev1", "a", 'a', 400), "accepted") << "in place of the other";
    EXPECT_EQ(put("dev1", "a", 'b', 600), "accepted");
    EXPECT_EQ(list("dev1", "a", "abb"), "file_too_large");
    EXPECT_EQ(list("dev1", "a", "ab"), "accepted");
    EXPECT_EQ(over("dev1", first.correlation, true), "accepted");
    start("dev1", "b");
    EXPECT_EQ(whole("dev1", "b", std::string(900, 'x')), "accepted");
    start("dev1", "c");
    EXPECT_EQ(put("dev1", "c", 'a', 101), "device_quota_full");
    EXPECT_EQ(put("dev1", "c", 'a', 100), "accepted");
    EXPECT_EQ(whole("dev1", "b", std::string(901, 'x')), "device_quota_full");
    EXPECT_EQ(whole("dev1", "b", std::string(900, 'y')), "accepted") << "in place of as much";
    start("dev2", "a");
    EXPECT_EQ(put("dev2", "a", 'a', 1'000), "accepted");
    EXPECT_EQ(whole("dev2", "b", "z"), "hub_quota_full");
    EXPECT_EQ(why_not("dev2", "b"), "hub_quota_full");
    EXPECT_EQ(remove("dev1", "b"), "accepted");
    EXPECT_EQ(remove("dev1", "b"), "unknown_file");
    EXPECT_EQ(whole("dev2", "b", "z"), "accepted");
    EXPECT_EQ(got(files->records().use_of("")).octets, 1'001U);
    EXPECT_EQ(got(files->records().use_of("")).files, 2U);
    EXPECT_EQ(remove("dev2", "b"), "accepted");
    EXPECT_FALSE(fs::exists(directory.path() / "files/kept/dev2")) << "nor its directory";
}

TEST_F(FileDesk, WhatIsDeletedWhileItIsPutIsThereAsTheLaterOneSays) {
    start("dev1", "a");
    EXPECT_EQ(whole("dev1", "a", "1"), "accepted");
    std::optional<std::string> gone, put_anew;
    files->remove({"dev1", "a"}, [&gone](const result<void>& r) { gone = name_of_error(r); });
    EXPECT_EQ(remove("dev1", "a"), "unknown_file") << "somebody else is deleting it";
    until([&gone] { return gone.has_value(); });
    EXPECT_EQ(gone, "accepted");
    files->put_whole(devices["dev1"], {"dev1", "a"}, "2", {}, "",
                     [&put_anew](const result<store::kept_file>& r) { put_anew = name_of_error(r); });
    EXPECT_EQ(remove("dev1", "a"), "unknown_file") << "the registry does not know it yet";
    until([&put_anew] { return put_anew.has_value(); });
    EXPECT_EQ(put_anew, "accepted");
    EXPECT_EQ(kept("dev1/a"), "2");
    EXPECT_EQ(contents("dev1"), 1U);
    EXPECT_EQ(got(files->records().use_of("dev1")).files, 1U);
}

TEST_F(FileDesk, WhatWasAcknowledgedStaysUntilTheNextOneIsKept) {
    start("dev1", "a");
    EXPECT_EQ(whole("dev1", "a", "the first"), "accepted");
    {
        // Another process holds the registry for longer than anybody waits.
        auto other = got(store::sqlite_hub_store::open((directory.path() / "hub.db").string()));
        ASSERT_TRUE(other->begin_batch());
        EXPECT_EQ(whole("dev1", "a", "another, and longer"), "store_failed");
        EXPECT_EQ(put("dev1", "a", 'b', 3), "accepted");
        EXPECT_EQ(list("dev1", "a", "b"), "store_failed");
        EXPECT_TRUE(other->end_batch());
    }
    EXPECT_EQ(kept("dev1/a"), "the first");
    EXPECT_EQ(contents("dev1"), 1U) << "what came to nothing is gone";
    time.advance(10'000);
    EXPECT_EQ(list("dev1", "a", "b"), "accepted") << "blocks are there still";
    EXPECT_EQ(kept("dev1/a"), "bbb");
    EXPECT_EQ(contents("dev1"), 1U) << "and what it was before is gone";
}

TEST_F(FileDesk, OctetsThatNoFileNamesGoAtTheNextStart) {
    start("dev1", "a");
    EXPECT_EQ(whole("dev1", "a", "the first"), "accepted");
    end();
    // Of a berthd that was killed before the registry knew of them.
    EXPECT_TRUE(app::write_text(directory.path() / "files/kept/dev1/orphan", "x"));
    fs::create_directory(directory.path() / "files/kept/dev2");
    EXPECT_TRUE(app::write_text(directory.path() / "files/kept/dev2/orphan", "x"));
    begin();
    EXPECT_EQ(kept("dev1/a"), "the first");
    EXPECT_EQ(contents("dev1"), 1U);
    EXPECT_FALSE(fs::exists(directory.path() / "files/kept/dev2"));
}

TEST_F(FileDesk, WhoReadsGetsTheOneThatItFound) {
    start("dev1", "a");
    EXPECT_EQ(whole("dev1", "a", "the first"), "accepted");
    const auto found = *got(files->records().find("dev1", "a"));
    EXPECT_EQ(read(found), "the first");
    EXPECT_EQ(whole("dev1", "a", "2"), "accepted");
    EXPECT_EQ(read(found), "unknown_file") << "nobody was reading it";
    EXPECT_EQ(read(*got(files->records().find("dev1", "a"))), "2");
    // It is put anew while somebody reads.
    std::optional<std::string> had;
    files->read(*got(files->records().find("dev1", "a")), 0, 1,
                [&had](const result<std::string>& r) { had = r ? *r : name_of_error(r); });
    EXPECT_EQ(whole("dev1", "a", "3"), "accepted");
    until([&had] { return had.has_value(); });
    EXPECT_EQ(had, "2");
    until([this] { return contents("dev1") == 1; });
    EXPECT_EQ(kept("dev1/a"), "3");
}

TEST_F(FileDesk, AnotherOfItsNameReadsNothingOfIt) {
    start("dev1", "a");
    EXPECT_EQ(whole("dev1", "a", "x"), "accepted");
    EXPECT_TRUE(got(files->find_own(devices["dev1"], "a")));
    EXPECT_TRUE(desk->registry().remove(*got(desk->registry().find({"dev1", ""})), time.now()));
    time.advance(1'000);
    devices["dev1"] = make_identity({"dev1", ""}, {}, random, time.now());
    EXPECT_TRUE(desk->registry().add(devices["dev1"]));
    EXPECT_FALSE(got(files->find_own(devices["dev1"], "a")));
    EXPECT_TRUE(got(files->records().find("dev1", "a"))) << "back ends do";
    start("dev1", "a");
    EXPECT_EQ(whole("dev1", "a", "y"), "accepted");
    EXPECT_TRUE(got(files->find_own(devices["dev1"], "a")));
}

TEST_F(FileDesk, EmptyFilesCountToo) {
    end();
    config.most_files = 2;
    begin();
    const auto a = start("dev1", "a");
    EXPECT_EQ(whole("dev1", "a", ""), "accepted");
    EXPECT_EQ(over("dev1", a.correlation, true), "accepted");
    const auto b = start("dev1", "b");
    EXPECT_EQ(why_not("dev1", "c"), "device_quota_full") << "one is there, and one is open";
    EXPECT_EQ(whole("dev1", "b", ""), "accepted");
    EXPECT_EQ(over("dev1", b.correlation, true), "accepted");
    EXPECT_EQ(why_not("dev1", "c"), "device_quota_full");
    EXPECT_EQ(why_not("dev1", "a"), "accepted") << "in place of what is there";
    EXPECT_EQ(why_not("dev2", "c"), "accepted");
    EXPECT_EQ(remove("dev1", "b"), "accepted");
    EXPECT_EQ(remove("dev1", "a"), "accepted");
    EXPECT_EQ(why_not("dev1", "c"), "accepted");
}

TEST_F(FileDesk, ADeviceReadsSoMuchAMinute) {
    const auto charged = [this](const char* device, uint64_t octets) {
        return name_of_error(files->charge_read(device, octets));
    };
    EXPECT_EQ(charged("dev1", app::file_desk::most_read_a_minute - 1), "accepted");
    EXPECT_EQ(charged("dev1", 2), "read_too_fast");
    EXPECT_EQ(charged("dev1", 1), "accepted") << "what was refused does not count";
    EXPECT_EQ(charged("dev1", 1), "read_too_fast");
    EXPECT_EQ(charged("dev2", app::file_desk::most_read_a_minute), "accepted");
    time.advance(59'000);
    EXPECT_EQ(charged("dev1", 1), "read_too_fast");
    time.advance(1'000);
    EXPECT_EQ(charged("dev1", app::file_desk::most_read_a_minute), "accepted");
}

TEST_F(FileDesk, OnlySoManyAreOpenAtOnce) {
    const auto a = start("dev1", "a");
    start("dev1", "b");
    EXPECT_EQ(why_not("dev1", "c"), "too_many_uploads");
    start("dev1", "b");
    start("dev2", "c");
    EXPECT_EQ(over("dev1", a.correlation, false), "accepted");
    EXPECT_EQ(why_not("dev1", "c"), "accepted");
    EXPECT_EQ(why_not("dev1", "d"), "too_many_uploads");
    time.advance((config.token + 1) * 1'000);
    EXPECT_EQ(why_not("dev1", "d"), "accepted") << "the others have ended";
    for (const char* const bad : {"", "../dev2/a", "a//b", "/a"}) {
        EXPECT_EQ(why_not("dev1", bad), "bad_blob_name") << bad;
    }
}

TEST_F(FileDesk, WhatNobodyGoesOnWithGoes) {
    start("dev1", "a");
    EXPECT_EQ(put("dev1", "a", 'a', 500), "accepted");
    const auto failed = start("dev1", "b");
    EXPECT_EQ(put("dev1", "b", 'a', 500), "accepted");
    EXPECT_EQ(over("dev1", failed.correlation, false), "accepted");
    until([this] { return staged() == 1; });
    time.advance((config.token + config.resume - 10) * 1'000);
    files->sweep();
    turn();
    EXPECT_EQ(staged(), 1U);
    time.advance(20'000);
    files->sweep();
    until([this] { return staged() == 0; });
    EXPECT_TRUE(got(files->records().uploads()).empty());
    until([this] { return why_not("dev1", "a") == "accepted"; });
    // A device that is deleted takes its uploads with it; what is complete stays its owner's.
    until([this] { return whole("dev1", "a", "x") == "accepted"; });
    EXPECT_EQ(put("dev1", "a", 'a', 500), "accepted");
    EXPECT_TRUE(desk->registry().remove(*got(desk->registry().find({"dev1", ""})), time.now()));
    files->sweep();
    until([this] { return staged() == 0; });
    EXPECT_EQ(kept("dev1/a"), "x");
}

TEST_F(FileDesk, ATokenIsOfItsDeviceAsItIsNow) {
    const auto upload = start("dev1", "a");
    std::map<std::string, std::string> query;
    for (size_t from = 1; from < upload.token.size();) {
        const size_t end = std::min(upload.token.find('&', from), upload.token.size());
        const size_t equals = upload.token.find('=', from);
        query[upload.token.substr(from, equals - from)] =
            got(net::percent_decode(upload.token.substr(equals + 1, end - equals - 1)));
        from = end + 1;
    }
    const auto admitted = [&](const char* device, const char* name) {
        return name_of_error(files->admit({device, name}, query, hub::blob_use::write));
    };
    EXPECT_EQ(admitted("dev1", "a"), "accepted");
    EXPECT_EQ(admitted("dev1", "b"), "bad_token");
    EXPECT_EQ(admitted("dev2", "a"), "bad_token");
    EXPECT_EQ(admitted("dev9", "a"), "bad_token");
    // It outlives berthd, and its key nobody else can read.
    end();
    begin();
    EXPECT_EQ(admitted("dev1", "a"), "accepted");
    struct stat about{};
    ASSERT_EQ(::stat((directory.path() / "files/key").c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 0777U, 0600U);
    auto settings = devices["dev1"].settings;
    settings.enabled = false;
    EXPECT_TRUE(desk->registry().change(*got(desk->registry().find({"dev1", ""})), settings, time.now()));
    EXPECT_EQ(admitted("dev1", "a"), "upload_closed");
    settings.enabled = true;
    EXPECT_TRUE(desk->registry().change(*got(desk->registry().find({"dev1", ""})), settings, time.now()));
    EXPECT_EQ(admitted("dev1", "a"), "accepted");
    EXPECT_EQ(over("dev1", upload.correlation, false), "accepted");
    EXPECT_EQ(admitted("dev1", "a"), "upload_closed");
    // Its certificates are ended, and its token with them, also when it begins again by a later one.
    start("dev1", "a");
    EXPECT_EQ(admitted("dev1", "a"), "accepted") << "the first one is good again until its time";
    devices["dev1"] = got(desk->registry().raise_epoch({"dev1", ""}, time.now()));
    EXPECT_EQ(admitted("dev1", "a"), "bad_token");
    start("dev1", "a");
    EXPECT_EQ(admitted("dev1", "a"), "bad_token");
    // Another one is made under its name.
    EXPECT_TRUE(desk->registry().remove(*got(desk->registry().find({"dev1", ""})), time.now()));
    devices["dev1"] = make_identity({"dev1", ""}, {}, random, time.now());
    EXPECT_TRUE(desk->registry().add(devices["dev1"]));
    start("dev1", "a");
    EXPECT_EQ(admitted("dev1", "a"), "bad_token");
}

TEST_F(FileDesk, SumsAreCheckedWhereTheyAreSaid) {
    start("dev1", "a");
    const auto right = wire::base64(*crypto::md5(as_bytes(std::string_view("aaa"))));
    EXPECT_EQ(put("dev1", "a", 'a', 3, {right, ""}), "accepted");
    EXPECT_EQ(put("dev1", "a", 'b', 3, {right, ""}), "md5_mismatch");
    EXPECT_EQ(put("dev1", "a", 'b', 3, {"", "AAAAAAAAAAA="}), "crc64_mismatch");
    EXPECT_EQ(whole("dev1", "b", "xyz", {right, ""}), "md5_mismatch");
    EXPECT_EQ(kept("dev1/b"), "");
    EXPECT_EQ(list("dev1", "a", "b"), "unknown_block") << "what was refused is not there";
    EXPECT_EQ(list("dev1", "a", "a"), "accepted");
}

TEST_F(FileDesk, AFileMayHaveTheNameOfAnothersLevel) {
    EXPECT_EQ(whole("dev1", "a/b", "1"), "accepted");
    EXPECT_EQ(whole("dev1", "a", "2"), "accepted");
    EXPECT_EQ(whole("dev1", "a/b/c", "3"), "accepted");
    EXPECT_EQ(kept("dev1/a/b"), "1");
    EXPECT_EQ(kept("dev1/a"), "2");
    EXPECT_EQ(got(files->records().use_of("dev1")).files, 3U);
    EXPECT_EQ(staged(), 0U);
}

TEST_F(FileDesk, ANoticeIsOneBackEndsAtATime) {
    auto& records = files->records();
    EXPECT_TRUE(records.queue({"dev1", "a", 3, "", 1, test_now}, test_now, 10));
    const auto take = [&](const char* lock, unix_seconds now) {
        return got(records.take(lock, now, now + 60, test_now - 100, 3));
    };
    EXPECT_EQ(take("one", test_now)->file.name, "a");
    EXPECT_FALSE(take("two", test_now + 59));
    EXPECT_FALSE(got(records.complete("two", test_now)));
    EXPECT_FALSE(got(records.complete("", test_now)));
    EXPECT_TRUE(take("two", test_now + 60)) << "it was not completed in time";
    EXPECT_FALSE(got(records.complete("one", test_now + 61)));
    EXPECT_TRUE(got(records.abandon("two", test_now + 61)));
    EXPECT_FALSE(got(records.abandon("two", test_now + 61)));
    EXPECT_TRUE(take("three", test_now + 61));
    EXPECT_TRUE(got(records.abandon("three", test_now + 61)));
    EXPECT_FALSE(take("four", test_now + 61)) << "given often enough";
    for (int i = 0; i < 15; ++i) {
        EXPECT_TRUE(records.queue({"dev1", std::to_string(i), 3, "", 1, test_now}, test_now, 10));
    }
    EXPECT_EQ(got(records.waiting()), 10U);
    EXPECT_EQ(take("five", test_now)->file.name, "5");
    EXPECT_TRUE(got(records.complete("five", test_now)));
    EXPECT_EQ(got(records.waiting()), 9U);
}

TEST(FileRange, IsWithinTheFile) {
    using app::parse_range;
    using part = std::pair<uint64_t, uint64_t>;
    EXPECT_EQ(parse_range("bytes=0-9", 100), (part{0, 10}));
    EXPECT_EQ(parse_range("bytes=90-", 100), (part{90, 10}));
    EXPECT_EQ(parse_range("bytes=90-1000", 100), (part{90, 10}));
    for (const char* const bad : {"", "bytes=", "bytes=-5", "bytes=100-", "bytes=9-8", "bytes=0-1,3-4", "items=0-1", "bytes=a-b",
                                  "bytes=0-18446744073709551616"}) {
        EXPECT_FALSE(parse_range(bad, 100)) << bad;
    }
    EXPECT_FALSE(parse_range("bytes=0-", 0));
}

}  // namespace
}  // namespace berth::test
