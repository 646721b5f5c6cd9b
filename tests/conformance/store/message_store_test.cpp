// Queues of messages to devices, and the feedback of them, as they lie in the hub's file.
#include "store/sqlite/message_store.h"
#include "support/onboarding_parties.h"
#include "support/test_pki.h"

namespace berth::test {
namespace {

using namespace registry;

class Messages : public testing::Test {
protected:
    Messages() {
        for (const auto* device : {"a", "b"}) {
            EXPECT_TRUE(store->add(make_identity({device, ""}, {}, random, now)));
        }
    }
    [[nodiscard]] device_message message(const std::string& id, message_ack ack = message_ack::none,
                                         const std::string& device = "a") const {
        device_message out;
        out.device = device;
        out.enqueued = now;
        out.expires = now + message_life;
        out.ack = ack;
        out.id = id;
        out.properties = {{"of", id}, {"name", "\"\\\n"}};
        out.body = bytes{0, 1, 255};
        return out;
    }
    uint64_t send(const std::string& id, message_ack ack = message_ack::none, const std::string& device = "a") {
        return got(messages.enqueue(message(id, ack, device)));
    }
    // "1 2* ": a star for who is given.
    std::string ids(const std::string& device = "a") {
        std::string out;
        for (const auto& one : got(messages.queue_of(device))) {
            out += one.id + (one.is_waiting() ? " " : "* ");
        }
        return out;
    }
    std::string feedback() {
        std::string out;
        for (const auto& one : got(messages.receive_feedback("f" + std::to_string(++locks), 100, now))) {
            out += one.original_id + ":" + std::string(to_string(one.end)) + " ";
        }
        return out;
    }
    uint64_t counted(std::string_view event) {
        for (const auto& one : got(messages.counts())) {
            if (one.event == event) {
                return one.count;
            }
        }
        return 0;
    }

