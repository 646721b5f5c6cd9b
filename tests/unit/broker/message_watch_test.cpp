// Who is given which messages, and what becomes of them: against the hub's file, without a broker.
#include "message_watch.h"

#include "support/onboarding_parties.h"
#include "support/test_pki.h"

namespace berth::test {
namespace {

using namespace registry;
using app::message_watch;

class MessageWatch : public testing::Test {
protected:
    MessageWatch() {
        for (const auto* device : {"a", "b"}) {
            EXPECT_TRUE(store->add(make_identity({device, ""}, {}, random, test_now)));
        }
        open();
    }
    void open(bool acknowledged = true) { watch = got(message_watch::open(file, acknowledged)); }
    // As another process does.
    uint64_t send(const std::string& id, const std::string& device = "a") {
        device_message m;
        m.device = device;
        m.enqueued = test_now;
        m.expires = test_now + message_life;
        m.ack = message_ack::full;
        m.id = id;
        m.body = bytes(id.begin(), id.end());
        return got(messages.enqueue(m));
    }
    // What is written down by the thread of notes.
    void write() {
        using kind = message_watch::note::kind;
        for (const auto& each : watch->take_notes()) {
            switch (each.what) {
            case kind::given: EXPECT_TRUE(messages.note_given(each.device, each.number, test_now)); break;
            case kind::completed: EXPECT_TRUE(messages.complete(each.device, each.number, test_now)); break;
            case kind::refused: EXPECT_TRUE(messages.reject(each.device, each.number, test_now)); break;
            case kind::back: EXPECT_TRUE(messages.bring_back(each.device, each.number, test_now)); break;
            case kind::listens: EXPECT_TRUE(messages.note_listener(each.device, true)); break;
            case kind::listens_no_more: EXPECT_TRUE(messages.note_listener(each.device, false)); break;
            }
        }
    }
    // "1 2 ": the bodies of what is given, in three looks.
    std::string given() {
        std::string out;
        for (int i = 0; i < 3; ++i) {
            for (const auto& each : watch->look([this](auto, auto) { return is_open; }, now)) {
                out += std::string(as_text(each.payload)) + " ";
                last.push_back(each.topic);
            }
        }
        return out;
    }
    // A connection sends out what was given last, from packet 1 on.
    void all_go_out(message_watch::line at) {
        uint16_t packet = 0;
        for (const auto& topic : last) {
            watch->sent(at, ++packet, topic);
        }
    }
    std::string ids() {
        std::string out;
        for (const auto& each : got(messages.queue_of("a"))) {
            out += each.id + (each.is_waiting() ? "" : "*") + "x" + std::to_string(each.deliveries) + " ";
        }
        return out;
    }

