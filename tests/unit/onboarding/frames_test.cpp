// Frames that are cut, lengthened, doubled, swapped or announced too large, on each leg of KK1 and KK2, and on KK3: the named
// error, and no state changed.
#include "onboarding/errors.h"
#include "onboarding/masa/direct.h"
#include "onboarding/messages/authorization_request.h"
#include "onboarding/messages/locate.h"
#include "onboarding/messages/session_open.h"
#include "onboarding/messages/tunnel.h"
#include "support/onboarding_attack.h"

namespace berth::test {
namespace {

using namespace onboarding;

enum class damage : uint8_t { cut, lengthened, doubled };

// What comes of it. `far` is how far the onboarding got before: nothing issued; granted, so that certificates are recorded
// but nobody reported them installed; or onboarded after all, since the frame is one that may be repeated.
enum class far : uint8_t { nothing, granted, onboarded };

struct damaged {
    leg where;
    message_type type;
    damage how;
    const char* device;     // its error; empty: none
    const char* registrar;  // its session's error
    far got = far::nothing;
};

void print(std::ostream& out, const damaged& d) {
    out << rule_of(static_cast<uint8_t>(d.type))->name << " on leg " << static_cast<int>(d.where) << ", damage "
        << static_cast<int>(d.how);
}

constexpr auto up2 = leg::device_to_registrar;
constexpr auto down2 = leg::registrar_to_device;
constexpr auto up1 = leg::registrar_to_masa;
constexpr auto down1 = leg::masa_to_registrar;

const std::vector<damaged>& all_damaged() {
    using t = message_type;
    static const std::vector<damaged> all{
        // KK2, what the registrar reads
        {up2, t::onboard_request, damage::cut, "malformed", "malformed"},
        {up2, t::tunnel, damage::cut, "malformed", "malformed"},
        {up2, t::authorization_request, damage::cut, "malformed", "malformed"},
        {up2, t::credential_requests, damage::cut, "malformed", "malformed"},
        {up2, t::challenge_response, damage::cut, "malformed", "malformed"},
        {up2, t::result, damage::cut, "malformed", "malformed", far::granted},
        {up2, t::onboard_request, damage::lengthened, "malformed", "malformed"},
        {up2, t::tunnel, damage::lengthened, "malformed", "malformed"},
        {up2, t::authorization_request, damage::lengthened, "malformed", "malformed"},
        {up2, t::credential_requests, damage::lengthened, "malformed", "malformed"},
        {up2, t::challenge_response, damage::lengthened, "malformed", "malformed"},
        {up2, t::result, damage::lengthened, "malformed", "malformed", far::granted},
        {up2, t::onboard_request, damage::doubled, "unexpected_message", "unexpected_message"},
        {up2, t::tunnel, damage::doubled, "unexpected_message", "kk3_failed"},
        {up2, t::authorization_request, damage::doubled, "too_many_requests", "too_many_requests"},
        {up2, t::credential_requests, damage::doubled, "unexpected_message", "unexpected_message"},
        {up2, t::challenge_response, damage::doubled, "unexpected_message", "unexpected_message"},
        {up2, t::result, damage::doubled, "", "", far::onboarded},
        // KK2, what the device reads
        {down2, t::tunnel, damage::cut, "malformed", "malformed"},
        {down2, t::challenge, damage::cut, "malformed", "malformed"},
        {down2, t::grant, damage::cut, "malformed", "malformed", far::granted},
        {down2, t::tunnel, damage::lengthened, "malformed", "malformed"},
        {down2, t::challenge, damage::lengthened, "malformed", "malformed"},
        {down2, t::grant, damage::lengthened, "malformed", "malformed", far::granted},
        {down2, t::tunnel, damage::doubled, "unexpected_message", "unexpected_message"},
        {down2, t::challenge, damage::doubled, "unexpected_message", "unexpected_message"},
        {down2, t::grant, damage::doubled, "unexpected_message", "unexpected_message", far::granted},
        // KK1, what the MASA reads
        {up1, t::session_open, damage::cut, "malformed", "malformed"},
        {up1, t::tunnel, damage::cut, "malformed", "malformed"},
        {up1, t::authorization_request, damage::cut, "malformed", "malformed"},
        {up1, t::session_open, damage::lengthened, "malformed", "malformed"},
        {up1, t::tunnel, damage::lengthened, "malformed", "malformed"},
        {up1, t::authorization_request, damage::lengthened, "malformed", "malformed"},
        {up1, t::session_open, damage::doubled, "unexpected_message", "unexpected_message"},
        {up1, t::tunnel, damage::doubled, "unexpected_message", "kk3_failed"},
        {up1, t::authorization_request, damage::doubled, "", "", far::onboarded},
        {up1, t::result, damage::doubled, "", "", far::onboarded},
        // KK1, what the registrar reads
        {down1, t::tunnel, damage::cut, "malformed", "malformed"},
        {down1, t::authorization, damage::cut, "malformed", "malformed"},
        {down1, t::tunnel, damage::lengthened, "malformed", "malformed"},
        {down1, t::authorization, damage::lengthened, "malformed", "malformed"},
        {down1, t::tunnel, damage::doubled, "unexpected_message", "unexpected_message"},
        {down1, t::authorization, damage::doubled, "", "", far::onboarded},
        {down1, t::result_ack, damage::doubled, "", "", far::onboarded},
    };
    return all;
}

class HostileFrames : public Attack {
protected:
    // A device of Birch's, new for each case.
    device_party next_device() { return p.make_device(fmt::format("SN-{}", ++made_), "Birch"); }

