// What every implementation of the MASA's records must do. A new back end adds itself to the list at the end.
#include "crypto/random.h"
#include "setup/keys.h"
#include "store/sqlite/masa_store.h"
#include "support/onboarding_parties.h"

namespace berth::test {
namespace {

using namespace onboarding;
namespace fs = std::filesystem;

struct backend {
    const char* name;
    // Opens the same records again, as another process would.
    std::function<std::unique_ptr<registry::masa_registry>(const fs::path&)> open;
};

class MasaStore : public testing::TestWithParam<backend> {
protected:
    MasaStore() : store(reopen()) {
        for (const char* name : {"Birch", "Cedar"}) {
            auto root = app::make_root(directory.path(), name, pki::root_template(name, name, {0, 2'000'000'000}),
                                       crypto::signature_algorithm::ecdsa_p256_sha256, crypto::system_random());
            EXPECT_TRUE(root);
            EXPECT_TRUE(store->register_customer({name, to_bytes(root->certificate().der()), {std::string(name) + ":8443"}}, 1));
        }
        device.serial = "SN-1";
        device.device_root_spki[0] = 1;
        registry::ownership record;
        record.device = device;
        record.model = "m";
        EXPECT_TRUE(store->add_device(record, "ab12", 1));
    }
    std::unique_ptr<registry::masa_registry> reopen() const { return GetParam().open(directory.path() / "masa.db"); }

    authorization_attempt attempt(uint8_t id, const std::string& customer, unix_seconds now) const {
        authorization_attempt a;
        a.answer.id[0] = id;
        a.answer.bi2_hash[0] = id;
        a.answer.device = device;
        a.answer.customer = customer;
        a.answer.bi1 = {1, 2};
        a.answer.sealed_voucher = {3, 4};
        a.nonce[0] = id;
        a.now = now;
        a.voucher_expires_at = now + 900;
        a.log_id = "id";
        return a;
    }
    size_t audit_size() const { return store->audit_entries(0, 1000)->size(); }

    temporary_directory directory;
    device_identity device;
    std::unique_ptr<registry::masa_registry> store;
};

TEST_P(MasaStore, AuthorizesTheOwnerOnly) {
    EXPECT_EQ(store->authorize(attempt(1, "Birch", 10))->verdict, authorization_verdict::not_assigned);
    ASSERT_TRUE(store->assign(device, "Birch", 10));
    EXPECT_EQ(store->authorize(attempt(2, "Cedar", 10))->verdict, authorization_verdict::assigned_elsewhere);
    EXPECT_EQ(store->authorize(attempt(3, "Birch", 10))->verdict, authorization_verdict::stored);
    EXPECT_FALSE(*store->find_authorization(attempt(2, "", 0).answer.id));
    EXPECT_EQ((*store->find_authorization(attempt(3, "", 0).answer.id))->sealed_voucher, (bytes{3, 4}));
}

TEST_P(MasaStore, AnswersOncePerKk3) {
    ASSERT_TRUE(store->assign(device, "Birch", 10));
    ASSERT_EQ(store->authorize(attempt(1, "Birch", 10))->verdict, authorization_verdict::stored);
    const size_t entries = audit_size();
    auto again = attempt(1, "Birch", 20);
    again.answer.sealed_voucher = {9};
    const auto outcome = reopen()->authorize(again);
    EXPECT_EQ(outcome->verdict, authorization_verdict::stored_before);
    EXPECT_EQ(outcome->stored.sealed_voucher, (bytes{3, 4}));
    EXPECT_EQ(audit_size(), entries) << "the same answer is no second decision";
    again.answer.bi2_hash[0] = 77;
    EXPECT_EQ(store->authorize(again)->verdict, authorization_verdict::kk3_reused);
}

TEST_P(MasaStore, ErasesTheWaitingKeysWithTheAnswer) {
    ASSERT_TRUE(store->assign(device, "Birch", 10));
    waiting_kk3 kk3{attempt(1, "", 0).answer.id, device, {}, {5, 5}, 700};
    ASSERT_TRUE(store->put_kk3(kk3));
    EXPECT_EQ((*store->find_kk3(kk3.id, 10))->sealed_keys, (bytes{5, 5}));
    EXPECT_FALSE(*store->find_kk3(kk3.id, 701)) << "ten minutes at most";
    ASSERT_EQ(store->authorize(attempt(1, "Birch", 10))->verdict, authorization_verdict::stored);
    EXPECT_FALSE(*store->find_kk3(kk3.id, 10));
}

TEST_P(MasaStore, KeepsTheNewestKk3OfADevice) {
    waiting_kk3 first{attempt(1, "", 0).answer.id, device, {}, {1}, 700};
    waiting_kk3 second{attempt(2, "", 0).answer.id, device, {}, {2}, 700};
    ASSERT_TRUE(store->put_kk3(first));
    ASSERT_TRUE(store->put_kk3(second));
    EXPECT_FALSE(*store->find_kk3(first.id, 10));
    EXPECT_TRUE(*store->find_kk3(second.id, 10));
}

TEST_P(MasaStore, ResultsAreIdempotentAndOnlyTheCustomers) {
    ASSERT_TRUE(store->assign(device, "Birch", 10));
    const auto a = attempt(1, "Birch", 10);
    ASSERT_EQ(store->authorize(a)->verdict, authorization_verdict::stored);
    EXPECT_EQ(*store->store_result(a.answer.id, "Cedar", true, "", 20), result_verdict::unknown);
    EXPECT_EQ((*store->find_device(device))->state, registry::ownership_state::assigned);
    EXPECT_EQ(*store->store_result(a.answer.id, "Birch", true, "", 20), result_verdict::acknowledged);
    const size_t entries = audit_size();
    EXPECT_EQ(*store->store_result(a.answer.id, "Birch", true, "", 30), result_verdict::acknowledged);
    EXPECT_EQ(audit_size(), entries);
    EXPECT_EQ((*store->find_device(device))->state, registry::ownership_state::onboarded);
}

TEST_P(MasaStore, WithdrawnBeforeTheResult) {
    ASSERT_TRUE(store->assign(device, "Birch", 10));
    const auto a = attempt(1, "Birch", 10);
    ASSERT_EQ(store->authorize(a)->verdict, authorization_verdict::stored);
    const auto before = *store->ownership_generation();
    ASSERT_TRUE(store->set_blocked(device, true, 15));
    EXPECT_NE(*store->ownership_generation(), before);
    EXPECT_FALSE(*store->still_assigned(device, "Birch", 16));
    EXPECT_EQ(*store->store_result(a.answer.id, "Birch", true, "", 20), result_verdict::withdrawn);
    EXPECT_EQ(*store->store_result(a.answer.id, "Birch", true, "", 30), result_verdict::withdrawn);
}

TEST_P(MasaStore, ReleaseWaitsForVouchers) {
    ASSERT_TRUE(store->assign(device, "Birch", 10));
    ASSERT_EQ(store->authorize(attempt(1, "Birch", 10))->verdict, authorization_verdict::stored);
    EXPECT_EQ(*store->release(device, "Cedar", "Cedar", 20), release_verdict::not_owner);
    EXPECT_EQ(*store->release(device, "Birch", "Nobody", 20), release_verdict::unknown_successor);
    EXPECT_EQ(*store->release(device, "Birch", "Cedar", 20), release_verdict::released);
    const size_t entries = audit_size();
    const auto generation = *store->ownership_generation();
    EXPECT_EQ(*reopen()->release(device, "Birch", "Cedar", 5000), release_verdict::released)
        << "said again, when it has long taken effect: the first answer was lost";
    EXPECT_EQ(audit_size(), entries);
    EXPECT_EQ(*store->ownership_generation(), generation);
    EXPECT_EQ(store->authorize(attempt(2, "Cedar", 100))->verdict, authorization_verdict::not_assigned);
    EXPECT_EQ(store->authorize(attempt(3, "Cedar", 911))->verdict, authorization_verdict::stored);
    EXPECT_EQ(*store->registrars_of(device, 911), std::vector<std::string>{"Cedar:8443"});
}

TEST_P(MasaStore, CustomersAndTrust) {
    const auto before = *store->trust_generation();
    onboarding::customer_record cedar;
    const auto all = got(store->customers());
    for (const auto& c : all) {
        cedar = c.name == "Cedar" ? c : cedar;
    }
    ASSERT_TRUE(store->remove_customer("Cedar", 5));
    EXPECT_NE(*store->trust_generation(), before);
    EXPECT_EQ(store->customers()->size(), 1u);
    EXPECT_EQ(store->assign(device, "Cedar", 6).error().name, "unknown_customer");
    EXPECT_EQ(store->remove_customer("Cedar", 7).error().name, "unknown_customer");
    const auto birch = store->customers()->front();
    EXPECT_EQ(store->register_customer({"Other", birch.root, {}}, 8).error().name, "root_in_use");
    EXPECT_EQ(store->register_customer({"Birch", birch.root, {}}, 8).error().name, "customer_exists");
    // Who was removed comes back as who it was, and as nobody else.
    EXPECT_EQ(store->register_customer({"Cedar", birch.root, {}}, 9).error().name, "customer_exists");
    EXPECT_EQ(store->register_customer({"Third", cedar.root, {}}, 9).error().name, "root_in_use");
    EXPECT_EQ(store->customers()->size(), 1u);
    ASSERT_TRUE(store->register_customer({"Cedar", cedar.root, {"c.example:1"}}, 10));
    EXPECT_EQ(store->customers()->size(), 2u);
    EXPECT_TRUE(store->assign(device, "Cedar", 11));
}

TEST_P(MasaStore, WhatDevicesAreToldIsAudited) {
    ASSERT_TRUE(store->set_registrars("Birch", {"b.example:1"}, 11));
    auto last = store->last_audit_entry()->value();
    EXPECT_EQ(last.what.event, "registrars_set");
    EXPECT_EQ(last.what.customer, "Birch");
    EXPECT_EQ(last.what.at, 11);
    ASSERT_TRUE(store->set_configuration(device, R"({"a":1})", 12));
    last = store->last_audit_entry()->value();
    EXPECT_EQ(last.what.event, "configuration_set");
    EXPECT_EQ(last.what.device, device);
    const auto before = audit_size();
    EXPECT_EQ(store->set_registrars("Nobody", {}, 13).error().name, "unknown_customer");
    EXPECT_FALSE(store->set_configuration(device, "nonsense", 13));
    EXPECT_EQ(audit_size(), before);
}

TEST_P(MasaStore, EverythingIsThereAfterOpeningAgain) {
    ASSERT_TRUE(store->assign(device, "Birch", 10));
    ASSERT_TRUE(store->set_configuration(device, R"({"a":1})", 10));
    const auto a = attempt(1, "Birch", 10);
    ASSERT_EQ(store->authorize(a)->verdict, authorization_verdict::stored);
    store.reset();
    store = reopen();
    EXPECT_EQ(*store->manufacturer_configuration(device), R"({"a":1})");
    EXPECT_TRUE(*store->find_authorization(a.answer.id));
    registry::audit_verifier walk;
    for (const auto& e : got(store->audit_entries(0, 1000))) {
        EXPECT_TRUE(walk.next(e));
    }
    EXPECT_EQ(walk.count(), 6u);  // two customers, manufactured, assigned, configuration_set, authorized
}

TEST_P(MasaStore, DevicesAreFoundAndListed) {
    for (int i = 0; i < 20; ++i) {
        registry::ownership r;
        r.device = {device.device_root_spki, fmt::format("T-{:02}", i)};
        ASSERT_TRUE(store->add_device(r, "", 1));
    }
    registry::ownership same;
    same.device = device;
    EXPECT_EQ(store->add_device(same, "", 1).error().name, "device_exists");
    same.device.device_root_spki[0] = 2;  // another maker, same serial
    EXPECT_TRUE(store->add_device(same, "", 1));
    EXPECT_EQ(store->find_serial("SN-1")->size(), 2u);
    EXPECT_EQ(store->list_devices(5, {same.device.device_root_spki, "T-03"})->front().device.serial, "T-04");
    // A page that ends between the two: the second is on the next.
    const auto page = got(store->list_devices(1, {}));
    ASSERT_EQ(page.size(), 1u);
    EXPECT_EQ(page[0].device, device);
    EXPECT_EQ(store->list_devices(1, page[0].device)->front().device, same.device);
}

TEST_P(MasaStore, WhatIsSoAlreadyIsNotLoggedAgain) {
    ASSERT_TRUE(store->set_blocked(device, false, 10));
    EXPECT_EQ(audit_size(), 3u) << "it was never blocked";
    ASSERT_TRUE(store->assign(device, "Birch", 10));
    ASSERT_TRUE(store->set_blocked(device, true, 10));
    ASSERT_TRUE(store->set_revoked(device, 10));
    const size_t entries = audit_size();
    const auto generation = got(store->ownership_generation());
    ASSERT_TRUE(store->set_blocked(device, true, 11));
    ASSERT_TRUE(store->set_revoked(device, 11));
    EXPECT_EQ(audit_size(), entries);
    EXPECT_EQ(got(store->ownership_generation()), generation);
}

TEST_P(MasaStore, AssigningTwiceIsOneEntry) {
    ASSERT_TRUE(store->assign(device, "Birch", 10));
    const size_t entries = audit_size();
    ASSERT_TRUE(store->assign(device, "Birch", 11));
    EXPECT_EQ(audit_size(), entries);
    EXPECT_EQ(store->assign(device, "Cedar", 11).error().name, "already_assigned");
}

TEST_P(MasaStore, AReleaseToTheOwnerIsNone) {
    ASSERT_TRUE(store->assign(device, "Birch", 10));
    const auto before = got(store->find_device(device));
    const size_t entries = audit_size();
    EXPECT_EQ(got(store->release(device, "Birch", "Birch", 11)), release_verdict::not_owner);
    EXPECT_TRUE(got(store->find_device(device)) == before);
    EXPECT_EQ(audit_size(), entries);
}

INSTANTIATE_TEST_SUITE_P(Backends, MasaStore,
                         testing::Values(backend{"sqlite",
                                                 [](const fs::path& file) -> std::unique_ptr<registry::masa_registry> {
                                                     return std::move(*store::sqlite_masa_store::open(file.string()));
                                                 }}),
                         [](const auto& which) { return std::string(which.param.name); });

}  // namespace
}  // namespace berth::test
