// What every implementation of the provisioning service's records must do. A new back end adds itself to the list at the end.
#include "registry/hub/hub_registry.h"
#include "store/sqlite/provisioning_store.h"
#include "support/onboarding_parties.h"
#include "support/test_pki.h"

namespace berth::test {
namespace {

using namespace registry;
namespace fs = std::filesystem;

struct opened {
    std::unique_ptr<hub_registry> hub;
    std::unique_ptr<provisioning_registry> records;
};
struct backend {
    const char* name;
    // Opens the same records again, as another process would.
    std::function<opened(const fs::path&)> open;
};

class ProvisioningStore : public testing::TestWithParam<backend> {
protected:
    ProvisioningStore() : all(reopen()), store(all.records.get()) {}
    [[nodiscard]] opened reopen() const { return GetParam().open(directory.path() / "hub.db"); }

    static enrolment_settings below(const std::string& ca, const std::string& second = "") {
        enrolment_settings out;
        out.attestation.primary_ca = ca;
        out.attestation.secondary_ca = second;
        return out;
    }
    enrolment fresh(enrolment_kind kind, const std::string& id, enrolment_settings s = {}) {
        return make_enrolment(kind, id, std::move(s), random, test_now);
    }
    enrolment added(enrolment_kind kind, const std::string& id, enrolment_settings s = {}) {
        auto out = fresh(kind, id, std::move(s));
        EXPECT_EQ(name_of_error(store->add(out)), "accepted") << id;
        return out;
    }
    [[nodiscard]] std::vector<std::string> ids(enrolment_kind kind, const std::string& after = "", size_t most = 1000) const {
        std::vector<std::string> out;
        for (const auto& e : got(store->list({kind, after, most}))) {
            out.push_back(e.id);
        }
        return out;
    }
    static registration record(const std::string& id, enrolment_kind via, const std::string& enrolment) {
        registration out;
        out.id = id;
        out.via = via;
        out.enrolment = enrolment;
        out.device_id = id;
        out.hub = "hub.example:8883";
        out.certificate = {7};
        out.created = test_now;
        out.changed = test_now;
        out.version = 1;
        return out;
    }

