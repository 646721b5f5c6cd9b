// A bus that refuses, damages and loses; and a memory that fails.
#include "keystore/stsafe/commands/basic.h"
#include "keystore/stsafe/commands/zones.h"
#include "support/stsafe_chip.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

namespace berth::keystore::stsafe {

namespace {

using test::model_chip;
using test::name_of_error;
using test::name_of_run;
using test::value_of;

const decrement one_less{0, 5, 0, 1, {}};

class StsafeFaults : public testing::Test {
protected:
    [[nodiscard]] uint32_t counter() { return chip.chip().state().zones.items[5].counter; }
    static std::string parameter(const error& e, std::string_view key) {
        for (const auto& [name, value] : e.params) {
            if (name == key) {
                return value;
            }
        }
        return "";
    }
    void open_session() {
        bytes keys = test::host_key_octets;
        ASSERT_TRUE(device.run(put_attribute{attribute::host_key, {secret_bytes(keys)}}));
        ASSERT_TRUE(device.open_host_session(test::test_host_keys()));
    }

    model_chip chip;
    stsafe::device device = chip.connect();
};

TEST_F(StsafeFaults, ABusyChipIsAskedAgain) {
    chip.faults.refused_writes = 20;
    chip.faults.refused_reads = 20;
    EXPECT_EQ(value_of(device.run(one_less)).counter, 499'999U);
    EXPECT_EQ(counter(), 499'999U);
    EXPECT_EQ(chip.faults.writes, 21U);
}

TEST_F(StsafeFaults, ButNotForEver) {
    chip.faults.refused_writes = 1'000'000;
    const bytes before = chip.memory();
    EXPECT_EQ(name_of_run(device, one_less), "stsafe_busy");
    EXPECT_EQ(chip.memory(), before);
    EXPECT_LT(chip.faults.writes, 300U) << "the pauses grow";
}

TEST_F(StsafeFaults, ADamagedCommandIsSentAgain) {
    chip.faults.damaged_commands = 2;
    EXPECT_EQ(value_of(device.run(one_less)).counter, 499'999U);
    EXPECT_EQ(counter(), 499'999U);
    chip.faults.damaged_commands = 1000;
    const bytes before = chip.memory();
    EXPECT_EQ(name_of_run(device, one_less), "stsafe_communication");
    EXPECT_EQ(chip.memory(), before);
}

TEST_F(StsafeFaults, ADamagedAnswerIsReadAgainAndNothingDoneTwice) {
    chip.faults.damaged_answers = 3;
    chip.faults.short_reads = 2;
    EXPECT_EQ(value_of(device.run(one_less)).counter, 499'999U);
    EXPECT_EQ(counter(), 499'999U);
    EXPECT_EQ(chip.faults.writes, 1U);
}

TEST_F(StsafeFaults, ALostAnswerToADecrementIsNotTriedAgain) {
    chip.faults.lost_reads = 1;
    auto lost = device.run(one_less);
    ASSERT_FALSE(lost);
    EXPECT_EQ(lost.error().name, "stsafe_answer_lost");
    EXPECT_EQ(parameter(lost.error(), "executed"), "unknown");
    EXPECT_EQ(counter(), 499'999U) << "once";
    chip.faults.lost_writes = 1;
    lost = device.run(one_less);
    ASSERT_FALSE(lost);
    EXPECT_EQ(lost.error().name, "stsafe_answer_lost");
    EXPECT_EQ(counter(), 499'998U) << "once";
    EXPECT_EQ(chip.faults.writes, 2U);
}

TEST_F(StsafeFaults, ALostAnswerToAReadIs) {
    chip.faults.lost_reads = 1;
    EXPECT_TRUE(device.run(read_zone{0, 1, 0, 4}));
    chip.faults.lost_reads = 2;
    EXPECT_EQ(name_of_run(device, read_zone{0, 1, 0, 4}), "stsafe_answer_lost");
}

// In a session the chip's counter tells what became of a command.
TEST_F(StsafeFaults, ASessionKnowsWhetherADecrementWasDone) {
    open_session();
    chip.faults.lost_reads = 1;
    const auto lost = device.run(one_less, protection::authenticated);
    ASSERT_FALSE(lost);
    EXPECT_EQ(lost.error().name, "stsafe_answer_lost");
    EXPECT_EQ(parameter(lost.error(), "executed"), "yes");
    EXPECT_EQ(counter(), 499'999U);
    // The session goes on.
    EXPECT_EQ(value_of(device.run(one_less, protection::authenticated)).counter, 499'998U);
}

TEST_F(StsafeFaults, AndSendsAgainWhatTheChipNeverGot) {
    open_session();
    // The bus fails under the command, and what arrived of it was damaged: the chip did nothing.
    chip.faults.damaged_commands = 1;
    chip.faults.lost_writes = 1;
    EXPECT_EQ(value_of(device.run(one_less, protection::authenticated)).counter, 499'999U);
    EXPECT_EQ(counter(), 499'999U);
}

TEST_F(StsafeFaults, AnswersOfAnotherAreNotBelieved) {
    open_session();
    // Another host with the same key moves the counter on under our feet.
    auto other = chip.connect();
    ASSERT_TRUE(other.open_host_session(test::test_host_keys()));
    const bytes before = chip.memory();
    EXPECT_EQ(name_of_error(device.run(one_less, protection::authenticated)), "stsafe_invalid_c_mac");
    EXPECT_EQ(chip.memory(), before);
}

// Somebody on the bus who changes answers, and whose CRCs are right.
class lying_bus final : public transport {
public:
    using question = std::function<bool(bytes_view written)>;
    using lie = std::function<void(answer_frame&)>;
    lying_bus(model::chip& chip, question when, lie how) : chip_(chip), when_(std::move(when)), how_(std::move(how)) {}
    result<bool> write(bytes_view octets) override {
        last_written = to_bytes(octets);
        return chip_.write(octets);
    }
    result<std::optional<bytes>> read(size_t count) override {
        auto octets = chip_.read(count);
        if (!octets || !when_(last_written)) {
            return octets;
        }
        const size_t size = value_of(answer_size(*octets, most_frame_a110));
        auto answer = value_of(decode_answer(*chip_.read(size), most_frame_a110));
        how_(answer);
        bytes forged = encode(answer);
        forged.resize(count, 0xff);
        return forged;
    }
    bytes last_written;

private:
    model::chip& chip_;
    question when_;
    lie how_;
};

TEST_F(StsafeFaults, ATableForgedOnTheBusIsNotBelieved) {
    ASSERT_TRUE(device.run(put_attribute{attribute::host_key, {secret_bytes(test::host_key_octets)}}));
    ASSERT_TRUE(device.run(put_attribute{attribute::command_encryption, {secret_bytes(bytes{0x06, encrypt_command})}}));
    // It says that nothing is encrypted, so that secrets would be sent in clear.
    auto liar = std::make_unique<lying_bus>(
        chip.chip(), [](bytes_view written) { return same_octets(written, encode(command_frame{{0x14, {}}, bytes{0x24}})); },
        [](answer_frame& answer) {
            auto table = value_of(parse_command_table(answer.payload));
            for (auto& record : table.records) {
                record.encryption = 0;
            }
            answer.payload = encode(table);
        });
    const bytes& on_the_bus = liar->last_written;
    stsafe::device deceived(std::move(liar));
    ASSERT_TRUE(deceived.open_host_session(test::test_host_keys()));
    const bytes secret = to_bytes(as_bytes("a credential"));
    ASSERT_TRUE(deceived.run(update_zone{0, 3, 0, {secret}}));
    EXPECT_EQ(to_hex(on_the_bus).find(to_hex(secret)), std::string::npos);
    EXPECT_TRUE(same_octets(chip.chip().state().zones.items[3].data.view().first(secret.size()), secret));
}

TEST_F(StsafeFaults, AnAnswerForgedOnTheBusIsNotBelieved) {
    open_session();
    stsafe::device deceived(std::make_unique<lying_bus>(
        chip.chip(), [](bytes_view written) { return written[0] == (0x05 | flag_c_mac | flag_r_mac | flag_host); },
        [](answer_frame& answer) { answer.payload[0] ^= 1; }));
    ASSERT_TRUE(deceived.open_host_session(test::test_host_keys()));
    EXPECT_EQ(name_of_error(deceived.run(read_zone{0, 1, 0, 4}, protection::authenticated)), "stsafe_wrong_answer");
    EXPECT_EQ(name_of_error(deceived.run(read_zone{0, 5, 0, 0}, protection::authenticated)), "stsafe_wrong_answer");
    EXPECT_TRUE(deceived.run(one_less, protection::authenticated)) << "the session goes on";
}

// A chip whose answer to a setting was lost is not told again: the second time it would refuse, and that would look like the
// truth.
TEST_F(StsafeFaults, SettingsAreNotSetTwice) {
    chip.faults.lost_reads = 1;
    EXPECT_EQ(name_of_run(device, put_attribute{attribute::host_key, {secret_bytes(test::host_key_octets)}}),
              "stsafe_answer_lost");
    EXPECT_EQ(chip.faults.writes, 1U);
    EXPECT_EQ(value_of(device.ask<host_key_content>(attribute::host_key)).present, 1) << "looking tells";
}

TEST_F(StsafeFaults, CommandsThatDoNotFit) {
    const bytes before = chip.memory();
    EXPECT_EQ(name_of_run(device, update_zone{0, 4, 0, {bytes(600)}}), "stsafe_too_long");
    EXPECT_EQ(chip.faults.writes, 0U);
    EXPECT_EQ(chip.memory(), before);
}

TEST_F(StsafeFaults, AMemoryThatFailsChangesNothing) {
    const bytes before = chip.memory();
    chip.store.fail_next();
    EXPECT_EQ(name_of_run(device, one_less), "stsafe_unexpected");
    EXPECT_EQ(chip.memory(), before);
    EXPECT_EQ(value_of(device.run(one_less)).counter, 499'999U);
}

TEST_F(StsafeFaults, SlowAsSilicon) {
    manual_clock time(0);
    model_chip slow("slow", {.silicon_delays = true, .time = &time});
    const bytes frame = encode(command_frame{{0x05, {}}, bytes{0, 1, 0, 0, 0, 4}});
    ASSERT_TRUE(slow.chip().write(frame));
    EXPECT_FALSE(slow.chip().read(5));
    EXPECT_FALSE(slow.chip().write(frame));
    time.advance(22);
    EXPECT_FALSE(slow.chip().read(5));
    time.advance(1);
    EXPECT_TRUE(slow.chip().read(5));
}

class StsafeState : public testing::Test {
protected:
    void SetUp() override {
        directory = testing::TempDir() + "berth-stsafe-XXXXXX";
        ASSERT_NE(mkdtemp(directory.data()), nullptr);
    }
    void TearDown() override { std::filesystem::remove_all(directory); }
    std::string directory;
};

TEST_F(StsafeState, SurvivesAndIsEncrypted) {
    bytes uid;
    {
        auto store = value_of(model::open_directory(directory, crypto::system_random()));
        auto chip = value_of(model::chip::power_on(*store, crypto::system_random()));
        uid = to_bytes(chip.state().uid);
        device d(std::make_unique<model::direct_bus>(chip));
        ASSERT_TRUE(d.run(update_zone{0, 1, 0, {to_bytes(as_bytes("a secret that must not be read"))}}));
        EXPECT_EQ(name_of_error(model::open_directory(directory, crypto::system_random())), "stsafe_state") << "one at a time";
    }
    std::ifstream in(directory + "/state", std::ios::binary);
    const std::string on_disk{std::istreambuf_iterator<char>(in), {}};
    EXPECT_GT(on_disk.size(), 4000U);
    EXPECT_EQ(on_disk.find("must not be read"), std::string::npos);
    auto store = value_of(model::open_directory(directory, crypto::system_random()));
    auto chip = value_of(model::chip::power_on(*store, crypto::system_random()));
    EXPECT_EQ(to_bytes(chip.state().uid), uid);
    device d(std::make_unique<model::direct_bus>(chip));
    EXPECT_EQ(as_text(value_of(d.run(read_zone{0, 1, 0, 8})).data.value), "a secret");
}

TEST_F(StsafeState, ChangedOnDiskIsRefused) {
    {
        auto store = value_of(model::open_directory(directory, crypto::system_random()));
        ASSERT_TRUE(model::chip::power_on(*store, crypto::system_random()));
    }
    {
        std::fstream file(directory + "/state", std::ios::binary | std::ios::in | std::ios::out);
        file.seekp(100);
        file.put('x');
        file.put('y');
    }
    auto store = value_of(model::open_directory(directory, crypto::system_random()));
    EXPECT_EQ(name_of_error(store->load()), "stsafe_state");
}

}  // namespace

}  // namespace berth::keystore::stsafe
