// How many connections one peer may have, and which of them goes: docs/onboarding.md sections 3, 5 and 7.
#include "support.h"

#include "pki/issue.h"
#include "pki/private_key_file.h"
#include "pki/profiles.h"

#include <sys/resource.h>

namespace berth::test {
namespace {

using namespace onboarding;

class Links : public roles_here {
protected:
    void expect_established(peer& one) {
        ASSERT_TRUE(eventually([&] { return one.established; }));
    }
    // Long enough for whatever is about to be closed.
    void settle() { run_for(500); }

    // Another registrar of Birch's.
    authkem::credential another_registrar() {
        const auto root_key = got(pki::load_signing_key((birch.directory / "ca" / "z2.key").string()));
        const auto contents = pki::registrar_kem_template("Birch", fmt::format("registrar {}", ++made_), {"registrar.example"},
                                                          {p.clock.now() - 60, p.clock.now() + 86400});
        auto leaf = got(pki::issue(contents, birch.z4_key->public_key().spki(), birch.root, root_key, crypto::system_random()));
        return {{std::move(leaf)}, birch.z4_key};
    }

private:
    int made_ = 0;
};

// "keeps four KK1s per registrar (its oldest goes)"
TEST_F(Links, TheFifthKk1OfARegistrarEndsItsOldest) {
    peer& other = kk1(cedar);
    expect_established(other);
    peer& colleague = kk1(another_registrar());
    expect_established(colleague);
    std::vector<peer*> own;
    for (int i = 0; i < 4; ++i) {
        own.push_back(&kk1(birch));
        expect_established(*own.back());
    }
    settle();
    EXPECT_EQ(masa->open_links(), 6u);
    for (const peer* each : own) {
        EXPECT_TRUE(each->stands());
    }
    peer& fifth = kk1(birch);
    expect_established(fifth);
    EXPECT_TRUE(eventually([&] { return own[0]->closed; }));
    settle();
    EXPECT_EQ(masa->open_links(), 6u);
    uint32_t number = 0;
    for (peer* each : {own[1], own[2], own[3], &fifth, &colleague, &other}) {
        expect_answers(*each, ++number);
    }
}

// "1 024 per customer (another is not taken)": a registrar too many throws out none of the others.
TEST_F(Links, ACustomerHasSoManyKk1sAndTheNextIsNotTaken) {
    constexpr size_t most = 1'024;
    rlimit files{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &files), 0);
    files.rlim_cur = 2 * most + 256;
    if (files.rlim_max < files.rlim_cur || ::setrlimit(RLIMIT_NOFILE, &files) != 0) {
        GTEST_SKIP() << "needs " << files.rlim_cur << " open files (ulimit -Hn)";
    }
    std::vector<peer*> own;
    while (own.size() < most) {
        const auto z4 = another_registrar();
        for (int i = 0; i < 4; ++i) {
            own.push_back(&kk1(z4));
        }
        expect_established(*own.back());
    }
    ASSERT_TRUE(eventually([&] { return masa->open_links() == most; })) << masa->open_links();
    peer& one_more = kk1(another_registrar());
    EXPECT_TRUE(eventually([&] { return one_more.closed; }));
    settle();
    EXPECT_EQ(masa->open_links(), most);
    EXPECT_TRUE(std::ranges::all_of(own, [](const peer* each) { return each->stands(); }));
    expect_answers(*own.front(), 1);
    // Another customer's is taken, and so is the next of this one's when one has gone.
    peer& other = kk1(cedar);
    expect_established(other);
    expect_answers(other, 1);
    own.back()->stream.close();
    ASSERT_TRUE(eventually([&] { return own.back()->closed && masa->open_links() == most; }));
    peer& next = kk1(another_registrar());
    expect_established(next);
    expect_answers(next, 1);
}

// "One live KK3 per identity: the newest wins."
TEST_F(Links, TheNewestDirectKk3OfADeviceEndsTheOlder) {
    const auto d = p.make_device("SN-1", "Birch");
    const auto e = p.make_device("SN-2", "Birch");
    peer& older = direct_kk3(d);
    expect_established(older);
    peer& other = direct_kk3(e);
    expect_established(other);
    settle();
    ASSERT_TRUE(older.stands());
    peer& newest = direct_kk3(d);
    expect_established(newest);
    EXPECT_TRUE(eventually([&] { return older.closed; }));
    settle();
    EXPECT_TRUE(newest.stands());
    EXPECT_TRUE(other.stands());
}

// "a MASA ends [...] a direct KK3 after 30 seconds"
TEST_F(Links, ADirectKk3ThatLingersIsClosed) {
    const auto d = p.make_device("SN-1", "Birch");
    const auto e = p.make_device("SN-2", "Birch");
    peer& older = direct_kk3(d);
    expect_established(older);
    settle();
    p.clock.advance(1'000);
    peer& younger = direct_kk3(e);
    expect_established(younger);
    settle();
    p.clock.advance(28'999);
    settle();
    EXPECT_TRUE(older.stands()) << "closed before its time";
    p.clock.advance(1);
    EXPECT_TRUE(eventually([&] { return older.closed; }));
    settle();
    EXPECT_TRUE(younger.stands());
    p.clock.advance(1'000);
    EXPECT_TRUE(eventually([&] { return younger.closed; }));
}

// "A device that comes on a new KK2 ends its older one (`abandoned`)"
TEST_F(Links, TheNewestKk2OfADeviceEndsTheOlder) {
    start_registrar();
    const auto d = p.make_device("SN-1", "Birch");
    const auto e = p.make_device("SN-2", "Birch");
    device_peer& silent = kk2(d);
    device_peer& other = kk2(e);
    settle();
    ASSERT_TRUE(silent.kk2->stands());
    // The next one gets as far as its grant, and is ended there.
    device_peer& older = granted(d);
    EXPECT_TRUE(eventually([&] { return silent.kk2->closed; }));
    EXPECT_EQ(silent.error_name(), "abandoned");
    EXPECT_EQ(silent.session->outcome(), device_outcome::again) << "it comes again, with the same keys";
    device_peer& newest = granted(d);
    EXPECT_TRUE(eventually([&] { return older.kk2->closed; }));
    EXPECT_EQ(registrar->open_sessions(), 2u);
    EXPECT_TRUE(other.kk2->stands()) << other.error_name();
    newest.install();
    EXPECT_TRUE(eventually([&] { return newest.session->outcome() == device_outcome::done; })) << newest.error_name();
    EXPECT_EQ(got(birch.store->certificates_of(d.identity)).size(), 3u) << "the same keys, the same certificates";
    EXPECT_TRUE(other.kk2->stands()) << other.error_name();
}

}  // namespace
}  // namespace berth::test
