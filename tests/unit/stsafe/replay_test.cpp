// Somebody between host and chip who has recorded what they said under a host key, and answers for the chip later.
#include "keystore/stsafe/commands/attributes.h"
#include "keystore/stsafe/usage.h"
#include "support/stsafe_chip.h"

#include <gtest/gtest.h>

namespace berth::keystore::stsafe {

namespace {

using test::model_chip;
using test::name_of_error;
using test::value_of;

constexpr uint8_t counter_zone = 5;

struct spoken {
    bytes command;
    bytes answer;
};

class recording_bus final : public transport {
public:
    recording_bus(model::chip& chip, std::vector<spoken>& tape) : chip_(chip), tape_(tape) {}
    result<bool> write(bytes_view octets) override {
        const bool taken = chip_.write(octets);
        // An answer lies in the chip until the next command.
        auto head = *chip_.read(answer_head_size);
        tape_.push_back({to_bytes(octets), *chip_.read(value_of(answer_size(head, most_frame_a110)))});
        return taken;
    }
    result<std::optional<bytes>> read(size_t count) override { return chip_.read(count); }

private:
    model::chip& chip_;
    std::vector<spoken>& tape_;
};

// No chip: to a command that is on the tape its answer, to another one the answer that came at this place.
class replaying_bus final : public transport {
public:
    explicit replaying_bus(std::vector<spoken> tape, size_t& known) : tape_(std::move(tape)), known_(known) {}
    result<bool> write(bytes_view octets) override {
        const auto same = std::find_if(tape_.begin() + static_cast<std::ptrdiff_t>(next_), tape_.end(),
                                       [&](const spoken& s) { return same_octets(s.command, octets); });
        known_ += same == tape_.end() ? 0 : 1;
        next_ = same == tape_.end() ? std::min(next_, tape_.size() - 1) : static_cast<size_t>(same - tape_.begin());
        answer_ = tape_[next_++].answer;
        return true;
    }
    result<std::optional<bytes>> read(size_t count) override {
        bytes out = answer_;
        out.resize(count, 0xff);
        return out;
    }

private:
    std::vector<spoken> tape_;
    size_t& known_;
    size_t next_ = 0;
    bytes answer_;
};

// The chip, and somebody who changes what it says of its counter in clear, and loses answers.
class lying_bus final : public transport {
public:
    explicit lying_bus(model::chip& chip) : chip_(chip) {}
    result<bool> write(bytes_view octets) override {
        const bool counted =
            octets.size() > 1 && octets[0] == query::about.code && octets[1] == static_cast<uint8_t>(attribute::host_key);
        lying_ = counted && claimed.has_value();
        authenticated_ = (octets[0] & flag_c_mac) != 0;
        if (authenticated_) {
            under_mac.push_back(to_bytes(octets));
        }
        return chip_.write(octets);
    }
    result<std::optional<bytes>> read(size_t count) override {
        if (authenticated_ && lost > 0) {
            --lost;
            return fail(error_category::environment, "stsafe_bus", "Somebody holds the wire.");
        }
        if (!lying_) {
            return chip_.read(count);
        }
        bytes forged = encode(answer_frame{0, value_of(wire::encode(host_key_content{1, {*claimed}}))});
        forged.resize(count, 0xff);
        return forged;
    }

    std::optional<uint32_t> claimed;
    int lost = 0;  // answers to commands under a C-MAC
    std::vector<bytes> under_mac;

private:
    model::chip& chip_;
    bool lying_ = false;
    bool authenticated_ = false;
};

class StsafeReplay : public testing::Test {
protected:
    void SetUp() override {
        auto at_the_factory = chip.connect();
        ASSERT_TRUE(at_the_factory.run(put_attribute{attribute::host_key, {secret_bytes(test::host_key_octets)}}));
    }
    [[nodiscard]] uint32_t counter() { return chip.chip().state().zones.items[counter_zone].counter; }

