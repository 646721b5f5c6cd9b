// Quotes before a registrar with a policy: each thing that may be wrong with one, by one change; and what an onboarding makes of
// it.
#include "onboarding/registrar/integrity.h"

#include "setup/keys.h"
#include "support/made_up_tpm.h"
#include "support/onboarding_parties.h"

#include <gmock/gmock.h>

namespace berth::test {
namespace {

using namespace onboarding;

std::string param(const error& e, std::string_view key) {
    for (const auto& [k, value] : e.params) {
        if (k == key) {
            return value;
        }
    }
    return "";
}

// ---- the judge alone

class Judge : public testing::Test {
protected:
    struct maker {
        explicit maker(const std::string& name) : root(make_root(name)), ca(make_issuing_ca(root, "IDevID CA", alg)) {}
        static constexpr auto alg = crypto::signature_algorithm::ecdsa_p384_sha384;
        authority root, ca;
    };
    Judge() {
        identity = {acme.root.certificate.spki_sha256(), "SN-1"};
        trust({});
        policy.rules = {{"", {{0, {made_up_tpm::filled(1)}}, {7, {made_up_tpm::filled(9), made_up_tpm::filled(7)}}}}};
    }
    void trust(const std::vector<pki::crl>& lists) {
        policy.makers.clear();
        policy.makers.emplace(acme.root.certificate.spki_sha256(),
                              value_of(pki::trust_store::build({{acme.root.certificate}, {acme.ca.certificate}, lists})));
        policy.makers.emplace(other.root.certificate.spki_sha256(),
                              value_of(pki::trust_store::from_root(other.root.certificate)));
    }
    static pki::certificate z3_of(const maker& by, const std::optional<pki::hardware_module>& hardware) {
        return issue(by.ca, pki::idevid_kem_template("Test", "SN-1", hardware, usual), kem_key("p3").public_key().spki());
    }
    result<void> judge(bytes_view octets) const { return judge_quote(policy, {identity, z3, model}, octets, nonce, test_now); }
    // Why it is refused; "accepted" otherwise.
    std::string cause(bytes_view octets) const {
        const auto judged = judge(octets);
        if (judged) {
            return "accepted";
        }
        EXPECT_EQ(judged.error().name, "attestation_refused") << "the one name that the device is told";
        return param(judged.error(), "cause");
    }
    std::string cause_of(const platform_quote& q) const { return cause(value_of(wire::encode(q))); }
    template <class Change>
    std::string cause_when(Change change) const {
        auto q = tpm.quote(nonce);
        change(q);
        return cause_of(q);
    }

