// docs/onboarding.md section 9: "What each attacker must not be able to do (each is a named test)". Each test names the error
// and shows that no state changed.
#include "crypto/hash.h"
#include "onboarding/errors.h"
#include "onboarding/messages/authorization.h"
#include "onboarding/messages/authorization_request.h"
#include "onboarding/messages/challenge.h"
#include "onboarding/messages/error.h"
#include "onboarding/messages/grant.h"
#include "onboarding/messages/pending.h"
#include "onboarding/messages/result.h"
#include "onboarding/messages/session_open.h"
#include "onboarding/messages/tunnel.h"
#include "support/onboarding_attack.h"

namespace berth::test {
namespace {

using namespace onboarding;

template <class T>
void edit(frame& f, const std::function<void(T&)>& change) {
    auto m = wire::decode<T>(f.body.view());
    ASSERT_TRUE(m);
    change(*m);
    f.body = *wire::encode(*m);
}

// ---- who may ask

TEST_F(Attack, RegistrarWithoutAnAssignment) {
    const auto d = p.make_device("SN-1", "");
    onboarding_scene s(p, d, birch);
    s.start();
    s.run();
    EXPECT_EQ(s.device_error(), "not_assigned");
    expect_nothing_happened(d, s, "");
    EXPECT_THAT(p.audit_outcomes(d), testing::ElementsAre("manufactured ok", "refused not_assigned"));
}

TEST_F(Attack, DeviceOfAnotherCustomerIsToldNothingMore) {
    const auto d = p.make_device("SN-1", "Cedar");
    onboarding_scene s(p, d, birch);
    s.start();
    s.run();
    // "whoever is not the owner gets `not_assigned`; that it is `assigned_elsewhere` stands only in the log"
    EXPECT_EQ(s.device_error(), "not_assigned");
    EXPECT_THAT(p.audit_outcomes(d), testing::Contains("refused assigned_elsewhere"));
    expect_nothing_happened(d, s, "Cedar");
}

TEST_F(Attack, RegistrarInTheMiddleThatOwnsOtherDevices) {
    const auto d = p.make_device("SN-1", "Birch");
    onboarding_scene s(p, d, birch, &cedar);  // KK1 is Cedar's, the device saw Birch's leaf
    s.start();
    s.run();
    EXPECT_EQ(s.device_error(), "registrar_mismatch");
    EXPECT_THAT(p.audit_outcomes(d), testing::Contains("refused registrar_mismatch"));
    expect_nothing_happened(d, s, "Birch");
}

TEST_F(Attack, OnboardedDeviceThatPlaysRegistrar) {
    const auto d = p.make_device("SN-1", "Birch");
    onboarding_scene s(p, d, birch);
    s.start();
    s.run();
    ASSERT_TRUE(s.accepted);
    kk1_peer device_as_registrar;
    device_as_registrar.chain = s.accepted->credentials()[2].chain;  // its KEM certificate
    const auto customer = p.masa->customer_of(device_as_registrar);
    ASSERT_FALSE(customer);
    EXPECT_EQ(customer.error().name, "not_a_registrar");
}

TEST_F(Attack, Kk1OfAnotherCustomerCannotReport) {
    const auto d = p.make_device("SN-1", "Birch");
    onboarding_scene s(p, d, birch);
    s.tamper = [&](leg l, bytes octets) { return l == leg::registrar_to_masa && s.accepted ? bytes{} : octets; };
    s.start();
    s.run();
    ASSERT_TRUE(s.accepted);
    masa_link other(*p.masa, kk1_peer{cedar.z4});
    const auto octets = to_frame(message_type::result, 1, result_message{*s.device->kk3_id(), result_status::installed, {}});
    ASSERT_TRUE(other.receive(*octets));
    frame_reader reader(frame_reader::server_limit);
    reader.feed(other.take_output());
    const auto answer = reader.next();
    ASSERT_TRUE(answer && *answer);
    EXPECT_TRUE((*answer)->is(message_type::error));
    EXPECT_EQ(wire::decode<error_message>((*answer)->body.view())->name.text(), "unknown_kk3");
    EXPECT_EQ(p.ownership(d).state, registry::ownership_state::assigned);
}

TEST_F(Attack, SessionAboutAnotherMakersDeviceWithTheSameSerial) {
    const auto d = p.make_device("SN-1", "Birch");
    parties elsewhere;
    elsewhere.add_customer("Birch");
    const auto theirs = elsewhere.make_device("SN-1", "Birch");
    onboarding_scene s(p, d, birch);
    s.tamper = altering(leg::registrar_to_masa, message_type::session_open, [&](frame& f) {
        edit<session_open>(f, [&](auto& m) { m.device_root_spki = theirs.identity.device_root_spki; });
    });
    s.start();
    s.run();
    EXPECT_EQ(s.device_error(), "serial_mismatch");
    expect_nothing_happened(d, s, "Birch");
}

// A device of another maker, with a genuine birth certificate and the very serial of one of ours: our MASA does not trust its
// maker, and whatever a registrar says of it, it is another device.
TEST_F(Attack, GenuineDeviceOfAnotherMakerWithTheSameSerial) {
    const auto ours = p.make_device("SN-1", "Birch");
    parties elsewhere;
    elsewhere.add_customer("Birch");
    auto theirs = elsewhere.make_device("SN-1", "Birch");
    ASSERT_NE(theirs.identity, ours.identity);
    onboarding_scene s(p, theirs, birch);
    s.start();
    s.run();
    EXPECT_EQ(s.device_error(), "kk3_failed");
    expect_nothing_happened(ours, s, "Birch");
    EXPECT_TRUE(birch.store->certificates_of(theirs.identity)->empty());
    EXPECT_FALSE(got(p.masa_store->find_device(theirs.identity)));
    // Its own maker's onboarding of it says nothing about ours.
    onboarding_scene own(elsewhere, theirs, *elsewhere.customers["Birch"]);
    own.start();
    own.run();
    EXPECT_EQ(own.device->outcome(), device_outcome::done) << own.device_error();
    EXPECT_EQ(p.ownership(ours).state, registry::ownership_state::assigned);
}

TEST_F(Attack, SessionAboutAnotherDevice) {
    const auto victim = p.make_device("SN-1", "Birch");
    const auto own = p.make_device("SN-2", "Birch");
    onboarding_scene s(p, victim, birch);
    s.tamper = altering(leg::registrar_to_masa, message_type::session_open, [&](frame& f) {
        edit<session_open>(f, [&](auto& m) {
            m.serial = serial_field(std::string_view("SN-2"));
            m.z3_hash = own.z3.front().sha256();
        });
    });
    s.start();
    s.run();
    EXPECT_EQ(s.device_error(), "serial_mismatch");
    expect_nothing_happened(victim, s, "Birch");
}

// ---- replays

TEST_F(Attack, ReplayedRequestOnASecondKk1GetsTheStoredAnswerOnly) {
    const auto d = p.make_device("SN-1", "Birch");
    onboarding_scene s(p, d, birch);
    s.start();
    s.run();
    ASSERT_TRUE(s.accepted);
    // The very octets of Birch's KK1, on a KK1 of Cedar's.
    masa_link other(*p.masa, kk1_peer{cedar.z4});
    ASSERT_TRUE(other.receive(s.recorded[leg::registrar_to_masa]));
    const bytes answer = other.take_output();
    frame_reader reader(frame_reader::server_limit);
    reader.feed(answer);
    for (;;) {
        const auto next = reader.next();
        ASSERT_TRUE(next);
        if (!*next) {
            break;
        }
        EXPECT_FALSE((*next)->is(message_type::authorization)) << "another customer was given a voucher";
    }
}

TEST_F(Attack, ReplayedFirstFlightOpensNothing) {
    const auto d = p.make_device("SN-1", "Birch");
    onboarding_scene s(p, d, birch);
    s.start();
    s.run();
    ASSERT_TRUE(s.accepted);
    const auto before = p.audit_outcomes(d);
    // The registrar plays the device's recorded KK3 first flight again: nobody holds the key to finish it.
    masa_link again(*p.masa, kk1_peer{birch.z4});
    ASSERT_TRUE(again.receive(s.recorded[leg::registrar_to_masa]));
    EXPECT_EQ(p.audit_outcomes(d), before) << "a replay is no decision";
    EXPECT_FALSE(*p.masa_store->find_kk3(*s.device->kk3_id(), p.clock.now()));
}

TEST_F(Attack, SecondRequestOnOneKk3) {
    const auto d = p.make_device("SN-1", "Birch");
    onboarding_scene s(p, d, birch);
    s.start();
    s.run();
    ASSERT_TRUE(s.accepted);
    session_open open{d.identity.device_root_spki, serial_field(std::string_view("SN-1")), d.z3.front().sha256()};
    const auto again =
        p.masa->decide(kk1_peer{birch.z4}, open, *s.device->kk3_id(), as_bytes("another BI2, of whatever content"));
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().name, "kk3_reused");
    EXPECT_THAT(p.audit_outcomes(d), testing::Contains("refused kk3_reused"));
}

TEST_F(Attack, ReplayedNonce) {
    const auto d = p.make_device("SN-1", "Birch");
    authorization_attempt attempt;
    attempt.answer.id[0] = 7;
    attempt.answer.device = d.identity;
    attempt.answer.customer = "Birch";
    attempt.answer.sealed_voucher = {1};
    attempt.nonce[0] = 9;
    attempt.now = p.clock.now();
    ASSERT_EQ(p.masa_store->authorize(attempt)->verdict, authorization_verdict::stored);
    attempt.answer.id[0] = 8;
    EXPECT_EQ(p.masa_store->authorize(attempt)->verdict, authorization_verdict::replayed_nonce);
    attempt.now += 24 * 3600 + 1;
    EXPECT_EQ(p.masa_store->authorize(attempt)->verdict, authorization_verdict::stored);
}

TEST_F(Attack, ReplayedVoucherAndGrantOfAnEarlierOnboarding) {
    const auto d = p.make_device("SN-1", "Birch");
    onboarding_scene first(p, d, birch);
    first.start();
    first.run();
    ASSERT_TRUE(first.accepted);
    bytes old_grant;
    each_frame(first.recorded[leg::registrar_to_device], [&](frame& f) {
        if (f.is(message_type::grant)) {
            old_grant = *wire::encode(f);
        }
    });
    ASSERT_FALSE(old_grant.empty());
    onboarding_scene second(p, d, birch);
    second.tamper =
        altering(leg::registrar_to_device, message_type::grant, [&](frame& f) { f = *wire::decode<frame>(old_grant); });
    second.start();
    second.run();
    EXPECT_EQ(second.device_error(), "authorization_mismatch");
    EXPECT_FALSE(second.accepted);
}

TEST_F(Attack, RequestOfAnotherKk2) {
    const auto d = p.make_device("SN-1", "Birch");
    onboarding_scene first(p, d, birch);
    first.start();
    first.run();
    bytes old_requests;
    each_frame(first.recorded[leg::device_to_registrar], [&](frame& f) {
        if (f.is(message_type::credential_requests)) {
            old_requests = f.body.value;
        }
    });
    auto other = p.make_device("SN-2", "Birch");
    onboarding_scene s(p, other, birch);
    s.tamper = altering(leg::device_to_registrar, message_type::credential_requests, [&](frame& f) { f.body = old_requests; });
    s.start();
    s.run();
    EXPECT_EQ(s.registrar_error(), "possession_unconfirmed");
    EXPECT_TRUE(birch.store->certificates_of(other.identity)->empty());
}

// ---- octets on the way

TEST_F(Attack, TunnelOctetsChanged) {
    const auto d = p.make_device("SN-1", "Birch");
    onboarding_scene s(p, d, birch);
    s.tamper =
        altering(leg::registrar_to_masa, message_type::tunnel, [](frame& f) { f.body.value[f.body.value.size() / 2] ^= 1; });
    s.start();
    s.run();
    EXPECT_EQ(s.device_error(), "kk3_failed");
    expect_nothing_happened(d, s, "Birch");
}

TEST_F(Attack, TunnelCutShort) {
    const auto d = p.make_device("SN-1", "Birch");
    onboarding_scene s(p, d, birch);
    s.tamper = altering(leg::masa_to_registrar, message_type::tunnel, [](frame& f) {
        f.body.value.resize(f.body.value.size() / 2);
        f.body.value[0] = static_cast<uint8_t>((f.body.value.size() - 2) >> 8);
        f.body.value[1] = static_cast<uint8_t>((f.body.value.size() - 2) & 0xff);
    });
    s.start();
    s.run();
    EXPECT_EQ(s.device->outcome(), device_outcome::running);
    p.clock.advance(61'000);
    s.device->tick();  // "60 s without progress and without `pending` moves on"
    EXPECT_EQ(s.device->outcome(), device_outcome::refused);
    expect_nothing_happened(d, s, "Birch");
}

TEST_F(Attack, TunnelFlooded) {
    const auto d = p.make_device("SN-1", "Birch");
    onboarding_scene s(p, d, birch);
    s.start();
    (void)s.turn();
    bytes flood;
    for (int i = 0; i < 5; ++i) {
        append(flood,
               *to_frame(message_type::tunnel, 0, tunnel{wire::opaque<1, most_tunnel_frame>(bytes(most_tunnel_frame, 0x16))}));
    }
    s.registrar->receive(flood);
    EXPECT_EQ(s.registrar_error(), "too_large");
    expect_nothing_happened(d, s, "Birch");
}

TEST_F(Attack, Bi2Changed) {
    const auto d = p.make_device("SN-1", "Birch");
    onboarding_scene s(p, d, birch);
    s.tamper = altering(leg::registrar_to_masa, message_type::authorization_request,
                        [](frame& f) { edit<authorization_request>(f, [](auto& m) { m.bi2.value[5] ^= 1; }); });
    s.start();
    s.run();
    EXPECT_EQ(s.device_error(), "authorization_mismatch");
    EXPECT_THAT(p.audit_outcomes(d), testing::Contains("refused authorization_mismatch"));
    expect_nothing_happened(d, s, "Birch");
}

TEST_F(Attack, CustomerRootSwappedInTheVoucher) {
    const auto d = p.make_device("SN-1", "Birch");
    onboarding_scene s(p, d, birch);
    s.tamper = altering(leg::registrar_to_device, message_type::grant,
                        [](frame& f) { edit<grant>(f, [](auto& m) { m.sealed_voucher.value[200] ^= 1; }); });
    s.start();
    s.run();
    EXPECT_EQ(s.device_error(), "voucher_invalid");
    EXPECT_FALSE(s.accepted);
    // "on status 2 the registrar revokes Z6"
    for (const auto& c : got(birch.store->certificates_of(d.identity))) {
        EXPECT_TRUE(c.revoked);
    }
    EXPECT_NE(p.ownership(d).state, registry::ownership_state::onboarded);
}

// ---- grants

class BadGrant : public Attack, public testing::WithParamInterface<std::pair<const char*, std::function<void(grant&)>>> {};

TEST_P(BadGrant, IsRefusedAndRevoked) {
    const auto d = p.make_device("SN-1", "Birch");
    onboarding_scene s(p, d, birch);
    s.tamper = altering(leg::registrar_to_device, message_type::grant, [](frame& f) { edit<grant>(f, GetParam().second); });
    s.start();
    s.run();
    EXPECT_EQ(s.device_error(), GetParam().first);
    EXPECT_FALSE(s.accepted);
    for (const auto& c : got(birch.store->certificates_of(d.identity))) {
        EXPECT_TRUE(c.revoked);
    }
}

INSTANTIATE_TEST_SUITE_P(
    All, BadGrant,
    testing::Values(
        std::pair<const char*, std::function<void(grant&)>>{"authorization_mismatch", [](grant& g) { g.bi5.value.back() ^= 1; }},
        std::pair<const char*, std::function<void(grant&)>>{
            "certificate_key_mismatch", [](grant& g) { std::swap(g.issued.items[0].name, g.issued.items[1].name); }},
        std::pair<const char*, std::function<void(grant&)>>{"certificate_key_mismatch",
                                                            [](grant& g) { g.issued.items.pop_back(); }},
        std::pair<const char*, std::function<void(grant&)>>{"certificate_key_mismatch",
                                                            [](grant& g) {
                                                                g.issued.items.push_back(g.issued.items[0]);
                                                                g.issued.items.back().name =
                                                                    name_field(std::string_view("extra"));
                                                            }},
        std::pair<const char*, std::function<void(grant&)>>{
            "certificate_key_mismatch",
            [](grant& g) { g.issued.items[0].name = name_field(std::string_view("../../etc/passwd")); }},
        std::pair<const char*, std::function<void(grant&)>>{"domain_chain_invalid",
                                                            [](grant& g) { g.issued.items[0].chain.items.pop_back(); }},
        std::pair<const char*, std::function<void(grant&)>>{"domain_chain_invalid",
                                                            [](grant& g) { g.issued.items[0].chain.items[0].value.back() ^= 1; }},
        std::pair<const char*, std::function<void(grant&)>>{
            "malformed", [](grant& g) { g.configuration = wire::opaque<0, 65535>(std::string_view("{\"a\":1,\"a\":2}")); }}));

TEST_F(Attack, GrantForAnotherDevice) {
    const auto d = p.make_device("SN-1", "Birch");
    const auto other = p.make_device("SN-2", "Birch");
    onboarding_at_the_ca s(p, d, birch);
    s.order->device = other.identity;  // the CA answers for somebody else
    s.ca_answers();
    s.run();
    EXPECT_EQ(s.device_error(), "certificate_key_mismatch");
    EXPECT_FALSE(s.accepted);
}

TEST_F(Attack, CaAnswersWithAnotherKey) {
    const auto d = p.make_device("SN-1", "Birch");
    onboarding_at_the_ca s(p, d, birch);
    auto answer = s.certificates();
    ASSERT_TRUE(answer);
    std::swap((*answer)[0].spki_hash, (*answer)[1].spki_hash);
    s.registrar->ca_answered(std::move(answer));
    s.run();
    EXPECT_EQ(s.device_error(), "ca_refused");
    EXPECT_FALSE(s.accepted);
}

TEST_F(Attack, GrantHeldBackBeyondItsTime) {
    const auto d = p.make_device("SN-1", "Birch");
    onboarding_scene s(p, d, birch);
    bytes held;
    s.tamper = [&](leg l, bytes octets) {
        if (l == leg::registrar_to_device && s.registrar->state() == registrar_state::granted) {
            held = octets;
            return bytes{};
        }
        return octets;
    };
    s.start();
    s.run();
    ASSERT_FALSE(held.empty());
    p.clock.advance(most_bi1_age + 1'000);
    s.device->receive(held);
    EXPECT_EQ(s.device_error(), "voucher_expired");
    EXPECT_FALSE(s.device->take_accepted());
}

TEST_F(Attack, VoucherFromThePast) {
    const auto d = p.make_device("SN-1", "Birch");
    onboarding_scene s(p, d, birch);
    auto settings = p.settings_of(d);
    settings.earliest = p.clock.now() + 1;  // the device has known a later time
    settings.has_clock = false;
    s.device = std::make_unique<device_session>(settings, channel{s.kk2_exporter(), birch.z4}, p.clock, crypto::system_random());
    s.start();
    s.run();
    EXPECT_EQ(s.device_error(), "voucher_expired");
}

// ---- keys

TEST_F(Attack, KemRequestForSomebodyElsesKey) {
    auto d = p.make_device("SN-1", "Birch");
    auto victim = p.make_device("SN-2", "Birch");
    onboarding_scene s(p, d, birch);
    s.tamper = altering(leg::device_to_registrar, message_type::credential_requests, [&](frame& f) {
        edit<credential_requests>(f, [&](auto& m) { m.requests.items[2].request = der_field(victim.credentials[2].spki()); });
    });
    s.start();
    s.run();
    EXPECT_EQ(s.device_error(), "possession_unconfirmed");
    expect_nothing_happened(d, s, "Birch");
}

TEST_F(Attack, KeyThatWasCertifiedForAnotherDevice) {
    auto first = p.make_device("SN-1", "Birch");
    onboarding_scene s(p, first, birch);
    s.start();
    s.run();
    ASSERT_TRUE(s.accepted);
    auto second = p.make_device("SN-2", "Birch");
    second.credentials = first.credentials;
    onboarding_scene again(p, second, birch);
    again.start();
    again.run();
    EXPECT_EQ(again.device_error(), "possession_unconfirmed");
    EXPECT_TRUE(birch.store->certificates_of(second.identity)->empty());
}

TEST_F(Attack, WrongAnswerToTheChallenge) {
    const auto d = p.make_device("SN-1", "Birch");
    onboarding_scene s(p, d, birch);
    s.tamper = altering(leg::device_to_registrar, message_type::challenge_response,
                        [](frame& f) { edit<challenge_response>(f, [](auto& m) { m.responses.items[0].secret[0] ^= 1; }); });
    s.start();
    s.run();
    EXPECT_EQ(s.device_error(), "possession_unconfirmed");
    expect_nothing_happened(d, s, "Birch");
}

// "deny" while an onboarding runs: what was not granted yet is not granted any more.
TEST_F(Attack, DeniedWhileItProves) {
    const auto d = p.make_device("SN-1", "Birch");
    onboarding_scene s(p, d, birch);
    s.tamper = altering(leg::device_to_registrar, message_type::challenge_response,
                        [&](frame& /*f*/) { EXPECT_TRUE(birch.store->decide(d.identity, false, p.clock.now())); });
    s.start();
    s.run();
    EXPECT_EQ(s.device_error(), "approval_denied");
    EXPECT_TRUE(birch.store->certificates_of(d.identity)->empty());
}

TEST_F(Attack, DeniedWhileItIsSilent) {
    const auto d = p.make_device("SN-1", "Birch");
    onboarding_scene s(p, d, birch);
    bool silent = false;
    s.tamper = [&](leg l, bytes octets) {
        each_frame(octets, [&](frame& f) {
            silent = silent || (l == leg::device_to_registrar && f.is(message_type::challenge_response));
        });
        return silent && l == leg::device_to_registrar ? bytes() : octets;
    };
    s.start();
    s.run();
    EXPECT_TRUE(silent);
    ASSERT_TRUE(birch.store->decide(d.identity, false, p.clock.now()));
    s.registrar->operator_decided();
    s.run();
    EXPECT_EQ(s.device_error(), "approval_denied");
    EXPECT_TRUE(birch.store->certificates_of(d.identity)->empty());
}

TEST_F(Attack, MasaKeyUnknownToTheDevice) {
    const auto d = p.make_device("SN-1", "Birch");
    onboarding_scene s(p, d, birch);
    auto settings = p.settings_of(d);
    settings.masa_key =
        crypto::kem_private_key::generate(crypto::kem_algorithm::mlkem768_p256, crypto::system_random()).public_key();
    s.device = std::make_unique<device_session>(settings, channel{s.kk2_exporter(), birch.z4}, p.clock, crypto::system_random());
    s.start();
    s.run();
    // "never the full handshake": a refusal, also one that the network forces, is not answered by a weaker one.
    EXPECT_EQ(s.device->outcome(), device_outcome::use_spare);
    expect_nothing_happened(d, s, "Birch");
}

// ---- waiting, and frames at the wrong time

TEST_F(Attack, PendingForEver) {
    const auto d = p.make_device("SN-1", "Birch");
    birch.settings.manual_approval = true;
    onboarding_scene s(p, d, birch);
    s.start();
    for (int i = 0; i < 200 && s.device->outcome() == device_outcome::running; ++i) {
        s.run();
        p.clock.advance(6'000);
        s.device->tick();
    }
    EXPECT_EQ(s.device->outcome(), device_outcome::again);  // new KK2, KK3, nonce and BI1
    EXPECT_FALSE(s.accepted);
}

TEST_F(Attack, PendingBeyondItsCap) {
    const auto d = p.make_device("SN-1", "Birch");
    onboarding_at_the_ca s(p, d, birch);
    s.device->receive(*to_frame(message_type::pending, 0, pending{100'000}));
    EXPECT_EQ(s.device_error(), "malformed");
    expect_nothing_happened(d, s, "Birch");
}

TEST_F(Attack, FramesAtTheWrongTime) {
    for (const auto type : {message_type::grant, message_type::challenge, message_type::result_ack, message_type::pending}) {
        const auto d = p.make_device(fmt::format("SN-{}", static_cast<int>(type)), "Birch");
        onboarding_scene s(p, d, birch);
        s.start();
        s.device->receive(*wire::encode(frame{static_cast<uint8_t>(type), 0, {}}));
        EXPECT_EQ(s.device_error(), "unexpected_message") << static_cast<int>(type);
    }
    for (const auto type : {message_type::authorization_request, message_type::credential_requests,
                            message_type::challenge_response, message_type::tunnel}) {
        const auto d = p.make_device(fmt::format("SR-{}", static_cast<int>(type)), "Birch");
        onboarding_scene s(p, d, birch);
        s.registrar->receive(*wire::encode(frame{static_cast<uint8_t>(type), 0, {}}));
        EXPECT_EQ(s.registrar_error(), "unexpected_message") << static_cast<int>(type);
    }
}

TEST_F(Attack, UnknownAndForbiddenTypesAreDeniedByDefault) {
    for (int type = 0; type < 256; ++type) {
        if (!allowed(static_cast<uint8_t>(type), device_to_registrar)) {
            const auto d = device_party{{p.maker_root.spki_sha256(), "SN-X"}, p.customers["Birch"]->z4, nullptr, {}};
            registrar_session r(birch.settings, *birch.store, kk2_device{d.identity, {}}, channel{}, p.clock,
                                crypto::system_random());
            r.receive(*wire::encode(frame{static_cast<uint8_t>(type), 0, {}}));
            EXPECT_EQ(r.why()->name, "unexpected_message") << type;
        }
    }
}

TEST_F(Attack, OversizedFrameIsRefusedFromItsHeader) {
    const auto d = p.make_device("SN-1", "Birch");
    onboarding_scene s(p, d, birch);
    s.start();
    s.device->receive(bytes{2, 0, 0, 0, 0, 1, 0, 1});  // 65 537 octets announced
    EXPECT_EQ(s.device_error(), "too_large");
    s.registrar->receive(bytes{2, 0, 0, 0, 0, 4, 0, 1});  // 262 145
    EXPECT_EQ(s.registrar_error(), "too_large");
}

TEST_F(Attack, UnknownSessionsOnKk1AreDropped) {
    masa_link link(*p.masa, kk1_peer{birch.z4});
    ASSERT_TRUE(link.receive(*to_frame(message_type::tunnel, 77, tunnel{wire::opaque<1, most_tunnel_frame>(bytes{1})})));
    EXPECT_TRUE(link.take_output().empty());
    // A number is never reused.
    session_open open{p.maker_root.spki_sha256(), serial_field(std::string_view("SN-1")), {}};
    ASSERT_TRUE(link.receive(*to_frame(message_type::session_open, 5, open)));
    ASSERT_TRUE(link.receive(*to_frame(message_type::session_open, 5, open)));
    EXPECT_EQ(link.open_sessions(), 0u);
}

// ---- secrecy

TEST_F(Attack, RelayThatRecordsEverythingFindsNoSecret) {
    const auto d = p.make_device("SN-1", "Birch");
    onboarding_scene s(p, d, birch);
    bytes up_to_s10;
    s.tamper = [&](leg l, bytes octets) {
        if (l != leg::masa_to_registrar || s.registrar->state() != registrar_state::authorizing) {
            if (s.registrar->state() <= registrar_state::authorizing) {
                append(up_to_s10, octets);
            }
        }
        return octets;
    };
    s.start();
    s.run();
    ASSERT_TRUE(s.accepted);
    const auto stored = *p.masa_store->find_authorization(*s.device->kk3_id());
    const auto contains = [](const bytes& hay, bytes_view needle) {
        return std::search(hay.begin(), hay.end(), needle.begin(), needle.end()) != hay.end();
    };
    const auto bi1 = *wire::decode<authorization_info>(stored->bi1);
    // "finds no octet of K3, of BI1 before S10, or of the voucher"
    EXPECT_FALSE(contains(up_to_s10, bi1.nonce));
    EXPECT_FALSE(contains(up_to_s10, bi1.channel_binding));
    EXPECT_FALSE(contains(up_to_s10, stored->bi1));
    bytes everything;
    for (const auto& [l, octets] : s.recorded) {
        append(everything, octets);
    }
    EXPECT_TRUE(contains(everything, stored->bi1)) << "BI1 does travel after S10, or this test looks in the wrong place";
    EXPECT_FALSE(contains(everything, birch.root.der())) << "the voucher's pinned root was seen in clear";
}

}  // namespace
}  // namespace berth::test