    void expect_got(far how_far, const device_party& d, const onboarding_scene& s) {
        if (how_far == far::nothing) {
            return expect_nothing_happened(d, s, "Birch");
        }
        const bool onboarded = how_far == far::onboarded;
        EXPECT_EQ(p.ownership(d).state == registry::ownership_state::onboarded, onboarded);
        EXPECT_EQ(birch.store->certificates_of(d.identity)->size(), 3U) << "nothing twice";
        const auto outcomes = p.audit_outcomes(d);
        EXPECT_EQ(std::count(outcomes.begin(), outcomes.end(), "authorized ok"), 1);
    }

    session_open open_for(const device_party& d) {
        return {d.identity.device_root_spki, serial_field(std::string_view(d.identity.serial)), d.z3.front().sha256()};
    }

private:
    int made_ = 0;
};

TEST_F(HostileFrames, CutLengthenedAndDoubledOnEveryLeg) {
    for (const damaged& c : all_damaged()) {
        std::ostringstream name;
        print(name, c);
        SCOPED_TRACE(name.str());
        const auto d = next_device();
        onboarding_scene s(p, d, birch);
        bool met = false;
        s.tamper = [&](leg l, bytes octets) {
            if (l != c.where) {
                return octets;
            }
            bytes out;
            for (auto& f : frames_of(octets)) {
                const bool hit = f.is(c.type) && !std::exchange(met, met || f.is(c.type));
                if (hit && c.how == damage::cut) {
                    f.body.value.pop_back();
                } else if (hit && c.how == damage::lengthened) {
                    f.body.value.push_back(0);
                }
                append(out, *wire::encode(f));
                if (hit && c.how == damage::doubled) {
                    append(out, *wire::encode(f));
                }
            }
            return out;
        };
        s.start();
        s.run();
        EXPECT_TRUE(met) << "no such frame passed: this case proves nothing";
        EXPECT_EQ(s.device_error(), c.device);
        EXPECT_EQ(s.registrar_error(), c.registrar);
        expect_got(c.got, d, s);
    }
}

// The first of the two comes behind the second.
struct swapped {
    leg where;
    message_type first;
    message_type second;
    const char* device;
    const char* registrar;
};

TEST_F(HostileFrames, InAnotherOrder) {
    using t = message_type;
    for (const swapped& c : std::vector<swapped>{
             {up2, t::onboard_request, t::tunnel, "unexpected_message", "unexpected_message"},
             {up2, t::authorization_request, t::credential_requests, "unexpected_message", "unexpected_message"},
             {up2, t::tunnel, t::authorization_request, "unexpected_message", "unexpected_message"},
             {up1, t::session_open, t::tunnel, "", ""},  // "Frames for ended sessions are dropped": KK3 never begins
             {up1, t::tunnel, t::authorization_request, "unknown_kk3", "unknown_kk3"},
         }) {
        SCOPED_TRACE(fmt::format("{} after {}", static_cast<int>(c.first), static_cast<int>(c.second)));
        const auto d = next_device();
        onboarding_scene s(p, d, birch);
        bool met = false;
        s.tamper = [&](leg l, bytes octets) {
            auto frames = frames_of(octets);
            for (size_t i = 0; l == c.where && i + 1 < frames.size(); ++i) {
                if (frames[i].is(c.first) && frames[i + 1].is(c.second)) {
                    std::swap(frames[i], frames[i + 1]);
                    met = true;
                    break;
                }
            }
            bytes out;
            for (const auto& f : frames) {
                append(out, *wire::encode(f));
            }
            return out;
        };
        s.start();
        s.run();
        EXPECT_TRUE(met) << "they never passed together: this case proves nothing";
        EXPECT_EQ(s.device_error(), c.device);
        EXPECT_EQ(s.registrar_error(), c.registrar);
        expect_nothing_happened(d, s, "Birch");
    }
}

// The connection ends within a frame.
TEST_F(HostileFrames, BrokenOffInTheMiddle) {
    for (const leg where : {up2, down2, up1, down1}) {
        SCOPED_TRACE(static_cast<int>(where));
        const auto d = next_device();
        onboarding_scene s(p, d, birch);
        bool broken = false;
        s.tamper = [&](leg l, bytes octets) {
            if (l == where && !std::exchange(broken, true)) {
                octets.resize(octets.size() - 3);
            } else if (l == where) {
                octets.clear();
            }
            return octets;
        };
        s.start();
        s.run();
        ASSERT_TRUE(broken);
        EXPECT_EQ(s.device_error() + s.registrar_error(), "") << "half a frame is no mistake yet";
        s.registrar_link->lost();
        s.registrar->kk2_ended();
        s.device->kk2_ended();
        EXPECT_EQ(s.device_error(), "abandoned");
        EXPECT_FALSE(s.registrar_error().empty());
        expect_nothing_happened(d, s, "Birch");
    }
}

// ---- announced too large: refused by the header, before the body is waited for

bytes header(message_type type, uint32_t session, uint32_t length) {
    bytes out{static_cast<uint8_t>(type)};
    for (const int shift : {24, 16, 8, 0}) {
        out.push_back(static_cast<uint8_t>(session >> shift));
    }
    for (const int shift : {16, 8, 0}) {
        out.push_back(static_cast<uint8_t>(length >> shift));
    }
    return out;
}

TEST_F(HostileFrames, AnnouncedTooLargeOnKk1ClosesIt) {
    masa_link link(*p.masa, kk1_peer{birch.z4});
    EXPECT_TRUE(link.receive(header(message_type::tunnel, 1, most_frame_body)));
    const auto at_masa = masa_link(*p.masa, kk1_peer{birch.z4}).receive(header(message_type::tunnel, 1, most_frame_body + 1));
    ASSERT_FALSE(at_masa);
    EXPECT_EQ(at_masa.error().name, "too_large");
    const auto at_registrar = registrar_link(*birch.store, p.maker_root.spki_sha256(), p.clock)
                                  .receive(header(message_type::tunnel, 1, most_frame_body + 1));
    ASSERT_FALSE(at_registrar);
    EXPECT_EQ(at_registrar.error().name, "too_large");
}

TEST_F(HostileFrames, OfEveryTypeAnnouncedTooLargeOnKk2) {
    for (const auto& rule : message_rules) {
        SCOPED_TRACE(rule.name);
        const auto d = next_device();
        onboarding_scene s(p, d, birch);
        s.start();
        s.registrar->receive(header(rule.type, 0, most_frame_body + 1));
        EXPECT_EQ(s.registrar_error(), "too_large");
        const size_t most = frame_reader::device_limit(static_cast<uint8_t>(rule.type));
        s.device->receive(header(rule.type, 0, static_cast<uint32_t>(most + 1)));
        EXPECT_EQ(s.device_error(), "too_large");
        expect_nothing_happened(d, s, "Birch");
    }
}

TEST_F(HostileFrames, OnKk1OneSessionsMistakeIsNotAnothers) {
    const auto d = next_device();
    onboarding_scene s(p, d, birch);
    // Behind whatever the registrar says: garbage under numbers of its own.
    uint32_t number = 1'000;
    s.tamper = [&](leg l, bytes octets) {
        if (l == up1) {
            append(octets, *wire::encode(frame{static_cast<uint8_t>(message_type::session_open), ++number, {}}));
            append(octets, *wire::encode(frame{static_cast<uint8_t>(message_type::grant), number, {}}));
            append(octets, *wire::encode(frame{static_cast<uint8_t>(message_type::result), number, {}}));
        }
        return octets;
    };
    s.start();
    s.run();
    EXPECT_TRUE(s.kk1_alive);
    EXPECT_EQ(s.device_error(), "");
    EXPECT_EQ(p.ownership(d).state, registry::ownership_state::onboarded);
}

TEST_F(HostileFrames, WithoutASessionNumberCloseKk1) {
    masa_link link(*p.masa, kk1_peer{birch.z4});
    const auto taken = link.receive(*wire::encode(frame{static_cast<uint8_t>(message_type::tunnel), 0, {}}));
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().name, "malformed");
}

TEST_F(HostileFrames, WithASessionNumberEndKk2) {
    const auto d = next_device();
    onboarding_scene s(p, d, birch);
    s.start();
    s.registrar->receive(*wire::encode(frame{static_cast<uint8_t>(message_type::onboard_request), 7, {}}));
    EXPECT_EQ(s.registrar_error(), "malformed");
    s.device->receive(*wire::encode(frame{static_cast<uint8_t>(message_type::tunnel), 7, {}}));
    EXPECT_EQ(s.device_error(), "malformed");
    expect_nothing_happened(d, s, "Birch");
}

// ---- KK3 by the direct way

class HostileKk3 : public HostileFrames {
protected:
    // Both ends of a KK3, as far as they come.
    struct kk3 {
        std::unique_ptr<authkem::connection> device;
        std::unique_ptr<authkem::connection> masa;
        bytes flights;  // what the device sent
    };
    kk3 connect(std::shared_ptr<const authkem::client_context> context) {
        kk3 out{std::make_unique<authkem::connection>(std::move(context), p.clock, crypto::system_random()),
                std::make_unique<authkem::connection>(got(p.masa->kk3_context()), p.clock, crypto::system_random()),
                {}};
        EXPECT_TRUE(out.device->start());
        for (int i = 0; i < 5; ++i) {
            const bytes up = out.device->take_output();
            append(out.flights, up);
            (void)out.masa->receive(up);
            (void)out.device->receive(out.masa->take_output());
        }
        return out;
    }
    kk3 connect(const device_party& d) {
        return connect(got(device_session::kk3_context(d.z3.front(), d.p3, p.masa_keys.front())));
    }
};

TEST_F(HostileKk3, RendezvousFrames) {
    const auto d = next_device();
    ASSERT_TRUE(p.masa_store->set_registrars("Birch", {"192.0.2.1:8443"}, p.clock.now()));
    const auto before = p.audit_outcomes(d);
    const bytes good = *to_frame(message_type::locate, 0, locate{});
    const auto frame_with = [](message_type type, uint32_t session, bytes body) {
        return *wire::encode(frame{static_cast<uint8_t>(type), session, wire::opaque<0, most_frame_body>(std::move(body))});
    };
    struct attempt {
        const char* what;
        bytes octets;
        const char* error;
    };
    std::vector<attempt> attempts{{"with a body", frame_with(message_type::locate, 0, {1}), "unexpected_message"},
                                  {"with a session", frame_with(message_type::locate, 1, {}), "unexpected_message"},
                                  {"too large", header(message_type::locate, 0, most_frame_body + 1), "too_large"}};
    for (int type = 0; type < 256; ++type) {
        if (type != static_cast<int>(message_type::locate)) {
            attempts.push_back({"of another type", frame_with(static_cast<message_type>(type), 0, {}), "unexpected_message"});
        }
    }
    const auto kk = connect(d);
    ASSERT_TRUE(kk.masa->completed());
    for (const auto& a : attempts) {
        SCOPED_TRACE(fmt::format("{} {}", a.what, a.octets[0]));
        auto direct = got(masa_direct::accept(*p.masa, *kk.masa->session()));
        const auto taken = direct.receive(a.octets);
        ASSERT_FALSE(taken);
        EXPECT_EQ(taken.error().name, a.error);
        EXPECT_TRUE(direct.take_output().empty()) << "nothing is told";
    }
    // Half of it is waited for; the whole is answered; a second one is not.
    auto direct = got(masa_direct::accept(*p.masa, *kk.masa->session()));
    EXPECT_TRUE(direct.receive(bytes_view(good).first(5)));
    EXPECT_TRUE(direct.take_output().empty());
    EXPECT_TRUE(direct.receive(bytes_view(good).subspan(5)));
    EXPECT_FALSE(direct.take_output().empty());
    const auto second = direct.receive(good);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().name, "unexpected_message");
    EXPECT_TRUE(direct.take_output().empty());
    EXPECT_EQ(p.audit_outcomes(d), before);
    EXPECT_NE(p.ownership(d).state, registry::ownership_state::onboarded);
}