    const int one = 0, two = 0, line = 0, next_line = 0;
    bool is_open = true;
    unix_seconds now = test_now;
    std::vector<std::string> last;
    temporary_directory directory;
    named_random random{"messages"};
    const std::filesystem::path file = directory.path() / "hub.db";
    std::unique_ptr<store::sqlite_hub_store> store = got(store::sqlite_hub_store::open(file.string()));
    store::sqlite_message_store messages{*store};
    std::unique_ptr<message_watch> watch;
};

TEST_F(MessageWatch, WhoHasSubscribedIsGivenThemInOrder) {
    send("1");
    send("other", "b");
    watch->came(&one, "a", false);
    EXPECT_EQ(given(), "") << "it has not asked for them";
    watch->listens(&one);
    EXPECT_EQ(given(), "1 ");
    send("2");
    send("3");
    EXPECT_EQ(given(), "2 3 ");
    EXPECT_EQ(given(), "") << "once";
    write();
    EXPECT_EQ(ids(), "1*x1 2*x1 3*x1 ");
    watch->listens_no_more(&one);
    send("4");
    EXPECT_EQ(given(), "");
    write();
    EXPECT_EQ(ids(), "1x1 2x1 3x1 4x0 ") << "nobody has them";
}

TEST_F(MessageWatch, AcknowledgedIsCompleted) {
    watch->came(&one, "a", false);
    watch->listens(&one);
    send("1");
    send("2");
    send("3");
    EXPECT_EQ(given(), "1 2 3 ");
    all_go_out(&line);
    watch->acknowledged(&line, 9, false);       // of something else
    watch->acknowledged(&next_line, 1, false);  // on another connection
    write();
    EXPECT_EQ(ids(), "1*x1 2*x1 3*x1 ");
    watch->acknowledged(&line, 2, false);
    watch->acknowledged(&line, 3, true);
    watch->acknowledged(&line, 3, true);
    EXPECT_EQ(given(), "") << "what has ended is not given again while it stands in the file";
    write();
    EXPECT_EQ(ids(), "1*x1 ");
    std::string ends;
    for (const auto& each : got(messages.receive_feedback("l", 9, test_now))) {
        ends += each.original_id + std::string(to_string(each.end)) + " ";
    }
    EXPECT_EQ(ends, "2Success 3Rejected ");
}

TEST_F(MessageWatch, ASessionThatEndsBringsThemBack) {
    watch->came(&one, "a", false);
    watch->listens(&one);
    send("1");
    send("2");
    EXPECT_EQ(given(), "1 2 ");
    all_go_out(&line);
    watch->acknowledged(&line, 1, false);
    watch->closed(&line);
    watch->left(&one);
    EXPECT_EQ(given(), "");
    // Before the completion of the first is in the file.
    watch->came(&two, "a", false);
    watch->listens(&two);
    EXPECT_EQ(given(), "2 ");
    write();
    EXPECT_EQ(ids(), "2*x2 ");
}

TEST_F(MessageWatch, WhatTheBrokerSendsAgainItselfIsNotGivenAgain) {
    watch->came(&one, "a", true);
    watch->listens(&one);
    send("1");
    send("2");
    send("3");
    EXPECT_EQ(given(), "1 2 3 ");
    all_go_out(&line);
    watch->left(&one);
    watch->closed(&line);
    send("4");
    // It has lost the second one.
    watch->came(&two, "a", true);
    watch->sent(&next_line, 1, last[0]);
    watch->sent(&next_line, 3, last[2]);
    EXPECT_EQ(given(), "2 4 ");
    watch->acknowledged(&next_line, 1, false);
    watch->acknowledged(&next_line, 3, false);
    write();
    EXPECT_EQ(ids(), "2*x2 4*x1 ");
}

// The broker has kept its sessions, and is another process by now.
TEST_F(MessageWatch, AfterARestartOfTheBroker) {
    watch->came(&one, "a", true);
    watch->listens(&one);
    send("1");
    send("2");
    EXPECT_EQ(given(), "1 2 ");
    write();
    open();
    watch->came(&one, "a", true);
    watch->sent(&line, 1, last[0]);
    watch->acknowledged(&line, 1, false);  // before anything was looked at
    EXPECT_EQ(given(), "2 ") << "it had subscribed before";
    write();
    EXPECT_EQ(ids(), "2*x2 ");
    // A session that begins anew has not.
    open();
    watch->came(&one, "a", false);
    EXPECT_EQ(given(), "");
    write();
    open();
    watch->came(&one, "a", true);
    EXPECT_EQ(given(), "");
}

// What was noted of the one before has gone with it.
TEST_F(MessageWatch, ADeviceOfTheSameNameIsNotedAnew) {
    watch->came(&one, "a", true);
    watch->listens(&one);
    watch->listens(&one);
    EXPECT_EQ(watch->take_notes().size(), 1U) << "once, as long as it is here";
    EXPECT_TRUE(messages.note_listener("a", true));
    watch->left(&one);
    EXPECT_TRUE(store->remove(got(store->find({"a", ""})).value(), test_now));
    EXPECT_FALSE(got(messages.is_listener("a")));
    EXPECT_TRUE(store->add(make_identity({"a", ""}, {}, random, test_now)));
    watch->came(&two, "a", true);
    watch->listens(&two);
    write();
    EXPECT_TRUE(got(messages.is_listener("a")));
    // After a restart of the broker it does not subscribe again.
    open();
    watch->came(&one, "a", true);
    send("1");
    EXPECT_EQ(given(), "1 ");
}

TEST_F(MessageWatch, ASecondSessionTakesOver) {
    watch->came(&one, "a", false);
    watch->listens(&one);
    send("1");
    EXPECT_EQ(given(), "1 ");
    all_go_out(&line);
    watch->came(&two, "a", false);
    watch->listens(&two);
    watch->left(&one);
    watch->acknowledged(&line, 1, false);
    watch->closed(&line);
    EXPECT_EQ(given(), "1 ");
    watch->sent(&next_line, 1, last[0]);
    watch->acknowledged(&next_line, 1, false);
    write();
    EXPECT_EQ(ids(), "");
}

TEST_F(MessageWatch, WhileThePolicyIsClosed) {
    is_open = false;
    watch->came(&one, "a", false);
    watch->listens(&one);
    send("1");
    EXPECT_EQ(given(), "");
    is_open = true;
    EXPECT_EQ(given(), "") << "nothing was changed in the file";
    send("other", "b");
    EXPECT_EQ(given(), "1 ");
}

TEST_F(MessageWatch, SoManyAtOnce) {
    watch->came(&one, "a", false);
    watch->listens(&one);
    for (size_t i = 0; i < message_watch::most_given + 2; ++i) {
        send("x" + std::to_string(i));
    }
    const std::string first = given();
    EXPECT_EQ(std::ranges::count(first, ' '), static_cast<std::ptrdiff_t>(message_watch::most_given));
    all_go_out(&line);
    watch->acknowledged(&line, 1, false);
    EXPECT_EQ(given(), "x16 ");
}

// They expire, are purged or completed over HTTPS: no acknowledgement will end them here.
TEST_F(MessageWatch, WhatIsInTheFileNoLongerKeepsNothingBack) {
    watch->came(&one, "a", false);
    watch->listens(&one);
    std::vector<uint64_t> numbers;
    for (size_t i = 0; i < message_watch::most_given + 1; ++i) {
        numbers.push_back(send("x" + std::to_string(i)));
    }
    given();
    all_go_out(&line);
    write();
    EXPECT_EQ(given(), "");
    for (size_t i = 0; i < message_watch::most_given; ++i) {
        EXPECT_TRUE(messages.complete("a", numbers[i], test_now));
    }
    EXPECT_EQ(given(), "x16 ");
    write();
    watch->acknowledged(&line, 1, false);
    EXPECT_TRUE(watch->take_notes().empty()) << "it was over before";
    EXPECT_EQ(ids(), "x16*x1 ");
}

TEST_F(MessageWatch, WhatIsNotAcknowledgedKeepsOthersBackForAWhile) {
    watch->came(&one, "a", false);
    watch->listens(&one);
    const uint64_t first = send("x0");
    for (size_t i = 1; i < message_watch::most_given + 1; ++i) {
        send("x" + std::to_string(i));
    }
    given();
    all_go_out(&line);
    now += message_watch::patience - message_watch::turn;
    EXPECT_EQ(given(), "");
    now += message_watch::turn;
    EXPECT_EQ(given(), "x16 ") << "without news in the file";
    watch->acknowledged(&line, 1, false);
    write();
    EXPECT_FALSE(got(messages.find("a", first))) << "late, and heard";
}

TEST_F(MessageWatch, WhatIsOverOrLockedElsewhereIsNotGiven) {
    send("1");
    const auto locked = got(messages.receive("a", "https", test_now));
    watch->came(&one, "a", false);
    watch->listens(&one);
    EXPECT_EQ(given(), "");
    EXPECT_TRUE(messages.abandon("a", "https", test_now));
    EXPECT_EQ(given(), "1 ");
    watch->left(&one);
    write();
    now += message_life;
    watch->came(&one, "a", false);
    watch->listens(&one);
    EXPECT_EQ(given(), "") << "the sweep's";
}

// Nobody sees acknowledgements: it is completed when it is given to somebody who is there.
TEST_F(MessageWatch, WithoutATap) {
    open(false);
    send("1");
    watch->came(&one, "a", false);
    watch->listens(&one);
    EXPECT_EQ(given(), "1 ");
    EXPECT_EQ(given(), "");
    write();
    EXPECT_EQ(ids(), "");
}

}  // namespace
}  // namespace berth::test