    unix_seconds now = test_now;
    int locks = 0;
    temporary_directory directory;
    named_random random{"messages"};
    const std::string file = (directory.path() / "hub.db").string();
    std::unique_ptr<store::sqlite_hub_store> store = got(store::sqlite_hub_store::open(file));
    store::sqlite_message_store messages{*store};
};

TEST_F(Messages, AsTheyWereSentAndInOrder) {
    auto whole = message("1", message_ack::full);
    whole.correlation = "c";
    whole.content_type = "t";
    whole.content_encoding = "e";
    whole.number = got(messages.enqueue(whole));
    send("2");
    send("3", message_ack::none, "b");
    whole.generation = got(store->find({"a", ""}))->generation;
    const auto all = got(messages.queue_of("a"));
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all.front(), whole);
    EXPECT_EQ(ids(), "1 2 ");
    EXPECT_EQ(ids("b"), "3 ");
    EXPECT_EQ(got(messages.facts_of("a")).waiting, 2U);
    EXPECT_EQ(got(messages.facts_of("a")).oldest, now);
    EXPECT_EQ(got(messages.facts_of("nobody")).waiting, 0U);
    // Another process sees the same.
    const auto other = got(store::sqlite_hub_store::open(file));
    EXPECT_EQ(got(store::sqlite_message_store(*other).queue_of("a")), all);
}

TEST_F(Messages, AQueueHasFifty) {
    for (size_t i = 0; i < most_messages; ++i) {
        send(std::to_string(i));
    }
    const auto more = messages.enqueue(message("more"));
    ASSERT_FALSE(more);
    EXPECT_EQ(more.error().name, "queue_full");
    EXPECT_TRUE(messages.receive("a", "l", now)) << "who is given one has it in the queue still";
    EXPECT_FALSE(messages.enqueue(message("more")));
    EXPECT_TRUE(messages.complete("a", "l", now));
    send("more");
    EXPECT_EQ(messages.enqueue(message("x", message_ack::none, "nobody")).error().name, "unknown_identity");
}

TEST_F(Messages, ALockIsOneMessageForAMinute) {
    send("1", message_ack::full);
    send("2");
    const auto first = got(messages.receive("a", "one", now));
    ASSERT_TRUE(first);
    EXPECT_EQ(first->id, "1");
    EXPECT_EQ(first->deliveries, 1U);
    EXPECT_EQ(got(messages.receive("a", "two", now))->id, "2");
    EXPECT_FALSE(got(messages.receive("a", "three", now)));
    EXPECT_EQ(ids(), "1* 2* ");
    EXPECT_EQ(messages.complete("a", "other", now).error().name, "message_lock_lost");
    EXPECT_EQ(messages.complete("a", "", now).error().name, "message_lock_lost");
    EXPECT_EQ(messages.complete("b", "one", now).error().name, "message_lock_lost") << "another device's";
    EXPECT_TRUE(messages.abandon("a", "two", now));
    EXPECT_EQ(ids(), "1* 2 ");
    now += message_lock - 1;
    EXPECT_FALSE(got(messages.is_due(now)));
    EXPECT_TRUE(messages.sweep(now, 10));
    EXPECT_EQ(ids(), "1* 2 ");
    now += 1;
    EXPECT_TRUE(got(messages.is_due(now)));
    EXPECT_FALSE(got(messages.sweep(now, 10)));
    EXPECT_EQ(ids(), "1 2 ");
    EXPECT_EQ(messages.complete("a", "one", now).error().name, "message_lock_lost");
    EXPECT_EQ(got(messages.receive("a", "again", now))->deliveries, 2U);
    EXPECT_TRUE(messages.complete("a", "again", now));
    EXPECT_EQ(ids(), "2 ");
    EXPECT_EQ(feedback(), "1:Success ");
}

TEST_F(Messages, ALockThatHasLapsedIsNoneAlsoWhileNobodyHasSwept) {
    send("1", message_ack::full);
    EXPECT_TRUE(got(messages.receive("a", "one", now)));
    const unix_seconds before = now;
    now += message_lock;
    EXPECT_EQ(name_of_error(messages.complete("a", "one", now)), "message_lock_lost");
    EXPECT_EQ(name_of_error(messages.reject("a", "one", now)), "message_lock_lost");
    EXPECT_EQ(name_of_error(messages.abandon("a", "one", now)), "message_lock_lost");
    EXPECT_EQ(ids(), "1* ");
    EXPECT_TRUE(messages.complete("a", "one", before + message_lock - 1)) << "its last moment";
    EXPECT_EQ(ids(), "");
    EXPECT_EQ(feedback(), "1:Success ");
}

TEST_F(Messages, TenTimesAndNoMore) {
    send("1", message_ack::negative);
    for (uint64_t i = 1; i <= most_deliveries; ++i) {
        ASSERT_EQ(got(messages.receive("a", "l", now))->deliveries, i);
        ASSERT_TRUE(messages.abandon("a", "l", now));
    }
    EXPECT_EQ(ids(), "");
    EXPECT_EQ(feedback(), "1:DeliveryCountExceeded ");
    EXPECT_TRUE(messages.complete_feedback("f1", now));
    // By a broker, and by silence.
    const uint64_t number = send("2", message_ack::full);
    for (uint64_t i = 0; i < most_deliveries; ++i) {
        ASSERT_EQ(ids(), "2 ");
        ASSERT_TRUE(messages.note_given("a", number, now));
        ASSERT_EQ(ids(), "2* ");
        now += message_lock;
        ASSERT_TRUE(messages.sweep(now, 10));
    }
    EXPECT_EQ(ids(), "");
    EXPECT_EQ(feedback(), "2:DeliveryCountExceeded ");
    EXPECT_EQ(counted("delivery_count_exceeded"), 2U);
}

TEST_F(Messages, ByTheirNumbers) {
    const auto one = send("1", message_ack::full), two = send("2", message_ack::full), three = send("3");
    EXPECT_TRUE(messages.note_given("a", one, now));
    EXPECT_TRUE(messages.note_given("a", two, now));
    EXPECT_EQ(got(messages.receive("a", "l", now))->id, "3");
    EXPECT_TRUE(messages.bring_back("a", three, now)) << "his who has the lock";
    EXPECT_EQ(ids(), "1* 2* 3* ");
    EXPECT_TRUE(messages.complete("b", one, now)) << "another device's number is passed over";
    EXPECT_TRUE(messages.bring_back("a", one, now));
    EXPECT_EQ(ids(), "1 2* 3* ");
    EXPECT_TRUE(messages.complete("a", one, now));
    EXPECT_TRUE(messages.complete("a", one, now)) << "once";
    EXPECT_TRUE(messages.reject("a", two, now));
    EXPECT_EQ(feedback(), "1:Success 2:Rejected ");
    EXPECT_EQ(counted("completed"), 1U);
    EXPECT_EQ(counted("delivered"), 3U);
}

TEST_F(Messages, TimeEndsThem) {
    send("1", message_ack::negative);
    send("2", message_ack::positive);
    now += message_life;
    EXPECT_FALSE(got(messages.receive("a", "l", now))) << "it is over, also while nobody has swept";
    EXPECT_TRUE(got(messages.sweep(now, 1))) << "there is more";
    EXPECT_FALSE(got(messages.sweep(now, 10)));
    EXPECT_EQ(ids(), "");
    EXPECT_EQ(feedback(), "1:Expired ");
    EXPECT_EQ(counted("expired"), 2U);
    now += most_message_life + 1;
    EXPECT_TRUE(got(messages.is_due(now)));
    EXPECT_TRUE(messages.sweep(now, 10));
    EXPECT_EQ(feedback(), "") << "nor is feedback kept for ever";
}

TEST_F(Messages, PurgedAndDeleted) {
    send("1", message_ack::full);
    send("2");
    send("3", message_ack::none, "b");
    EXPECT_TRUE(messages.receive("a", "l", now));
    EXPECT_EQ(got(messages.purge("a", now)), 2U);
    EXPECT_EQ(got(messages.purge("a", now)), 0U);
    EXPECT_EQ(feedback(), "1:Purged ");
    EXPECT_EQ(ids("b"), "3 ");
    EXPECT_TRUE(messages.note_listener("b", true));
    EXPECT_TRUE(messages.note_listener("nobody", true));
    EXPECT_TRUE(got(messages.is_listener("b")));
    EXPECT_FALSE(got(messages.is_listener("nobody")));
    EXPECT_TRUE(store->add(make_identity({"b", "m"}, {}, random, now)));
    EXPECT_TRUE(store->remove(*got(store->find({"b", "m"})), now));
    EXPECT_EQ(ids("b"), "3 ") << "a module has no part in it";
    EXPECT_TRUE(store->remove(*got(store->find({"b", ""})), now));
    EXPECT_EQ(ids("b"), "");
    EXPECT_FALSE(got(messages.is_listener("b")));
    EXPECT_TRUE(store->add(make_identity({"b", ""}, {}, random, now)));
    EXPECT_EQ(ids("b"), "") << "another one of the same name";
}

TEST_F(Messages, FeedbackIsLockedTogether) {
    for (const auto* id : {"1", "2", "3"}) {
        const auto number = send(id, message_ack::positive);
        EXPECT_TRUE(messages.complete("a", number, now));
    }
    EXPECT_EQ(got(messages.receive_feedback("x", 2, now)).size(), 2U);
    EXPECT_EQ(got(messages.receive_feedback("y", 2, now)).front().original_id, "3");
    EXPECT_TRUE(got(messages.receive_feedback("z", 2, now)).empty());
    EXPECT_TRUE(messages.complete_feedback("y", now));
    EXPECT_EQ(messages.complete_feedback("y", now).error().name, "message_lock_lost");
    EXPECT_TRUE(messages.abandon_feedback("x", now));
    EXPECT_EQ(messages.abandon_feedback("x", now).error().name, "message_lock_lost");
    EXPECT_EQ(feedback(), "1:Success 2:Success ");
    now += message_lock;
    EXPECT_EQ(messages.complete_feedback("f1", now).error().name, "message_lock_lost") << "it has lapsed";
    EXPECT_EQ(feedback(), "1:Success 2:Success ");
}

TEST_F(Messages, BrokersHearWhoseQueueHasChanged) {
    EXPECT_EQ(got(messages.news_range()).second, 0U);
    send("1");
    send("2", message_ack::none, "b");
    const auto news = got(messages.news_after(0, 10));
    ASSERT_EQ(news.size(), 2U);
    EXPECT_EQ(news.front().device + news.back().device, "ab");
    EXPECT_TRUE(messages.receive("a", "l", now));
    EXPECT_TRUE(got(messages.open_queue("a")).empty());
    EXPECT_TRUE(messages.abandon("a", "l", now));
    EXPECT_EQ(got(messages.news_after(news.back().number, 10)).size(), 1U);
    const auto open = got(messages.open_queue("a"));
    ASSERT_EQ(open.size(), 1U);
    EXPECT_TRUE(open.front().body.empty());
    EXPECT_EQ(got(messages.find("a", open.front().number))->body.size(), 3U);
    EXPECT_FALSE(got(messages.find("b", open.front().number)));
}

}  // namespace
}  // namespace berth::test
