// A hub with a registered CA and everything that the provisioning service needs, in one process.
#pragma once

#include "provisioning/service.h"
#include "store/sqlite/provisioning_store.h"
#include "store/sqlite/twin_store.h"
#include "support/onboarding_parties.h"
#include "support/test_pki.h"

#include <map>

namespace berth::test {

using namespace registry;
using crypto::signature_algorithm;
using provisioning::answer;
using provisioning::caller;

class ProvisioningWorld : public testing::Test {
protected:
    ProvisioningWorld() { start(); }

    // As after a restart: what was in memory is gone.
    void start() {
        to.reset();
        twins.reset();
        records.reset();
        hub.reset();
        hub = got(store::sqlite_hub_store::open((directory.path() / "hub.db").string()));
        records = std::make_unique<store::sqlite_provisioning_store>(*hub);
        twins = std::make_unique<store::sqlite_twin_store>(*hub);
        settings.id_scope = "scope1";
        to = std::make_unique<provisioning::service>(settings, *hub, *records, random, issuer, twins.get());
    }

    void register_ca(const std::string& name, const pki::certificate& c, ca_state state = ca_state::verified,
                     unix_seconds retires = 0) {
        ASSERT_EQ(name_of_error(hub->add_ca({name, c, state, "", 0, now, now, retires, 1})), "accepted");
    }
    void link(const std::string& host, bool local = false, uint32_t weight = 1, std::vector<std::string> near = {}) {
        ASSERT_EQ(name_of_error(records->add_hub({host, weight, local, std::move(near), now})), "accepted");
    }
    enrolment add(enrolment_kind kind, const std::string& id, const enrolment_settings& s) {
        EXPECT_EQ(name_of_error(check_enrolment(kind, id, s)), "accepted") << id;
        auto out = make_enrolment(kind, id, s, random, now);
        EXPECT_EQ(name_of_error(records->add(out)), "accepted") << id;
        return out;
    }
    static enrolment_settings below(const std::string& ca, const std::string& second = "") {
        enrolment_settings out;
        out.attestation.primary_ca = ca;
        out.attestation.secondary_ca = second;
        return out;
    }
    static enrolment_settings with(const pki::certificate& c) {
        enrolment_settings out;
        out.attestation.primary = c;
        return out;
    }
    enrolment group(const std::string& id, const enrolment_settings& s) { return add(enrolment_kind::group, id, s); }
    enrolment individual(const std::string& id, const enrolment_settings& s) { return add(enrolment_kind::individual, id, s); }
    enrolment changed(const enrolment& e, const std::function<void(enrolment_settings&)>& how) {
        const auto before = got(records->find(e.kind, e.id));
        auto s = before->settings;
        how(s);
        return got(records->change(*before, s, now));
    }

    static pki::certificate leaf(const authority& by, const std::string& name, pki::validity v = usual,
                                 signature_algorithm alg = signature_algorithm::ecdsa_p256_sha256) {
        return issue(by, pki::client_template("Test", name, v), signature_key("of " + name, alg).public_key().spki());
    }
    [[nodiscard]] caller shows(std::vector<pki::certificate> chain, std::string address = "192.0.2.7") const {
        return {std::move(chain), std::move(address), "scope1"};
    }
    // A device of the line, with its chain: the same certificate each time.
    caller device(const std::string& name) {
        auto& made = devices[name];
        if (made.empty()) {
            made = {leaf(line, name), line.certificate};
        }
        return shows(made);
    }

    static std::string text(const answer& a, const char* member) {
        const auto* const found = a.body.if_contains(member);
        return found && found->is_string() ? std::string(found->as_string()) : "";
    }
    static uint64_t number(const answer& a, const char* member) {
        const auto* const found = a.body.if_contains(member);
        return found ? found->to_number<uint64_t>() : 0;
    }
    static wire::json::object state_of(const answer& a) {
        const auto* const found = a.body.if_contains("registrationState");
        return found && found->is_object() ? found->as_object() : wire::json::object();
    }
    static std::string text(const wire::json::object& o, const char* member) {
        const auto* const found = o.if_contains(member);
        return found && found->is_string() ? std::string(found->as_string()) : "";
    }

    answer begin(const caller& who, const std::string& id, const std::string& body = "") { return to->begin(who, id, body, now); }
    answer status(const caller& who, const std::string& id, const std::string& operation) {
        return to->status(who, id, operation, now);
    }
    // Both steps; each registration in a window of its own.
    answer registered(const caller& who, const std::string& id, const std::string& body = "") {
        now += 20;
        const auto begun = begin(who, id, body);
        EXPECT_EQ(begun.status, 202U) << begun.text();
        EXPECT_EQ(text(begun, "status"), "assigning");
        EXPECT_EQ(text(state_of(begun), "registrationId"), id) << "aziot-identityd wants it there";
        EXPECT_TRUE(begun.retry_after);
        return status(who, id, text(begun, "operationId"));
    }
    // "device at hub", or why not.
    std::string assigned(const caller& who, const std::string& id, const std::string& body = "") {
        now += 20;
        const auto begun = begin(who, id, body);
        if (begun.status != 202) {
            return std::to_string(number(begun, "errorCode"));
        }
        const auto a = status(who, id, text(begun, "operationId"));
        const auto state = state_of(a);
        EXPECT_EQ(text(state, "status"), text(a, "status"));
        return text(a, "status") == "assigned" ? text(state, "deviceId") + " at " + text(state, "assignedHub")
               : text(a, "status") == "failed" ? "failed " + std::to_string(state.at("errorCode").to_number<uint64_t>())
                                               : text(a, "status");
    }
    [[nodiscard]] std::optional<identity> known(const std::string& name) const { return got(hub->find({name, ""})); }

    std::map<std::string, std::vector<pki::certificate>> devices;
    unix_seconds now = test_now;
    temporary_directory directory;
    named_random random{"provisioning"};
    provisioning::service_settings settings;
    provisioning::certificate_issuer* issuer = nullptr;
    std::unique_ptr<store::sqlite_hub_store> hub;
    std::unique_ptr<store::sqlite_provisioning_store> records;
    std::unique_ptr<store::sqlite_twin_store> twins;
    std::unique_ptr<provisioning::service> to;
    authority root = make_root("Fleet", signature_algorithm::ecdsa_p256_sha256);
    authority line = make_issuing_ca(root, "Line 1", signature_algorithm::ecdsa_p384_sha384);
};

// Most of it: the root is registered, enrolled and the local hub linked.
class EnrolledFleet : public ProvisioningWorld {
protected:
    EnrolledFleet() {
        register_ca("fleet", root.certificate);
        link("hub.example", true);
        fleet = group("fleet", below("fleet"));
    }
    enrolment fleet;
};

}  // namespace berth::test