TEST_F(HostileKk3, RecordsChangedCutDoubledAndSwapped) {
    const auto d = next_device();
    const auto context = got(device_session::kk3_context(d.z3.front(), d.p3, p.masa_keys.front()));
    const std::vector<std::pair<const char*, std::function<void(bytes&)>>> ways{
        {"changed", [](bytes& o) { o.back() ^= 1; }},
        {"cut", [](bytes& o) { o.resize(o.size() - 1); }},
        {"doubled", [](bytes& o) { append(o, bytes(o)); }},
        {"replaced", [](bytes& o) { std::fill(o.begin() + 5, o.end(), uint8_t{0}); }},
    };
    for (const auto& [name, change] : ways) {
        SCOPED_TRACE(name);
        authkem::connection device(context, p.clock, crypto::system_random());
        authkem::connection masa(got(p.masa->kk3_context()), p.clock, crypto::system_random());
        ASSERT_TRUE(device.start());
        bytes first = device.take_output();
        change(first);
        (void)masa.receive(first);
        (void)device.receive(masa.take_output());
        (void)masa.receive(device.take_output());
        EXPECT_FALSE(masa.completed());
        EXPECT_TRUE(std::string_view(name) == "cut" || masa.failure() || device.failure());
    }
}

TEST_F(HostileKk3, ReplayedFirstFlightsAndLastFlightsOpenNothing) {
    const auto d = next_device();
    const auto kk = connect(d);
    ASSERT_TRUE(kk.masa->completed());
    const auto waiting = got(masa_direct::accept(*p.masa, *kk.masa->session()));
    authkem::connection again(got(p.masa->kk3_context()), p.clock, crypto::system_random());
    const auto taken = again.receive(kk.flights);
    EXPECT_FALSE(again.completed());
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().name, "record_not_authentic");
    EXPECT_NE(p.ownership(d).state, registry::ownership_state::onboarded);
}

TEST_F(HostileKk3, FullHandshakeIsRefused) {
    const auto d = next_device();
    authkem::client_config config;
    config.own = authkem::credential{d.z3, d.p3};
    config.expect_certificate_request = true;
    config.alpn = {std::string(alpn_kk3)};
    config.server.possession_only = true;
    const auto kk = connect(got(authkem::client_context::make(config)));
    ASSERT_TRUE(kk.masa->completed());
    const auto direct = masa_direct::accept(*p.masa, *kk.masa->session());
    ASSERT_FALSE(direct);
    EXPECT_EQ(direct.error().name, "kk3_failed");
    EXPECT_NE(p.ownership(d).state, registry::ownership_state::onboarded);
}

}  // namespace
}  // namespace berth::test
