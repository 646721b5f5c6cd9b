// Peers of message-level security: what every store of them does, in memory and in a file; and what only files have.
#include "messaging/peer.h"
#include "store/sqlite/peer_store.h"
#include "support/given_random.h"
#include "support/memory_peers.h"
#include "support/onboarding_parties.h"

#include <sys/stat.h>

namespace berth::test {
namespace {

using namespace messaging;

peer_record made_up(const std::string& id) {
    peer_record r;
    r.id = id;
    r.own_id = "tower-7";
    r.account = "ann";
    r.own_role = role::gateway;
    r.reason = "\"\\\n";
    r.epoch = 3;
    r.registered_at = 100;
    r.expires_at = 200;
    r.signature_key = {{"kty", "EC"}};
    r.encryption_key = {{"kty", "AKP"}};
    r.own_signature = "ours";
    r.own = {id + " own", secret_bytes(as_bytes("private")), 0};
    r.own_previous = {id + " previous", secret_bytes(as_bytes("old")), 150};
    r.session = {id + " session", secret_bytes(as_bytes("send")), secret_bytes(as_bytes("receive")), 0};
    r.repository = {"https://example", "reader", secret_bytes(as_bytes("secret"))};
    r.next_out = 7;
    r.in = {uint64_t{1} << 52, ~uint64_t{0}};
    return r;
}

class Peers : public testing::TestWithParam<bool> {
protected:
    Peers() {
        if (GetParam()) {
            store = std::move(*store::sqlite_peer_store::open(path()));
        } else {
            store = std::make_unique<memory_peers>();
        }
    }
    [[nodiscard]] std::string path() const { return (directory.path() / "peers.db").string(); }
    temporary_directory directory;
    std::unique_ptr<peer_store> store;
};
INSTANTIATE_TEST_SUITE_P(Stores, Peers, testing::Bool(),
                         [](const auto& each) { return std::string(each.param ? "Sqlite" : "Memory"); });

TEST_P(Peers, ComeBackAsTheyWereAndAreFoundByEveryKey) {
    const auto r = made_up("m-1");
    ASSERT_TRUE(store->put(r));
    ASSERT_TRUE(store->put(made_up("m-2")));
    const auto found = store->find("m-1").value();
    ASSERT_TRUE(found);
    EXPECT_TRUE(same_octets(to_document(*found).reveal(), to_document(r).reveal()));
    EXPECT_EQ(found->in, r.in);
    EXPECT_EQ(found->next_out, 7u);
    for (const char* kid : {"m-1 own", "m-1 previous", "m-1 session"}) {
        EXPECT_EQ(store->find_by_key(kid).value().value().id, "m-1") << kid;
    }
    EXPECT_FALSE(store->find_by_key("").value());
    EXPECT_FALSE(store->find_by_key("nobody's").value());
    EXPECT_EQ(store->list()->size(), 2u);
}

TEST_P(Peers, KeysThatAreGoneFindNobody) {
    auto r = made_up("m-1");
    ASSERT_TRUE(store->put(r));
    r.own_previous = {};
    ASSERT_TRUE(store->put(r));
    EXPECT_FALSE(store->find_by_key("m-1 previous").value());
}

TEST_P(Peers, WorkThatFailsLeavesNothing) {
    ASSERT_TRUE(store->put(made_up("m-1")));
    EXPECT_FALSE(store->together([&]() -> result<void> {
        EXPECT_TRUE(store->remove("m-1").value());
        EXPECT_TRUE(store->put_taken({"m-1", 1, "id", ""}));
        return fail(error_category::peer, "no", "");
    }));
    EXPECT_TRUE(store->find("m-1").value());
    EXPECT_FALSE(store->find_taken("m-1", 1).value());
}

TEST_P(Peers, NumbersChangeAlone) {
    auto r = made_up("m-1");
    ASSERT_TRUE(store->put(r));
    r.account = "not written";
    r.next_out = 8;
    r.in.take(r.in.highest + 1);
    r.challenge = "nonce";
    r.resync_at = 5;
    ASSERT_TRUE(store->put_numbers(r));
    ASSERT_TRUE(store->mark_all_lost());
    const auto found = store->find("m-1").value().value();
    EXPECT_EQ(found.account, "ann");
    EXPECT_EQ(found.next_out, 8u);
    EXPECT_EQ(found.in, r.in);
    EXPECT_EQ(found.challenge, "nonce");
    EXPECT_EQ(found.resync_at, 5);
    EXPECT_TRUE(found.lost);
}

TEST_P(Peers, MessagesBelongToTheirPeerAndGoWithIt) {
    for (const char* id : {"m-1", "m-2"}) {
        ASSERT_TRUE(store->put(made_up(id)));
        for (uint64_t n : {3, 1, 2}) {
            ASSERT_TRUE(store->put_taken({id, n, "id", ""}));
            queued_message m;
            m.peer = id;
            m.sequence = n;
            m.body = "1";
            ASSERT_TRUE(store->queue(m));
            m.tried = m.by_session = true;
            ASSERT_TRUE(store->queue(m));
        }
    }
    ASSERT_TRUE(store->put_taken({"m-1", 2, "id", "answer"}));
    EXPECT_EQ(store->find_taken("m-1", 2).value().value().answer, "answer");
    ASSERT_TRUE(store->forget_taken("m-1", 2));
    EXPECT_FALSE(store->find_taken("m-1", 1).value());
    EXPECT_TRUE(store->find_taken("m-1", 2).value());
    EXPECT_TRUE(store->find_taken("m-2", 1).value());
    EXPECT_TRUE(store->unqueue("m-1", 1).value());
    EXPECT_FALSE(store->unqueue("m-1", 1).value());
    const auto waiting = store->queued("m-1").value();
    ASSERT_EQ(waiting.size(), 2u);
    EXPECT_EQ(waiting[0].sequence, 2u);
    EXPECT_TRUE(waiting[0].tried && waiting[0].by_session && !waiting[0].unread);
    EXPECT_TRUE(store->remove("m-1").value());
    EXPECT_FALSE(store->remove("m-1").value());
    EXPECT_TRUE(store->queued("m-1")->empty());
    EXPECT_FALSE(store->find_taken("m-1", 3).value());
    EXPECT_EQ(store->queued("m-2")->size(), 3u);
}

TEST(PeerFiles, AreTheirOwnersAndABackupThatWasPutBackIsKnown) {
    const temporary_directory directory;
    const auto path = (directory.path() / "peers.db").string(), copy = (directory.path() / "copy").string();
    named_random random("marks");
    const auto start = [&] {
        auto opened = store::sqlite_peer_store::open(path).value();
        const bool lost = opened->check_mark(random).value();
        return std::pair(std::move(opened), lost);
    };
    {
        const auto [store, lost] = start();
        EXPECT_FALSE(lost);
        ASSERT_TRUE(store->put(made_up("m-1")));
        struct stat about{};
        ASSERT_EQ(::stat(path.c_str(), &about), 0);
        EXPECT_EQ(about.st_mode & 0777U, 0600U);
    }
    std::filesystem::copy_file(path, copy);
    {
        const auto [store, lost] = start();
        EXPECT_FALSE(lost);
        EXPECT_FALSE(store->find("m-1").value().value().lost);
    }
    for (const char* more : {"", "-wal", "-shm"}) {
        std::filesystem::remove(path + more);
    }
    std::filesystem::copy_file(copy, path);
    const auto [store, lost] = start();
    EXPECT_TRUE(lost);
    EXPECT_TRUE(store->find("m-1").value().value().lost);
}

}  // namespace
}  // namespace berth::test
