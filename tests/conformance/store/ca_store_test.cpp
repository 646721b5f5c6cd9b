// What every implementation of a CA's records must do. A new back end adds itself to the list at the end.
#include "ca/log.h"
#include "store/sqlite/ca_store.h"
#include "store/sqlite/migrations.h"
#include "support/onboarding_parties.h"

#include <csignal>
#include <sqlite3.h>
#include <sys/resource.h>

namespace berth::test {
namespace {

using namespace ca;
namespace fs = std::filesystem;

struct backend {
    const char* name;
    // Opens the same records again, as another process would.
    std::function<std::unique_ptr<ca_records>(const fs::path&)> open;
};

class CaStore : public testing::TestWithParam<backend> {
protected:
    CaStore() : store(reopen()) {}
    [[nodiscard]] std::unique_ptr<ca_records> reopen() const { return GetParam().open(directory.path() / "ca.db"); }

    // Issued by the first CA unless another is named, to the device SN-<serial>.
    issuance entry(uint8_t serial, const std::string& batch = {}, uint8_t issuer = 1) {
        issuance e;
        e.issuer[0] = issuer;
        e.serial = {serial};
        e.certificate = {0x30, serial};
        e.subject = "CN=" + std::to_string(serial);
        e.device = device(serial);
        e.profile = "operational";
        e.requester = "someone";
        e.proofs = "ldevid";
        e.proof_issuer[0] = 0xa0;
        e.proof_anchor[0] = 0xb0;
        e.batch = batch;
        e.epoch = got(store->epoch_of(e.device));
        e.shard = serial / 10U;
        e.at = 1000 + serial;
        e.not_after = 5000;
        return e;
    }
    static device_key device(uint8_t serial) {
        device_key d;
        d.maker_root[0] = 0xc0;
        d.serial = "SN-" + std::to_string(serial);
        return d;
    }
    void issued(uint8_t serial, const std::string& batch = {}, uint8_t issuer = 1) {
        ASSERT_TRUE(store->append(entry(serial, batch, issuer)));
    }
    [[nodiscard]] std::string standing_of(uint8_t serial) const {
        const auto s = got(store->status(ca, bytes{serial}));
        return s.state == standing::good ? "good" : s.state == standing::unknown ? "unknown" : s.by + " " + std::to_string(s.at);
    }
    [[nodiscard]] std::multiset<int> revoked(revocation_query query = {}) const {
        std::multiset<int> out;
        query.issuer = ca;
        EXPECT_TRUE(store->each_revoked(query, [&](const pki::revoked_entry& e) { out.insert(e.serial.at(0)); }));
        return out;
    }

