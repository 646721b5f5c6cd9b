// docs/onboarding.md section 9, continued: what was good when it began and is so no more.
#include "onboarding/messages/error.h"
#include "onboarding/messages/frame.h"
#include "onboarding/messages/release.h"
#include "onboarding/messages/result.h"
#include "setup/keys.h"
#include "support/onboarding_attack.h"

namespace berth::test {
namespace {

using namespace onboarding;

// ---- withdrawal

TEST_F(Attack, DeviceBlockedBetweenS8AndS13) {
    const auto d = p.make_device("SN-1", "Birch");
    onboarding_at_the_ca s(p, d, birch);
    ASSERT_TRUE(p.masa_store->set_blocked(d.identity, true, p.clock.now()));
    ASSERT_TRUE(s.masa_link->tick());
    s.run();
    EXPECT_EQ(s.registrar_error(), "withdrawn");
    s.ca_answers();
    s.run();
    EXPECT_EQ(s.device_error(), "withdrawn");
    EXPECT_FALSE(s.accepted);
}

TEST_F(Attack, DeviceReleasedBetweenS8AndS13) {
    const auto d = p.make_device("SN-1", "Birch");
    onboarding_at_the_ca s(p, d, birch);
    ASSERT_EQ(got(p.masa_store->release(d.identity, "Birch", "Cedar", p.clock.now())), release_verdict::released);
    ASSERT_TRUE(s.masa_link->tick());
    s.run();
    EXPECT_EQ(s.registrar_error(), "withdrawn");
    EXPECT_EQ(s.device_error(), "withdrawn");
    s.ca_answers();
    s.run();
    EXPECT_FALSE(s.accepted) << "what the CA issues after that is kept, and granted to nobody";
    EXPECT_NE(p.ownership(d).state, registry::ownership_state::onboarded);
}

TEST_F(Attack, DeviceBlockedBeforeAResend) {
    const auto d = p.make_device("SN-1", "Birch");
    onboarding_at_the_ca s(p, d, birch);
    ASSERT_TRUE(p.masa_store->set_blocked(d.identity, true, p.clock.now()));
    s.reopen_kk1();  // session_open and 3 again
    s.run();
    EXPECT_EQ(s.device_error(), "blocked");
    EXPECT_FALSE(s.accepted);
    // "the refusal is sent and the stored voucher erased"
    EXPECT_TRUE((*p.masa_store->find_authorization(*s.device->kk3_id()))->sealed_voucher.empty());
}

TEST_F(Attack, ResultOfAWithdrawnAssignment) {
    const auto d = p.make_device("SN-1", "Birch");
    onboarding_scene s(p, d, birch);
    s.auto_install = false;
    s.start();
    s.run();
    ASSERT_EQ(s.device->state(), device_state::installing);
    ASSERT_TRUE(p.masa_store->set_blocked(d.identity, true, p.clock.now()));
    s.install_accepted();
    s.run();
    for (const auto& c : got(birch.store->certificates_of(d.identity))) {
        EXPECT_TRUE(c.revoked) << "on `withdrawn` the registrar revokes Z6";
    }
    EXPECT_NE(p.ownership(d).state, registry::ownership_state::onboarded);
}

// What the MASA says to a release on KK1.
std::optional<error> refusal_of_release(onboarding::registrar_link& link, masa_link& masa,
                                        const onboarding::device_identity& device) {
    EXPECT_TRUE(link.release(device, "Cedar"));
    EXPECT_TRUE(masa.receive(link.take_output()));
    EXPECT_TRUE(link.receive(masa.take_output()));
    const auto answers = link.take_release_answers();
    EXPECT_EQ(answers.size(), 1u);
    return answers.empty() ? std::nullopt : answers[0].refused;
}

TEST_F(Attack, ReleaseByOneWhoIsNotTheOwner) {
    const auto d = p.make_device("SN-1", "Birch");
    onboarding::registrar_link link(*cedar.store, p.maker_root.spki_sha256(), p.clock);
    masa_link masa(*p.masa, kk1_peer{cedar.z4});
    const auto refused = refusal_of_release(link, masa, d.identity);
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->name, "not_owner");
    EXPECT_EQ(p.ownership(d).owner(p.clock.now()), "Birch");
}

TEST_F(Attack, SerialsThatAreMadeUpDoNotFillTheLog) {
    const auto d = p.make_device("SN-1", "Birch");
    onboarding::registrar_link link(*cedar.store, p.maker_root.spki_sha256(), p.clock);
    masa_link masa(*p.masa, kk1_peer{cedar.z4});
    const auto before = got(p.masa_store->last_audit_entry())->number;
    for (int i = 0; i < 5; ++i) {
        const onboarding::device_identity invented{d.identity.device_root_spki, fmt::format("NO-{}", i)};
        const auto refused = refusal_of_release(link, masa, invented);
        ASSERT_TRUE(refused);
        EXPECT_EQ(refused->name, "not_owner");
    }
    EXPECT_EQ(got(p.masa_store->last_audit_entry())->number, before);
}

TEST_F(Attack, ReleaseTakesEffectOnlyWhenVouchersHaveExpired) {
    const auto d = p.make_device("SN-1", "Birch");
    onboarding_at_the_ca s(p, d, birch);
    onboarding::registrar_link link(*birch.store, p.maker_root.spki_sha256(), p.clock);
    masa_link masa(*p.masa, kk1_peer{birch.z4});
    EXPECT_FALSE(refusal_of_release(link, masa, d.identity));
    EXPECT_EQ(p.ownership(d).owner(p.clock.now()), "");
    EXPECT_EQ(p.ownership(d).owner(p.clock.now() + 901), "Cedar");
}

// ---- registrars whose certificate is no longer good

TEST_F(Attack, ExpiredRegistrarOnAnOldKk1) {
    const auto d = p.make_device("SN-1", "Birch");
    onboarding_scene s(p, d, birch);
    s.tamper = [&](leg l, bytes octets) {
        if (l == leg::registrar_to_masa && s.registrar->state() == registrar_state::authorizing) {
            p.clock.set(birch.z4.front().not_after() + 10);
        }
        return octets;
    };
    s.start();
    s.run();
    EXPECT_EQ(s.device_error(), "not_a_registrar");
    expect_nothing_happened(d, s, "Birch");
}

// The KK1 stood, and was good, when the lists were read anew.
TEST_F(Attack, RevokedRegistrarOnAnOldKk1) {
    const auto installed = p.make_device("SN-1", "Birch");
    onboarding_scene before(p, installed, birch);
    before.tamper = [&](leg l, bytes octets) { return l == leg::registrar_to_masa && before.accepted ? bytes{} : octets; };
    before.start();
    before.run();
    ASSERT_TRUE(before.accepted);
    ASSERT_TRUE(before.masa_link->tick());
    const auto d = p.make_device("SN-2", "Birch");
    onboarding_scene s(p, d, birch);
    s.masa_link = std::move(before.masa_link);
    s.registrar_link = std::move(before.registrar_link);
    auto settings = p.masa_files();
    settings.registrar_crls = {p.revoked_registrar(birch)};
    p.masa->replace(std::move(settings));

    s.start();
    s.run();
    EXPECT_EQ(s.device_error(), "revoked");
    expect_nothing_happened(d, s, "Birch");
    EXPECT_THAT(p.audit_outcomes(d), testing::ElementsAre("manufactured ok", "assigned ok", "refused revoked"));
    // Neither does it report what was authorised before, nor give it away. Said again and again it stands in the log once.
    const auto log = p.audit_outcomes(installed);
    const auto record = p.ownership(installed);
    const result_message result{*before.device->kk3_id(), result_status::installed, {}};
    const release gift{p.maker_root.spki_sha256(), serial_field(std::string_view("SN-1")), name_field(std::string_view("Cedar"))};
    for (uint32_t number = 100; number < 106; number += 2) {
        ASSERT_TRUE(s.masa_link->receive(*to_frame(message_type::result, number, result)));
        ASSERT_TRUE(s.masa_link->receive(*to_frame(message_type::release, number + 1, gift)));
        for (const auto& answer : frames_of(s.masa_link->take_output())) {
            ASSERT_TRUE(answer.is(message_type::error));
            EXPECT_EQ(wire::decode<error_message>(answer.body.view())->name.text(), "revoked");
        }
    }
    EXPECT_EQ(p.ownership(installed), record);
    auto expected = log;
    expected.insert(expected.end(), {"refused revoked", "release revoked"});
    EXPECT_EQ(p.audit_outcomes(installed), expected);
    // The other customer's goes on.
    const auto theirs = p.make_device("SN-3", "Cedar");
    onboarding_scene other(p, theirs, cedar);
    other.start();
    other.run();
    EXPECT_EQ(other.device->outcome(), device_outcome::done) << other.device_error();
}

// [masa] registrar_revocation = "crl", device_revocation = "crl".
pki::crl nobody_revoked(const std::filesystem::path& directory, const std::string& name, unix_seconds now) {
    const auto by = got(app::open_authority(directory, name));
    return got(pki::issue_crl({1, now - 60, now + 3600, {}}, by.certificate(), by.key->as_signing_key()));
}

TEST_F(Attack, WhereAListIsDemandedNoRegistrarIsLetInWithout) {
    const auto onboarded = [&](const std::string& serial, std::vector<pki::crl> lists) {
        auto settings = p.masa_files();
        settings.registrar_lists = pki::crl_policy::always;
        settings.registrar_crls = std::move(lists);
        p.masa->replace(std::move(settings));
        const auto d = p.make_device(serial, "Birch");
        onboarding_scene s(p, d, birch);
        s.start();
        s.run();
        if (s.device->outcome() != device_outcome::done) {
            expect_nothing_happened(d, s, "Birch");
        }
        return s.device->outcome() == device_outcome::done ? "done" : s.device_error();
    };
    EXPECT_EQ(onboarded("SN-1", {}), "not_a_registrar");
    EXPECT_EQ(onboarded("SN-2", {nobody_revoked(birch.directory / "ca", "z2", p.clock.now())}), "done");
}

TEST_F(Attack, WhereAListIsDemandedNoDeviceIsLetInWithout) {
    const auto d = p.make_device("SN-1", "Birch");
    const auto handshake = [&](std::vector<pki::crl> lists) {
        auto settings = p.masa_files();
        settings.device_lists = pki::crl_policy::always;
        settings.device_crls = std::move(lists);
        p.masa->replace(std::move(settings));
        authkem::connection device(got(device_session::kk3_context(d.z3.front(), d.p3, p.masa_keys.front())), p.clock,
                                   crypto::system_random());
        authkem::connection masa(got(p.masa->kk3_context()), p.clock, crypto::system_random());
        EXPECT_TRUE(device.start());
        (void)masa.receive(device.take_output());
        (void)device.receive(masa.take_output());
        (void)masa.receive(device.take_output());
        return masa.completed() ? "done" : masa.failure() ? masa.failure()->name : "nothing";
    };
    const unix_seconds now = p.clock.now();
    EXPECT_EQ(handshake({}), "crl_missing");
    EXPECT_EQ(handshake({nobody_revoked(p.directory.path() / "factory", "z1", now)}), "crl_missing")
        << "each CA below the root has one";
    EXPECT_EQ(handshake({nobody_revoked(p.directory.path() / "factory", "z1", now),
                         nobody_revoked(p.directory.path() / "factory", "idevid-ca", now)}),
              "done");
}

TEST_F(Attack, RegistrarOfARemovedCustomerOnAnOldKk1) {
    const auto d = p.make_device("SN-1", "Birch");
    onboarding_scene s(p, d, birch);
    s.tamper = [&](leg l, bytes octets) {
        if (l == leg::registrar_to_masa && s.registrar->state() == registrar_state::authorizing) {
            (void)p.masa_store->remove_customer("Birch", p.clock.now());
        }
        return octets;
    };
    s.start();
    s.run();
    EXPECT_EQ(s.device_error(), "unknown_registrar_root");
    expect_nothing_happened(d, s, "Birch");
    EXPECT_THAT(p.audit_outcomes(d), testing::Contains("refused unknown_registrar_root"));
}

}  // namespace
}  // namespace berth::test
