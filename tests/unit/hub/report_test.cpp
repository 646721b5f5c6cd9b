// What brokers tell of what they count.
#include "hub/carrier/report.h"

#include "support/onboarding_parties.h"
#include "support/test_pki.h"

namespace berth::test {
namespace {

using namespace hub;

constexpr const char* run = "00112233445566778899aabbccddeeff";

broker_report some() {
    broker_report out;
    out.run = run;
    out.sessions = 12;
    out.by_certificate = 3;
    out.by_key = 1;
    out.refused[static_cast<size_t>(login_refusal::unknown_ca)] = 2;
    out.cut[static_cast<size_t>(login_refusal::disabled)] = 1;
    return out;
}

TEST(broker_report, comes_back_as_it_was) {
    EXPECT_EQ(got(read_broker_report(to_text(some()))), some());
    auto other = some();
    other.provisioning = true;
    other.by_key = other.by_certificate = 0;
    EXPECT_EQ(got(read_broker_report(to_text(other))), other);
    EXPECT_TRUE(other.counts_anything());
    EXPECT_FALSE(broker_report{}.counts_anything());
}

TEST(broker_report, every_reason_has_a_name_of_its_own) {
    for (size_t i = 0; i < login_refusals; ++i) {
        EXPECT_EQ(login_refusal_from(to_string(static_cast<login_refusal>(i))), static_cast<login_refusal>(i)) << i;
    }
    EXPECT_EQ(login_refusal_from("nothing"), std::nullopt);
}

TEST(broker_report, names_that_are_not_known_are_passed_over) {
    const auto read =
        got(read_broker_report(std::string(R"({"broker":"hub","run":")") + run +
                               R"(","sessions":0,"refusals":{"of_next_year":7,"bad_name":1},"logins":{"face":2}})"));
    EXPECT_EQ(read.refused[static_cast<size_t>(login_refusal::bad_name)], 1U);
    EXPECT_EQ(read.by_certificate + read.by_key, 0U);
}

TEST(broker_report, what_is_none_is_refused) {
    const auto with = [](const std::string& broker, const std::string& its_run, const std::string& rest) {
        return R"({"broker":")" + broker + R"(","run":")" + its_run + R"(","sessions":)" + rest + "}";
    };
    EXPECT_TRUE(read_broker_report(with("hub", run, "0")));
    for (const auto& bad :
         {with("other", run, "0"), with("hub", "", "0"), with("hub", "xyz", "0"), with("hub", run, "-1"), with("hub", run, "1.5"),
          with("hub", run, R"("1")"), with("hub", run, R"(0,"refusals":[])"), with("hub", run, R"(0,"refusals":{"bad_name":-1})"),
          with("hub", run, R"(0,"cuts":{"bad_name":99999999999999999})"), std::string("[]"), std::string()}) {
        EXPECT_EQ(name_of_error(read_broker_report(bad)), "bad_json") << bad;
    }
    EXPECT_EQ(name_of_error(read_broker_report(std::string(most_report + 1, ' '))), "too_large");
}

}  // namespace
}  // namespace berth::test
