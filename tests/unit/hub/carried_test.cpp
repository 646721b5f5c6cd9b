// What a broker's plugin carries: read as it was written, within its limits.
#include "hub/carrier/carried.h"
#include "support/onboarding_parties.h"
#include "support/test_pki.h"
#include "wire/base64.h"

namespace berth::test {
namespace {

using namespace hub;

std::string name_of(const std::string& text) {
    return name_of_error(read_carried_messages(text));
}

TEST(carried, is_read_as_it_was_written) {
    const std::vector<carried_message> messages{{"dev1",
                                                 "0ne/registrations/dev1/api-version=2019-03-31",
                                                 "$dps/registrations/PUT/iotdps-register/?$rid=1",
                                                 bytes{'{', 0, 0xff, '}'},
                                                 "192.0.2.7",
                                                 {bytes{0x30, 1}, bytes{0x30, 2}}},
                                                {"d\"2", "", "t", {}, "", {}}};
    EXPECT_EQ(got(read_carried_messages(to_text(messages))), messages);
    const std::vector<std::optional<carried_answer>> answers{carried_answer{"$dps/registrations/res/202/?$rid=1", bytes{1, 2}},
                                                             std::nullopt, carried_answer{"t", {}},
                                                             carried_answer{"a", bytes{1}, {{"b", bytes{2}}, {"c", {}}}}};
    EXPECT_EQ(got(read_carried_answers(to_text(answers))), answers);
    EXPECT_TRUE(got(read_carried_messages("[]")).empty());
}

TEST(carried, is_refused_when_it_is_something_else) {
    EXPECT_EQ(name_of("{}"), "bad_json");
    EXPECT_EQ(name_of("[1]"), "bad_json");
    EXPECT_EQ(name_of("[{}]"), "bad_json");
    EXPECT_EQ(name_of(R"([{"client":"a","user":"b","topic":"c","payload":"!","from":"","chain":[]}])"), "bad_base64");
    EXPECT_EQ(name_of(R"([{"client":"a","user":"b","topic":"c","payload":"","from":"","chain":[1]}])"), "bad_json");
    EXPECT_EQ(name_of(R"([{"client":"a","user":"b","topic":"c","payload":"","from":"","chain":""}])"), "bad_json");
    EXPECT_EQ(name_of_error(read_carried_answers("[{}]")), "bad_json");
    EXPECT_EQ(name_of_error(read_carried_answers("[true]")), "bad_json");
    EXPECT_EQ(name_of_error(read_carried_answers(R"([{"topic":"a","payload":"","more":{}}])")), "bad_json");
    EXPECT_EQ(name_of_error(read_carried_answers(R"([{"topic":"a","payload":"","more":[1]}])")), "bad_json");
    EXPECT_EQ(name_of_error(read_carried_answers(R"([{"topic":"a","payload":"","more":[0,0,0,0,0]}])")), "bad_json");
}

TEST(carried, has_limits) {
    carried_message m{"a", "b", "c", bytes(most_carried_payload), "", {bytes(most_carried_chain)}};
    EXPECT_EQ(name_of(to_text(std::vector{m})), "accepted");
    m.payload.push_back(0);
    EXPECT_EQ(name_of(to_text(std::vector{m})), "too_large");
    m.payload.clear();
    m.chain.push_back(bytes(1));
    EXPECT_EQ(name_of(to_text(std::vector{m})), "too_large");
    EXPECT_EQ(name_of(to_text(std::vector<carried_message>(most_carried + 1))), "too_many_messages");
    // As many as a link carries at once fit, however long they are.
    m.chain.pop_back();
    EXPECT_LT(to_text(std::vector<carried_message>(most_carried, m)).size(), most_carried_octets);
}

TEST(Carried, OneAnswerThatIsTooLargeSpoilsNoOther) {
    const auto of = [](size_t octets) { return carried_answer{"t", bytes(octets, 'x'), {}}; };
    const std::vector<std::optional<carried_answer>> answers{of(1), of(most_carried_answer), of(most_carried_answer + 1), of(2)};
    const auto read = got(read_carried_answers(to_text(answers)));
    ASSERT_EQ(read.size(), 4U);
    EXPECT_EQ(read[0], answers[0]);
    EXPECT_EQ(read[1], answers[1]);
    EXPECT_FALSE(read[2]) << "whoever asked goes without";
    EXPECT_EQ(read[3], answers[3]);
}

}  // namespace
}  // namespace berth::test
