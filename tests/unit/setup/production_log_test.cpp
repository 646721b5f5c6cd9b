// A production log cannot be changed unseen, and a lot accounts for every unit.
#include "setup/production_log.h"

#include "common/files.h"
#include "common/progress.h"
#include "crypto/random.h"
#include "keystore/software.h"
#include "setup/lot.h"
#include "support/onboarding_parties.h"

#include <csignal>
#include <fstream>
#include <set>
#include <sstream>

#include <sys/resource.h>

namespace berth::test {
namespace {

namespace fs = std::filesystem;

class silent final : public app::lot_watcher {
public:
    void progressed(const app::lot_summary& so_far) override { last = so_far; }
    void failed(const app::lot_unit& unit, const error& why) override { failures.emplace_back(unit.serial, why.name); }
    void not_detached(const app::lot_unit& unit, const error&) override { stayed.push_back(unit.serial); }
    bool stop() override { return stop_now || (stop_at != 0 && last.made + last.failed >= stop_at); }
    app::lot_summary last;
    std::vector<std::pair<std::string, std::string>> failures;
    std::vector<std::string> stayed;
    size_t stop_at = 0;
    bool stop_now = false;
};

// Makes a file for each unit; those in `broken` fail.
class file_maker final : public app::unit_maker {
public:
    file_maker(fs::path out, const std::set<std::string>& broken, std::string name)
        : why(std::move(name)), out_(std::move(out)), broken_(broken) {}
    const std::string why;
    result<wire::json::object> make(const app::lot_unit& unit) override {
        if (broken_.contains(unit.serial)) {
            return fail(error_category::environment, why, "it does not answer");
        }
        BERTH_CHECK(app::write_text(out_ / unit.serial, std::to_string(unit.station)));
        return wire::json::object{{"station", unit.station}};
    }

private:
    fs::path out_;
    const std::set<std::string>& broken_;
};

class Lot : public testing::Test {
protected:
    Lot() {
        lot.out = directory.path() / "lot";
        lot.serials.prefix = "SN-";
        lot.serials.count = 12;
        lot.parallel = 3;
        lot.terms = {{"model", "m-1"}};
    }
    result<app::lot_summary> run() {
        return app::run_lot(lot, key,
                            {[this]() -> result<void> { return ++fresh ? result<void>() : result<void>(); },
                             [this](const app::log_line& line) -> result<void> {
                                 const auto event = line.at("event").as_string();
                                 asked.emplace_back(event);
                                 return (event != "made" && event != "loaded") ||
                                                fs::exists(lot.out / std::string(line.at("serial").as_string()))
                                            ? result<void>()
                                            : fail(error_category::environment, "log_unproved", "nothing is there");
                             },
                             [this](unsigned) -> result<std::unique_ptr<app::unit_maker>> {
                                 return std::make_unique<file_maker>(lot.out, broken, why);
                             }},
                            time, crypto::system_random(), watcher);
    }
    [[nodiscard]] fs::path log() const { return lot.out / app::production_log_file; }
    [[nodiscard]] result<app::lot_report> verify() const { return app::verify_lot(log(), key->public_key()); }
    [[nodiscard]] std::vector<std::string> lines() const {
        std::vector<std::string> out;
        std::istringstream in(got(app::read_text(log())));
        for (std::string line; std::getline(in, line);) {
            out.push_back(line);
        }
        return out;
    }
    // For who writes into it what a run would not.
    [[nodiscard]] std::unique_ptr<app::production_log> opened() const {
        const auto taken = [](const auto&) { return result<void>(); };
        return got(app::production_log::open(log(), key, time, taken, taken));
    }
    void put(const std::vector<std::string>& lines) const {
        ASSERT_TRUE(app::write_text(log(), fmt::format("{}\n", fmt::join(lines, "\n"))));
    }
    void expect_altered(const std::string& name = "log_altered") {
        const std::string before = got(app::read_text(log()));
        const auto report = verify();
        ASSERT_FALSE(report);
        EXPECT_EQ(report.error().name, name) << report.error().message;
        // Nobody goes on with it either, and it stays as it is.
        EXPECT_EQ(run().error().name, name);
        EXPECT_EQ(got(app::read_text(log())), before);
    }

