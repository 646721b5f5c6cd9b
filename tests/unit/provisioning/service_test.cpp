// The service: both steps, what is made at the hub, who is refused, and what is bounded.
#include "provisioning_world.h"

namespace berth::test {
namespace {

using Service = EnrolledFleet;

TEST_F(Service, ADeviceOfAGroupIsAssignedAndKnownAtTheHub) {
    changed(fleet, [](auto& s) {
        s.group = "pumps";
        s.tags = R"({"site":"Jena"})";
    });
    const auto a = registered(device("Dev1"), "dev1", R"({"registrationId":"dev1","payload":{"a":1}})");
    EXPECT_EQ(a.status, 200U);
    EXPECT_EQ(text(a, "status"), "assigned");
    const auto state = state_of(a);
    EXPECT_EQ(text(state, "registrationId"), "dev1");
    EXPECT_EQ(text(state, "assignedHub"), "hub.example");
    EXPECT_EQ(text(state, "deviceId"), "Dev1") << "as its certificate spells it: the hub compares octet by octet";
    EXPECT_EQ(text(state, "substatus"), "initialAssignment");
    EXPECT_NE(text(state, "etag"), "");
    EXPECT_EQ(text(state.at("x509").as_object(), "enrollmentGroupId"), "fleet");
    const auto there = known("Dev1");
    ASSERT_TRUE(there);
    EXPECT_EQ(there->settings.login.way, login_way::certificate_authority);
    EXPECT_EQ(there->settings.group, "pumps");
    EXPECT_EQ(there->settings.tags, R"({"site":"Jena"})");
    EXPECT_TRUE(there->settings.enabled);
    EXPECT_FALSE(known("dev1"));
}

TEST_F(Service, AnIndividualOneLogsInByItsThumbprints) {
    const auto first = leaf(root, "dev1"), second = leaf(line, "dev1");
    auto s = with(first);
    s.attestation.secondary = second;
    s.device_id = "pump-1";
    individual("dev1", s);
    EXPECT_EQ(assigned(shows({second}), "dev1"), "pump-1 at hub.example");
    const auto there = known("pump-1");
    ASSERT_TRUE(there);
    EXPECT_EQ(there->settings.login, (login_rule{login_way::thumbprint, first.sha256(), second.sha256()}));
}

TEST_F(Service, AHubElsewhereIsToldAndNothingIsMadeHere) {
    link("far.example:8883");
    changed(fleet, [](auto& s) {
        s.allocation = allocation_way::fixed;
        s.hubs = {"far.example:8883"};
    });
    EXPECT_EQ(assigned(device("dev1"), "dev1"), "dev1 at far.example:8883");
    EXPECT_FALSE(known("dev1"));
    ASSERT_TRUE(got(records->remove_hub("far.example:8883")));
    EXPECT_EQ(assigned(device("dev2"), "dev2"), "failed 404206");
    EXPECT_FALSE(known("dev2"));
}

TEST_F(Service, TheHubThatTheDeviceMeasuredOrIsNear) {
    link("a.example", false, 1, {"10.0.0.0/8"});
    link("b.example");
    changed(fleet, [](auto& s) { s.allocation = allocation_way::lowest_latency; });
    auto who = device("dev1");
    EXPECT_EQ(assigned(who, "dev1", R"({"payload":{"latencies":{"a.example":9,"b.example":3,"c.example":1}}})"),
              "dev1 at b.example");
    who.address = "10.1.2.3";
    EXPECT_EQ(assigned(who, "dev1"), "dev1 at a.example");
    EXPECT_EQ(assigned(who, "dev1", R"({"payload":{"latencies":{"b.example":30}}})"), "dev1 at b.example");
    who.address = "";
    EXPECT_THAT(assigned(who, "dev1"), testing::StartsWith("dev1 at ")) << "nobody knows: by hashing";
}

TEST_F(Service, NobodyIsToldWhyHeIsRefused) {
    const auto foreign = make_root("Foreign", signature_algorithm::ecdsa_p256_sha256);
    const auto disabled = leaf(root, "dev2");
    auto s = with(disabled);
    s.enabled = false;
    individual("dev2", s);
    std::set<std::string> told;
    const auto refusal = [&](const caller& who, const std::string& id) {
        const auto a = begin(who, id);
        told.insert(text(a, "message"));
        EXPECT_NE(text(a, "trackingId"), "");
        return a.status * 1'000'000 + number(a, "errorCode");
    };
    constexpr uint64_t unauthorised = 401'401'002;
    EXPECT_EQ(refusal(shows({leaf(foreign, "dev1"), foreign.certificate}), "dev1"), unauthorised);
    EXPECT_EQ(refusal(shows({leaf(line, "dev1")}), "dev1"), unauthorised) << "the intermediate is missing";
    EXPECT_EQ(refusal(shows({disabled}), "dev2"), unauthorised);
    EXPECT_EQ(refusal(shows({leaf(root, "dev2")}), "dev2"), unauthorised);
    EXPECT_EQ(refusal(device("dev1"), "dev3"), unauthorised);
    EXPECT_EQ(refusal(shows({}), "dev1"), unauthorised);
    auto elsewhere = device("dev1");
    elsewhere.scope = "scope2";
    EXPECT_EQ(refusal(elsewhere, "dev1"), unauthorised);
    EXPECT_EQ(told.size(), 1U);
    EXPECT_EQ(begin(device("dev1"), "dev/1").status, 400U);
    EXPECT_EQ(begin(device("dev1"), std::string(129, 'a')).status, 400U);
    EXPECT_TRUE(to->refuses(elsewhere, "dev1", now));
    EXPECT_FALSE(to->refuses(device("dev1"), "dev1", now));
    EXPECT_EQ(got(hub->tally()), identity_tally{});
    EXPECT_TRUE(got(records->list_registrations({})).empty());
    EXPECT_EQ(to->pending(), 0U);
}

TEST_F(Service, BodiesThatAreNone) {
    const auto who = device("dev1");
    for (const char* good : {"", " ", "\n", "{}", R"({"registrationId":"DEV1"})", R"({"payload":null})", R"({"payload":[1,"a"]})",
                             R"({"unknown":1})"}) {
        now += 20;
        EXPECT_EQ(begin(who, "dev1", good).status, 202U) << good;
    }
    for (const char* bad : {"{", "x", "[]", "null", R"({"registrationId":"dev2"})", R"({"registrationId":1})", R"({} {})",
                            R"({"registrationId":"dev1","registrationId":"dev1"})", "\xff\xfe"}) {
        now += 20;
        const auto a = begin(who, "dev1", bad);
        EXPECT_EQ(a.status, 400U) << bad;
        EXPECT_EQ(number(a, "errorCode"), 400'001U) << bad;
    }
    now += 20;
    EXPECT_EQ(begin(who, "dev1", std::string("{\0}", 3)).status, 400U);
    now += 20;
    EXPECT_EQ(begin(who, "dev1", R"({"payload":")" + std::string(provisioning::most_registration_body, 'a') + "\"}").status,
              400U);
    now += 20;
    EXPECT_EQ(number(begin(who, "dev1", R"({"tpm":{"endorsementKey":"AAAA"}})"), "errorCode"), 400'501U);
}

TEST_F(Service, AnOperationIsItsDevicesAlone) {
    const auto begun = begin(device("dev1"), "dev1");
    const std::string operation = text(begun, "operationId");
    constexpr uint64_t unknown = 404'205;
    EXPECT_EQ(number(status(device("dev2"), "dev2", operation), "errorCode"), unknown);
    EXPECT_EQ(number(status(device("dev2"), "dev1", operation), "errorCode"), unknown);
    EXPECT_EQ(number(status(device("dev1"), "dev2", operation), "errorCode"), unknown);
    EXPECT_EQ(number(status(shows({}), "dev1", operation), "errorCode"), unknown);
    EXPECT_EQ(number(status(shows({leaf(root, "dev1")}), "dev1", operation), "errorCode"), unknown) << "of that name";
    EXPECT_EQ(number(status(device("dev1"), "dev1", "4.x"), "errorCode"), unknown);
    EXPECT_EQ(number(status(device("dev1"), "dev1", ""), "errorCode"), unknown);
    EXPECT_EQ(text(status(device("dev1"), "DEV1", operation), "status"), "assigned");
    // The next registration has another, and the former is forgotten.
    const auto again = begin(device("dev1"), "dev1");
    EXPECT_NE(text(again, "operationId"), operation);
    EXPECT_EQ(number(status(device("dev1"), "dev1", operation), "errorCode"), unknown);
}

TEST_F(Service, AnOutcomeIsToldAfterARestart) {
    const std::string operation = text(begin(device("dev1"), "dev1"), "operationId");
    start();
    const auto a = status(device("dev1"), "dev1", operation);
    EXPECT_EQ(text(a, "status"), "assigned");
    EXPECT_EQ(text(state_of(a), "assignedHub"), "hub.example");
    EXPECT_EQ(status(shows({leaf(root, "dev1")}), "dev1", operation).status, 404U);
    EXPECT_EQ(status(device("dev2"), "dev2", operation).status, 404U);
    const auto looked = to->lookup(device("dev1"), "dev1", now);
    EXPECT_EQ(text(looked, "deviceId"), "dev1");
    EXPECT_EQ(to->lookup(device("dev2"), "dev2", now).status, 404U);
    EXPECT_EQ(to->lookup(shows({leaf(line, "dev1")}), "dev1", now).status, 401U);
}

TEST_F(Service, PollsAndRegistrationsAreCounted) {
    const auto who = device("dev1");
    const std::string operation = text(begin(who, "dev1"), "operationId");
    for (unsigned i = 0; i < settings.most_polls; ++i) {
        EXPECT_EQ(status(who, "dev1", operation).status, 200U);
    }
    const auto refused = status(who, "dev1", operation);
    EXPECT_EQ(refused.status, 429U) << "SDKs try again";
    EXPECT_EQ(refused.retry_after, 10U);
    EXPECT_EQ(begin(device("dev2"), "dev2").status, 202U) << "another device";
    now += settings.window;
    EXPECT_EQ(status(who, "dev1", operation).status, 200U);
    for (unsigned i = 0; i < settings.most_begins; ++i) {
        EXPECT_EQ(begin(who, "dev1").status, 202U);
    }
    EXPECT_EQ(begin(who, "DEV1").status, 429U);
    // Who is not let in counts for nobody.
    now += settings.window;
    for (unsigned i = 0; i <= settings.most_begins; ++i) {
        EXPECT_EQ(begin(shows({leaf(line, "dev1")}), "dev1").status, 401U);
    }
    EXPECT_EQ(begin(who, "dev1").status, 202U);
}

TEST_F(Service, OperationsAreBoundedAndEnd) {
    settings.most_operations = 3;
    start();
    changed(fleet, [](auto& s) {
        s.allocation = allocation_way::webhook;
        s.webhook = "https://a.example/";
    });
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(begin(device("dev" + std::to_string(i)), "dev" + std::to_string(i)).status, 202U);
    }
    EXPECT_EQ(to->pending(), 3U);
    EXPECT_EQ(begin(device("dev9"), "dev9").status, 429U) << "all of them wait for a webhook";
    for (const auto& wish : to->take_wishes()) {
        to->webhook_answered(wish.operation, 200, R"({"iotHubHostName":"hub.example"})", now);
    }
    EXPECT_EQ(to->pending(), 0U);
    EXPECT_EQ(begin(device("dev9"), "dev9").status, 202U) << "outcomes are on record";
    for (const char* id : {"dev7", "dev6"}) {
        EXPECT_EQ(begin(device(id), id).status, 202U);
    }
    EXPECT_EQ(begin(device("dev5"), "dev5").status, 429U);
    now += settings.webhook_lasts;
    EXPECT_EQ(begin(device("dev5"), "dev5").status, 202U) << "in place of the first whose webhook is late";
    now += settings.operation_lasts;
    EXPECT_EQ(begin(device("dev8"), "dev8").status, 202U);
    EXPECT_EQ(to->pending(), 1U) << "what nobody asks for is forgotten";
}

TEST_F(Service, WhatOperatorsChangeCountsAtOnce) {
    EXPECT_EQ(assigned(device("dev1"), "dev1"), "dev1 at hub.example");
    const auto off = changed(fleet, [](auto& s) { s.enabled = false; });
    EXPECT_EQ(assigned(device("dev2"), "dev2"), "401002");
    EXPECT_EQ(assigned(device("dev1"), "dev1"), "401002");
    changed(off, [](auto& s) { s.enabled = true; });
    EXPECT_EQ(assigned(device("dev2"), "dev2"), "dev2 at hub.example");
    auto retired = *got(hub->find_ca("fleet"));
    const auto until = [&](unix_seconds at) {
        retired.retires = at;
        ++retired.version;
        ASSERT_TRUE(hub->change_ca(retired));
    };
    until(now);
    EXPECT_EQ(assigned(device("dev3"), "dev3"), "401002");
    until(now + 100);
    EXPECT_EQ(assigned(device("dev3"), "dev3"), "dev3 at hub.example");
    now += 100;
    EXPECT_EQ(assigned(device("dev4"), "dev4"), "401002") << "the CA has retired";
}

TEST_F(Service, RevokedDevicesAreRefused) {
    const auto stolen = leaf(root, "dev1");
    EXPECT_EQ(assigned(shows({stolen}), "dev1"), "dev1 at hub.example");
    to->set_lists({value_of(
        pki::issue_crl({1, test_now - 60, test_now + day, {{stolen.serial(), test_now - 30, {}}}}, root.certificate, root.key))});
    EXPECT_EQ(assigned(shows({stolen}), "dev1"), "401002");
    EXPECT_EQ(assigned(shows({leaf(root, "dev2")}), "dev2"), "dev2 at hub.example");
}

TEST_F(Service, NothingIsTakenOverAtTheHub) {
    // Known to an operator as another one: by thumbprint.
    identity_settings by_print;
    by_print.login = {login_way::thumbprint, thumbprint{1}, std::nullopt};
    const auto operators = make_identity({"dev1", ""}, by_print, random, now);
    ASSERT_TRUE(hub->add(operators));
    EXPECT_EQ(assigned(device("dev1"), "dev1"), "failed 409203");
    EXPECT_EQ(known("dev1"), operators);
    // As it stands it lets this one in.
    const auto same = make_identity({"dev2", ""}, {}, random, now);
    ASSERT_TRUE(hub->add(same));
    EXPECT_EQ(assigned(device("dev2"), "dev2"), "dev2 at hub.example");
    EXPECT_EQ(known("dev2"), same) << "and nothing of it has changed";
    // Two that differ in case alone are one registration, and two devices.
    EXPECT_EQ(assigned(device("Dev3"), "dev3"), "Dev3 at hub.example");
    EXPECT_EQ(assigned(device("dev3"), "dev3"), "failed 409203");
    EXPECT_FALSE(known("dev3"));
    EXPECT_EQ(assigned(device("Dev3"), "dev3"), "Dev3 at hub.example") << "the first still has it";
}

TEST_F(Service, AGroupDoesNotInheritAnIndividualsIdentity) {
    const auto own = leaf(line, "dev1");
    const auto single = individual("dev1", with(own));
    EXPECT_EQ(assigned(shows({own}), "dev1"), "dev1 at hub.example");
    ASSERT_TRUE(records->remove(single));
    EXPECT_EQ(assigned(shows({leaf(root, "dev1")}), "dev1"), "failed 409203") << "another device of that name";
    EXPECT_EQ(known("dev1")->settings.login.way, login_way::thumbprint);
    // The other way it is its operator's word about this one device.
    EXPECT_EQ(assigned(device("dev2"), "dev2"), "dev2 at hub.example");
    const auto another = leaf(root, "dev2");
    individual("dev2", with(another));
    EXPECT_EQ(assigned(shows({another}), "dev2"), "dev2 at hub.example");
    EXPECT_EQ(known("dev2")->settings.login.primary, another.sha256());
}

TEST_F(Service, WhoFailsTwiceIsNoNearer) {
    const auto other = make_root("Other", signature_algorithm::ecdsa_p256_sha256);
    register_ca("other", other.certificate);
    group("others", below("other"));
    const auto intruder = shows({leaf(other, "dev1")});
    EXPECT_EQ(assigned(device("dev1"), "dev1"), "dev1 at hub.example");
    // Its operator pins it.
    auto pinned = known("dev1")->settings;
    pinned.login = {login_way::thumbprint, thumbprint{1}, std::nullopt};
    const auto after = got(hub->change(*known("dev1"), pinned, now));
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(assigned(intruder, "dev1"), "failed 409203");
        EXPECT_EQ(assigned(device("dev1"), "dev1"), "failed 409203") << "a group does not take the pin off again";
    }
    EXPECT_EQ(known("dev1"), after);
}

TEST_F(Service, WhoMayNotLogInStaysOut) {
    const auto own = leaf(root, "dev1");
    individual("dev1", with(own));
    EXPECT_EQ(assigned(shows({own}), "dev1"), "dev1 at hub.example");
    auto locked = known("dev1")->settings;
    locked.login = {login_way::none, std::nullopt, std::nullopt};
    const auto after = got(hub->change(*known("dev1"), locked, now));
    EXPECT_EQ(assigned(shows({own}), "dev1"), "failed 409203");
    EXPECT_EQ(known("dev1"), after);
}

TEST_F(Service, ADisabledIdentityStaysDisabled) {
    EXPECT_EQ(assigned(device("dev1"), "dev1"), "dev1 at hub.example");
    auto off = known("dev1")->settings;
    off.enabled = false;
    off.status_reason = "stolen";
    const auto disabled = got(hub->change(*known("dev1"), off, now));
    EXPECT_EQ(assigned(device("dev1"), "dev1"), "disabled");
    EXPECT_EQ(known("dev1"), disabled);
    changed(fleet, [](auto& s) { s.reprovision = reprovision_way::reset; });
    EXPECT_EQ(assigned(device("dev1"), "dev1"), "disabled");
    EXPECT_EQ(known("dev1"), disabled);
    off.enabled = true;
    ASSERT_TRUE(hub->change(disabled, off, now));
    EXPECT_EQ(assigned(device("dev1"), "dev1"), "dev1 at hub.example") << "and is still its own";
}

TEST_F(Service, CertificatesThatWereEndedRegisterNothing) {
    EXPECT_EQ(assigned(device("dev1"), "dev1"), "dev1 at hub.example");
    ASSERT_TRUE(hub->raise_epoch({"dev1", ""}, now));
    EXPECT_EQ(assigned(device("dev1"), "dev1"), "failed 401002");
    const pki::validity later{now + 10, now + 100 * day};
    EXPECT_EQ(assigned(shows({leaf(line, "dev1", later), line.certificate}), "dev1"), "dev1 at hub.example")
        << "a later one does";
    ASSERT_TRUE(hub->remove(*known("dev1"), now));
    EXPECT_EQ(assigned(device("dev1"), "dev1"), "failed 401002") << "they stay ended";
    EXPECT_FALSE(got(hub->find({"dev1", ""}))) << "and nothing is made for them";
    EXPECT_EQ(assigned(shows({leaf(line, "dev1", later), line.certificate}), "dev1"), "dev1 at hub.example");
    EXPECT_EQ(known("dev1")->epoch, 1U);
}

}  // namespace
}  // namespace berth::test