    temporary_directory directory;
    named_random random{"provisioning store"};
    opened all;
    provisioning_registry* store;
    authority root = make_root("Fleet", crypto::signature_algorithm::ecdsa_p256_sha256);
};

TEST_P(ProvisioningStore, KeepsEverythingOfAnEnrolment) {
    enrolment_settings s;
    s.enabled = false;
    s.attestation.primary = root.certificate;
    s.attestation.secondary = make_root("Next", crypto::signature_algorithm::mldsa44).certificate;
    s.device_id = "pump-1";
    s.allocation = allocation_way::webhook;
    s.hubs = {"a.example", "b.example:8883"};
    s.webhook = "https://a.example/x";
    s.reprovision = reprovision_way::never;
    s.group = "pumps";
    s.tags = R"({"a":"b\n"})";
    const auto one = added(enrolment_kind::individual, "Dev1", s);
    const auto group = added(enrolment_kind::group, "Dev1", below("fleet", "next"));
    const auto other = reopen();
    EXPECT_EQ(got(other.records->find(enrolment_kind::individual, "dEV1")), one) << "found without case, kept as written";
    EXPECT_EQ(got(other.records->find(enrolment_kind::group, "dev1")), group);
    EXPECT_EQ(got(other.records->find(enrolment_kind::group, "dev")), std::nullopt);
    EXPECT_EQ(got(other.records->find(enrolment_kind::group, std::string_view("dev1\0", 5))), std::nullopt);
}

TEST_P(ProvisioningStore, EachIdOnceAndEachCaOnce) {
    const auto one = added(enrolment_kind::group, "all", below("fleet", "next"));
    EXPECT_EQ(name_of_error(store->add(fresh(enrolment_kind::group, "ALL", below("third")))), "enrolment_exists");
    EXPECT_EQ(name_of_error(store->add(fresh(enrolment_kind::group, "more", below("next")))), "ca_enrolled");
    EXPECT_EQ(name_of_error(store->add(fresh(enrolment_kind::group, "more", below("third", "fleet")))), "ca_enrolled");
    const auto more = added(enrolment_kind::group, "more", below("third"));
    EXPECT_EQ(name_of_error(store->change(more, below("fleet"), test_now)), "ca_enrolled");
    EXPECT_EQ(got(store->find(enrolment_kind::group, "more")), more);
    EXPECT_EQ(got(store->group_of("fleet")), one);
    EXPECT_EQ(got(store->group_of("next")), one);
    EXPECT_EQ(got(store->group_of("third")), more);
    EXPECT_EQ(got(store->group_of("fourth")), std::nullopt);
    EXPECT_EQ(got(store->group_of("")), std::nullopt) << "most name no second one";
    EXPECT_TRUE(store->change(one, below("next", "fleet"), test_now)) << "its own";
}

TEST_P(ProvisioningStore, ChangesWhatWasReadAndNothingElse) {
    const auto first = added(enrolment_kind::group, "all", below("fleet"));
    auto s = first.settings;
    s.enabled = false;
    const auto second = got(store->change(first, s, test_now + 5));
    EXPECT_EQ(second.version, first.version + 1);
    EXPECT_EQ(second.changed, test_now + 5);
    EXPECT_EQ(second.created, test_now);
    EXPECT_EQ(got(store->find(enrolment_kind::group, "all")), second);
    EXPECT_EQ(name_of_error(store->change(first, s, test_now + 6)), "etag_mismatch");
    EXPECT_EQ(name_of_error(store->remove(first)), "etag_mismatch");
    EXPECT_EQ(name_of_error(store->change(fresh(enrolment_kind::individual, "all"), s, test_now)), "unknown_enrolment");
    ASSERT_TRUE(store->remove(second));
    EXPECT_EQ(name_of_error(store->remove(second)), "unknown_enrolment");
    const auto back = added(enrolment_kind::group, "all", below("fleet"));
    EXPECT_EQ(name_of_error(store->change(first, s, test_now)), "etag_mismatch") << "of the one that went";
    EXPECT_NE(back.etag(), first.etag());
}

TEST_P(ProvisioningStore, ListsByPage) {
    for (const char* id : {"b", "C", "a", "d"}) {
        added(enrolment_kind::individual, id);
    }
    added(enrolment_kind::group, "g", below("fleet"));
    EXPECT_EQ(ids(enrolment_kind::individual), (std::vector<std::string>{"a", "b", "C", "d"}));
    EXPECT_EQ(ids(enrolment_kind::individual, "", 2), (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(ids(enrolment_kind::individual, "b", 2), (std::vector<std::string>{"C", "d"}));
    EXPECT_EQ(ids(enrolment_kind::individual, "C"), (std::vector<std::string>{"d"}));
    EXPECT_EQ(ids(enrolment_kind::group), (std::vector<std::string>{"g"}));
}

TEST_P(ProvisioningStore, KeepsEverythingOfARegistration) {
    auto r = record("Dev1", enrolment_kind::group, "All");
    r.status = registration_status::failed;
    r.detail = registration_detail::reset;
    r.generation = 0x7fff'ffff'ffff'ffff;
    r.operation = "4.a.b";
    r.payload = R"({"a":1})";
    r.error_code = 409'203;
    r.error_message = "as the words say";
    ASSERT_TRUE(store->put(r));
    const auto other = reopen();
    EXPECT_EQ(got(other.records->find_registration("dEV1")), r);
    EXPECT_EQ(got(other.records->find_operation("4.a.b")), r);
    EXPECT_EQ(got(other.records->find_operation("4.a.c")), std::nullopt);
    EXPECT_EQ(got(other.records->find_registration("dev")), std::nullopt);
    auto next = r;
    next.operation.clear();
    next.version = 2;
    ASSERT_TRUE(store->put(next));
    EXPECT_EQ(got(store->find_registration("dev1")), next) << "in place of the former";
    EXPECT_EQ(got(store->find_operation("4.a.b")), std::nullopt);
    EXPECT_EQ(got(store->find_operation("")), std::nullopt) << "none is none's";
    EXPECT_TRUE(got(store->remove_registration("DEV1")));
    EXPECT_FALSE(got(store->remove_registration("DEV1")));
}

TEST_P(ProvisioningStore, RegistrationsOfAnEnrolmentGoWithIt) {
    const auto group = added(enrolment_kind::group, "All", below("fleet"));
    const auto one = added(enrolment_kind::individual, "all");
    for (const char* id : {"c", "a", "b"}) {
        ASSERT_TRUE(store->put(record(id, enrolment_kind::group, "All")));
    }
    ASSERT_TRUE(store->put(record("all", enrolment_kind::individual, "all")));
    const auto list = [&](const registration_query& query) {
        std::string out;
        for (const auto& r : got(store->list_registrations(query))) {
            out += r.id + " ";
        }
        return out;
    };
    EXPECT_EQ(list({}), "a all b c ");
    EXPECT_EQ(list({enrolment_kind::group, "ALL", "", 1000}), "a b c ");
    EXPECT_EQ(list({enrolment_kind::group, "all", "a", 1}), "b ");
    EXPECT_EQ(list({enrolment_kind::individual, "all", "", 1000}), "all ");
    ASSERT_TRUE(store->remove(group));
    EXPECT_EQ(list({}), "all ");
    ASSERT_TRUE(store->remove(one));
    EXPECT_EQ(list({}), "");
}

TEST_P(ProvisioningStore, HubsOneOfThemLocal) {
    const linked_hub here{"here.example", 3, true, {"10.0.0.0/8", "::/0"}, test_now},
        there{"there.example:1", 1, false, {}, test_now};
    ASSERT_TRUE(store->add_hub(there));
    ASSERT_TRUE(store->add_hub(here));
    EXPECT_EQ(got(reopen().records->list_hubs()), (std::vector{here, there}));
    EXPECT_EQ(name_of_error(store->add_hub(there)), "hub_exists");
    EXPECT_EQ(name_of_error(store->add_hub({"third.example", 1, true, {}, test_now})), "local_hub_exists");
    auto changed = there;
    changed.local = true;
    EXPECT_EQ(name_of_error(store->change_hub(changed)), "local_hub_exists");
    changed.local = false;
    changed.weight = 9;
    ASSERT_TRUE(store->change_hub(changed));
    EXPECT_TRUE(store->change_hub(here)) << "itself";
    EXPECT_EQ(got(store->list_hubs()), (std::vector{here, changed}));
    EXPECT_EQ(name_of_error(store->change_hub({"third.example", 1, false, {}, test_now})), "unknown_linked_hub");
    EXPECT_TRUE(got(store->remove_hub("here.example")));
    EXPECT_FALSE(got(store->remove_hub("here.example")));
    EXPECT_EQ(got(store->list_hubs()), (std::vector{changed}));
}

TEST_P(ProvisioningStore, TogetherOrNotAtAll) {
    const auto device = make_identity({"dev1", ""}, {}, random, test_now);
    const auto both = [&](bool well) {
        return store->together([&]() -> result<void> {
            BERTH_CHECK(all.hub->add(device));
            BERTH_CHECK(store->put(record("dev1", enrolment_kind::group, "all")));
            return well ? result<void>() : fail(error_category::peer, "second_thoughts", "no");
        });
    };
    EXPECT_EQ(name_of_error(both(false)), "second_thoughts");
    EXPECT_EQ(got(all.hub->find({"dev1", ""})), std::nullopt);
    EXPECT_EQ(got(store->find_registration("dev1")), std::nullopt);
    ASSERT_TRUE(both(true));
    EXPECT_TRUE(got(all.hub->find({"dev1", ""})));
    EXPECT_TRUE(got(store->find_registration("dev1")));
}

// The sqlite records are views of a hub's store, which stays open with them.
INSTANTIATE_TEST_SUITE_P(Backends, ProvisioningStore,
                         testing::Values(backend{"sqlite",
                                                 [](const fs::path& file) {
                                                     auto hub = got(store::sqlite_hub_store::open(file.string()));
                                                     auto records = std::make_unique<store::sqlite_provisioning_store>(*hub);
                                                     return opened{std::move(hub), std::move(records)};
                                                 }}),
                         [](const auto& p) { return std::string(p.param.name); });

}  // namespace
}  // namespace berth::test
