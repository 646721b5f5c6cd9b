#include "line_end.h"

#include <gtest/gtest.h>

namespace berth::test {
namespace {

using app::line_end;
using hub::call_outcome;

class LineEnd : public testing::Test {
protected:
    static bytes call_of(uint64_t number, std::string_view client, std::string_view name = "reboot") {
        hub::line_method_call out;
        out.number = number;
        out.client.value = bytes(client.begin(), client.end());
        out.name.value = bytes(name.begin(), name.end());
        out.payload.value = {'7'};
        out.forget_after = 30;
        return wire::encode(out).value();
    }
    std::optional<line_end::publication> call(uint64_t number, std::string_view client, milliseconds now = 0) {
        return line.call(call_of(number, client), [this](const void*, std::string_view) { return open; }, now);
    }
    static hub::line_method_outcome told(const std::optional<line_end::publication>& what) {
        EXPECT_TRUE(what);
        EXPECT_EQ(what->client, hub::line_client);
        EXPECT_EQ(what->topic, hub::line_called);
        EXPECT_EQ(what->qos, 1);
        return wire::decode<hub::line_method_outcome>(what->payload).value();
    }
    line_end line;
    bool open = true;
    const int one = 0, other = 0;
};

TEST_F(LineEnd, WhoListensIsCalledAndItsAnswerCountsOnce) {
    line.calls().listens(&one, {"dev1", "mod1"});
    const auto said = call(0x2f, "dev1/mod1");
    ASSERT_TRUE(said);
    EXPECT_EQ(said->client, "dev1/mod1");
    EXPECT_EQ(said->topic, "$iothub/methods/POST/reboot/?$rid=2f");
    EXPECT_EQ(said->payload, bytes{'7'});
    line.calls().listens(&other, {"dev2", ""});
    const bytes payload{'{', '}'};
    EXPECT_FALSE(line.answered(&other, "$iothub/methods/res/200/?$rid=2f", payload)) << "another's call";
    EXPECT_FALSE(line.answered(&one, "$iothub/methods/res/200/?$rid=30", payload)) << "never made";
    const auto outcome = told(line.answered(&one, "$iothub/methods/res/404/?$rid=2f", payload));
    EXPECT_EQ(outcome.outcome, call_outcome::answered);
    EXPECT_EQ(outcome.number, 0x2fU);
    EXPECT_EQ(outcome.status, 404U);
    EXPECT_EQ(outcome.payload.value, payload);
    EXPECT_FALSE(line.answered(&one, "$iothub/methods/res/404/?$rid=2f", payload)) << "once";
}

TEST_F(LineEnd, WhoIsNotThereIsNotCalled) {
    EXPECT_EQ(told(call(1, "dev1")).outcome, call_outcome::not_here);
    line.calls().listens(&one, {"dev1", ""});
    open = false;
    EXPECT_EQ(told(call(2, "dev1")).outcome, call_outcome::not_allowed);
    open = true;
    line.calls().stops(&one);
    EXPECT_EQ(told(call(3, "dev1")).outcome, call_outcome::not_here);
    EXPECT_FALSE(line.call(bytes{1, 2, 3}, [](const void*, std::string_view) { return true; }, 0));
    EXPECT_FALSE(line.call(call_of(4, "dev1", "a/b"), [](const void*, std::string_view) { return true; }, 0));
}

TEST_F(LineEnd, WhoGoesLeavesNothingOpen) {
    line.calls().listens(&one, {"dev1", ""});
    ASSERT_TRUE(call(1, "dev1"));
    line.calls().listens(&other, {"dev1", ""});  // takes over
    const auto left = line.left(&one);
    ASSERT_EQ(left.size(), 1U);
    EXPECT_EQ(told(left.front()).outcome, call_outcome::gone);
    EXPECT_EQ(call(2, "dev1")->client, "dev1") << "the second one is there";
    EXPECT_EQ(line.left(&other).size(), 1U);
    EXPECT_TRUE(line.left(&other).empty());
    EXPECT_EQ(told(call(3, "dev1")).outcome, call_outcome::not_here);
}

TEST_F(LineEnd, ADeviceHasSoManyCallsOpenAndNoMore) {
    line.calls().listens(&one, {"dev1", ""});
    for (uint64_t i = 0; i < app::method_calls::most_open; ++i) {
        EXPECT_EQ(call(i, "dev1")->client, "dev1");
    }
    EXPECT_EQ(told(call(1'000, "dev1")).outcome, call_outcome::too_many);
    EXPECT_EQ(call(1'001, "dev1", 30'000)->client, "dev1") << "nobody waits for those any more";
}

TEST_F(LineEnd, AnAnswerThatIsTooLongIsNone) {
    line.calls().listens(&one, {"dev1", ""});
    ASSERT_TRUE(call(1, "dev1"));
    const bytes much(hub::most_method_payload + 1, 'x');
    EXPECT_EQ(told(line.answered(&one, "$iothub/methods/res/200/?$rid=1", much)).outcome, call_outcome::too_large);
}

}  // namespace
}  // namespace berth::test
