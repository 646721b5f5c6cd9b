// What every implementation of the registrar's records must do. A new back end adds itself to the list at the end.
#include "store/sqlite/registrar_store.h"
#include "support/onboarding_parties.h"

namespace berth::test {
namespace {

using namespace onboarding;
namespace fs = std::filesystem;

struct backend {
    const char* name;
    std::function<std::unique_ptr<registry::registrar_registry>(const fs::path&)> open;
};

class RegistrarStore : public testing::TestWithParam<backend> {
protected:
    RegistrarStore() : store(reopen()) {
        device.serial = "SN-1";
        other.serial = "SN-2";
        EXPECT_TRUE(store->saw_device(device, {}, 5));
    }
    std::unique_ptr<registry::registrar_registry> reopen() const { return GetParam().open(directory.path() / "r.db"); }

    // A certificate that parses: the domain's root will do.
    issued_certificate certificate(uint8_t key) {
        issued_certificate c;
        c.device = device;
        c.name = "device";
        c.profile = "operational";
        c.spki_hash[0] = key;
        c.chain = {to_bytes(root().der())};
        c.not_before = 10;
        c.not_after = 1000;
        return c;
    }
    const pki::certificate& root() {
        if (!root_) {
            root_ = app::make_root(directory.path(), "root", pki::root_template("T", "T", {0, 2'000'000'000}),
                                   crypto::signature_algorithm::ecdsa_p256_sha256, crypto::system_random())
                        ->certificate();
        }
        return *root_;
    }

    temporary_directory directory;
    device_identity device, other;
    std::optional<pki::certificate> root_;
    std::unique_ptr<registry::registrar_registry> store;
};

TEST_P(RegistrarStore, KeepsWhatTheLastQuoteWasWorth) {
    EXPECT_EQ(got(store->find_serial("SN-1")).front().integrity, "");
    ASSERT_TRUE(store->note_integrity(device, "valve-3", "met", 6));
    ASSERT_TRUE(store->note_integrity(device, "valve-3", "pcr_mismatch", 7));
    ASSERT_TRUE(store->note_integrity(other, "valve-3", "met", 8)) << "one that was never seen";
    store = reopen();
    const auto there = got(store->list_devices(10, {}));
    ASSERT_EQ(there.size(), 1U);
    EXPECT_EQ(there.front().integrity, "pcr_mismatch");
    EXPECT_EQ(there.front().integrity_at, 7);
    EXPECT_EQ(there.front().model, "valve-3");
}

TEST_P(RegistrarStore, ApprovalIsAnOperatorsWord) {
    EXPECT_EQ(*store->approval_of(device), approval::unknown);
    ASSERT_TRUE(store->ask_approval(device, "m", 6));
    EXPECT_EQ(*store->approval_of(device), approval::waiting);
    const auto before = *store->decision_generation();
    ASSERT_TRUE(store->decide(device, false, 7));
    EXPECT_NE(*store->decision_generation(), before);
    ASSERT_TRUE(store->ask_approval(device, "m", 8));
    EXPECT_EQ(*store->approval_of(device), approval::denied) << "asking again does not undo a decision";
    ASSERT_TRUE(store->decide(other, true, 9)) << "approved before it was ever seen";
    EXPECT_EQ(*store->approval_of(other), approval::approved);
}

TEST_P(RegistrarStore, ReleasesWaitForAnAnswerAndTheFirstStays) {
    ASSERT_TRUE(store->save_certificates({certificate(1)}, 20));
    const auto first = *store->ask_release(device, "Cedar", 30, 60);
    const auto second = *store->ask_release(other, "Cedar", 31, 61);
    ASSERT_EQ(store->waiting_releases()->size(), 2u);
    EXPECT_EQ(store->waiting_releases()->front().device, device) << "oldest first";
    EXPECT_EQ(store->waiting_releases()->front().give_up_at, 60);
    ASSERT_TRUE(store->release_sent(first, 32));
    EXPECT_EQ((*store->find_release(first))->sent_at, 32);
    ASSERT_TRUE(store->release_answered(first, "not_owner", 33));
    ASSERT_TRUE(store->release_answered(first, "released", 34));
    EXPECT_EQ((*store->find_release(first))->outcome, "not_owner");
    EXPECT_FALSE(store->certificates_of(device)->front().revoked) << "refused: nothing is withdrawn";
    ASSERT_TRUE(store->release_answered(second, "released", 35));
    EXPECT_TRUE(store->waiting_releases()->empty());
    EXPECT_FALSE(store->certificates_of(device)->front().revoked) << "another device's release";
    const auto third = *store->ask_release(device, "Cedar", 40, 70);
    ASSERT_TRUE(store->release_answered(third, "given_up", 71));
    ASSERT_TRUE(store->release_answered(third, "released", 72)) << "the MASA's word came late";
    EXPECT_TRUE(reopen()->certificates_of(device)->front().revoked);
    EXPECT_FALSE(*store->find_release(99));
}

TEST_P(RegistrarStore, CertificatesAreFoundByIdentityNameAndKey) {
    ASSERT_TRUE(store->save_certificates({certificate(1)}, 20));
    hash_field key{};
    key[0] = 1;
    EXPECT_TRUE(*store->find_certificate(device, "device", key));
    EXPECT_FALSE(*store->find_certificate(device, "another", key));
    EXPECT_FALSE(*store->find_certificate(other, "device", key));
    EXPECT_FALSE(*store->key_belongs_to_another(device, key));
    EXPECT_TRUE(*store->key_belongs_to_another(other, key));
}

TEST_P(RegistrarStore, ResultsNeedAGrantAndWaitUntilDelivered) {
    kk3_id_field id{};
    id[0] = 3;
    EXPECT_EQ(*store->save_result(id, device, {}, true, "", 30), result_standing::unknown);
    ASSERT_TRUE(store->save_grant({id, device, "m", "f", {}, 0, 25}));
    EXPECT_EQ(*store->save_result(id, other, {}, true, "", 30), result_standing::unknown) << "another device's grant";
    EXPECT_EQ(*store->save_result(id, device, {}, true, "", 30), result_standing::installed);
    EXPECT_EQ(*store->save_result(id, device, {}, false, "voucher_invalid", 31), result_standing::installed)
        << "answered again, the first stays";
    const auto waiting = *reopen()->undelivered_results(device.device_root_spki, 10);
    ASSERT_EQ(waiting.size(), 1u);
    EXPECT_TRUE(waiting[0].installed);
    ASSERT_TRUE(store->result_delivered(id, "ok", 40));
    EXPECT_TRUE(store->undelivered_results(device.device_root_spki, 10)->empty());
    EXPECT_EQ(store->find_serial("SN-1")->front().onboarded_at, 30);
    EXPECT_EQ(store->find_serial("SN-1")->front().last_result, "installed");
}

TEST_P(RegistrarStore, RevokesWhatAGrantHeld) {
    EXPECT_EQ(*store->membership_of(device), membership::stranger);
    ASSERT_TRUE(store->save_certificates({certificate(1)}, 20));
    EXPECT_EQ(*store->membership_of(device), membership::member);
    EXPECT_EQ(*store->membership_of(other), membership::stranger);
    kk3_id_field id{};
    ASSERT_TRUE(store->save_grant({id, device, "m", "f", {to_bytes(root().sha256())}, 0, 25}));
    EXPECT_TRUE(store->revoked_certificates(30)->empty());
    const auto generation = *store->revocation_generation();
    ASSERT_TRUE(store->revoke_granted(id, "withdrawn", 30));
    EXPECT_NE(*store->revocation_generation(), generation) << "a CRL is due";
    EXPECT_EQ(*store->membership_of(device), membership::withdrawn);
    const auto after = *reopen()->revocation_generation();
    ASSERT_TRUE(store->revoke_granted(id, "withdrawn", 31));
    EXPECT_EQ(*store->revocation_generation(), after) << "nothing more was revoked";
    ASSERT_EQ(store->revoked_certificates(40)->size(), 1u);
    EXPECT_EQ(store->revoked_certificates(40)->front().serial, root().serial());
    EXPECT_TRUE(store->revoked_certificates(1001)->empty()) << "expired ones leave the list";
    hash_field key{};
    key[0] = 1;
    EXPECT_FALSE(*store->find_certificate(device, "device", key)) << "a revoked certificate is not used again";
    EXPECT_TRUE(*store->key_belongs_to_another(other, key)) << "but its key stays known";
}

TEST_P(RegistrarStore, RevokesAllOfADevice) {
    ASSERT_TRUE(store->save_certificates({certificate(1)}, 20));
    ASSERT_TRUE(store->saw_device(other, {}, 5));
    EXPECT_EQ(store->find_serial("SN-1")->front().certificates, 1u);
    EXPECT_EQ(store->find_serial("SN-1")->front().revoked_for, "");
    const auto generation = *store->revocation_generation();
    EXPECT_EQ(*store->revoke_certificates(other, "revoked", 30), 0u);
    EXPECT_EQ(*store->membership_of(device), membership::member) << "it is another's";
    EXPECT_EQ(*store->revocation_generation(), generation);
    EXPECT_EQ(*store->revoke_certificates(device, "revoked", 30), 1u);
    EXPECT_NE(*store->revocation_generation(), generation) << "a CRL is due";
    EXPECT_EQ(*reopen()->membership_of(device), membership::withdrawn);
    EXPECT_EQ(store->revoked_certificates(40)->front().why, "revoked");
    EXPECT_EQ(*store->revoke_certificates(device, "again", 31), 0u);
    EXPECT_EQ(store->find_serial("SN-1")->front().certificates, 0u);
    EXPECT_EQ(store->find_serial("SN-1")->front().revoked_for, "revoked");
}

TEST_P(RegistrarStore, ALifeEndsAndMayBeTakenBack) {
    ASSERT_TRUE(store->save_certificates({certificate(1)}, 20));
    EXPECT_EQ(store->recommission(device, "", 25).error().name, "not_decommissioned");
    const auto decided = *store->decision_generation();
    const auto revoked = *store->revocation_generation();
    EXPECT_EQ(*store->decommission(device, "lost", 30), 1u);
    EXPECT_NE(*store->decision_generation(), decided) << "open sessions hear of it";
    EXPECT_NE(*store->revocation_generation(), revoked) << "a CRL is due";
    const auto ended = reopen()->find_serial("SN-1")->front();
    EXPECT_EQ(ended.decommissioned_at, 30);
    EXPECT_EQ(ended.certificates, 0u);
    EXPECT_EQ(*store->approval_of(device), approval::denied);
    EXPECT_EQ(store->decide(device, true, 31).error().name, "decommissioned");
    EXPECT_EQ(*store->approval_of(device), approval::denied);
    EXPECT_EQ(store->decommission(device, "again", 32).error().name, "decommissioned");
    EXPECT_EQ(store->life_of(device)->back().about, "lost");
    EXPECT_EQ(*store->approval_of(other), approval::unknown) << "it is another's life";
    ASSERT_TRUE(store->recommission(device, "found", 40));
    EXPECT_EQ(store->find_serial("SN-1")->front().decommissioned_at, 0);
    EXPECT_EQ(*store->approval_of(device), approval::unknown);
    ASSERT_TRUE(store->decide(device, true, 41));
    std::string steps;
    const auto told = *store->life_of(device);
    for (const auto& e : told) {
        steps += e.step + " ";
    }
    EXPECT_EQ(steps, "seen certified revoked decommissioned recommissioned ");
    // Also of one that was never seen here.
    EXPECT_EQ(*store->decommission(other, "stolen", 50), 0u);
    EXPECT_EQ(*store->approval_of(other), approval::denied);
}

TEST_P(RegistrarStore, WhatComesAfterADevicesEndHasEnded) {
    EXPECT_FALSE(*store->left_since(device, 10));
    const auto release = *store->ask_release(device, "Cedar", 20, 60);
    EXPECT_FALSE(*store->left_since(device, 10)) << "nobody has answered";
    ASSERT_TRUE(store->release_answered(release, "released", 30));
    EXPECT_TRUE(*store->left_since(device, 30));
    EXPECT_FALSE(*store->left_since(device, 31)) << "asked for after it, by a device that was given back";
    EXPECT_FALSE(*store->left_since(other, 10));
    const auto generation = *store->revocation_generation();
    auto late = certificate(1);
    late.revoked = true;
    ASSERT_TRUE(store->save_certificates({late}, 32));
    EXPECT_NE(*store->revocation_generation(), generation) << "somebody has to be told";
    ASSERT_EQ(store->revoked_certificates(40)->size(), 1u);
    EXPECT_EQ(store->revoked_certificates(40)->front().at, 32);
    EXPECT_EQ(store->revoked_certificates(40)->front().why, "released");
    ASSERT_TRUE(store->save_certificates({certificate(1)}, 33));
    EXPECT_EQ(*store->membership_of(device), membership::withdrawn) << "and it stays so";
}

TEST_P(RegistrarStore, WhatADeniedDeviceHasAskedForHasEndedWheneverItComes) {
    ASSERT_TRUE(store->save_certificates({certificate(1)}, 20));
    ASSERT_TRUE(store->decide(device, false, 30));
    EXPECT_TRUE(*store->left_since(device, 40));
    EXPECT_EQ(*store->membership_of(device), membership::member) << "a denial revokes nothing";
    auto late = certificate(1);
    late.revoked = true;
    ASSERT_TRUE(store->save_certificates({late}, 41)) << "the same for another order";
    EXPECT_EQ(store->revoked_certificates(50)->front().why, "denied");
    ASSERT_TRUE(store->decide(device, true, 42));
    EXPECT_FALSE(*store->left_since(device, 20));
    ASSERT_TRUE(store->decommission(device, "lost", 50));
    EXPECT_TRUE(*reopen()->left_since(device, 60));
}

TEST_P(RegistrarStore, ConfigurationIsVersionedAndLayered) {
    using registry::configuration_scope;
    EXPECT_EQ(store->configuration_for(device, "m")->version, 0u);
    EXPECT_EQ(*store->set_configuration(configuration_scope::everyone, "", R"({"a":1})", 1), 1u);
    EXPECT_EQ(*store->set_configuration(configuration_scope::group, "g", R"({"a":2})", 2), 2u);
    EXPECT_EQ(store->configuration_for(device, "m")->json, R"({"a":1})");
    ASSERT_TRUE(store->set_group(device, "g", 3));
    EXPECT_EQ(store->configuration_for(device, "m")->json, R"({"a":2})");
    EXPECT_EQ(*store->set_configuration(configuration_scope::device, device.text(), R"({"b":3})", 3), 4u)
        << "the group was one, too";
    EXPECT_EQ(store->configuration_for(device, "m")->json, R"({"a":2,"b":3})");
    EXPECT_EQ(store->configuration_for(device, "m")->version, 4u);
    EXPECT_EQ(store->set_configuration(configuration_scope::everyone, "", "no json", 4).error().name, "bad_json");
    EXPECT_EQ(store->configurations()->size(), 3u);
}

// A device that has version N and asks whether there is a newer one must be given what is another content for it.
TEST_P(RegistrarStore, AnotherGroupOrModelIsAnotherVersion) {
    using registry::configuration_scope;
    ASSERT_TRUE(store->set_configuration(configuration_scope::group, "old", R"({"a":1})", 1));
    ASSERT_TRUE(store->set_configuration(configuration_scope::model, "m2", R"({"a":2})", 1));
    ASSERT_TRUE(store->set_configuration(configuration_scope::everyone, "", R"({"b":1})", 1));  // newer than both
    const auto first = got(store->configuration_for(device, ""));
    ASSERT_TRUE(store->set_group(device, "old", 5));
    const auto grouped = got(store->configuration_for(device, ""));
    EXPECT_EQ(grouped.json, R"({"b":1,"a":1})");
    EXPECT_GT(grouped.version, first.version);
    ASSERT_TRUE(store->set_group(device, "old", 6));
    EXPECT_EQ(store->configuration_for(device, "")->version, grouped.version) << "said twice is the same content";
    ASSERT_TRUE(store->set_group(device, "", 7));
    const auto alone = got(store->configuration_for(device, ""));
    EXPECT_EQ(alone.json, first.json);
    EXPECT_GT(alone.version, grouped.version);
    // The first model that a device tells is no change; the second is.
    const auto grant_of = [&](const char* model) { return granted{{}, device, model, "1", {}, 1, 8}; };
    ASSERT_TRUE(store->save_grant(grant_of("m1")));
    EXPECT_EQ(store->configuration_for(device, "")->version, alone.version);
    ASSERT_TRUE(store->save_grant(grant_of("m2")));
    const auto remodelled = got(store->configuration_for(device, ""));
    EXPECT_GT(remodelled.version, alone.version);
    EXPECT_EQ(remodelled.json, R"({"b":1,"a":2})");
    const auto next = got(store->set_configuration(configuration_scope::everyone, "", R"({"b":2})", 9));
    EXPECT_GT(next, remodelled.version);
    EXPECT_EQ(store->configuration_for(device, "")->version, next);
}

TEST_P(RegistrarStore, LeavingTheOnlyLayerEmptiesTheConfiguration) {
    ASSERT_TRUE(store->set_configuration(registry::configuration_scope::group, "g", R"({"a":1})", 1));
    ASSERT_TRUE(store->set_group(device, "g", 2));
    ASSERT_TRUE(store->set_group(device, "", 3));
    EXPECT_EQ(store->configuration_for(device, "")->json, "{}");
}

TEST_P(RegistrarStore, AGroupCanBeSetBeforeTheDeviceIsSeen) {
    ASSERT_TRUE(store->set_configuration(registry::configuration_scope::group, "g", R"({"a":1})", 1));
    ASSERT_TRUE(store->set_group(other, "g", 2));
    EXPECT_EQ(store->configuration_for(other, "m")->json, R"({"a":1})");
    ASSERT_TRUE(store->saw_device(other, {}, 3));
    EXPECT_EQ(store->find_serial("SN-2")->front().group, "g") << "being seen does not undo it";
}

TEST_P(RegistrarStore, PagesDoNotLoseASerialOfTwoMakers) {
    device_identity same = device;
    same.device_root_spki[0] = 9;
    ASSERT_TRUE(store->saw_device(same, {}, 6));
    const auto page = got(store->list_devices(1, {}));
    ASSERT_EQ(page.size(), 1u);
    EXPECT_EQ(page[0].device, device);
    EXPECT_EQ(store->list_devices(1, page[0].device)->front().device, same);
}

INSTANTIATE_TEST_SUITE_P(Backends, RegistrarStore,
                         testing::Values(backend{"sqlite",
                                                 [](const fs::path& file) -> std::unique_ptr<registry::registrar_registry> {
                                                     return std::move(*store::sqlite_registrar_store::open(file.string()));
                                                 }}),
                         [](const auto& which) { return std::string(which.param.name); });

}  // namespace
}  // namespace berth::test
