// A signer on the way from a registered CA to devices is revoked by the one above it, which is no registered CA either.
#include "gate.h"
#include "pki/crl_issuer.h"
#include "pki/issued_extras.h"
#include "provisioning/trust.h"
#include "registry/hub/ca_lists.h"
#include "registry/hub/ca_office.h"
#include "support/onboarding_parties.h"
#include "support/test_pki.h"

namespace berth::test {
namespace {

using namespace registry;
using app::hub_gate;
using crypto::signature_algorithm;

// company (registered) -> factory -> two technicians -> a device each; and a device of the factory's own.
class GateSigners : public testing::Test {
protected:
    GateSigners() : hub(got(store::sqlite_hub_store::open((directory.path() / "hub.db").string()))) {
        EXPECT_TRUE(hub->add_ca(ca));
        for (const char* name : {"dev1", "dev2", "dev3"}) {
            EXPECT_TRUE(hub->add(make_identity(got(parse_identity_name(name)), {}, random, time.now())));
        }
        gate = got(hub_gate::open(directory.path() / "hub.db", {}, time));
    }
    static authority signer(const authority& above, const std::string& name, uint32_t path_length) {
        auto contents = pki::issuing_ca_template("Test", name, usual);
        contents.path_length = path_length;
        return make_ca(above, contents, signature_algorithm::ecdsa_p256_sha256);
    }
    static pki::certificate leaf(const authority& by, const std::string& name) {
        return issue(by, pki::client_template("Test", name, usual),
                     signature_key("of " + name, signature_algorithm::ecdsa_p256_sha256).public_key().spki());
    }
    static pki::crl list_of(const authority& by, uint64_t number, const std::vector<pki::certificate>& revoked,
                            unix_seconds until = test_now + day) {
        pki::crl_template contents{number, test_now - 60, until, {}};
        for (const auto& one : revoked) {
            contents.revoked.push_back({one.serial(), test_now - 30, {}});
        }
        return value_of(pki::issue_crl(contents, by.certificate, by.key));
    }
    std::string take(const std::vector<pki::certificate>& chain, const pki::crl& list, const std::string& below = "company") {
        return name_of_error(take_signer_list(*hub, below, chain, list.der(), test_now));
    }
    std::string login(const char& session, const std::string& name, const std::vector<pki::certificate>& chain) {
        auto judged = gate->judge(chain);
        const auto answer = gate->login(&session, name, judged);
        return answer.in ? "in" : std::string(to_string(answer.refusal));
    }
    std::vector<std::string> cut() {
        std::vector<std::string> out;
        for (const auto& gone : gate->look_again()) {
            out.push_back(gone.client_id + " " + std::string(to_string(gone.reason)));
        }
        return out;
    }