    temporary_directory directory;
    key_hash ca{1};
    std::unique_ptr<ca_records> store;
};

TEST_P(CaStore, KeepsTheLogAsItWasWritten) {
    EXPECT_EQ(got(store->newest()), 0);
    EXPECT_EQ(got(store->append(entry(1, "lot"))), 1U);
    EXPECT_EQ(got(store->append(entry(2))), 2U);
    const auto log = got(reopen()->list({}));
    ASSERT_EQ(log.size(), 2U);
    log_verifier verifier;
    for (const auto& e : log) {
        EXPECT_TRUE(verifier.next(e));
    }
    const issuance want = entry(1, "lot");
    const issuance& e = log[0];
    EXPECT_EQ(std::tie(e.issuer, e.serial, e.certificate, e.subject, e.device, e.profile, e.requester, e.proofs, e.proof_issuer,
                       e.proof_anchor, e.batch, e.epoch, e.shard, e.at, e.not_before, e.not_after),
              std::tie(want.issuer, want.serial, want.certificate, want.subject, want.device, want.profile, want.requester,
                       want.proofs, want.proof_issuer, want.proof_anchor, want.batch, want.epoch, want.shard, want.at,
                       want.not_before, want.not_after));
    EXPECT_EQ(got(store->newest()), 1002);
    EXPECT_EQ(got(store->find(ca, bytes{2}))->number, 2U);
    EXPECT_FALSE(got(store->find(ca, bytes{3})));
    EXPECT_FALSE(got(store->find(key_hash{2}, bytes{2})));
}

TEST_P(CaStore, OneSerialOfOneCaOnce) {
    issued(1);
    EXPECT_EQ(store->append(entry(1)).error().name, "serial_exists");
    EXPECT_EQ(reopen()->append(entry(1)).error().name, "serial_exists");
    issued(1, "", 2);
    EXPECT_EQ(got(store->list({})).size(), 2U);
}

TEST_P(CaStore, ReservesEachPlaceOnce) {
    EXPECT_EQ(got(store->reserve(ca)), 0U);
    EXPECT_EQ(got(store->reserve(ca)), 1U);
    EXPECT_EQ(got(reopen()->reserve(ca)), 2U);
    EXPECT_EQ(got(store->reserve(key_hash{2})), 0U);
}

TEST_P(CaStore, FindsEntriesByWhatOneKnows) {
    for (const uint8_t s : bytes{1, 2, 3}) {
        issued(s, s < 3 ? "lot" : "");
    }
    issued(1, "lot", 2);
    const auto numbers = [&](const log_query& q) {
        std::vector<uint64_t> out;
        for (const auto& e : got(store->list(q))) {
            out.push_back(e.number);
        }
        return out;
    };
    using wanted = std::vector<uint64_t>;
    EXPECT_EQ(numbers({}), (wanted{1, 2, 3, 4}));
    EXPECT_EQ(numbers({.after = 2}), (wanted{3, 4}));
    EXPECT_EQ(numbers({.after = 1, .most = 2}), (wanted{2, 3}));
    EXPECT_EQ(numbers({.issuer = ca}), (wanted{1, 2, 3}));
    EXPECT_EQ(numbers({.batch = "lot"}), (wanted{1, 2, 4}));
    EXPECT_EQ(numbers({.issuer = ca, .batch = "lot"}), (wanted{1, 2}));
    EXPECT_EQ(numbers({.device = "SN-1"}), (wanted{1, 4}));
    EXPECT_EQ(numbers({.issuer = ca, .serial = bytes{2}}), (wanted{2}));
    EXPECT_EQ(numbers({.serial = bytes{1}}), (wanted{1, 4}));
    EXPECT_EQ(numbers({.device = "SN-9"}), wanted{});
    EXPECT_EQ(numbers({.batch = ""}), wanted{}) << "who is in no batch is in none called so";
}

TEST_P(CaStore, RevokesOneOnceAndForGood) {
    issued(1);
    issued(2);
    EXPECT_EQ(store->revoke(ca, bytes{9}, {}, 2000).error().name, "unknown_certificate");
    EXPECT_EQ(store->revoke(key_hash{2}, bytes{1}, {}, 2000).error().name, "unknown_certificate");
    EXPECT_TRUE(got(store->revoke(ca, bytes{1}, pki::revocation_reason::key_compromise, 2000)));
    EXPECT_FALSE(got(reopen()->revoke(ca, bytes{1}, pki::revocation_reason::superseded, 3000)));
    const auto status = got(store->status(ca, bytes{1}));
    EXPECT_EQ(status.at, 2000);
    EXPECT_EQ(status.reason, pki::revocation_reason::key_compromise);
    EXPECT_EQ(standing_of(1), "serial 2000");
    EXPECT_EQ(standing_of(2), "good");
    EXPECT_EQ(standing_of(3), "unknown");
    EXPECT_EQ(revoked(), (std::multiset<int>{1}));
}

TEST_P(CaStore, EndsManyByWhatTheyHaveInCommon) {
    for (const uint8_t s : bytes{1, 2, 3, 4}) {
        issued(s, s < 3 ? "lot" : "other");
    }
    EXPECT_TRUE(got(store->withdraw({withdrawal_kind::batch, withdrawal::of_batch("lot"), 2000, {}})));
    EXPECT_FALSE(got(store->withdraw({withdrawal_kind::batch, withdrawal::of_batch("lot"), 3000, {}})));
    EXPECT_TRUE(got(store->withdraw({withdrawal_kind::device, withdrawal::of_device(device(4)), 2100, {}})));
    EXPECT_TRUE(got(store->is_withdrawn(withdrawal_kind::batch, withdrawal::of_batch("lot"))));
    EXPECT_FALSE(got(store->is_withdrawn(withdrawal_kind::device, withdrawal::of_batch("lot"))));
    EXPECT_EQ(standing_of(1), "batch 2000");
    EXPECT_EQ(standing_of(3), "good");
    EXPECT_EQ(standing_of(4), "device 2100");
    EXPECT_EQ(revoked(), (std::multiset<int>{1, 2, 4}));
    issued(5, "lot");
    EXPECT_EQ(standing_of(5), "batch 2000") << "and whatever comes later";
    EXPECT_EQ(got(store->withdrawals()).size(), 2U);
}

TEST_P(CaStore, EndsWhatStoodOnAnotherCasWord) {
    issued(1);
    auto of_other = entry(2);
    of_other.proof_issuer = key_hash{0xa1};
    of_other.proof_anchor = key_hash{0xb1};
    of_other.device.maker_root = key_hash{0xc1};
    ASSERT_TRUE(store->append(of_other));
    int64_t at = 2000;
    for (const uint8_t first : bytes{0xa0, 0xb0, 0xc0}) {
        ASSERT_TRUE(store->withdraw({withdrawal_kind::issuer, withdrawal::of_issuer(key_hash{first}), at++, {}}));
        EXPECT_EQ(standing_of(1), "issuer 2000") << "since the first of them";
        EXPECT_EQ(standing_of(2), "good");
        EXPECT_EQ(revoked(), (std::multiset<int>{1}));
    }
    ASSERT_TRUE(store->withdraw({withdrawal_kind::issuer, withdrawal::of_issuer(ca), 3000, {}}));
    EXPECT_EQ(revoked(), (std::multiset<int>{1, 2})) << "the CA itself";
}

TEST_P(CaStore, OriginsAreKeptAndReachWhatStandsOnThem) {
    const auto of = [](std::initializer_list<uint8_t> first) {
        std::vector<key_hash> out;
        for (const uint8_t o : first) {
            out.push_back(key_hash{o});
        }
        return out;
    };
    issued(1);
    auto renewed = entry(2);
    renewed.origins = of({0xb9, 0xa9, 0xb0});
    ASSERT_TRUE(store->append(renewed));
    auto of_others = entry(3);
    of_others.origins = of({0xa8});
    ASSERT_TRUE(store->append(of_others));
    const auto log = got(reopen()->list({}));
    ASSERT_EQ(log.size(), 3U);
    EXPECT_EQ(log[0].origins, of({0xa0, 0xb0, 0xc0})) << "what was shown, and the maker";
    EXPECT_EQ(log[1].origins, of({0xa0, 0xa9, 0xb0, 0xb9, 0xc0}));
    EXPECT_EQ(got(store->find(ca, bytes{2}))->origins, log[1].origins);
    log_verifier verifier;
    for (const auto& e : log) {
        EXPECT_TRUE(verifier.next(e));
    }
    ASSERT_TRUE(store->withdraw({withdrawal_kind::issuer, withdrawal::of_issuer(key_hash{0xa9}), 2000, {}}));
    EXPECT_EQ(standing_of(1), "good");
    EXPECT_EQ(standing_of(2), "issuer 2000");
    EXPECT_EQ(standing_of(3), "good");
    EXPECT_EQ(revoked(), (std::multiset<int>{2}));
    EXPECT_EQ(revoked({.shard = 1}), std::multiset<int>{});
    EXPECT_EQ(revoked({.recorded_since = 2001}), std::multiset<int>{});
    ASSERT_TRUE(store->withdraw({withdrawal_kind::issuer, withdrawal::of_issuer(key_hash{0xa8}), 2100, {}}));
    EXPECT_EQ(revoked(), (std::multiset<int>{2, 3}));
    auto later = entry(4);
    later.origins = of({0xa9});
    ASSERT_TRUE(store->append(later));
    EXPECT_EQ(standing_of(4), "issuer 2000") << "and whatever is written down later";
}

TEST_P(CaStore, EpochsEndAllBefore) {
    issued(1);
    auto second = entry(2);
    second.device = device(1);
    ASSERT_TRUE(store->append(second));
    issued(3);
    EXPECT_EQ(got(store->raise_epoch(device(1), pki::revocation_reason::superseded, 2000)), 1U);
    EXPECT_EQ(got(reopen()->epoch_of(device(1))), 1U);
    EXPECT_EQ(got(store->epoch_of(device(3))), 0U);
    EXPECT_EQ(standing_of(1), "epoch 2000");
    EXPECT_EQ(standing_of(2), "epoch 2000");
    EXPECT_EQ(standing_of(3), "good");
    auto anew = entry(4);
    anew.device = device(1);
    anew.epoch = 1;
    ASSERT_TRUE(store->append(anew));
    EXPECT_EQ(standing_of(4), "good");
    EXPECT_EQ(got(store->raise_epoch(device(1), {}, 3000)), 2U);
    EXPECT_EQ(standing_of(1), "epoch 2000");
    EXPECT_EQ(standing_of(4), "epoch 3000");
    EXPECT_EQ(revoked(), (std::multiset<int>{1, 2, 4}));
    device_key same_serial = device(3);
    same_serial.maker_root = key_hash{5};
    ASSERT_TRUE(store->raise_epoch(same_serial, {}, 3000));
    EXPECT_EQ(standing_of(3), "good") << "another maker's device of that serial";
    EXPECT_EQ(store->raise_epoch({}, {}, 3000).error().name, "bad_arguments");
}

// A device is onboarded with its maker's certificate, and gets something else by password: who names its serial means both.
TEST_P(CaStore, ASerialAloneNamesAllDevicesThatHaveIt) {
    issued(1);
    auto by_password = entry(2);
    by_password.device = {{}, "SN-1"};
    by_password.proof_issuer = by_password.proof_anchor = {};
    ASSERT_TRUE(store->append(by_password));
    auto of_another = entry(3);
    of_another.device = {key_hash{0xc9}, "SN-1"};
    ASSERT_TRUE(store->append(of_another));
    issued(4);
    const device_key serial_alone{{}, "SN-1"};
    EXPECT_EQ(got(store->count_valid(ca, device(1), "operational", 2000)), 2U);
    EXPECT_EQ(got(store->count_valid(ca, serial_alone, "operational", 2000)), 3U);

    EXPECT_EQ(got(store->raise_epoch(device(1), {}, 2000)), 1U);
    EXPECT_EQ(standing_of(1), "epoch 2000");
    EXPECT_EQ(standing_of(2), "good") << "that maker's device alone was named";
    EXPECT_EQ(standing_of(3), "good");
    EXPECT_EQ(got(store->raise_epoch(serial_alone, {}, 2100)), 2U) << "newer than each of them had";
    EXPECT_EQ(standing_of(1), "epoch 2000");
    EXPECT_EQ(standing_of(2), "epoch 2100");
    EXPECT_EQ(standing_of(3), "epoch 2100");
    EXPECT_EQ(got(store->epoch_of(device(1))), 2U);
    EXPECT_EQ(got(store->epoch_of({key_hash{0xc9}, "SN-1"})), 2U);
    EXPECT_EQ(got(store->raise_epoch(device(1), {}, 2200)), 3U);
    EXPECT_EQ(revoked(), (std::multiset<int>{1, 2, 3}));
    EXPECT_EQ(revoked({.recorded_since = 2100}), (std::multiset<int>{2, 3})) << "the first is on the list before";
    EXPECT_EQ(revoked({.recorded_since = 2200}), std::multiset<int>{});

    for (const uint8_t s : bytes{5, 6, 7}) {
        auto anew = entry(s);
        anew.device = s == 5 ? device(1) : s == 6 ? serial_alone : device_key{key_hash{0xc9}, "SN-1"};
        anew.epoch = got(store->epoch_of(anew.device));
        ASSERT_TRUE(store->append(anew));
        EXPECT_EQ(standing_of(s), "good");
    }
    ASSERT_TRUE(store->withdraw({withdrawal_kind::device, withdrawal::of_device(device(1)), 3000, {}}));
    EXPECT_EQ(standing_of(5), "device 3000");
    EXPECT_EQ(standing_of(6), "good");
    EXPECT_FALSE(got(store->is_withdrawn(withdrawal_kind::device, withdrawal::of_device(serial_alone))));
    ASSERT_TRUE(store->withdraw({withdrawal_kind::device, withdrawal::of_device(serial_alone), 3100, {}}));
    EXPECT_EQ(standing_of(5), "device 3000");
    EXPECT_EQ(standing_of(6), "device 3100");
    EXPECT_EQ(standing_of(7), "device 3100");
    EXPECT_EQ(standing_of(4), "good");
    EXPECT_EQ(revoked(), (std::multiset<int>{1, 2, 3, 5, 6, 7}));
    EXPECT_TRUE(got(store->is_withdrawn(withdrawal_kind::device, withdrawal::of_device({key_hash{0xc7}, "SN-1"}))))
        << "and whoever comes with that serial later";
    EXPECT_FALSE(got(store->is_withdrawn(withdrawal_kind::device, withdrawal::of_device(device(4)))));
}

TEST_P(CaStore, CountsWhatWasEnded) {
    issued(1);
    issued(2);
    uint64_t before = got(store->endings());
    const auto grown = [&] { return std::exchange(before, got(reopen()->endings())) < got(store->endings()); };
    EXPECT_FALSE(grown()) << "issuing ends nothing";
    ASSERT_TRUE(store->revoke(ca, bytes{1}, {}, 2000));
    EXPECT_TRUE(grown());
    EXPECT_FALSE(got(store->revoke(ca, bytes{1}, {}, 2000)));
    EXPECT_FALSE(grown());
    ASSERT_TRUE(store->withdraw({withdrawal_kind::batch, withdrawal::of_batch("lot"), 3000, {}}));
    EXPECT_TRUE(grown());
    ASSERT_TRUE(store->raise_epoch(device(2), {}, 3000));
    EXPECT_TRUE(grown());
}

TEST_P(CaStore, TellsEachRevokedOnceAndOnlyWhoIsAskedAbout) {
    for (const uint8_t s : bytes{1, 2, 11, 12}) {
        issued(s, "lot");
    }
    issued(1, "lot", 2);
    ASSERT_TRUE(store->revoke(ca, bytes{1}, {}, 2000));
    ASSERT_TRUE(store->revoke(ca, bytes{11}, {}, 2500));
    EXPECT_EQ(revoked({.recorded_since = 2500}), (std::multiset<int>{11}));
    EXPECT_EQ(revoked({.shard = 0}), (std::multiset<int>{1}));
    EXPECT_EQ(revoked({.expires_after = 5001}), std::multiset<int>{});
    ASSERT_TRUE(store->withdraw({withdrawal_kind::batch, withdrawal::of_batch("lot"), 3000, {}}));
    ASSERT_TRUE(store->raise_epoch(device(2), {}, 3000));
    EXPECT_EQ(revoked(), (std::multiset<int>{1, 2, 11, 12}));
    EXPECT_EQ(revoked({.shard = 1}), (std::multiset<int>{11, 12}));
    EXPECT_EQ(revoked({.expires_after = 5001}), std::multiset<int>{});
    EXPECT_EQ(revoked({.recorded_since = 3001}), std::multiset<int>{});
    EXPECT_EQ(got(store->shards(ca)), (std::vector<uint32_t>{0, 1}));
}

TEST_P(CaStore, CountsWhatADeviceHasNow) {
    issued(1);
    auto second = entry(2);
    second.device = device(1);
    ASSERT_TRUE(store->append(second));
    EXPECT_EQ(got(store->count_valid(ca, device(1), "operational", 2000)), 2U);
    EXPECT_EQ(got(store->count_valid(ca, device(1), "other", 2000)), 0U);
    EXPECT_EQ(got(store->count_valid(ca, device(1), "operational", 5001)), 0U);
    ASSERT_TRUE(store->revoke(ca, bytes{1}, {}, 2000));
    EXPECT_EQ(got(store->count_valid(ca, device(1), "operational", 2000)), 1U);
}

TEST_P(CaStore, NumbersOfListsOnlyGrow) {
    crl_record list;
    list.issuer = ca;
    list.this_update = 10;
    list.next_update = 20;
    list.entries = 3;
    EXPECT_EQ(got(store->note_crl(list, 0)), 1U);
    EXPECT_EQ(got(store->note_crl(list, 50)), 50U);
    EXPECT_EQ(got(reopen()->note_crl(list, 7)), 51U);
    list.delta = true;
    list.base = 51;
    EXPECT_EQ(got(store->note_crl(list, 0)), 52U);
    list.shard = 0;
    EXPECT_EQ(got(store->note_crl(list, 0)), 1U) << "shard 0 is not the list of all";
    EXPECT_EQ(got(store->last_crl(ca, {}, false))->number, 51U);
    const auto delta = got(store->last_crl(ca, {}, true));
    EXPECT_EQ(delta->number, 52U);
    EXPECT_EQ(delta->base, 51U);
    EXPECT_EQ(delta->entries, 3U);
    EXPECT_FALSE(got(store->last_crl(ca, 0, false)));
    EXPECT_FALSE(got(store->last_crl(key_hash{2}, {}, false)));
}

TEST_P(CaStore, WhatWaitsIsDecidedOnce) {
    pending_request asked;
    asked.id[0] = 1;
    asked.profile = "ldevid";
    asked.requester = "somebody";
    asked.proofs = "idevid";
    asked.device = device(1);
    asked.request = {1, 2, 3};
    asked.at = 100;
    EXPECT_EQ(got(store->ask(asked)).state, decision::waiting);
    asked.at = 200;
    EXPECT_EQ(got(reopen()->ask(asked)).at, 100) << "asked again, it waits since the first time";
    ASSERT_EQ(got(store->waiting()).size(), 1U);
    EXPECT_EQ(got(store->waiting())[0].request, asked.request);
    EXPECT_EQ(store->decide({9}, decision::approved, "Ann", 300).error().name, "unknown_request");
    EXPECT_EQ(store->decide(asked.id, decision::issued, "Ann", 300).error().name, "already_decided") << "nobody has approved it";
    EXPECT_EQ(got(store->decide(asked.id, decision::approved, "Ann", 300)).decided_by, "Ann");
    EXPECT_EQ(store->decide(asked.id, decision::denied, "Bob", 400).error().name, "already_decided");
    EXPECT_EQ(got(store->ask(asked)).state, decision::approved);
    EXPECT_TRUE(got(store->waiting()).empty());
    EXPECT_TRUE(store->decide(asked.id, decision::issued, "the CA", 500));
    EXPECT_EQ(store->decide(asked.id, decision::issued, "the CA", 500).error().name, "already_decided") << "issued once";
}

TEST_P(CaStore, NobodyFillsTheListOfWhatWaits) {
    pending_request asked;
    asked.requester = "somebody";
    asked.device = device(1);
    for (uint8_t i = 1; i <= 16; ++i) {
        asked.id[0] = i;
        ASSERT_EQ(got(store->ask(asked)).state, decision::waiting);
    }
    asked.id[0] = 17;
    EXPECT_EQ(store->ask(asked).error().name, "too_many_requests");
    asked.device.maker_root[0] ^= 1;
    EXPECT_TRUE(store->ask(asked)) << "another maker's device of that name is another requester";
    asked.device.maker_root[0] ^= 1;
    asked.id[0] = 16;
    EXPECT_TRUE(store->ask(asked)) << "what waits may be asked for again";
    ASSERT_TRUE(store->decide(asked.id, decision::denied, "Ann", 300));
    asked.id[0] = 18;
    EXPECT_TRUE(store->ask(asked));
    EXPECT_EQ(got(store->waiting()).size(), 17U);
}

TEST_P(CaStore, TokensLetOneIdentityInOnce) {
    const one_time_token token{{1}, "SN-1", "ldevid", 1000, 0};
    ASSERT_TRUE(store->add_token(token));
    EXPECT_EQ(store->add_token(token).error().name, "token_exists");
    EXPECT_EQ(store->use_token({2}, "SN-1", 500).error().name, "token_unknown");
    EXPECT_EQ(store->use_token(token.hash, "SN-2", 500).error().name, "token_of_another");
    EXPECT_EQ(store->use_token(token.hash, "", 500).error().name, "token_of_another");
    EXPECT_EQ(store->use_token(token.hash, "SN-1", 1001).error().name, "token_expired");
    EXPECT_EQ(got(store->find_token(token.hash, 1000)).identity, "SN-1") << "to look is not to use";
    EXPECT_EQ(store->find_token({2}, 500).error().name, "token_unknown");
    EXPECT_EQ(store->find_token(token.hash, 1001).error().name, "token_expired");
    const auto used = got(reopen()->use_token(token.hash, "SN-1", 1000));
    EXPECT_EQ(used.profile, "ldevid");
    EXPECT_EQ(store->use_token(token.hash, "SN-1", 1000).error().name, "token_used");
    EXPECT_EQ(store->find_token(token.hash, 1000).error().name, "token_used");
    EXPECT_EQ(store->use_token(token.hash, "SN-2", 1000).error().name, "token_of_another");
}

// Of this back end: whoever has the file open with other tools changes nothing in the log by accident.
TEST(SqliteCaStore, TheLogIsAppendOnly) {
    temporary_directory directory;
    const auto file = (directory.path() / "ca.db").string();
    {
        const auto store = got(store::sqlite_ca_store::open(file));
        issuance e;
        e.serial = {1};
        e.proof_issuer[0] = 1;
        ASSERT_TRUE(store->append(e));
        ASSERT_TRUE(store->revoke({}, bytes{1}, {}, 5));
        ASSERT_TRUE(store->withdraw({withdrawal_kind::batch, {1}, 5, {}}));
        ASSERT_TRUE(store->raise_epoch({{}, "x"}, {}, 5));
    }
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(file.c_str(), &db), SQLITE_OK);
    for (const char* sql :
         {"UPDATE issued SET subject = 'x'", "DELETE FROM issued", "DELETE FROM revoked", "UPDATE revoked SET reason = 8",
          "DELETE FROM withdrawn", "UPDATE withdrawn SET at = 9", "DELETE FROM epoch", "UPDATE epoch SET epoch = 0",
          "DELETE FROM origin_set", "UPDATE origin_set SET members = ''", "DELETE FROM origin_member",
          "UPDATE origin_member SET id = 7", "INSERT INTO endings VALUES (2, 0)"}) {
        EXPECT_EQ(sqlite3_exec(db, sql, nullptr, nullptr, nullptr), SQLITE_CONSTRAINT) << sql;
    }
    sqlite3_close(db);
    EXPECT_EQ(store::sqlite_ca_store::open(file, store::opening::to_look).has_value(), true);
}

// Records of the version before origins: their hashes hold, and what was got with what follows as far as devices tell.
TEST(SqliteCaStore, OlderRecordsAreReached) {
    temporary_directory directory;
    const auto file = (directory.path() / "ca.db").string();
    const key_hash maker{0xb0}, idevid_ca{0xa0}, ldevid_ca{0x01}, own_ca{0x02}, owner{0x03};
    {
        const auto before = store::ca_schema().first(2);
        const auto db = got(store::database::open(file, before, 0x42454341));
        key_hash last{};
        uint64_t number = 0;
        const auto add = [&](uint8_t serial, const std::string& device, const key_hash& by, const key_hash& proof_issuer,
                             const key_hash& proof_anchor) {
            issuance e;
            e.tells_origins = false;
            e.number = ++number;
            e.issuer = by;
            e.serial = {serial};
            e.device = {maker, device};
            e.proof_issuer = proof_issuer;
            e.proof_anchor = proof_anchor;
            e.not_after = 5000;
            const key_hash hash = hash_of(e, last);
            auto write = got(db->prepare("INSERT INTO issued VALUES (?, ?, ?, x'', '', ?, ?, '', '', '', ?, ?, '', 0, 0, 0, 0, "
                                         "5000, ?, ?)"));
            ASSERT_TRUE(write.bind(static_cast<int64_t>(e.number))
                            .bind(e.issuer)
                            .bind(e.serial)
                            .bind(e.device.maker_root)
                            .bind(e.device.serial)
                            .bind(proof_issuer)
                            .bind(proof_anchor)
                            .bind(last)
                            .bind(hash)
                            .run());
            last = hash;
        };
        add(1, "SN-1", ldevid_ca, idevid_ca, maker);  // by its IDevID
        add(2, "SN-1", own_ca, ldevid_ca, owner);     // by that
        add(3, "SN-1", own_ca, own_ca, owner);        // renewed
        add(4, "SN-2", ldevid_ca, key_hash{0xa7}, maker);
        add(5, "SN-2", own_ca, ldevid_ca, owner);
        add(6, "", own_ca, key_hash{}, key_hash{});  // nobody's
    }
    const auto store = got(store::sqlite_ca_store::open(file));
    const auto check_log = [&] {
        log_verifier verifier;
        for (const auto& e : got(store->list({}))) {
            const auto fits = verifier.next(e);
            EXPECT_TRUE(fits) << e.number;
        }
        return verifier.count();
    };
    EXPECT_EQ(check_log(), 6U);
    EXPECT_EQ(got(store->find(own_ca, bytes{3}))->origins, (std::vector{ldevid_ca, own_ca, owner, idevid_ca, maker}));
    ASSERT_TRUE(store->withdraw({withdrawal_kind::issuer, withdrawal::of_issuer(idevid_ca), 2000, {}}));
    const auto state = [&](const key_hash& by, uint8_t serial) { return got(store->status(by, bytes{serial})).state; };
    EXPECT_EQ(state(ldevid_ca, 1), standing::revoked);
    EXPECT_EQ(state(own_ca, 2), standing::revoked);
    EXPECT_EQ(state(own_ca, 3), standing::revoked);
    EXPECT_EQ(state(ldevid_ca, 4), standing::good);
    EXPECT_EQ(state(own_ca, 5), standing::good);
    EXPECT_EQ(state(own_ca, 6), standing::good);
    std::multiset<int> told;
    ASSERT_TRUE(store->each_revoked({own_ca, {}, 0, 0}, [&](const auto& e) { told.insert(e.serial.at(0)); }));
    EXPECT_EQ(told, (std::multiset<int>{2, 3}));
    issuance next;
    next.issuer = own_ca;
    next.serial = {7};
    next.origins = {idevid_ca};
    ASSERT_TRUE(store->append(next));
    EXPECT_EQ(check_log(), 7U);
    EXPECT_EQ(state(own_ca, 7), standing::revoked);
}

// The reach of a CA is looked up, not looked for: a log has many entries.
TEST(SqliteCaStore, OriginsAreFoundByAnIndex) {
    temporary_directory directory;
    const auto file = (directory.path() / "ca.db").string();
    ASSERT_TRUE(store::sqlite_ca_store::open(file));
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(file.c_str(), &db), SQLITE_OK);
    std::string plan;
    const auto add = [](void* to, int columns, char** values, char**) {
        *static_cast<std::string*>(to) += std::string(values[columns - 1]) + "\n";
        return 0;
    };
    ASSERT_EQ(sqlite3_exec(db,
                           "EXPLAIN QUERY PLAN SELECT serial FROM issued WHERE origins IN (SELECT id FROM origin_member WHERE "
                           "ca = ?1) AND issuer = ?2 AND (?3 < 0 OR shard = ?3) AND not_after >= ?4",
                           add, &plan, nullptr),
              SQLITE_OK);
    EXPECT_THAT(plan, testing::HasSubstr("SEARCH issued USING INDEX issued_origins"));
    sqlite3_close(db);
}

