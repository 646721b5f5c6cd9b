// Counters of use.
#include "keystore/stsafe/usage.h"
#include "keystore/stsafe/zone_io.h"
#include "support/stsafe_chip.h"

#include <gtest/gtest.h>

namespace berth::keystore::stsafe {

namespace {

using test::model_chip;
using test::name_of_error;
using test::value_of;

TEST(StsafeUsage, FallsUntilItIsExhausted) {
    model_chip chip;
    auto device = chip.connect();
    const auto all = value_of(read_counters(device));
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0].zone, 5);
    EXPECT_EQ(all[1].left, 500'000U);
    EXPECT_EQ(value_of(use_counter(device, 5, 499'998)), 2U);
    bytes before = chip.memory();
    const auto refused = use_counter(device, 5, 3);
    EXPECT_EQ(name_of_error(refused), "counter_exhausted");
    EXPECT_EQ(refused.error().category, error_category::peer);
    EXPECT_EQ(refused.error().params.back(), std::pair(std::string("left"), std::string("2")));
    EXPECT_EQ(chip.memory(), before);
    EXPECT_EQ(value_of(use_counter(device, 5, 2)), 0U);
    before = chip.memory();
    EXPECT_EQ(name_of_error(use_counter(device, 5, 1)), "counter_exhausted");
    EXPECT_EQ(name_of_error(use_counter(device, 6, 0)), "bad_amount");
    const auto none = use_counter(device, 1, 1);
    EXPECT_EQ(name_of_error(none), "no_counter");
    EXPECT_EQ(none.error().params.back(), std::pair(std::string("counters"), std::string("5, 6")));
    EXPECT_EQ(name_of_error(use_counter(device, 99, 1)), "no_counter");
    EXPECT_EQ(chip.memory(), before);
    EXPECT_EQ(value_of(read_counters(device))[0].left, 0U);
}

// Somebody between the host and the cartridge, who answers for the counter.
TEST(StsafeUsage, InASessionNobodyElseAnswersForTheCounter) {
    model_chip chip;
    auto device = chip.connect();
    ASSERT_TRUE(device.run(put_attribute{attribute::host_key, {secret_bytes(test::host_key_octets)}}));
    class liar final : public transport {
    public:
        explicit liar(model::chip& c) : chip_(c) {}
        result<bool> write(bytes_view octets) override {
            counting_ = (octets[0] & command_mask) == decrement::about.code;
            return counting_ || chip_.write(octets);
        }
        result<std::optional<bytes>> read(size_t count) override {
            if (!counting_) {
                return chip_.read(count);
            }
            bytes out = encode(answer_frame{0, bytes{0, 7, 0, 0}});
            out.resize(count, 0xff);
            return out;
        }

    private:
        model::chip& chip_;
        bool counting_ = false;
    };
    stsafe::device deceived(std::make_unique<liar>(chip.chip()));
    EXPECT_EQ(value_of(use_counter(deceived, 5, 1)), 0x70000U) << "without a session it is believed";
    ASSERT_TRUE(deceived.open_host_session(test::test_host_keys()));
    EXPECT_EQ(name_of_error(use_counter(deceived, 5, 1)), "stsafe_wrong_answer");
    EXPECT_EQ(chip.chip().state().zones.items[5].counter, 500'000U);
}

}  // namespace

}  // namespace berth::keystore::stsafe
