#include "support.h"

#include "onboarding/channel.h"
#include "onboarding/messages/error.h"
#include "onboarding/messages/release.h"
#include "support/authkem_clients.h"
#include "support/onboarding_attack.h"

namespace berth::test {

using namespace onboarding;

roles_here::roles_here() : birch(p.add_customer("Birch")), cedar(p.add_customer("Cedar")) {
    auto config = got(app::read_config(p.directory.path() / "masa" / "berthd.toml")).masa.value();
    config.listen = {"127.0.0.1", 0};
    config.direct_listen = config.listen;
    masa = got(app::masa_role::start(on, config, p.clock, crypto::system_random()));
}

void roles_here::start_registrar(const std::function<void(app::ca_config&)>& change,
                                 const std::function<void(app::registrar_config&)>& and_this) {
    auto config = got(app::read_config(birch.directory / "registrar" / "berthd.toml"));
    config.registrar->listen = {"127.0.0.1", 0};
    config.registrar->makers.front().masa = {"127.0.0.1", masa->port()};
    if (change) {
        change(*config.ca);
    }
    if (and_this) {
        and_this(*config.registrar);
    }
    registrar = got(app::registrar_role::start(on, *config.registrar, *config.ca, p.clock, crypto::system_random()));
    ASSERT_TRUE(eventually([&] { return registrar->ready(); }));
}

void roles_here::run_for(milliseconds real) {
    net::timer enough(on);
    // Not in the middle of a turn: its transaction would keep the test from the records.
    enough.arm(real, [this] { on.at_turn_end([this] { on.stop(); }); });
    on.run();
    on.restart();
}

// ---- peers

peer& roles_here::connect(uint16_t port, std::shared_ptr<const authkem::client_context> context) {
    peer& out = peers.emplace_back();
    net::stream_events events;
    events.on_established = [&out] {
        out.established = true;
        if (out.begun) {
            out.begun();
        }
    };
    events.on_data = [&out](bytes_view octets) { out.heard(octets); };
    events.on_closed = [&out](const error*) { out.closed = true; };
    out.stream = net::authkem_stream::connect(on, {"127.0.0.1", port}, std::move(context), p.clock, crypto::system_random(),
                                              std::move(events));
    return out;
}

peer& roles_here::kk1(authkem::credential z4) {
    auto config = client_of_anybody(alpn_kk1, std::move(z4));
    config.server_name = "masa.acme.example";
    return connect(masa->port(), got(authkem::client_context::make(std::move(config))));
}

peer& roles_here::direct_kk3(const device_party& d) {
    return connect(masa->direct_port(), got(device_session::kk3_context(d.z3.front(), d.p3, p.masa_keys.front())));
}

device_peer& roles_here::kk2(const device_party& d) {
    device_peer& out = devices.emplace_back();
    auto config = client_of_anybody(alpn_kk2, authkem::credential{d.z3, d.p3});
    out.kk2 = &connect(registrar->port(), got(authkem::client_context::make(std::move(config))));
    out.kk2->begun = [this, &out, &d] {
        auto* const session = out.kk2->stream.session();
        const auto chain = session->peer().chain();
        out.session = std::make_unique<device_session>(
            p.settings_of(d), channel{exporter_of(*session), {chain.begin(), chain.end()}}, p.clock, crypto::system_random());
    };
    out.kk2->heard = [&out](bytes_view octets) {
        out.session->receive(octets);
        out.say();
    };
    EXPECT_TRUE(eventually([&] { return out.session != nullptr; }));
    return out;
}

device_peer& roles_here::granted(const device_party& d) {
    device_peer& out = kk2(d);
    out.start();
    EXPECT_TRUE(eventually([&] { return out.session->state() == device_state::installing; })) << out.error_name();
    return out;
}

void roles_here::expect_answers(peer& on_kk1, uint32_t number) {
    ASSERT_TRUE(on_kk1.stands());
    on_kk1.received.clear();
    on_kk1.stream.send(*to_frame(
        message_type::release, number,
        release{p.maker_root.spki_sha256(), serial_field(std::string_view("NOBODY")), name_field(std::string_view("Cedar"))}));
    EXPECT_TRUE(eventually([&] { return !on_kk1.received.empty(); }));
    for (const auto& f : frames_of(on_kk1.received)) {
        ASSERT_TRUE(f.is(message_type::error));
        EXPECT_EQ(wire::decode<error_message>(f.body.view())->name.text(), "not_owner");
    }
}

}  // namespace berth::test
