// What devices are told stands on what is kept: outcomes whose commit failed are known to nobody.
#include "provisioning_world.h"

namespace berth::test {
namespace {

class Kept : public EnrolledFleet {
protected:
    // One turn of the loop, whose commit fails: what was written is undone.
    void undone(const std::function<void()>& turn) {
        const auto kept = hub->all_or_nothing([&]() -> result<void> {
            turn();
            return fail(error_category::environment, "store_full", "there is no room");
        });
        EXPECT_EQ(name_of_error(kept), "store_full");
        to->rolled_back();
    }
    void ask_a_program() {
        fleet = changed(fleet, [](auto& s) {
            s.allocation = allocation_way::webhook;
            s.webhook = "https://a.example/choose";
        });
    }
};

TEST_F(Kept, ARegistrationThatWasUndoneIsNone) {
    const auto who = device("dev1");
    std::string operation;
    undone([&] {
        operation = text(begin(who, "dev1"), "operationId");
        EXPECT_TRUE(known("dev1"));
    });
    EXPECT_FALSE(known("dev1"));
    EXPECT_EQ(number(status(who, "dev1", operation), "errorCode"), 404'205U);
    EXPECT_EQ(assigned(who, "dev1"), "dev1 at hub.example") << "it registers again";
}

TEST_F(Kept, WhatIsKeptStaysWhateverComesAfter) {
    const auto who = device("dev1");
    const std::string operation = text(begin(who, "dev1"), "operationId");
    to->kept();
    undone([&] { begin(device("dev2"), "dev2"); });
    EXPECT_EQ(text(status(who, "dev1", operation), "status"), "assigned");
    EXPECT_TRUE(known("dev1"));
    EXPECT_FALSE(known("dev2"));
}

TEST_F(Kept, AWebhookIsNotAskedForWhatWasUndone) {
    ask_a_program();
    undone([&] { begin(device("dev1"), "dev1"); });
    EXPECT_TRUE(to->take_wishes().empty());
    EXPECT_EQ(to->pending(), 0U);
    begin(device("dev1"), "dev1");
    to->kept();
    EXPECT_EQ(to->take_wishes().size(), 1U);
}

TEST_F(Kept, AWebhooksOutcomeThatWasUndoneIsNotTold) {
    ask_a_program();
    const auto who = device("dev1");
    const auto asked = [&] {
        now += 20;
        const std::string operation = text(begin(who, "dev1"), "operationId");
        to->kept();
        EXPECT_EQ(to->take_wishes().size(), 1U);
        return operation;
    };
    std::string operation = asked();
    undone([&] {
        to->webhook_answered(operation, 200, R"({"iotHubHostName":"hub.example"})", now);
        EXPECT_EQ(text(status(who, "dev1", operation), "status"), "assigned");
    });
    EXPECT_EQ(number(status(who, "dev1", operation), "errorCode"), 404'205U);
    EXPECT_FALSE(known("dev1"));
    operation = asked();
    undone([&] { to->webhook_failed(operation, {error_category::environment, "unreachable", "no route"}, now); });
    EXPECT_EQ(number(status(who, "dev1", operation), "errorCode"), 404'205U);
    EXPECT_FALSE(got(records->find_registration("dev1")));
    // That nobody has answered in time is an outcome, too.
    operation = asked();
    now += settings.webhook_lasts;
    undone([&] { EXPECT_EQ(text(status(who, "dev1", operation), "status"), "failed"); });
    EXPECT_EQ(number(status(who, "dev1", operation), "errorCode"), 404'205U);
    operation = asked();
    to->webhook_answered(operation, 200, R"({"iotHubHostName":"hub.example"})", now);
    to->kept();
    EXPECT_EQ(text(status(who, "dev1", operation), "status"), "assigned");
}

TEST_F(Kept, TrustThatWasUndoneIsNotGoneBy) {
    const auto other = make_root("Other", signature_algorithm::ecdsa_p256_sha256);
    const auto who = shows({leaf(other, "dev9"), other.certificate});
    undone([&] {
        register_ca("other", other.certificate);
        group("others", below("other"));
        EXPECT_FALSE(to->refuses(who, "dev9", now));
    });
    // Of the same generation as the one that was undone.
    const auto third = make_root("Third", signature_algorithm::ecdsa_p256_sha256);
    register_ca("third", third.certificate);
    group("third", below("third"));
    EXPECT_TRUE(to->refuses(who, "dev9", now));
    EXPECT_FALSE(to->refuses(shows({leaf(third, "dev9"), third.certificate}), "dev9", now));
}

}  // namespace
}  // namespace berth::test