    maker acme{"Z1"}, other{"another Z1"};
    bytes nonce = bytes(32, 3);
    made_up_tpm tpm{acme.ca.certificate, acme.ca.key, "SN-1"};
    pki::certificate z3 = z3_of(acme, some_tpm);
    device_identity identity;
    std::string model = "valve-3";
    integrity_policy policy;
};

TEST_F(Judge, AcceptsWhatMeetsThePolicy) {
    EXPECT_EQ(cause_of(tpm.quote(nonce)), "accepted");
}

TEST_F(Judge, NoQuoteOrNoneThatDecodes) {
    EXPECT_EQ(cause({}), "quote_missing");
    EXPECT_EQ(cause(bytes(1, 0)), "quote_malformed");
    bytes longer = value_of(wire::encode(tpm.quote(nonce)));
    longer.push_back(0);
    EXPECT_EQ(cause(longer), "quote_malformed");
    EXPECT_EQ(cause_when([](auto& q) { std::swap(q.registers.items[0], q.registers.items[1]); }), "quote_malformed");
    EXPECT_EQ(cause_when([](auto& q) { q.registers.items[1] = q.registers.items[0]; }), "quote_malformed");
    EXPECT_EQ(cause_when([](auto& q) { q.registers.items[2].number = 24; }), "quote_malformed");
}

TEST_F(Judge, StaleOrForged) {
    EXPECT_EQ(cause_of(tpm.quote(bytes(32, 4))), "attestation_stale") << "made on another KK2";
    EXPECT_EQ(cause_when([](auto& q) { q.signature.value.back() ^= 1; }), "attestation_signature_invalid");
    EXPECT_EQ(cause_when([](auto& q) { q.attest.value.back() ^= 1; }), "attestation_signature_invalid");
    EXPECT_EQ(cause_of(tpm.quote_of(tpm.certification(nonce))), "attestation_wrong_kind");
    bytes not_by_the_tpm = tpm.statement(nonce);
    not_by_the_tpm.front() = 0;
    EXPECT_EQ(cause_of(tpm.quote_of(not_by_the_tpm)), "tpm_structure_malformed");
}

// Good values that are not what the TPM has signed.
TEST_F(Judge, ValuesThatWereNotQuoted) {
    tpm.registers[7] = made_up_tpm::filled(66);
    auto q = tpm.quote(nonce);
    EXPECT_EQ(cause_of(q), "pcr_mismatch");
    q.registers.items[2].value = made_up_tpm::filled(7);
    EXPECT_EQ(cause_of(q), "quote_values_mismatch");
    q.registers.items.pop_back();
    EXPECT_EQ(cause_of(q), "pcr_selection_mismatch");
}

TEST_F(Judge, OtherRegistersOrValues) {
    tpm.registers.erase(7);
    EXPECT_EQ(cause_of(tpm.quote(nonce)), "pcr_value_missing");
    tpm.registers[7] = made_up_tpm::filled(8);
    const auto judged = judge(value_of(wire::encode(tpm.quote(nonce))));
    ASSERT_FALSE(judged);
    EXPECT_EQ(param(judged.error(), "cause"), "pcr_mismatch");
    EXPECT_EQ(param(judged.error(), "registers"), "7");
    EXPECT_THAT(judged.error().message, testing::HasSubstr("it does not allow the values of platform registers 7"));
    EXPECT_THAT(judged.error().message, testing::Not(testing::HasSubstr("log tells"))) << "this is the log";
    EXPECT_EQ(param(judged.error(), "quoted"), "7 = \"" + to_hex(made_up_tpm::filled(8)) + "\"");
    tpm.registers[7] = made_up_tpm::filled(9);
    EXPECT_EQ(cause_of(tpm.quote(nonce)), "accepted") << "one of two values";
}

TEST_F(Judge, RulesByModel) {
    const auto rule = [](const std::string& of, uint8_t value) {
        return integrity_rule{of, {{7, {made_up_tpm::filled(value)}}}};
    };
    const auto with = [&](std::vector<integrity_rule> rules) {
        policy.rules = std::move(rules);
        return cause_of(tpm.quote(nonce));
    };
    EXPECT_EQ(with({rule("valve-3", 7)}), "accepted");
    EXPECT_EQ(with({rule("valve-3", 1)}), "pcr_mismatch");
    EXPECT_EQ(with({rule("valve-3", 1), rule("valve-3", 7)}), "accepted") << "one of those for its model";
    EXPECT_EQ(with({rule("", 1), rule("valve-3", 7)}), "pcr_mismatch") << "and one of those for any";
    EXPECT_EQ(with({rule("", 7), rule("valve-3", 1)}), "pcr_mismatch");
    EXPECT_EQ(with({rule("", 7), rule("valve-4", 1)}), "accepted");
    EXPECT_FALSE(integrity_policy({{rule("valve-4", 1)}, {}}).demands("valve-3"));
    EXPECT_TRUE(integrity_policy({{rule("valve-4", 1)}, {}}).demands("valve-4"));
    EXPECT_TRUE(integrity_policy({{rule("", 1)}, {}}).demands("valve-3"));
    EXPECT_FALSE(integrity_policy().demands("valve-3"));
}

TEST_F(Judge, AnIakOfAnotherDevice) {
    const made_up_tpm seconds(acme.ca.certificate, acme.ca.key, "SN-2");
    EXPECT_EQ(cause_of(seconds.quote(nonce)), "quote_other_device") << "another serial";
    const made_up_tpm same_serial(acme.ca.certificate, acme.ca.key, "SN-1", {some_tpm.type_oid, {9}});
    EXPECT_EQ(cause_of(same_serial.quote(nonce)), "quote_other_device") << "another TPM";
    z3 = z3_of(acme, std::nullopt);
    EXPECT_EQ(cause_of(tpm.quote(nonce)), "quote_other_device") << "of a device that its maker made without TPM";
}

TEST_F(Judge, AnIakOfAnotherMaker) {
    const made_up_tpm theirs(other.ca.certificate, other.ca.key, "SN-1");
    EXPECT_EQ(cause_of(theirs.quote(nonce)), "unknown_issuer") << "whom the registrar serves, too";
    policy.makers.erase(identity.device_root_spki);
    EXPECT_EQ(cause_of(tpm.quote(nonce)), "unknown_issuer");
}

TEST_F(Judge, AKeyThatIsNoIak) {
    auto identity_contents = pki::idevid_signature_template("Test", "SN-1", some_tpm, usual);
    identity_contents.policies = {std::string(pki::oid_tcg_verified_residency), std::string(pki::oid_tcg_verified_fixed)};
    tpm.chain.front() = tpm.certify(acme.ca.certificate, acme.ca.key, identity_contents);
    EXPECT_EQ(cause_of(tpm.quote(nonce)), "bad_profile") << "an identity key signs forged quotes";
    tpm.chain.front() = z3;
    EXPECT_EQ(cause_of(tpm.quote(nonce)), "unsupported_certificate");
    EXPECT_EQ(cause_when([](auto& q) { q.iak.items.front() = der_field(bytes(3, 0x30)); }), "bad_certificate");
}

TEST_F(Judge, AnIakThatIsRevokedOrOver) {
    trust({value_of(pki::issue_crl({1,
                                    test_now - 60,
                                    test_now + 3600,
                                    {{tpm.chain.front().serial(), test_now - 30, pki::revocation_reason::key_compromise}}},
                                   acme.ca.certificate, acme.ca.key))});
    EXPECT_EQ(cause_of(tpm.quote(nonce)), "certificate_revoked");
    const made_up_tpm old(acme.ca.certificate, acme.ca.key, "SN-1", some_tpm, {test_now - 2 * day, test_now - day});
    EXPECT_EQ(cause_of(old.quote(nonce)), "certificate_expired");
}

// ---- in an onboarding

class MeasuredOnboarding : public testing::Test {
protected:
    MeasuredOnboarding() {
        p.add_customer("Birch");
        birch = p.customers["Birch"].get();
        const auto factory = p.directory.path() / "factory";
        post_quantum = std::make_unique<app::authority>(got(app::open_authority(factory, "idevid-ca", {})));
        classical = std::make_unique<app::authority>(got(app::open_authority(factory, "idevid-ca-classical", {})));
        demand(7);
    }
    // What register 7 must hold.
    void demand(uint8_t value) { birch->settings.integrity = policy(value); }
    [[nodiscard]] std::shared_ptr<const integrity_policy> policy(uint8_t value) const {
        integrity_policy out{{{"", {{7, {made_up_tpm::filled(value)}}}}}, {}};
        out.makers.emplace(p.maker_root.spki_sha256(), got(pki::trust_store::from_root(p.maker_root)));
        return std::make_shared<const integrity_policy>(std::move(out));
    }
    device_party make_device(const std::string& serial) {
        auto d = p.make_device(serial, "Birch");
        const auto contents = pki::idevid_kem_template("Acme Devices", serial, some_tpm, {p.clock.now() - 60, pki::no_expiry});
        d.z3 = {got(pki::issue(contents, d.p3->public_key().spki(), post_quantum->certificate(),
                               post_quantum->key->as_signing_key(), crypto::system_random())),
                post_quantum->certificate()};
        return d;
    }
    [[nodiscard]] made_up_tpm tpm_of(const std::string& serial) const {
        return {
            classical->certificate(), classical->key->as_signing_key(), serial, some_tpm, {p.clock.now() - 60, pki::no_expiry}};
    }
    using quoting = std::function<bytes(bytes_view nonce)>;
    static quoting by(const made_up_tpm& tpm) {
        return [tpm](bytes_view nonce) { return got(wire::encode(tpm.quote(nonce))); };
    }
    std::unique_ptr<onboarding_scene> scene(const device_party& d, const quoting& quote) {
        auto s = std::make_unique<onboarding_scene>(p, d, *birch);
        auto settings = p.settings_of(d);
        if (quote) {
            settings.quote = [quote](bytes_view nonce) -> result<bytes> { return quote(nonce); };
        }
        s->device = std::make_unique<device_session>(std::move(settings), channel{s->kk2_exporter(), birch->z4}, p.clock,
                                                     crypto::system_random());
        return s;
    }
    // Refused, nothing issued, and the records say why.
    void expect_refused(const onboarding_scene& s, const device_party& d, const std::string& cause) {
        EXPECT_EQ(s.device_error(), "attestation_refused");
        EXPECT_EQ(s.registrar_error(), "attestation_refused");
        EXPECT_EQ(param(*s.registrar->why(), "cause"), cause);
        EXPECT_FALSE(s.accepted);
        EXPECT_TRUE(got(birch->store->certificates_of(d.identity)).empty());
        EXPECT_EQ(seen(d).integrity, cause);
        EXPECT_EQ(seen(d).integrity_at, p.clock.now());
        EXPECT_EQ(seen(d).model, "model-1");
    }
    registry::registrar_device seen(const device_party& d) { return got(birch->store->find_serial(d.identity.serial)).front(); }

