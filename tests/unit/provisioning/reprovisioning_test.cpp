// Devices that register again: migrate, reset, never.
#include "provisioning_world.h"

namespace berth::test {
namespace {

class Reprovisioning : public EnrolledFleet {
protected:
    Reprovisioning() {
        fleet = changed(fleet, [](auto& s) {
            s.group = "pumps";
            s.tags = R"({"a":1})";
        });
    }
    std::string detail(const std::string& id = "dev1") {
        const auto a = registered(device(id), id);
        return text(a, "status") == "assigned" ? text(state_of(a), "substatus") + " " + text(state_of(a), "assignedHub")
                                               : text(a, "status");
    }
    void way(reprovision_way w) {
        fleet = changed(fleet, [&](auto& s) { s.reprovision = w; });
    }
    void send_to(const std::string& host) {
        fleet = changed(fleet, [&](auto& s) {
            s.allocation = allocation_way::fixed;
            s.hubs = {host};
        });
    }
    // As an operator changes it at the hub.
    void retag() {
        auto s = known("dev1")->settings;
        s.group = "valves";
        s.tags = R"({"b":2})";
        s.status_reason = "looked at";
        ASSERT_TRUE(hub->change(*known("dev1"), s, now));
    }
};

TEST_F(Reprovisioning, MigrateKeepsWhatStandsThere) {
    EXPECT_EQ(detail(), "initialAssignment hub.example");
    retag();
    const auto before = known("dev1");
    EXPECT_EQ(detail(), "reprovisionedToInitialAssignment hub.example");
    EXPECT_EQ(known("dev1"), before);
    link("far.example");
    send_to("far.example");
    EXPECT_EQ(detail(), "deviceDataMigrated far.example");
    EXPECT_EQ(known("dev1"), before) << "moving it away is its operator's";
}

TEST_F(Reprovisioning, ResetBeginsAnew) {
    way(reprovision_way::reset);
    EXPECT_EQ(detail(), "initialAssignment hub.example");
    retag();
    const auto before = known("dev1");
    EXPECT_EQ(detail(), "deviceDataReset hub.example");
    const auto after = known("dev1");
    EXPECT_EQ(after->settings.group, "pumps");
    EXPECT_EQ(after->settings.tags, R"({"a":1})");
    EXPECT_EQ(after->settings.status_reason, "looked at");
    EXPECT_EQ(after->generation, before->generation);
}

TEST_F(Reprovisioning, ATwinBeginsAsItsEnrolmentSays) {
    const auto desired = [this] {
        const auto t = got(twins->twin_of({"dev1", ""}));
        return wire::to_text(t.desired.properties) + " " + std::to_string(t.desired.version);
    };
    fleet = changed(fleet, [](auto& s) { s.desired = R"({"rate":5})"; });
    EXPECT_EQ(detail(), "initialAssignment hub.example");
    EXPECT_EQ(desired(), R"({"rate":5} 2)");
    auto wish = got(registry::patched(got(twins->twin_of({"dev1", ""})).desired, {{"mode", "on"}}, now));
    ASSERT_TRUE(twins->set_desired({"dev1", ""}, wish, {}));
    detail();
    EXPECT_EQ(desired(), R"({"rate":5,"mode":"on"} 3)") << "migrate: what stands there stays";
    way(reprovision_way::reset);
    EXPECT_EQ(detail(), "deviceDataReset hub.example");
    EXPECT_EQ(desired(), R"({"rate":5} 4)");
    const auto news = got(twins->news(0, 10));
    ASSERT_EQ(news.size(), 3U);
    EXPECT_EQ(news.back().patch, R"({"mode":null})") << "and who is connected is told";
    fleet = changed(fleet, [](auto& s) { s.desired.clear(); });
    detail();
    EXPECT_EQ(desired(), "{} 5");
    detail();
    EXPECT_EQ(desired(), "{} 5");
}

TEST_F(Reprovisioning, NeverTellsWhatWasToldFirst) {
    way(reprovision_way::never);
    EXPECT_EQ(detail(), "initialAssignment hub.example");
    retag();
    const auto before = known("dev1");
    link("far.example");
    send_to("far.example");
    EXPECT_EQ(detail(), "reprovisionedToInitialAssignment hub.example");
    EXPECT_EQ(known("dev1"), before);
    EXPECT_EQ(detail("dev2"), "initialAssignment far.example");
    // Deleted by its operator, who has said that it is not to come back.
    ASSERT_TRUE(hub->remove(*known("dev1"), now));
    EXPECT_EQ(assigned(device("dev1"), "dev1"), "failed 404204");
    EXPECT_FALSE(known("dev1"));
    way(reprovision_way::migrate);
    send_to("hub.example");
    EXPECT_EQ(assigned(device("dev1"), "dev1"), "dev1 at hub.example");
    EXPECT_TRUE(known("dev1"));
}

TEST_F(Reprovisioning, AnIdentityThatWasMadeAnewByAnOperatorIsHis) {
    EXPECT_EQ(detail(), "initialAssignment hub.example");
    ASSERT_TRUE(hub->remove(*known("dev1"), now));
    identity_settings s;
    s.login = {login_way::thumbprint, thumbprint{1}, std::nullopt};
    const auto his = make_identity({"dev1", ""}, s, random, now);
    ASSERT_TRUE(hub->add(his));
    EXPECT_EQ(assigned(device("dev1"), "dev1"), "failed 409203");
    EXPECT_EQ(known("dev1"), his);
}

TEST_F(Reprovisioning, WhatAnotherMadeIsNeverOursHoweverOftenItRegisters) {
    const auto next = make_root("Next", signature_algorithm::ecdsa_p256_sha256);
    register_ca("next", next.certificate);
    const auto others = group("others", below("next"));
    const auto by_others = shows({leaf(next, "dev1")});
    for (const auto w : {reprovision_way::migrate, reprovision_way::reset}) {
        way(w);
        changed(others, [&](auto& s) {
            s.reprovision = w;
            s.group = "thieves";
            s.tags = R"({"t":1})";
        });
        // Made by an operator: it lets its device in, and stays as it is.
        const std::string id = w == reprovision_way::reset ? "op-reset" : "op-migrate";
        identity_settings s;
        s.group = "valves";
        s.tags = R"({"b":2})";
        const auto his = make_identity({id, ""}, s, random, now);
        ASSERT_TRUE(hub->add(his));
        EXPECT_EQ(detail(id), "initialAssignment hub.example");
        for (int i = 0; i < 2; ++i) {
            EXPECT_EQ(detail(id), "reprovisionedToInitialAssignment hub.example") << "nothing was reset";
            EXPECT_EQ(known(id), his);
        }
        EXPECT_EQ(got(records->find_registration(id))->generation, 0U);
    }
    // Made by another group.
    EXPECT_EQ(detail(), "initialAssignment hub.example");
    const auto first = known("dev1");
    EXPECT_EQ(first->settings.group, "pumps");
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(assigned(by_others, "dev1"), "dev1 at hub.example");
        EXPECT_EQ(known("dev1"), first);
        EXPECT_EQ(got(records->find_registration("dev1"))->generation, 0U);
    }
}

TEST_F(Reprovisioning, WhatWasMadeHereIsItsOwnAfterAStayElsewhere) {
    way(reprovision_way::reset);
    EXPECT_EQ(detail(), "initialAssignment hub.example");
    link("far.example");
    send_to("far.example");
    EXPECT_EQ(detail(), "deviceDataReset far.example");
    retag();
    send_to("hub.example");
    EXPECT_EQ(detail(), "deviceDataReset hub.example");
    EXPECT_EQ(known("dev1")->settings.group, "pumps");
}

TEST_F(Reprovisioning, CertificatesOfAnIndividualRollOver) {
    const auto first = leaf(root, "dev7"), second = leaf(line, "dev7");
    const auto single = individual("dev7", with(first));
    EXPECT_EQ(assigned(shows({first}), "dev7"), "dev7 at hub.example");
    changed(single, [&](auto& s) { s.attestation.secondary = second; });
    EXPECT_EQ(assigned(shows({second}), "dev7"), "dev7 at hub.example");
    EXPECT_EQ(known("dev7")->settings.login, (login_rule{login_way::thumbprint, first.sha256(), second.sha256()}));
}

TEST_F(Reprovisioning, ARemovedEnrolmentForgetsWhoCameByIt) {
    EXPECT_EQ(detail(), "initialAssignment hub.example");
    ASSERT_TRUE(records->remove(fleet));
    EXPECT_FALSE(got(records->find_registration("dev1")));
    fleet = group("fleet", below("fleet"));
    EXPECT_EQ(detail(), "initialAssignment hub.example") << "the identity lets it in as it stands";
}

}  // namespace
}  // namespace berth::test