// What is remembered of the end of the log within a transaction is what stands there.
class LogInBatches : public testing::Test {
protected:
    [[nodiscard]] std::unique_ptr<store::sqlite_ca_store> reopen() const {
        return std::move(*store::sqlite_ca_store::open((directory.path() / "ca.db").string()));
    }
    static issuance entry(uint8_t serial, size_t octets = 10) {
        issuance e;
        e.issuer[0] = 1;
        e.serial = {serial};
        e.certificate = bytes(octets, serial);
        e.proof_issuer[0] = serial;  // origins of its own
        e.at = 1000 + serial;
        return e;
    }
    // The serial numbers of a log without a gap.
    [[nodiscard]] std::vector<int> log() const {
        std::vector<int> out;
        log_verifier verifier;
        for (const auto& e : got(reopen()->list({}))) {
            EXPECT_TRUE(verifier.next(e)) << e.number;
            out.push_back(e.serial.at(0));
        }
        return out;
    }

    temporary_directory directory;
    std::unique_ptr<store::sqlite_ca_store> store = reopen();
};

TEST_F(LogInBatches, WhatIsUndoneIsNotChainedTo) {
    ASSERT_TRUE(store->begin_batch());
    ASSERT_TRUE(store->append(entry(1)));
    const auto undone = store->all_or_nothing([&]() -> result<void> {
        EXPECT_EQ(got(store->append(entry(2))), 2U);
        EXPECT_EQ(got(store->append(entry(3))), 3U);
        EXPECT_EQ(got(store->newest()), 1003);
        return fail(error_category::peer, "refused", "after all");
    });
    EXPECT_EQ(undone.error().name, "refused");
    EXPECT_EQ(got(store->newest()), 1001);
    EXPECT_EQ(store->append(entry(1)).error().name, "serial_exists");
    EXPECT_EQ(got(store->append(entry(4))), 2U);
    EXPECT_EQ(got(store->append(entry(2))), 3U);
    ASSERT_TRUE(store->end_batch());
    EXPECT_EQ(log(), (std::vector{1, 4, 2}));
}

