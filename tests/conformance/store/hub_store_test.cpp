// What every implementation of the hub's registry must do. A new back end adds itself to the list at the end.
#include "registry/hub/hub_registry.h"
#include "store/sqlite/certificate_statuses.h"
#include "store/sqlite/event_positions.h"
#include "store/sqlite/hub_store.h"
#include "support/onboarding_parties.h"
#include "support/test_pki.h"

namespace berth::test {
namespace {

using namespace registry;
namespace fs = std::filesystem;

struct backend {
    const char* name;
    // Opens the same records again, as another process would.
    std::function<std::unique_ptr<hub_registry>(const fs::path&)> open;
};

class HubStore : public testing::TestWithParam<backend> {
protected:
    HubStore() : store(reopen()) {}
    [[nodiscard]] std::unique_ptr<hub_registry> reopen() const { return GetParam().open(directory.path() / "hub.db"); }

    identity fresh(const std::string& name, identity_settings settings = {}) {
        return make_identity(got(parse_identity_name(name)), std::move(settings), random, test_now);
    }
    identity added(const std::string& name, identity_settings settings = {}) {
        auto out = fresh(name, std::move(settings));
        EXPECT_EQ(name_of_error(store->add(out)), "accepted") << name;
        return out;
    }
    [[nodiscard]] std::vector<std::string> names(const identity_query& query) const {
        std::vector<std::string> out;
        for (const auto& i : got(store->list(query))) {
            out.push_back(i.name.text());
        }
        return out;
    }
    [[nodiscard]] std::vector<std::string> told(uint64_t after = 0) const {
        std::vector<std::string> out;
        for (const auto& e : got(store->events(after, 1000))) {
            out.push_back(std::string(to_string(e.what)) + " " + e.name.text());
        }
        return out;
    }
    static identity_settings disabled(const std::string& why) {
        identity_settings out;
        out.enabled = false;
        out.status_reason = why;
        return out;
    }
    registered_ca registration(const std::string& name) {
        return begin_registration(name, make_root(name, crypto::signature_algorithm::ecdsa_p256_sha256).certificate, random,
                                  test_now);
    }