    model_chip chip;
};

TEST_F(StsafeReplay, AWholeSessionCannotBePlayedBack) {
    std::vector<spoken> tape;
    {
        device host(std::make_unique<recording_bus>(chip.chip(), tape));
        ASSERT_TRUE(host.open_host_session(test::test_host_keys()));
        ASSERT_EQ(value_of(use_counter(host, counter_zone, 1)), 499'999U);
    }
    ASSERT_GE(tape.size(), 4U);
    size_t known = 0;
    device deceived(std::make_unique<replaying_bus>(tape, known));
    EXPECT_EQ(name_of_error(deceived.open_host_session(test::test_host_keys())), "stsafe_wrong_host_key");
    EXPECT_EQ(known, 2U) << "what goes in clear is on the tape, and nothing else";
    EXPECT_FALSE(deceived.has_host_session());
    EXPECT_EQ(counter(), 499'999U);
    // The chip itself goes on.
    auto host = chip.connect();
    ASSERT_TRUE(host.open_host_session(test::test_host_keys()));
    EXPECT_EQ(value_of(use_counter(host, counter_zone, 1)), 499'998U);
}

// Nor is the chip's counter believed where a session has lost its thread.
TEST_F(StsafeReplay, NorIsALieAboutWhatBecameOfACommand) {
    auto bus = std::make_unique<lying_bus>(chip.chip());
    lying_bus& wire = *bus;
    device host(std::move(bus));
    ASSERT_TRUE(host.open_host_session(test::test_host_keys()));
    const uint32_t before = chip.chip().state().host_counter;
    wire.lost = 1;
    wire.claimed = before;  // as if the chip had done nothing
    wire.under_mac.clear();
    const auto lost = host.run(decrement{0, counter_zone, 0, 1, {}}, protection::authenticated);
    ASSERT_FALSE(lost);
    EXPECT_EQ(lost.error().name, "stsafe_answer_lost");
    EXPECT_NE(std::find(lost.error().params.begin(), lost.error().params.end(),
                        std::pair<std::string, std::string>("executed", "unknown")),
              lost.error().params.end());
    ASSERT_EQ(wire.under_mac.size(), 2U) << "the command once, and the question that the lie does not survive";
    EXPECT_EQ(wire.under_mac[1][0] & command_mask, 0x00);
    EXPECT_EQ(counter(), 499'999U) << "once";
    // With the truth in clear the session goes on.
    wire.claimed.reset();
    EXPECT_EQ(value_of(host.run(decrement{0, counter_zone, 0, 1, {}}, protection::authenticated)).counter, 499'998U);
}

// Who has the host begin at a counter that the chip will reach later gets no command that could be kept until then.
TEST_F(StsafeReplay, ACounterThatTheChipHasNotReachedGetsNoCommand) {
    auto bus = std::make_unique<lying_bus>(chip.chip());
    lying_bus& wire = *bus;
    wire.claimed = chip.chip().state().host_counter + 5;
    device host(std::move(bus));
    EXPECT_EQ(name_of_error(host.open_host_session(test::test_host_keys())), "stsafe_wrong_host_key");
    ASSERT_EQ(wire.under_mac.size(), 1U);
    EXPECT_EQ(wire.under_mac[0][0] & command_mask, 0x00) << "an Echo, of octets that are of use to nobody";
}

// Refusals carry no R-MAC: who forges one must not have the host count on.
TEST_F(StsafeReplay, AForgedRefusalDoesNotMoveTheCounter) {
    class refusing_bus final : public transport {
    public:
        explicit refusing_bus(model::chip& chip) : chip_(chip) {}
        result<bool> write(bytes_view octets) override {
            forging_ = refuse > 0 && (octets[0] & command_mask) == decrement::about.code;
            if (forging_) {
                --refuse;
                return true;  // the chip never sees it
            }
            return chip_.write(octets);
        }
        result<std::optional<bytes>> read(size_t count) override {
            if (!forging_) {
                return chip_.read(count);
            }
            bytes forged = encode(answer_frame{static_cast<uint8_t>(status::access_condition), {}});
            forged.resize(count, 0xff);
            return forged;
        }
        int refuse = 1;

    private:
        model::chip& chip_;
        bool forging_ = false;
    };
    device host(std::make_unique<refusing_bus>(chip.chip()));
    ASSERT_TRUE(host.open_host_session(test::test_host_keys()));
    EXPECT_EQ(name_of_error(host.run(decrement{0, counter_zone, 0, 1, {}}, protection::authenticated)),
              "stsafe_access_condition");
    EXPECT_EQ(counter(), 500'000U);
    EXPECT_EQ(value_of(host.run(decrement{0, counter_zone, 0, 1, {}}, protection::authenticated)).counter, 499'999U);
}

TEST_F(StsafeReplay, ALostAnswerDoesNotEndTheBeginning) {
    auto bus = std::make_unique<lying_bus>(chip.chip());
    bus->lost = 2;
    device host(std::move(bus));
    EXPECT_TRUE(host.open_host_session(test::test_host_keys()));
    EXPECT_EQ(value_of(use_counter(host, counter_zone, 1)), 499'999U);
}

}  // namespace

}  // namespace berth::keystore::stsafe