    parties p;
    customer_party* birch = nullptr;
    std::unique_ptr<app::authority> post_quantum, classical;
};

TEST_F(MeasuredOnboarding, HoldsWhatThePolicyAsks) {
    const auto d = make_device("SN-1");
    const auto s = scene(d, by(tpm_of("SN-1")));
    s->start();
    s->run();
    EXPECT_EQ(s->device->outcome(), device_outcome::done) << s->device_error();
    EXPECT_EQ(seen(d).integrity, "met");
    EXPECT_EQ(got(birch->store->certificates_of(d.identity)).size(), 3u);
}

TEST_F(MeasuredOnboarding, IsNotAskedForWithoutAPolicy) {
    birch->settings.integrity = nullptr;
    const auto d = make_device("SN-1");
    const auto s = scene(d, {});
    s->start();
    s->run();
    EXPECT_EQ(s->device->outcome(), device_outcome::done) << s->device_error();
    EXPECT_EQ(seen(d).integrity, "");
}

TEST_F(MeasuredOnboarding, EachRefusal) {
    const auto refused = [&](const std::string& serial, const quoting& quote, const std::string& cause) {
        SCOPED_TRACE(cause);
        const auto d = make_device(serial);
        const auto s = scene(d, quote);
        s->start();
        s->run();
        expect_refused(*s, d, cause);
    };
    refused("SN-1", {}, "quote_missing");
    refused("SN-2", by(tpm_of("SN-1")), "quote_other_device");
    const auto third = tpm_of("SN-3");
    refused("SN-3", [&](bytes_view) { return got(wire::encode(third.quote(bytes(32, 1)))); }, "attestation_stale");
    auto changed = tpm_of("SN-4");
    changed.registers[7] = made_up_tpm::filled(8);
    refused("SN-4", by(changed), "pcr_mismatch");
}

// A quote that another KK2 has seen: who reads the registrar's records, or is a registrar, has nothing of it.
TEST_F(MeasuredOnboarding, AQuoteOfAnotherOnboarding) {
    const auto d = make_device("SN-1");
    const auto tpm = tpm_of("SN-1");
    bytes seen_before;
    {
        const auto s = scene(d, [&](bytes_view nonce) { return seen_before = by(tpm)(nonce); });
        s->start();
        s->run();
        ASSERT_EQ(s->device->outcome(), device_outcome::done) << s->device_error();
    }
    const auto s = scene(d, [&](bytes_view) { return seen_before; });
    s->start();
    s->run();
    EXPECT_EQ(s->registrar_error(), "attestation_refused");
    EXPECT_EQ(seen(d).integrity, "attestation_stale");
}

// Nobody who is not the owner learns whether a device would meet its policy, and no operator is asked about one that does not.
TEST_F(MeasuredOnboarding, IsJudgedOnceTheMasaHasSaidYesAndBeforeAnOperator) {
    birch->settings.manual_approval = true;
    const auto d = make_device("SN-1");
    const auto s = scene(d, {});
    s->start();
    s->run();
    expect_refused(*s, d, "quote_missing");
    EXPECT_EQ(got(birch->store->approval_of(d.identity)), approval::unknown);

    const auto strangers = p.make_device("SN-2", "");
    onboarding_scene not_ours(p, strangers, *birch);
    not_ours.start();
    not_ours.run();
    EXPECT_EQ(not_ours.device_error(), "not_assigned");
    EXPECT_EQ(seen(strangers).integrity, "");
}

// While an operator thinks, the policy may become another.
TEST_F(MeasuredOnboarding, IsJudgedAgainWhenThePolicyChanges) {
    birch->settings.manual_approval = true;
    const auto d = make_device("SN-1");
    const auto s = scene(d, by(tpm_of("SN-1")));
    s->start();
    s->run();
    ASSERT_TRUE(s->registrar->awaits_approval()) << s->registrar_error();
    s->registrar->integrity_changed(policy(7));
    s->registrar->judge_integrity();
    EXPECT_TRUE(s->registrar->awaits_approval()) << s->registrar_error();
    s->registrar->integrity_changed(policy(8));
    s->registrar->judge_integrity();
    s->run();
    expect_refused(*s, d, "pcr_mismatch");
}

// A registrar whose store is shut when the policy changes judges nobody then; what it does next, it does by the new one.
TEST_F(MeasuredOnboarding, NothingIsIssuedByAPolicyThatWasReplaced) {
    birch->settings.manual_approval = true;
    const auto d = make_device("SN-1");
    const auto s = scene(d, by(tpm_of("SN-1")));
    s->start();
    s->run();
    ASSERT_TRUE(s->registrar->awaits_approval()) << s->registrar_error();
    s->registrar->integrity_changed(policy(8));
    EXPECT_TRUE(s->registrar->awaits_approval()) << "not judged yet";
    ASSERT_TRUE(birch->store->decide(d.identity, true, p.clock.now()));
    s->registrar->operator_decided();
    s->run();
    expect_refused(*s, d, "pcr_mismatch");
}

// The same where its certificates are being made already.
TEST_F(MeasuredOnboarding, NothingThatWasIssuedMeanwhileIsGranted) {
    const auto d = make_device("SN-1");
    const auto s = scene(d, by(tpm_of("SN-1")));
    s->auto_ca = false;
    s->start();
    s->run();
    ASSERT_TRUE(s->order) << s->registrar_error();
    s->registrar->integrity_changed(policy(8));
    s->registrar->ca_answered(birch->ca->issue(*s->order, p.clock, crypto::system_random()));
    s->run();
    EXPECT_EQ(s->device_error(), "attestation_refused");
    EXPECT_EQ(param(*s->registrar->why(), "cause"), "pcr_mismatch");
    EXPECT_FALSE(s->accepted);
}

}  // namespace
}  // namespace berth::test