    temporary_directory directory;
    named_random random{"hub store"};
    std::unique_ptr<hub_registry> store;
};

TEST_P(HubStore, KeepsEverythingOfAnIdentity) {
    identity_settings settings;
    settings.enabled = false;
    settings.status_reason = "waits for its pump";
    settings.login = {login_way::thumbprint, thumbprint{1, 2}, thumbprint{3}};
    settings.group = "pumps";
    settings.tags = R"({"site":"Jena"})";
    const auto device = added("dev1", settings);
    const auto module = added("dev1/mod1");
    const auto other = reopen();
    EXPECT_EQ(got(other->find({"dev1", ""})), device);
    EXPECT_EQ(got(other->find({"dev1", "mod1"})), module);
    EXPECT_TRUE(got(other->knows_thumbprint({1, 2})));
    EXPECT_TRUE(got(other->knows_thumbprint({3})));
    EXPECT_FALSE(got(other->knows_thumbprint({4})));
    EXPECT_FALSE(got(other->knows_thumbprint({})));
    EXPECT_EQ(got(other->find({"Dev1", ""})), std::nullopt) << "compared octet by octet";
    EXPECT_EQ(got(other->find({"dev1", "mod2"})), std::nullopt);
}

TEST_P(HubStore, AddsEachNameOnceAndModulesToDevices) {
    const auto device = added("dev1");
    EXPECT_EQ(name_of_error(store->add(fresh("dev1", disabled("another")))), "identity_exists");
    EXPECT_EQ(got(store->find({"dev1", ""})), device) << "nothing of it has changed";
    EXPECT_EQ(name_of_error(store->add(fresh("dev2/mod1"))), "unknown_identity");
    added("dev1/mod1");
    EXPECT_EQ(name_of_error(store->add(fresh("dev1/mod1"))), "identity_exists");
    EXPECT_EQ(got(store->tally()), (identity_tally{1, 0, 1}));
    for (int i = 2; i <= 50; ++i) {
        added("dev1/mod" + std::to_string(i));
    }
    EXPECT_EQ(name_of_error(store->add(fresh("dev1/mod51"))), "too_many_modules");
}

TEST_P(HubStore, ChangesWhatWasReadAndNothingElse) {
    const auto first = added("dev1");
    const auto second = got(store->change(first, disabled("stolen"), test_now + 5));
    EXPECT_EQ(second.version, first.version + 1);
    EXPECT_EQ(second.generation, first.generation);
    EXPECT_EQ(second.status_changed, test_now + 5);
    EXPECT_EQ(got(store->find({"dev1", ""})), second);
    EXPECT_EQ(got(store->tally()), (identity_tally{1, 1, 0}));
    // Two who read the same: the second of them is told.
    EXPECT_EQ(name_of_error(store->change(first, {}, test_now + 6)), "etag_mismatch");
    EXPECT_EQ(name_of_error(store->remove(first, test_now + 6)), "etag_mismatch");
    auto tagged = second.settings;
    tagged.tags = R"({"a":1})";
    const auto third = got(store->change(second, tagged, test_now + 7));
    EXPECT_EQ(third.status_changed, test_now + 5) << "its status did not";
    const auto fourth = got(store->change(third, {}, test_now + 8));
    EXPECT_EQ(fourth.status_changed, test_now + 8);
    EXPECT_EQ(got(store->tally()), (identity_tally{1, 0, 0}));
    EXPECT_EQ(told(), (std::vector<std::string>{"created dev1", "disabled dev1", "changed dev1", "enabled dev1"}));
    EXPECT_EQ(name_of_error(store->change(fresh("dev2"), {}, test_now)), "unknown_identity");
}

TEST_P(HubStore, ARemovedDeviceTakesItsModulesWithItAndComesBackAsAnother) {
    const auto device = added("dev1", disabled("old"));
    added("dev1/a");
    added("dev1/b");
    added("dev10");
    added("dev10/a");
    ASSERT_TRUE(store->remove(device, test_now + 1));
    EXPECT_EQ(got(store->find({"dev1", "a"})), std::nullopt);
    EXPECT_EQ(got(store->tally()), (identity_tally{1, 0, 1})) << "dev10 and its module";
    const auto back = added("dev1");
    EXPECT_NE(back.generation, device.generation);
    EXPECT_EQ(name_of_error(store->change(device, {}, test_now)), "etag_mismatch") << "of the one that went";
    EXPECT_EQ(name_of_error(store->remove(fresh("dev2"), test_now)), "unknown_identity");
    const auto all = told();
    EXPECT_EQ((std::vector<std::string>{all.begin() + 5, all.end()}),
              (std::vector<std::string>{"deleted dev1/a", "deleted dev1/b", "deleted dev1", "created dev1"}));
}

TEST_P(HubStore, ListsByPageAndByWhatIsAskedFor) {
    identity_settings pumps;
    pumps.group = "pumps";
    auto broken = disabled("broken");
    broken.group = "pumps";
    added("a");
    added("b", pumps);
    added("b/m1");
    added("b/m2", pumps);
    added("c", disabled("stock"));
    added("d", broken);
    added("e");
    added("a/m");
    identity_query query;
    EXPECT_EQ(names(query), (std::vector<std::string>{"a", "b", "c", "d", "e"}));
    query.most = 2;
    EXPECT_EQ(names(query), (std::vector<std::string>{"a", "b"}));
    query.after = {"b", ""};
    EXPECT_EQ(names(query), (std::vector<std::string>{"c", "d"}));
    query.after = {"bb", ""};
    EXPECT_EQ(names(query), (std::vector<std::string>{"c", "d"})) << "behind where one was";
    query.after = {"e", ""};
    EXPECT_TRUE(names(query).empty());

    query = {};
    query.enabled = false;
    EXPECT_EQ(names(query), (std::vector<std::string>{"c", "d"}));
    query.after = {"c", ""};
    EXPECT_EQ(names(query), (std::vector<std::string>{"d"}));
    query.group = "pumps";
    query.after = {};
    EXPECT_EQ(names(query), (std::vector<std::string>{"d"}));
    query.enabled = true;
    EXPECT_EQ(names(query), (std::vector<std::string>{"b"}));
    query.enabled.reset();
    EXPECT_EQ(names(query), (std::vector<std::string>{"b", "d"}));
    query.group = "";
    EXPECT_EQ(names(query), (std::vector<std::string>{"a", "c", "e"})) << "of no group";

    query = {};
    query.modules = true;
    EXPECT_EQ(names(query), (std::vector<std::string>{"a/m", "b/m1", "b/m2"}));
    query.after = {"a", "m"};
    EXPECT_EQ(names(query), (std::vector<std::string>{"b/m1", "b/m2"}));
    query.group = "pumps";
    EXPECT_EQ(names(query), (std::vector<std::string>{"b/m2"}));
    query = {};
    query.device = "b";
    EXPECT_EQ(names(query), (std::vector<std::string>{"b/m1", "b/m2"}));
    query.after = {"b", "m1"};
    EXPECT_EQ(names(query), (std::vector<std::string>{"b/m2"}));
}

TEST_P(HubStore, EpochsGoUpAndAreChanges) {
    const auto device = added("dev1");
    const auto raised = got(store->raise_epoch({"dev1", ""}, test_now + 1));
    EXPECT_EQ(raised.epoch, 1U);
    EXPECT_NE(raised.etag(), device.etag());
    EXPECT_EQ(got(store->raise_epoch({"dev1", ""}, test_now + 2)).epoch, 2U);
    EXPECT_EQ(got(store->find({"dev1", ""}))->epoch, 2U);
    EXPECT_EQ(name_of_error(store->raise_epoch({"dev2", ""}, test_now)), "unknown_identity");
    EXPECT_EQ(told(), (std::vector<std::string>{"created dev1", "revoked dev1", "revoked dev1"}));
}

TEST_P(HubStore, EndedCertificatesStayEnded) {
    added("dev1");
    added("dev1/m");
    added("dev2");
    got(store->raise_epoch({"dev1", ""}, test_now + 1));
    got(store->raise_epoch({"dev1", ""}, test_now + 2));
    got(store->raise_epoch({"dev1", "m"}, test_now + 3));
    for (int times = 0; times < 2; ++times) {
        ASSERT_TRUE(store->remove(*got(store->find({"dev1", ""})), test_now));
        ASSERT_TRUE(store->remove(*got(store->find({"dev2", ""})), test_now));
        added("dev1");
        added("dev1/m");
        added("dev2");
        EXPECT_EQ(got(store->find({"dev1", ""}))->epoch, 2U) << times;
        EXPECT_EQ(got(store->find({"dev1", ""}))->epoch_raised, test_now + 2);
        EXPECT_EQ(got(store->find({"dev1", "m"}))->epoch, 1U);
        EXPECT_EQ(got(store->find({"dev2", ""}))->epoch, 0U);
    }
}

TEST_P(HubStore, EventsAreReadOnFromWhereOneWas) {
    added("a");
    added("b");
    const uint64_t newest = got(store->newest_event());
    EXPECT_EQ(told(newest), std::vector<std::string>{});
    added("c");
    EXPECT_EQ(told(newest), (std::vector<std::string>{"created c"}));
    const auto first = got(store->events(0, 1));
    ASSERT_EQ(first.size(), 1U);
    EXPECT_EQ(first[0].at, test_now);
    EXPECT_EQ(first[0].generation, got(store->find({"a", ""}))->generation);
    ASSERT_TRUE(store->forget_events(got(store->newest_event())));
    EXPECT_TRUE(told().empty());
    const uint64_t before = got(store->newest_event());
    added("d");
    EXPECT_GT(got(store->newest_event()), before) << "no number comes twice";
}

TEST_P(HubStore, RegistersEachCertificateOnce) {
    const auto generation = got(store->trust_generation());
    const auto ca = registration("fleet");
    ASSERT_TRUE(store->add_ca(ca));
    EXPECT_GT(got(store->trust_generation()), generation);
    const auto kept = got(reopen()->find_ca("fleet"));
    ASSERT_TRUE(kept);
    EXPECT_EQ(kept->certificate, ca.certificate);
    EXPECT_EQ(kept->code, ca.code);
    EXPECT_EQ(kept->code_expires, ca.code_expires);
    EXPECT_EQ(kept->state, ca_state::unverified);
    EXPECT_EQ(name_of_error(store->add_ca(registration("fleet"))), "ca_name_taken");
    auto other_name = ca;
    other_name.name = "other";
    EXPECT_EQ(name_of_error(store->add_ca(other_name)), "ca_exists");
    EXPECT_EQ(got(store->find_ca("other")).has_value(), false);
    ASSERT_TRUE(store->add_ca(registration("another")));
    EXPECT_EQ(got(store->list_cas()).size(), 2U);
    EXPECT_EQ(got(store->list_cas()).front().name, "another");
}

TEST_P(HubStore, RegistrationsChangeAsTheyWereRead) {
    auto ca = registration("fleet");
    ASSERT_TRUE(store->add_ca(ca));
    const auto read = ca;
    ca.state = ca_state::verified;
    ca.verified_at = test_now + 1;
    ca.code.clear();
    ca.retires = test_now + day;
    ++ca.version;
    const auto generation = got(store->trust_generation());
    ASSERT_TRUE(store->change_ca(ca));
    EXPECT_GT(got(store->trust_generation()), generation);
    const auto kept = got(store->find_ca("fleet"));
    EXPECT_EQ(kept->state, ca_state::verified);
    EXPECT_EQ(kept->retires, test_now + day);
    EXPECT_EQ(kept->etag(), ca.etag());
    EXPECT_EQ(name_of_error(store->change_ca(ca)), "etag_mismatch");
    EXPECT_EQ(name_of_error(store->remove_ca(read)), "etag_mismatch");
    ASSERT_TRUE(store->remove_ca(ca));
    EXPECT_EQ(name_of_error(store->remove_ca(ca)), "unknown_ca");
    EXPECT_EQ(name_of_error(store->change_ca(ca)), "unknown_ca");
}

TEST_P(HubStore, KeepsTheListOfACaAsLongAsTheCa) {
    const auto by = make_root("fleet", crypto::signature_algorithm::ecdsa_p256_sha256);
    const auto ca = begin_registration("fleet", by.certificate, random, test_now);
    const auto list = [&by](uint64_t number) {
        return value_of(pki::issue_crl({number, test_now - 60, test_now + day, {}}, by.certificate, by.key));
    };
    EXPECT_EQ(name_of_error(store->keep_list(ca, list(1))), "unknown_ca");
    ASSERT_TRUE(store->add_ca(ca));
    EXPECT_FALSE(got(store->list_of(ca)));
    const uint64_t before = got(store->trust_generation());
    ASSERT_TRUE(store->keep_list(ca, list(1)));
    ASSERT_TRUE(store->keep_list(ca, list(2)));
    EXPECT_GT(got(store->trust_generation()), before);
    store = reopen();
    EXPECT_EQ(got(store->list_of(ca)).value().number(), 2U);
    ASSERT_TRUE(store->drop_list(ca));
    EXPECT_FALSE(got(store->list_of(ca)));
    ASSERT_TRUE(store->keep_list(ca, list(3)));
    ASSERT_TRUE(store->remove_ca(ca));
    ASSERT_TRUE(store->add_ca(ca));
    EXPECT_FALSE(got(store->list_of(ca))) << "it goes with the CA";
}

TEST_P(HubStore, KnowsWhomACaLetIn) {
    const auto ca = registration("fleet");
    const auto other = registration("other");
    ASSERT_TRUE(store->add_ca(ca));
    ASSERT_TRUE(store->add_ca(other));
    const auto device = added("a");
    added("a/m");
    added("b");
    added("c");
    EXPECT_EQ(got(store->count_logins(ca.certificate.sha256())), 0U);
    for (const identity_name& name : {identity_name{"a", ""}, identity_name{"a", "m"}, identity_name{"b", ""}}) {
        ASSERT_TRUE(store->note_login(name, ca.certificate.sha256(), test_now + 9));
    }
    EXPECT_EQ(got(store->count_logins(ca.certificate.sha256())), 3U);
    EXPECT_EQ(got(store->find({"a", ""}))->last_activity, test_now + 9);
    EXPECT_EQ(got(store->find({"a", ""}))->etag(), device.etag()) << "a login is no change";
    ASSERT_TRUE(store->note_login({"b", ""}, other.certificate.sha256(), test_now + 10));
    ASSERT_TRUE(store->note_login({"c", ""}, {}, test_now + 10)) << "by thumbprint";
    ASSERT_TRUE(store->note_login({"gone", ""}, other.certificate.sha256(), test_now + 10));
    EXPECT_EQ(got(store->count_logins(ca.certificate.sha256())), 2U);
    EXPECT_EQ(got(store->count_logins(other.certificate.sha256())), 1U);
    // Who comes after it has let nobody in, whatever number it has.
    ASSERT_TRUE(store->remove_ca(ca));
    const auto next = begin_registration("fleet", make_root("Next", crypto::signature_algorithm::ecdsa_p256_sha256).certificate,
                                         random, test_now);
    ASSERT_TRUE(store->add_ca(next));
    EXPECT_EQ(got(store->count_logins(next.certificate.sha256())), 0U);
    EXPECT_EQ(got(store->count_logins(ca.certificate.sha256())), 0U);
}

TEST_P(HubStore, KeepsSharedKeysBesideTheIdentity) {
    identity_settings by_key;
    by_key.login.way = login_way::shared_key;
    const auto before = added("dev1", by_key);
    const auto other = added("dev2", by_key);
    EXPECT_FALSE(got(store->keys_of(before.name)));
    const uint64_t last = got(store->newest_event());
    const auto first = draw_shared_keys(random);
    const auto after = got(store->set_keys(before, first, test_now));
    EXPECT_NE(after.etag(), before.etag()) << "it is a change";
    EXPECT_EQ(told(last), std::vector<std::string>{"changed dev1"});
    EXPECT_EQ(name_of_error(store->set_keys(before, first, test_now)), "etag_mismatch");
    store = reopen();
    const auto kept = got(store->keys_of(before.name));
    ASSERT_TRUE(kept);
    EXPECT_EQ(to_hex(kept->primary.reveal()), to_hex(first.primary.reveal()));
    EXPECT_EQ(to_hex(kept->secondary.reveal()), to_hex(first.secondary.reveal()));
    EXPECT_FALSE(got(store->keys_of(other.name)));
    // They stay while it logs in by them, and go with that.
    auto settings = by_key;
    settings.group = "line 1";
    auto now = got(store->change(after, settings, test_now));
    EXPECT_TRUE(got(store->keys_of(before.name)));
    now = got(store->change(now, {}, test_now));
    EXPECT_FALSE(got(store->keys_of(before.name)));
    now = got(store->change(now, by_key, test_now));
    EXPECT_FALSE(got(store->keys_of(before.name))) << "nor do they come back";
    now = got(store->set_keys(now, first, test_now));
    ASSERT_TRUE(store->remove(now, test_now));
    added("dev1", by_key);
    EXPECT_FALSE(got(store->keys_of(before.name))) << "another's";
    EXPECT_EQ(name_of_error(store->set_keys(fresh("nobody"), first, test_now)), "unknown_identity");
}

TEST_P(HubStore, SettingsOfTheHubAreKeptAndCounted) {
    EXPECT_EQ(got(store->settings()), hub_settings{}) << "nothing is taken at first";
    const uint64_t before = got(store->settings_generation());
    const hub_settings wanted{true, false, "hub.example"};
    ASSERT_TRUE(store->set(wanted));
    EXPECT_GT(got(store->settings_generation()), before);
    store = reopen();
    EXPECT_EQ(got(store->settings()), wanted);
    ASSERT_TRUE(store->set({}));
    EXPECT_EQ(got(store->settings()), hub_settings{});
}

TEST_P(HubStore, KeepsWhatGroupsMayDo) {
    const uint64_t before = got(store->policy_generation());
    auto few = operation_set::none();
    few.add(operation::twin);
    const group_policy meters{"meters", few, {"site/{device}/up", "log/#"}, {"plan/+/x"}};
    const group_policy everybody{"default", operation_set::all(), {}, {}};
    EXPECT_EQ(name_of_error(store->set_policy(meters)), "accepted");
    EXPECT_EQ(name_of_error(store->set_policy(everybody)), "accepted");
    EXPECT_EQ(got(reopen()->policies()), (std::vector{everybody, meters}));
    EXPECT_EQ(got(store->policy_generation()), before + 2);
    const group_policy fewer{"meters", operation_set::none(), {}, {"x"}};
    EXPECT_EQ(name_of_error(store->set_policy(fewer)), "accepted");
    EXPECT_EQ(got(reopen()->policies()), (std::vector{everybody, fewer}));
    EXPECT_EQ(name_of_error(store->set_policy({"meters", few, {"$SYS/#"}, {}})), "bad_policy");
    EXPECT_TRUE(got(store->remove_policy("meters")));
    EXPECT_FALSE(got(store->remove_policy("meters")));
    EXPECT_EQ(got(store->policies()), std::vector{everybody});
    EXPECT_EQ(got(store->policy_generation()), before + 4);
    for (size_t i = 1; i < most_group_policies; ++i) {
        ASSERT_EQ(name_of_error(store->set_policy({fmt::format("g{}", i), few, {}, {}})), "accepted");
    }
    EXPECT_EQ(name_of_error(store->set_policy({"one-more", few, {}, {}})), "too_many_policies");
    EXPECT_EQ(got(store->policies()).size(), most_group_policies);
}

TEST(event_positions, are_kept_by_the_names_of_sinks) {
    temporary_directory directory;
    const std::string file = (directory.path() / "hub.db").string();
    {
        const auto hub = got(store::sqlite_hub_store::open(file));
        store::event_positions positions(*hub);
        EXPECT_EQ(got(positions.find("a")), std::nullopt);
        EXPECT_EQ(name_of_error(positions.set("a", 7)), "accepted");
        EXPECT_EQ(name_of_error(positions.set("b", 0)), "accepted");
        EXPECT_EQ(name_of_error(positions.set("a", 9)), "accepted");
    }
    const auto hub = got(store::sqlite_hub_store::open(file));
    store::event_positions positions(*hub);
    EXPECT_EQ(got(positions.find("a")), 9U);
    EXPECT_EQ(got(positions.find("b")), 0U);
}

TEST(certificate_statuses, are_asked_for_learnt_and_forgotten) {
    temporary_directory directory;
    named_random random{"statuses"};
    const auto hub = got(store::sqlite_hub_store::open((directory.path() / "hub.db").string()));
    store::certificate_statuses statuses(*hub);
    auto ca = begin_registration("fleet", make_root("fleet", crypto::signature_algorithm::ecdsa_p256_sha256).certificate, random,
                                 test_now);
    EXPECT_EQ(name_of_error(statuses.set_rule(ca, ocsp_rule{"http://x/", true, 60})), "unknown_ca");
    ASSERT_TRUE(hub->add_ca(ca));
    const uint64_t trust = got(hub->trust_generation());
    EXPECT_EQ(got(statuses.rule_of(ca)), std::nullopt);
    EXPECT_EQ(name_of_error(statuses.set_rule(ca, ocsp_rule{"https://x/", true, 60})), "bad_ocsp_responder");
    EXPECT_EQ(name_of_error(statuses.set_rule(ca, ocsp_rule{"http://x/", true, 60})), "accepted");
    EXPECT_EQ(got(statuses.rule_of(ca)), (ocsp_rule{"http://x/", true, 60}));
    EXPECT_GT(got(hub->trust_generation()), trust) << "brokers read it again";

    const auto key = ca.certificate.spki_sha256();
    const auto asked = [&](unix_seconds now, unix_seconds seen = 0, size_t most = 10) {
        return got(statuses.due(key, now, seen, most)).questions;
    };
    const certificate_id one{ca.certificate.spki_sha256(), {1}}, other{ca.certificate.spki_sha256(), {2}};
    EXPECT_EQ(name_of_error(statuses.want({one}, test_now)), "accepted");
    EXPECT_TRUE(asked(test_now).empty()) << "without the certificate nobody can be asked";
    const bytes der{0x30, 0};
    EXPECT_EQ(name_of_error(statuses.want({one, der}, test_now)), "accepted");
    EXPECT_EQ(name_of_error(statuses.want({other, der}, test_now)), "accepted");
    EXPECT_EQ(asked(test_now).size(), 2U);
    EXPECT_EQ(asked(test_now, 0, 1).size(), 1U);
    EXPECT_TRUE(asked(test_now, test_now + 1).empty()) << "not seen since then";
    EXPECT_TRUE(got(statuses.due({}, test_now, 0, 10)).questions.empty()) << "another CA's";
    EXPECT_FALSE(got(statuses.find(one)));
    const certificate_status good{pki::ocsp_state::good, 0, pki::revocation_reason::unspecified, test_now, test_now + 600};
    EXPECT_FALSE(got(statuses.learn(one, good, test_now + 60)));
    EXPECT_EQ(asked(test_now + 59).size(), 1U);
    EXPECT_TRUE(got(statuses.find(one))->is_good(test_now + 600));
    EXPECT_FALSE(got(statuses.find(one))->is_good(test_now + 601));
    EXPECT_EQ(got(statuses.endings()), 0U);
    const certificate_status ended{pki::ocsp_state::revoked, test_now, pki::revocation_reason::key_compromise, test_now + 60, 0};
    EXPECT_TRUE(got(statuses.learn(one, ended, test_now + 120)));
    EXPECT_FALSE(got(statuses.learn(one, ended, test_now + 180))) << "told once";
    EXPECT_EQ(got(statuses.endings()), 1U);
    EXPECT_EQ(got(statuses.ended_since(0)), std::vector{one});
    EXPECT_TRUE(got(statuses.ended_since(1)).empty());
    EXPECT_EQ(got(statuses.find(one))->reason, pki::revocation_reason::key_compromise);
    EXPECT_EQ(name_of_error(statuses.put_off(other, test_now + 500)), "accepted");
    EXPECT_TRUE(asked(test_now + 179).empty());
    // Another pace counts at once.
    EXPECT_EQ(name_of_error(statuses.set_rule(ca, ocsp_rule{"", false, 30})), "accepted");
    EXPECT_EQ(asked(test_now).size(), 2U);
    EXPECT_EQ(name_of_error(statuses.want({other, der}, test_now + 3'600)), "accepted");
    EXPECT_EQ(got(statuses.forget(test_now, test_now + 1, 10)), 1U);
    EXPECT_FALSE(got(statuses.find(one)));
    EXPECT_EQ(name_of_error(statuses.set_rule(ca, std::nullopt)), "accepted");
    EXPECT_EQ(got(statuses.rule_of(ca)), std::nullopt);
}

// Nobody waits behind those that nobody wants any longer.
TEST(certificate_statuses, of_whom_was_not_seen_rest_until_he_comes_again) {
    temporary_directory directory;
    const auto hub = got(store::sqlite_hub_store::open((directory.path() / "hub.db").string()));
    store::certificate_statuses statuses(*hub);
    const std::array<uint8_t, 32> key{1};
    const auto numbered = [&](size_t i) { return certificate_id{key, {static_cast<uint8_t>(i >> 8), static_cast<uint8_t>(i)}}; };
    const bytes der{0x30, 0};
    constexpr size_t many = 3'000, at_once = 1'000;
    EXPECT_TRUE(hub->all_or_nothing([&]() -> result<void> {
        for (size_t i = 0; i < many; ++i) {
            BERTH_CHECK(statuses.want({numbered(i), der}, test_now - 90'000));
        }
        return {};
    }));
    const certificate_id fresh{key, {0xff}};
    EXPECT_EQ(name_of_error(statuses.want({fresh, der}, test_now)), "accepted");
    EXPECT_EQ(name_of_error(statuses.put_off(fresh, test_now)), "accepted") << "due after all of them";
    const unix_seconds seen = test_now - 86'400;
    auto due = got(statuses.due(key, test_now, seen, 128));
    EXPECT_TRUE(due.questions.empty()) << "no more than this was looked at";
    EXPECT_TRUE(due.stale);
    for (size_t i = 0; i < many; i += at_once) {
        EXPECT_EQ(got(statuses.rest(key, test_now, seen, at_once)), at_once);
    }
    EXPECT_EQ(got(statuses.rest(key, test_now, seen, at_once)), 0U);
    due = got(statuses.due(key, test_now, seen, 128));
    EXPECT_FALSE(due.stale);
    ASSERT_EQ(due.questions.size(), 1U);
    EXPECT_EQ(due.questions.front().which, fresh);
    // Who comes again, or is here still, is asked about at once.
    EXPECT_EQ(name_of_error(statuses.want({numbered(5), der}, test_now)), "accepted");
    EXPECT_EQ(name_of_error(statuses.want({numbered(6)}, test_now)), "accepted");
    EXPECT_EQ(got(statuses.due(key, test_now, seen, 128)).questions.size(), 3U);
    EXPECT_EQ(got(statuses.forget(test_now, seen, 100)), 100U) << "no more at once";
}

TEST(certificate_statuses, end_with_their_certificates_and_are_few_for_each_holder) {
    temporary_directory directory;
    const auto hub = got(store::sqlite_hub_store::open((directory.path() / "hub.db").string()));
    store::certificate_statuses statuses(*hub);
    const std::array<uint8_t, 32> key{1};
    const bytes der{0x30, 0};
    const auto wanted = [&](uint8_t serial, const std::string& holder, unix_seconds ends, unix_seconds at) {
        EXPECT_EQ(name_of_error(statuses.want({{key, {serial}}, der, ends, holder}, at)), "accepted");
    };
    wanted(1, "a", test_now + 10, test_now);
    wanted(2, "", test_now + 1'000, test_now);
    EXPECT_TRUE(got(statuses.due(key, test_now + 11, 0, 10)).stale) << "nobody is asked about what has ended";
    EXPECT_EQ(got(statuses.forget(test_now + 11, 0, 10)), 1U);
    EXPECT_EQ(got(statuses.due(key, test_now + 11, 0, 10)).questions.size(), 1U);
    // A device that is given another one each hour.
    const certificate_status ended{pki::ocsp_state::revoked, test_now, {}, test_now, 0};
    for (uint8_t i = 10; i < 20; ++i) {
        wanted(i, "a", test_now + 1'000, test_now + i);
        if (i == 10) {
            EXPECT_TRUE(got(statuses.learn({key, {i}}, ended, test_now)));
        }
    }
    wanted(30, "b", test_now + 1'000, test_now);
    const auto left = got(statuses.due(key, test_now + 100, 0, 100)).questions;
    std::set<uint8_t> serials;
    for (const auto& one : left) {
        serials.insert(one.which.serial.front());
    }
    EXPECT_EQ(serials, (std::set<uint8_t>{2, 10, 16, 17, 18, 19, 30})) << "who was revoked stays so";
}

INSTANTIATE_TEST_SUITE_P(Backends, HubStore,
                         testing::Values(backend{"sqlite",
                                                 [](const fs::path& file) -> std::unique_ptr<hub_registry> {
                                                     return got(store::sqlite_hub_store::open(file.string()));
                                                 }}),
                         [](const auto& p) { return std::string(p.param.name); });

}  // namespace
}  // namespace berth::test