TEST_F(LogInBatches, OthersWriteBetweenThem) {
    const auto other = reopen();
    for (uint8_t i = 0; i < 6; i = static_cast<uint8_t>(i + 3)) {
        ASSERT_TRUE(store->begin_batch());
        ASSERT_TRUE(store->append(entry(static_cast<uint8_t>(i + 1))));
        ASSERT_TRUE(store->end_batch());
        ASSERT_TRUE(other->append(entry(static_cast<uint8_t>(i + 2))));
        EXPECT_EQ(got(store->newest()), 1000 + i + 2);
        EXPECT_EQ(got(store->at_one_moment([&] { return store->newest(); })), 1000 + i + 2);
        ASSERT_TRUE(store->append(entry(static_cast<uint8_t>(i + 3))));
        EXPECT_EQ(got(other->at_one_moment([&] { return other->newest(); })), 1000 + i + 3);
    }
    EXPECT_EQ(log(), (std::vector{1, 2, 3, 4, 5, 6}));
}

TEST_F(LogInBatches, AWithdrawalCountsAtOnceAndAsLongAsItStands) {
    const auto ended = [](store::sqlite_ca_store& where, uint8_t ca) {
        return got(where.is_withdrawn(withdrawal_kind::issuer, withdrawal::of_issuer(key_hash{ca})));
    };
    const auto end = [](store::sqlite_ca_store& where, uint8_t ca) {
        return where.withdraw({withdrawal_kind::issuer, withdrawal::of_issuer(key_hash{ca}), 1000, {}});
    };
    ASSERT_TRUE(store->begin_batch());
    EXPECT_FALSE(ended(*store, 1));
    EXPECT_FALSE(ended(*store, 2));
    ASSERT_TRUE(end(*store, 1));
    EXPECT_TRUE(ended(*store, 1));
    ASSERT_FALSE(store->all_or_nothing([&]() -> result<void> {
        EXPECT_TRUE(end(*store, 2));
        EXPECT_TRUE(ended(*store, 2));
        return fail(error_category::peer, "refused", "after all");
    }));
    EXPECT_TRUE(ended(*store, 1));
    EXPECT_FALSE(ended(*store, 2));
    ASSERT_TRUE(store->end_batch());
    const auto other = reopen();
    ASSERT_TRUE(end(*other, 2));
    EXPECT_TRUE(ended(*store, 2));
    ASSERT_TRUE(store->begin_batch());
    EXPECT_TRUE(ended(*store, 2));
    ASSERT_TRUE(store->end_batch());
}

