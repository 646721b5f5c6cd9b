// The chip's password, as its host shows it.
#include "keystore/stsafe/commands/zones.h"
#include "keystore/stsafe/password.h"
#include "support/stsafe_chip.h"

#include <gtest/gtest.h>

namespace berth::keystore::stsafe {

namespace {

using test::model_chip;
using test::name_of_error;
using test::name_of_run;
using test::value_of;

secret_bytes word(std::string_view text) {
    return secret_bytes(as_bytes(text));
}

class StsafePassword : public testing::Test {
protected:
    [[nodiscard]] uint8_t tries_left() { return chip.chip().state().password_tries; }

    model_chip chip;
    stsafe::device device = chip.connect();
    const update_zone update{0, 1, 0, {bytes{1, 2, 3}}};
};

TEST_F(StsafePassword, KeepsCommandsForItsHolder) {
    EXPECT_EQ(name_of_error(show_password(device, word("right"))), "stsafe_no_password");
    const uint8_t guarded = update_zone::about.code;
    ASSERT_TRUE(set_password(device, word("right"), 3, bytes_view(&guarded, 1)));
    EXPECT_EQ(name_of_run(device, update), "stsafe_not_authorized");
    ASSERT_TRUE(show_password(device, word("right")));
    EXPECT_TRUE(device.run(update));
    ASSERT_TRUE(forget_password(device));
    EXPECT_EQ(name_of_run(device, update), "stsafe_not_authorized");
    EXPECT_EQ(name_of_error(set_password(device, word("other"), 3)), "password_exists");
}

TEST_F(StsafePassword, WrongOnesAreCountedAndTheLastIsNotTriedByAccident) {
    ASSERT_TRUE(set_password(device, word("right"), 3));
    auto refused = show_password(device, word("wrong"));
    EXPECT_EQ(name_of_error(refused), "password_incorrect");
    EXPECT_EQ(refused.error().params.back().second, "2");
    EXPECT_NE(refused.error().message.find("2 more wrong ones block it"), std::string::npos) << refused.error().message;
    refused = show_password(device, word("wrong"));
    EXPECT_EQ(name_of_error(refused), "password_incorrect");
    EXPECT_NE(refused.error().message.find("one more wrong one blocks it"), std::string::npos) << refused.error().message;
    const bytes before = chip.memory();
    EXPECT_EQ(name_of_error(show_password(device, word("wrong"))), "password_final_try");
    EXPECT_EQ(chip.memory(), before);
    ASSERT_TRUE(show_password(device, word("right"), true));
    EXPECT_EQ(tries_left(), 3) << "the right one gives them back";
}

TEST_F(StsafePassword, BlockedForEver) {
    ASSERT_TRUE(set_password(device, word("right"), 1));
    const auto refused = show_password(device, word("wrong"), true);
    EXPECT_EQ(name_of_error(refused), "password_incorrect");
    EXPECT_NE(refused.error().message.find("it is blocked for ever now"), std::string::npos) << refused.error().message;
    const bytes before = chip.memory();
    EXPECT_EQ(name_of_error(show_password(device, word("right"), true)), "stsafe_password_blocked");
    chip.chip().power_cycle();
    EXPECT_EQ(name_of_error(show_password(device, word("right"), true)), "stsafe_password_blocked");
    EXPECT_EQ(chip.memory(), before);
}

TEST_F(StsafePassword, HasALength) {
    const bytes before = chip.memory();
    EXPECT_EQ(name_of_error(set_password(device, word(""), 3)), "bad_password");
    EXPECT_EQ(name_of_error(set_password(device, word("seventeen octets."), 3)), "bad_password");
    EXPECT_EQ(name_of_error(show_password(device, word("seventeen octets."))), "bad_password");
    EXPECT_EQ(chip.memory(), before);
    EXPECT_TRUE(set_password(device, word("sixteen octets.."), 3));
    EXPECT_TRUE(show_password(device, word("sixteen octets..")));
}

// Whoever tried a password and lost the answer has perhaps spent a try: it is not tried again by itself.
TEST_F(StsafePassword, ALostVerdictIsNotAskedForTwice) {
    ASSERT_TRUE(set_password(device, word("right"), 3));
    class lossy final : public transport {
    public:
        explicit lossy(model::chip& c) : chip_(c) {}
        result<bool> write(bytes_view octets) override {
            losing_ = (octets[0] & command_mask) == verify_password::about.code;
            shown += losing_ ? 1 : 0;
            return chip_.write(octets);
        }
        result<std::optional<bytes>> read(size_t count) override {
            if (losing_) {
                return fail(error_category::environment, "stsafe_bus", "lost");
            }
            return chip_.read(count);
        }
        int shown = 0;

    private:
        model::chip& chip_;
        bool losing_ = false;
    };
    auto bus = std::make_unique<lossy>(chip.chip());
    const int& shown = bus->shown;
    stsafe::device over(std::move(bus));
    EXPECT_EQ(name_of_error(show_password(over, word("wrong"))), "stsafe_answer_lost");
    EXPECT_EQ(shown, 1);
    EXPECT_EQ(tries_left(), 2);
}

}  // namespace

}  // namespace berth::keystore::stsafe