    temporary_directory directory;
    manual_clock time{1'800'000'000};
    keystore::signing_key_ptr key = keystore::software_signing_key(
        crypto::signing_key::generate(crypto::signature_algorithm::mldsa44, crypto::system_random()));
    app::lot_settings lot;
    std::set<std::string> broken;
    std::string why = "chip_dead";
    silent watcher;
    int fresh = 0;
    std::vector<std::string> asked;  // the events of the lines that were to be borne out
};

TEST_F(Lot, EveryUnitIsMadeOnceAndLogged) {
    const auto done = got(run());
    EXPECT_EQ(done.made, 12u);
    EXPECT_EQ(done.left(), 0u);
    EXPECT_TRUE(fs::exists(lot.out / "SN-0001"));
    EXPECT_TRUE(fs::exists(lot.out / "SN-0012"));
    const auto report = got(verify());
    EXPECT_EQ(report.account.count(app::unit_state::made), 12u);
    EXPECT_EQ(report.unsigned_lines, 0u);
    // Again: there is nothing left, and nobody is asked whether the serials are free.
    EXPECT_EQ(got(run()).made, 0u);
    EXPECT_EQ(fresh, 1);
}

TEST_F(Lot, FailedUnitsAreLoggedAndTheLineGoesOn) {
    broken = {"SN-0002", "SN-0007"};
    const auto done = got(run());
    EXPECT_EQ(done.made, 10u);
    EXPECT_EQ(done.failed, 2u);
    EXPECT_EQ(watcher.failures.size(), 2u);
    EXPECT_EQ(got(verify()).account.count(app::unit_state::failed), 2u);
    const auto report = got(verify());
    ASSERT_NE(report.account.last_word("SN-0002"), nullptr);
    EXPECT_EQ(report.account.last_word("SN-0002")->at("error").as_object().at("name").as_string(), "chip_dead");
    EXPECT_EQ(got(run()).failed_before, 2u) << "they are not tried again unless that is asked for";
    broken.clear();
    lot.retry_failed = true;
    const auto retried = got(run());
    EXPECT_EQ(retried.made, 2u);
    EXPECT_EQ(retried.made_before, 10u);
    EXPECT_EQ(retried.failed_before, 0u);
    EXPECT_EQ(retried.left(), 0u);
    EXPECT_EQ(got(verify()).account.count(app::unit_state::made), 12u);
}

TEST_F(Lot, StopsAfterSoManyFailures) {
    lot.parallel = 1;
    lot.stop_after = 2;
    broken = {"SN-0003", "SN-0005"};
    const auto done = got(run());
    EXPECT_TRUE(done.stopped);
    EXPECT_EQ(done.made, 3u);
    EXPECT_EQ(done.left(), 7u);
    EXPECT_FALSE(fs::exists(lot.out / "SN-0006"));
    EXPECT_EQ(got(run()).made, 7u);
}

TEST_F(Lot, AWatcherStopsIt) {
    lot.parallel = 1;
    watcher.stop_at = 4;
    const auto done = got(run());
    EXPECT_TRUE(done.stopped);
    EXPECT_EQ(done.made, 4u);
    EXPECT_EQ(got(verify()).account.count(app::unit_state::planned), 8u);
}

TEST_F(Lot, WhatWasKilledGoesOn) {
    got(run());
    auto all = lines();
    // Up to a unit that was begun, with half a line behind it.
    const auto begun = std::find_if(all.rbegin(), all.rend(),
                                    [](const std::string& line) { return line.find("\"begun\"") != std::string::npos; });
    all.erase(begun.base(), all.end());
    put(all);
    std::ofstream(log(), std::ios::app) << R"({"number":)";
    const auto report = got(verify());
    EXPECT_TRUE(report.half_a_line);
    const size_t made = report.account.count(app::unit_state::made);
    EXPECT_LT(made, 12u);
    EXPECT_GT(report.account.count(app::unit_state::begun), 0u);
    const auto done = got(run());
    EXPECT_EQ(done.made_before, made);
    EXPECT_EQ(done.made, 12 - made);
    EXPECT_EQ(got(verify()).account.count(app::unit_state::made), 12u);
}

// Each of them lies in a station, whose chip may hold half of its keys.
TEST_F(Lot, WhatWasInterruptedGoesOnWhereItWas) {
    lot.parallel = 12;
    watcher.stop_now = true;
    EXPECT_EQ(got(run()).left(), 12u);
    watcher.stop_now = false;
    {
        auto log = opened();
        for (size_t unit = 1; unit <= 12; ++unit) {
            ASSERT_TRUE(log->append("begun", {{"serial", lot.serials.at(unit - 1)}, {"unit", unit}, {"station", 13 - unit}}));
        }
    }
    // Who says that they lie there has to have the stations.
    lot.parallel = 11;
    lot.units_stay = true;
    const std::string before = got(app::read_text(log()));
    EXPECT_EQ(run().error().name, "bad_lot");
    EXPECT_EQ(got(app::read_text(log())), before);
    lot.parallel = 12;
    EXPECT_EQ(got(run()).made, 12u);
    for (size_t unit = 1; unit <= 12; ++unit) {
        EXPECT_EQ(got(app::read_text(lot.out / lot.serials.at(unit - 1))), std::to_string(13 - unit));
    }
}

// Its chip has keys, which may be its own: the next run may be told to look, and needs no other word for that.
TEST_F(Lot, AnInterruptedUnitWhoseChipHasKeysStaysInterrupted) {
    watcher.stop_now = true;
    got(run());
    watcher.stop_now = false;
    ASSERT_TRUE(opened()->append("begun", {{"serial", "SN-0003"}, {"unit", 3}, {"station", 2}}));
    broken = {"SN-0003", "SN-0005"};
    why = "key_exists";
    EXPECT_EQ(got(run()).failed, 2U);
    const auto report = got(verify());
    EXPECT_EQ(report.account.state_of("SN-0003"), app::unit_state::begun);
    EXPECT_EQ(report.account.station_of("SN-0003"), 2U) << "where it is";
    EXPECT_EQ(report.account.state_of("SN-0005"), app::unit_state::failed) << "a chip that was not its own";
    broken.clear();
    EXPECT_EQ(got(run()).made, 1U);
}

// Whoever can write the file can add lines to it, and a run that goes on would sign them.
TEST_F(Lot, SignsNoUnitThatNothingBearsOut) {
    watcher.stop_now = true;
    got(run());
    watcher.stop_now = false;
    {
        const auto log = opened();
        for (const char* event : {"begun", "made"}) {
            ASSERT_TRUE(log->append(event, {{"serial", "SN-0003"}, {"unit", 3}, {"station", 1}}));
        }
    }
    const std::string before = got(app::read_text(log()));
    EXPECT_EQ(run().error().name, "log_unproved");
    EXPECT_EQ(got(app::read_text(log())), before) << "neither signed nor said to be gone on with";
    ASSERT_TRUE(app::write_text(lot.out / "SN-0003", "1"));
    EXPECT_EQ(got(run()).made_before, 1U);
    // What a signature covers is not asked about again.
    fs::remove(lot.out / "SN-0003");
    asked.clear();
    EXPECT_TRUE(run());
    EXPECT_TRUE(asked.empty());
}

// Whatever a line tells of: that a unit was loaded, too. And nothing is written before, the end of half a line neither.
TEST_F(Lot, SignsNothingThatNobodyWasAskedAbout) {
    got(run());
    fs::remove(lot.out / "SN-0003");
    ASSERT_TRUE(opened()->append("loaded", {{"serial", "SN-0003"}}));
    const std::string before = got(app::read_text(log())) + "{\"half a li";
    ASSERT_TRUE(app::write_text(log(), before));
    asked.clear();
    EXPECT_EQ(run().error().name, "log_unproved");
    EXPECT_EQ(asked, std::vector<std::string>{"loaded"});
    EXPECT_EQ(got(app::read_text(log())), before);
}

// A first line that no signature covers may name a key of its own.
TEST_F(Lot, NamesNoOtherKeyThanItsOwn) {
    got(run());
    std::string first = lines().front();
    const std::string own = to_hex(key->public_key().spki_sha256());
    const size_t at = first.find(own);
    ASSERT_NE(at, std::string::npos) << first;
    put({first.replace(at, own.size(), std::string(own.size(), '0'))});
    const std::string before = got(app::read_text(log()));
    fresh = 0;
    EXPECT_EQ(run().error().name, "log_altered");
    EXPECT_EQ(fresh, 0);
    EXPECT_EQ(got(app::read_text(log())), before);
}

// Its first line is signed before any unit is begun: one that is not may be anybody's, who had no serials to give.
TEST_F(Lot, AsksOnceMoreWhereItsFirstLineWasNotSigned) {
    got(run());
    put({lines().front()});
    fs::remove(lot.out / "SN-0001");
    EXPECT_TRUE(run());
    EXPECT_EQ(fresh, 2);
}

TEST_F(Lot, WhatWasInterruptedElsewhereGoesOnAnywhere) {
    watcher.stop_now = true;
    got(run());
    watcher.stop_now = false;
    {
        auto log = opened();
        ASSERT_TRUE(log->append("begun", {{"serial", "SN-0003"}, {"unit", 3}, {"station", 3}}));
    }
    lot.parallel = 1;
    EXPECT_EQ(got(run()).made, 12u);
}

TEST_F(Lot, AUnitThatStaysInItsStationIsTold) {
    lot.detach = "exit $((BERTH_UNIT % 2))";
    const auto done = got(run());
    EXPECT_EQ(done.made, 12u);
    EXPECT_EQ(done.not_detached, 6u);
    EXPECT_EQ(watcher.stayed.size(), 6u);
    EXPECT_EQ(got(verify()).account.not_detached(), 6u);
}

// Of two of a name in an environment, a shell may take the last.
TEST_F(Lot, ItsCommandsHearOfThisUnitAndNoOther) {
    lot.parallel = 1;
    lot.attach = "[ $BERTH_STATION = 1 ] && [ $BERTH_SERIAL != stale ] && [ $(env | grep -c ^BERTH_STATION=) = 1 ]";
    ::setenv("BERTH_STATION", "9", 1);
    ::setenv("BERTH_SERIAL", "stale", 1);
    const auto done = run();
    ::unsetenv("BERTH_STATION");
    ::unsetenv("BERTH_SERIAL");
    EXPECT_EQ(got(done).made, 12u);
}

TEST_F(Lot, ALineThatNobodyCouldReadIsNotWritten) {
    got(run());
    const std::string before = got(app::read_text(log()));
    {
        auto log = opened();
        EXPECT_EQ(log->append("told", {{"text", std::string(5'000'000, 'x')}}).error().name, "too_large");
        EXPECT_EQ(got(app::read_text(this->log())), before);
        EXPECT_TRUE(log->append("told", {{"text", "x"}}));
    }
    EXPECT_TRUE(verify());
}

TEST_F(Lot, AnotherLotIsNotMixedWithIt) {
    got(run());
    const std::string before = got(app::read_text(log()));
    lot.terms["model"] = "m-2";
    const auto other = run();
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().name, "other_lot");
    EXPECT_EQ(other.error().params.front().second, "model");
    EXPECT_EQ(got(app::read_text(log())), before);
}

TEST_F(Lot, ALogIsNotChangedUnseen) {
    got(run());
    const auto all = lines();
    for (size_t i = 0; i + 1 < all.size(); ++i) {
        auto changed = all;
        changed.erase(changed.begin() + static_cast<std::ptrdiff_t>(i));
        put(changed);
        expect_altered();
        if (const size_t at = all[i].find("SN-0003"); at != std::string::npos) {
            changed = all;
            changed[i].replace(at, 7, "SN-0004");
            put(changed);
            expect_altered();
        }
    }
    put({});
    expect_altered();
}

TEST_F(Lot, AnotherKeysSignatureIsNone) {
    got(run());
    key = keystore::software_signing_key(
        crypto::signing_key::generate(crypto::signature_algorithm::mldsa44, crypto::system_random()));
    expect_altered("bad_signature");
}

// Whoever has the key can sign anything, but not what cannot be.
TEST_F(Lot, ASignedLogMayStillBeWrong) {
    const auto with = [this](const std::string& event, const std::string& serial) {
        fs::remove_all(lot.out);
        broken.clear();
        got(run());
        {
            auto log = opened();
            EXPECT_TRUE(log->append(event, {{"serial", serial}}));
            EXPECT_TRUE(log->sign());
        }
        expect_altered();
    };
    with("made", "SN-0001");
    with("begun", "SN-0001");
    with("begun", "SN-0013");
    with("lot", "SN-0001");
}

TEST_F(Lot, OneProcessAtATime) {
    got(run());
    auto log = opened();
    EXPECT_EQ(run().error().name, "in_use");
}

// A disk that is full: nothing is made that the log cannot tell of.
TEST_F(Lot, WithoutALogNothingIsMade) {
    lot.parallel = 1;
    lot.serials.count = 200;
    const rlimit all{RLIM_INFINITY, RLIM_INFINITY};
    const rlimit few{40'000, RLIM_INFINITY};
    auto* const before = std::signal(SIGXFSZ, SIG_IGN);
    ::setrlimit(RLIMIT_FSIZE, &few);
    const auto failed = run();
    ::setrlimit(RLIMIT_FSIZE, &all);
    std::signal(SIGXFSZ, before);
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().name, "file_error");
    const auto report = got(verify());
    const size_t begun = 200 - report.account.count(app::unit_state::planned);
    EXPECT_GT(begun, 0u);
    EXPECT_LT(begun, 200u);
    EXPECT_FALSE(fs::exists(lot.out / lot.serials.at(begun))) << "made without being logged";
    EXPECT_EQ(got(run()).left(), 0u);
}

TEST(Serials, OfAPrefixAndOfAList) {
    app::serial_plan plan;
    plan.prefix = "A-";
    plan.first = 9'999;
    plan.count = 2;
    EXPECT_EQ(plan.at(0), "A-9999");
    EXPECT_EQ(plan.at(1), "A-10000");
    const auto again = got(app::serial_plan::from_json(plan.to_json()));
    EXPECT_EQ(again.at(1), "A-10000");
    plan.prefix = "\xc3\xa4";
    EXPECT_EQ(plan.check().error().name, "bad_serial");
    plan.prefix = "a/b";
    EXPECT_EQ(plan.check().error().name, "bad_lot");

    const temporary_directory directory;
    const fs::path file = directory.path() / "serials";
    ASSERT_TRUE(app::write_text(file, "# of March\nX 1 # the first\n\n  Y:2\r\n"));
    EXPECT_EQ(got(app::read_serials(file)).list, (std::vector<std::string>{"X 1", "Y:2"}));
    ASSERT_TRUE(app::write_text(file, "X\nY\nX\n"));
    EXPECT_EQ(app::read_serials(file).error().name, "bad_lot");
    ASSERT_TRUE(app::write_text(file, "# nothing\n"));
    EXPECT_EQ(app::read_serials(file).error().name, "bad_lot");
}

TEST(Progress, SaysHowFarAndHowLong) {
    app::progress p{.done = 412, .total = 5000, .failed = 2, .per_second = 24.1};
    EXPECT_EQ(app::progress_text(p), " 412/5000  24.1 units/s  3:11 left, 2 failed");
    EXPECT_EQ(app::progress_bar(p, 70), "[#" + std::string(21, '.') + "]  " + app::progress_text(p));
    EXPECT_EQ(app::progress_bar(p, 20).size(), 20u);
    p = {.done = 0, .total = 10};
    EXPECT_EQ(app::progress_text(p), " 0/10");
    EXPECT_EQ(app::duration_text(3'605'000), "1:00:05");
}

}  // namespace
}  // namespace berth::test