TEST_F(LogInBatches, ABatchThatFoundNoRoomLeavesNothing) {
    ASSERT_TRUE(store->append(entry(1)));
    rlimit before{};
    getrlimit(RLIMIT_FSIZE, &before);
    const rlimit small{200'000, before.rlim_max};
    const auto ignored = std::signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    ASSERT_TRUE(store->begin_batch());
    ASSERT_TRUE(store->append(entry(2, 100'000)));
    ASSERT_TRUE(store->append(entry(3, 200'000)));
    const auto full = store->end_batch();
    setrlimit(RLIMIT_FSIZE, &before);
    ASSERT_FALSE(full);
    EXPECT_EQ(full.error().name, "disk_full");
    ASSERT_TRUE(store->begin_batch());
    EXPECT_EQ(got(store->newest()), 1001);
    EXPECT_EQ(got(store->append(entry(4))), 2U);
    ASSERT_TRUE(store->end_batch());
    std::signal(SIGXFSZ, ignored);
    EXPECT_EQ(log(), (std::vector{1, 4}));
}

INSTANTIATE_TEST_SUITE_P(Backends, CaStore,
                         testing::Values(backend{"sqlite",
                                                 [](const fs::path& file) -> std::unique_ptr<ca_records> {
                                                     return std::move(*store::sqlite_ca_store::open(file.string()));
                                                 }}),
                         [](const auto& which) { return std::string(which.param.name); });

}  // namespace
}  // namespace berth::test