    temporary_directory directory;
    manual_clock time{test_now};
    named_random random{"signers"};
    authority company = make_root("Company-X", signature_algorithm::ecdsa_p256_sha256);
    authority factory = signer(company, "Factory-Y", 1);
    authority technician = signer(factory, "Technician-Z", 0);
    authority other = signer(factory, "Technician-A", 0);
    registered_ca ca{"company", company.certificate, ca_state::verified, "", 0, test_now, test_now, 0, 1};
    std::vector<pki::certificate> of_technician{leaf(technician, "dev1"), technician.certificate, factory.certificate};
    std::vector<pki::certificate> of_other{leaf(other, "dev2"), other.certificate, factory.certificate};
    std::vector<pki::certificate> of_factory{leaf(factory, "dev3"), factory.certificate};
    std::unique_ptr<store::sqlite_hub_store> hub;
    std::unique_ptr<hub_gate> gate;
    const char one = 1, two = 2, three = 3;
};

TEST_F(GateSigners, OnlyTheDevicesOfWhoWasRevokedAreCutAndRefused) {
    EXPECT_EQ(login(one, "dev1", of_technician), "in");
    EXPECT_EQ(login(two, "dev2", of_other), "in");
    EXPECT_EQ(login(three, "dev3", of_factory), "in");
    ASSERT_EQ(take({factory.certificate}, list_of(factory, 1, {})), "accepted");
    EXPECT_TRUE(cut().empty()) << "nobody is on it";
    ASSERT_EQ(take({factory.certificate}, list_of(factory, 2, {technician.certificate})), "accepted");
    EXPECT_EQ(cut(), std::vector<std::string>{"dev1 certificate_revoked"});
    EXPECT_EQ(login(one, "dev1", of_technician), "certificate_revoked");
    EXPECT_EQ(login(two, "dev2", of_other), "in");
    EXPECT_EQ(login(three, "dev3", of_factory), "in");
    // Whoever opens the file later knows the same.
    gate = got(hub_gate::open(directory.path() / "hub.db", {}, time));
    EXPECT_EQ(login(one, "dev1", of_technician), "certificate_revoked");
    EXPECT_EQ(name_of_error(forget_signer_list(*hub, "company", factory.certificate)), "accepted");
    EXPECT_TRUE(cut().empty());
    EXPECT_EQ(login(one, "dev1", of_technician), "in");
    EXPECT_EQ(name_of_error(forget_signer_list(*hub, "company", factory.certificate)), "crl_missing");
}

TEST_F(GateSigners, AListTwoStepsBelowSpeaksOfItsOwnDevices) {
    EXPECT_EQ(login(one, "dev1", of_technician), "in");
    EXPECT_EQ(login(two, "dev2", of_other), "in");
    ASSERT_EQ(take({technician.certificate, factory.certificate}, list_of(technician, 1, {of_technician.front()})), "accepted");
    EXPECT_EQ(cut(), std::vector<std::string>{"dev1 certificate_revoked"});
    // The number of a certificate says nothing without who has given it.
    ASSERT_EQ(take({other.certificate, factory.certificate}, list_of(other, 1, {of_technician.front()})), "accepted");
    EXPECT_TRUE(cut().empty());
}

TEST_F(GateSigners, AListThatHasRunOutLetsNobodyNewInByThatSigner) {
    ASSERT_EQ(take({factory.certificate}, list_of(factory, 1, {}, test_now + 60)), "accepted");
    EXPECT_EQ(login(one, "dev1", of_technician), "in");
    time.advance(61'000);
    EXPECT_TRUE(cut().empty()) << "sessions that stand go on";
    EXPECT_EQ(login(two, "dev2", of_other), "certificate_revoked");
    EXPECT_EQ(login(three, "dev3", of_factory), "certificate_revoked");
}

TEST_F(GateSigners, OnlyListsOfWhoIsBelow) {
    const auto stranger = make_root("Stranger", signature_algorithm::ecdsa_p256_sha256);
    const auto below_stranger = signer(stranger, "Factory-Y", 1);
    EXPECT_EQ(take({below_stranger.certificate}, list_of(below_stranger, 1, {technician.certificate})), "not_below");
    EXPECT_EQ(take({technician.certificate}, list_of(technician, 1, {})), "not_below") << "who is between was not given";
    EXPECT_EQ(take({of_factory.front(), factory.certificate}, list_of(factory, 1, {})), "not_below") << "a device is no signer";
    EXPECT_EQ(take({factory.certificate}, list_of(technician, 1, {})), "unknown_crl_issuer");
    EXPECT_EQ(take({factory.certificate}, list_of(below_stranger, 1, {})), "unknown_crl_issuer") << "the same name";
    EXPECT_EQ(take({factory.certificate}, list_of(factory, 1, {}, test_now - 1)), "crl_expired");
    EXPECT_EQ(take({factory.certificate}, list_of(factory, 1, {}), "nobody"), "unknown_ca");
    const auto list = list_of(factory, 2, {technician.certificate});
    ASSERT_EQ(take({factory.certificate}, list), "accepted");
    EXPECT_EQ(take({factory.certificate}, list_of(factory, 1, {})), "crl_older");
    EXPECT_EQ(take({factory.certificate}, list), "accepted") << "the same again";
    EXPECT_EQ(got(hub->signer_lists()).size(), 1U);
    EXPECT_TRUE(cut().empty()) << "nobody is in";
    EXPECT_EQ(login(one, "dev1", of_technician), "certificate_revoked");
}

TEST_F(GateSigners, WhoHasNotProvedHisKeyVouchesForNobody) {
    const auto late = make_root("Late", signature_algorithm::ecdsa_p256_sha256);
    registered_ca unverified{"late", late.certificate, ca_state::unverified, "", 0, test_now, 0, 0, 1};
    EXPECT_TRUE(hub->add_ca(unverified));
    const auto below = signer(late, "Below", 0);
    EXPECT_EQ(take({below.certificate}, list_of(below, 1, {}), "late"), "ca_unverified");
}

TEST_F(GateSigners, ItGoesWithTheRegisteredCa) {
    ASSERT_EQ(take({factory.certificate}, list_of(factory, 1, {technician.certificate})), "accepted");
    EXPECT_EQ(name_of_error(hub->remove_ca(ca)), "accepted");
    EXPECT_TRUE(got(hub->signer_lists()).empty());
}

// After a change of the root its successor vouches for the same signers: what they have revoked stays so.
TEST_F(GateSigners, NoListGoesWithoutAWord) {
    const auto again = make_root("Company-X 2", signature_algorithm::ecdsa_p256_sha256);
    auto contents = pki::issuing_ca_template("Test", "Factory-Y", usual);
    contents.path_length = 1;
    const auto by_new = issue(again, contents, factory.certificate.spki());
    const registered_ca next{"next", again.certificate, ca_state::verified, "", 0, test_now, test_now, 0, 1};
    ASSERT_TRUE(hub->add_ca(next));
    const auto list = list_of(factory, 2, {technician.certificate});
    ASSERT_EQ(take({factory.certificate}, list), "accepted");
    const auto refused = remove_ca(*hub, "company", true);
    ASSERT_EQ(name_of_error(refused), "would_forget_lists");
    EXPECT_EQ(refused.error().params.back(), (std::pair<std::string, std::string>("count", "1")));
    of_technician.back() = by_new;
    (void)cut();
    EXPECT_EQ(login(one, "dev1", of_technician), "certificate_revoked");
    ASSERT_EQ(take({by_new}, list_of(factory, 1, {}), "next"), "accepted");
    EXPECT_EQ(name_of_error(remove_ca(*hub, "company", true)), "would_forget_lists") << "the other is older";
    ASSERT_EQ(take({by_new}, list, "next"), "accepted");
    EXPECT_EQ(name_of_error(remove_ca(*hub, "company", true)), "accepted");
    (void)cut();
    EXPECT_EQ(login(one, "dev1", of_technician), "certificate_revoked");
    EXPECT_EQ(name_of_error(remove_ca(*hub, "next", true)), "would_forget_lists");
    EXPECT_EQ(name_of_error(remove_ca(*hub, "next", true, true)), "accepted");
}

TEST_F(GateSigners, ProvisioningJudgesByThemToo) {
    ASSERT_EQ(take({factory.certificate}, list_of(factory, 1, {technician.certificate})), "accepted");
    const auto signers = got(hub->signer_lists());
    const auto trust = got(provisioning::enrolment_trust::build({ca}, {}, test_now, signers));
    EXPECT_EQ(name_of_error(trust.issuers_of(of_technician, test_now)), "certificate_revoked");
    EXPECT_EQ(name_of_error(trust.issuers_of(of_other, test_now)), "accepted");
}

TEST_F(GateSigners, MoreSignersThanAllowed) {
    const auto narrow = signer(company, "Narrow", 0);
    const auto one_more = signer(narrow, "One more", 0);
    EXPECT_EQ(login(one, "dev1", {leaf(one_more, "dev1"), one_more.certificate, narrow.certificate}), "path_too_long");
    EXPECT_EQ(take({one_more.certificate, narrow.certificate}, list_of(one_more, 1, {})), "not_below");
}

// RFC 5280 4.2.1.9 does not count self-issued certificates: whoever may sign devices only would make signers of his own name.
TEST_F(GateSigners, ASignerOfItsIssuersNameIsCounted) {
    const auto stand_in = signer(technician, "Technician-Z", 0);
    ASSERT_TRUE(stand_in.certificate.is_self_issued());
    const std::vector<pki::certificate> above{stand_in.certificate, technician.certificate, factory.certificate};
    const auto below = [&](const authority& by) {
        std::vector<pki::certificate> out{leaf(by, "dev1")};
        out.insert(out.end(), above.begin(), above.end());
        return out;
    };
    EXPECT_EQ(login(one, "dev1", below(stand_in)), "path_too_long");
    EXPECT_EQ(take(above, list_of(stand_in, 1, {})), "not_below");
    const auto trust = got(provisioning::enrolment_trust::build({ca}, {}, test_now));
    EXPECT_EQ(name_of_error(trust.issuers_of(below(stand_in), test_now)), "path_too_long");
    // Where there is room for one more, it is let in; and another certificate of the same key takes none.
    const auto roomy = signer(factory, "Roomy", 0);
    const auto of_factory_name = signer(factory, "Factory-Y", 0);
    EXPECT_EQ(login(one, "dev1", {leaf(of_factory_name, "dev1"), of_factory_name.certificate, factory.certificate}), "in");
    auto contents = pki::issuing_ca_template("Test", "Roomy", usual);
    contents.path_length = 0;
    const auto again = issue(roomy, contents, roomy.certificate.spki());
    EXPECT_EQ(login(one, "dev1", {leaf(roomy, "dev1"), again, roomy.certificate, factory.certificate}), "in");
}

// X.509 applies constraints for DNS names to dNSNames; who is let in by a common name is bound by them as well.
class GateNames : public GateSigners {
protected:
    static authority limited(const authority& above, const std::string& name, pki::name_constraints names) {
        auto contents = pki::issuing_ca_template("Test", name, usual);
        contents.path_length = 2;
        contents.constraints = std::move(names);
        return make_ca(above, contents, signature_algorithm::ecdsa_p256_sha256);
    }
    // How the device of this name comes in by a certificate of `narrow`.
    std::string by_narrow(const std::string& name, const pki::subject_alt_names& besides = {}) {
        const auto known = got(parse_identity_name(name));
        if (!got(hub->find(known))) {
            if (known.is_module() && !got(hub->find({known.device, ""}))) {
                EXPECT_TRUE(hub->add(make_identity({known.device, ""}, {}, random, time.now())));
            }
            EXPECT_TRUE(hub->add(make_identity(known, {}, random, time.now())));
        }
        const auto one_chain = chain_of(name, besides);
        return login(one, name, one_chain);
    }
    [[nodiscard]] std::vector<pki::certificate> chain_of(const std::string& name, const pki::subject_alt_names& besides) const {
        auto contents = pki::client_template("Test", name, usual);
        contents.alt_names = besides;
        const auto key = signature_key("of " + name, signature_algorithm::ecdsa_p256_sha256).public_key();
        return {issue(narrow, contents, key.spki()), narrow.certificate};
    }

    authority narrow = limited(company, "Narrow", {{"narrow.example"}, {"secret.narrow.example"}, {}});
};

TEST_F(GateNames, WhatASignerMayCallDevicesBindsTheirCommonNames) {
    EXPECT_EQ(by_narrow("w1.narrow.example"), "in");
    EXPECT_EQ(by_narrow("W_2!x.Narrow.Example"), "in") << "labels that hosts have not";
    EXPECT_EQ(by_narrow("w1.narrow.example/mod1"), "in") << "a module is its device's";
    for (const char* name : {"dev1", "w1.wide.example", "narrow.example.evil", "w.secret.narrow.example", "x/w1.narrow.example",
                             "example", "sonarrow.example"}) {
        EXPECT_EQ(by_narrow(name), "name_constraint_violated") << name;
    }
}

TEST_F(GateNames, ADnsNameBesideItMakesACommonNameNoBetter) {
    const pki::subject_alt_names good{{"w1.narrow.example"}, {}, {}};
    EXPECT_EQ(by_narrow("w1.narrow.example", good), "in");
    EXPECT_EQ(by_narrow("dev1", good), "name_constraint_violated");
    EXPECT_EQ(by_narrow("w1.wide.example", good), "name_constraint_violated");
    EXPECT_EQ(by_narrow("w1.narrow.example", {{}, {"urn:berth:device:dev1"}, {}}), "name_constraint_violated");
    EXPECT_EQ(by_narrow("w1.narrow.example", {{}, {"urn:berth:device:w1.narrow.example", "urn:other:dev1"}, {}}), "in");
}

TEST_F(GateNames, OfWhomeverAboveAndOfTheRegisteredCaItself) {
    const auto below = limited(narrow, "Below", {});
    const auto chain = [&](const std::string& name) {
        return std::vector{leaf(below, name), below.certificate, narrow.certificate};
    };
    EXPECT_TRUE(hub->add(make_identity(got(parse_identity_name("w1.narrow.example")), {}, random, time.now())));
    EXPECT_EQ(login(one, "w1.narrow.example", chain("w1.narrow.example")), "in");
    EXPECT_EQ(login(one, "dev1", chain("dev1")), "name_constraint_violated");
    const registered_ca as_root{"narrow", narrow.certificate, ca_state::verified, "", 0, test_now, test_now, 0, 1};
    EXPECT_TRUE(hub->remove_ca(ca));
    EXPECT_TRUE(hub->add_ca(as_root));
    (void)cut();
    EXPECT_EQ(login(one, "dev1", {leaf(narrow, "dev1")}), "name_constraint_violated");
    EXPECT_EQ(login(one, "w1.narrow.example", {leaf(narrow, "w1.narrow.example")}), "in");
}

TEST_F(GateNames, WhereNamesAreOnlyExcludedAllOthersAreLeft) {
    narrow = limited(company, "Excluding", {{}, {"secret.example"}, {}});
    EXPECT_EQ(by_narrow("dev1"), "in");
    EXPECT_EQ(by_narrow("w1.wide.example"), "in");
    EXPECT_EQ(by_narrow("w1.secret.example", {{"w.wide.example"}, {}, {}}), "name_constraint_violated");
}

TEST_F(GateNames, ProvisioningIsBoundAsWell) {
    const auto trust = got(provisioning::enrolment_trust::build({ca}, {}, test_now));
    EXPECT_EQ(name_of_error(trust.issuers_of(chain_of("w1.narrow.example", {}), test_now)), "accepted");
    EXPECT_EQ(name_of_error(trust.issuers_of(chain_of("dev1", {}), test_now)), "name_constraint_violated");
}

}  // namespace
}  // namespace berth::test
