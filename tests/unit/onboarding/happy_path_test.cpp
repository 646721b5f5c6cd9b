// A whole onboarding, all steps, in memory.
#include "onboarding/errors.h"
#include "support/onboarding_parties.h"

#include <fstream>

namespace berth::test {
namespace {

using namespace onboarding;

std::vector<int> numbers(const std::vector<step_event>& steps) {
    std::vector<int> out;
    for (const auto& s : steps) {
        out.push_back(static_cast<int>(s.which));
    }
    return out;
}

TEST(Onboarding, GoesThroughAllSteps) {
    parties p;
    auto& birch = p.add_customer("Birch");
    const auto d = p.make_device("SN-1", "Birch");
    onboarding_scene s(p, d, birch);
    s.start();
    s.run();
    ASSERT_EQ(s.device->outcome(), device_outcome::done) << s.device_error() << " / " << s.registrar_error();
    ASSERT_TRUE(s.accepted);
    EXPECT_EQ(s.accepted->customer(), "Birch");
    EXPECT_EQ(s.accepted->domain_root(), birch.root);
    ASSERT_EQ(s.accepted->credentials().size(), 3u);
    EXPECT_EQ(numbers(s.device->take_steps()), (std::vector<int>{2, 3, 4, 5, 6, 13, 14}));
    EXPECT_EQ(numbers(s.registrar->take_steps()), (std::vector<int>{2, 1, 6, 7, 10, 11, 12, 13}));
    std::vector<int> masa;
    for (const auto& each : s.masa_link->take_steps()) {
        masa.push_back(static_cast<int>(each.what.which));
    }
    EXPECT_EQ(masa, (std::vector<int>{1, 3, 8, 9}));
    EXPECT_EQ(p.ownership(d).state, registry::ownership_state::onboarded);
    EXPECT_THAT(p.audit_outcomes(d), testing::ElementsAre("manufactured ok", "assigned ok", "authorized ok", "result installed"));
    EXPECT_EQ(s.masa_link->open_sessions(), 0u);
    // Real octets for the fuzz targets: BERTH_WRITE_CORPUS=1 writes them anew.
    if (std::getenv("BERTH_WRITE_CORPUS")) {
        for (const auto& [l, octets] : s.recorded) {
            std::ofstream(fmt::format("{}/tests/fuzz/corpus/onboarding_frames/leg_{}", BERTH_SOURCE_DIR, static_cast<int>(l)),
                          std::ios::binary)
                << as_text(octets);
        }
    }
}

TEST(Onboarding, GivesTheConfigurationOfTheDevice) {
    parties p;
    auto& birch = p.add_customer("Birch");
    const auto d = p.make_device("SN-1", "Birch");
    ASSERT_TRUE(birch.store->set_configuration(registry::configuration_scope::everyone, "", R"({"ntp":"a","level":1})", 1));
    ASSERT_TRUE(birch.store->set_configuration(registry::configuration_scope::model, "model-1", R"({"level":2})", 1));
    onboarding_scene s(p, d, birch);
    s.start();
    s.run();
    ASSERT_TRUE(s.accepted) << s.device_error();
    EXPECT_EQ(s.accepted->configuration(), R"({"ntp":"a","level":2})");
}

// "A certificate for the same identity and key is reused": power lost before the installation.
TEST(Onboarding, GivesTheSameCertificatesBackAfterPowerLoss) {
    parties p;
    auto& birch = p.add_customer("Birch");
    const auto d = p.make_device("SN-1", "Birch");
    onboarding_scene first(p, d, birch);
    first.auto_install = false;
    first.start();
    first.run();
    ASSERT_EQ(first.device->state(), device_state::installing);
    first.accepted = first.device->take_accepted();
    first.registrar->kk2_ended();
    onboarding_scene second(p, d, birch);
    second.start();
    second.run();
    ASSERT_TRUE(second.accepted) << second.device_error();
    for (size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(second.accepted->credentials()[i].chain.front(), first.accepted->credentials()[i].chain.front());
    }
    EXPECT_EQ(birch.store->certificates_of(d.identity)->size(), 3u);
}

TEST(Onboarding, WaitsForAnOperator) {
    parties p;
    auto& birch = p.add_customer("Birch");
    birch.settings.manual_approval = true;
    const auto d = p.make_device("SN-1", "Birch");
    onboarding_scene s(p, d, birch);
    s.start();
    s.run();
    EXPECT_EQ(s.device->outcome(), device_outcome::running);
    EXPECT_TRUE(s.registrar->awaits_approval());
    ASSERT_TRUE(s.device->wake_at());
    p.clock.advance(5'000);
    s.device->tick();
    s.run();  // the same request again, still pending
    EXPECT_EQ(s.device->outcome(), device_outcome::running);
    ASSERT_TRUE(birch.store->decide(d.identity, true, p.clock.now()));
    s.registrar->operator_decided();
    s.run();
    EXPECT_EQ(s.device->outcome(), device_outcome::done) << s.device_error();
}

TEST(Onboarding, OperatorCanDeny) {
    parties p;
    auto& birch = p.add_customer("Birch");
    birch.settings.manual_approval = true;
    const auto d = p.make_device("SN-1", "Birch");
    onboarding_scene s(p, d, birch);
    s.start();
    s.run();
    ASSERT_TRUE(birch.store->decide(d.identity, false, p.clock.now()));
    s.registrar->operator_decided();
    s.run();
    EXPECT_EQ(s.device_error(), "approval_denied");
    EXPECT_TRUE(birch.store->certificates_of(d.identity)->empty());
}

// Whether approvals are waited for or not: what an operator has said of a device holds.
TEST(Onboarding, ADenialHoldsWithoutManualApproval) {
    parties p;
    auto& birch = p.add_customer("Birch");
    const auto d = p.make_device("SN-1", "Birch");
    ASSERT_TRUE(birch.store->decide(d.identity, false, p.clock.now()));
    onboarding_scene s(p, d, birch);
    s.start();
    s.run();
    EXPECT_EQ(s.device_error(), "approval_denied");
    EXPECT_TRUE(birch.store->certificates_of(d.identity)->empty());
}

// "After KK1 reopens the registrar repeats `session_open` and 3 for what is open".
TEST(Onboarding, SurvivesTheLossOfKk1AfterTheRequest) {
    parties p;
    auto& birch = p.add_customer("Birch");
    const auto d = p.make_device("SN-1", "Birch");
    onboarding_scene s(p, d, birch);
    bool cut = false;
    s.tamper = [&](leg l, bytes octets) {
        // The answer to the authorization request is lost with its connection.
        if (l == leg::masa_to_registrar && s.registrar->state() == registrar_state::authorizing && !cut) {
            cut = true;
            return bytes{};
        }
        return octets;
    };
    s.start();
    s.run();
    ASSERT_TRUE(cut);
    EXPECT_EQ(s.device->outcome(), device_outcome::running);
    s.reopen_kk1();
    s.run();
    EXPECT_EQ(s.device->outcome(), device_outcome::done) << s.device_error() << " / " << s.registrar_error();
    // One voucher, one audit entry: the second MASA connection was given the stored answer.
    EXPECT_THAT(p.audit_outcomes(d), testing::ElementsAre("manufactured ok", "assigned ok", "authorized ok", "result installed"));
}

TEST(Onboarding, UsesTheSpareWhenTheCurrentKeyIsUnknown) {
    parties p;
    auto& birch = p.add_customer("Birch");
    const auto d = p.make_device("SN-1", "Birch");
    const auto stranger = crypto::kem_private_key::generate(crypto::kem_algorithm::mlkem768_p256, crypto::system_random());
    p.masa_keys.insert(p.masa_keys.begin(), stranger.public_key());
    onboarding_scene s(p, d, birch);
    s.start();
    s.run();
    EXPECT_EQ(s.device->outcome(), device_outcome::use_spare);
}

TEST(Onboarding, ReportsAnUnacknowledgedInstallation) {
    parties p;
    auto& birch = p.add_customer("Birch");
    const auto d = p.make_device("SN-1", "Birch");
    kk3_id_field id{};
    {
        onboarding_scene s(p, d, birch);
        s.tamper = [&](leg l, bytes octets) { return l == leg::device_to_registrar && s.accepted ? bytes{} : octets; };
        s.start();
        s.run();
        ASSERT_TRUE(s.accepted);
        id = *s.device->kk3_id();
        s.device->kk2_ended();
        EXPECT_EQ(s.device->outcome(), device_outcome::unreported);
        s.registrar->kk2_ended();
    }
    EXPECT_EQ(p.ownership(d).state, registry::ownership_state::assigned);
    onboarding_scene again(p, d, birch);
    again.device->start_report(id);
    again.run();
    EXPECT_EQ(again.device->outcome(), device_outcome::done) << again.device_error();
    again.reopen_kk1();
    again.run();
    EXPECT_EQ(p.ownership(d).state, registry::ownership_state::onboarded);
    EXPECT_TRUE(birch.store->undelivered_results(p.maker_root.spki_sha256(), 10)->empty());
}

}  // namespace
}  // namespace berth::test
