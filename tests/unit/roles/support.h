// The server's roles in the test's own process, on a clock that the test moves, and their peers on the same loop.
#pragma once

#include "onboarding/messages/frame.h"
#include "roles/masa_role.h"
#include "roles/registrar_role.h"
#include "support/onboarding_parties.h"

#include <gtest/gtest.h>

namespace berth::test {

// A client's end of a connection to a role.
struct peer {
    net::authkem_stream stream{nullptr};
    bool established = false;
    bool closed = false;
    bytes received;
    std::function<void()> begun;  // once established
    std::function<void(bytes_view)> heard = [this](bytes_view octets) { append(received, octets); };

    // Established, and nobody has ended it.
    [[nodiscard]] bool stands() const { return established && !closed; }
};

// A device on a KK2, which goes as far as its machine does without installing anything.
struct device_peer {
    peer* kk2 = nullptr;
    std::unique_ptr<onboarding::device_session> session;

    void say() { kk2->stream.send(session->take_output()); }
    void start() {
        session->start();
        say();
    }
    void install() {
        ASSERT_TRUE(session->take_accepted());
        session->installed();
        say();
    }
    void fail_to_install() {
        session->install_failed(error{error_category::environment, "disk_full", "no room"});
        say();
    }
    [[nodiscard]] std::string error_name() const { return session && session->why() ? session->why()->name : ""; }
};

class roles_here : public testing::Test {
protected:
    roles_here();

    // What is ready and what comes within this time, by the system's clock; ends at the end of a turn.
    void run_for(milliseconds real);
    template <class F>
    bool eventually(F&& holds) {
        const milliseconds until = system_clock().steady() + 20'000;
        while (!holds() && system_clock().steady() < until) {
            run_for(20);
        }
        return holds();
    }
    // Birch's registrar, whose MASA is the one here; KK1 stands when this returns.
    void start_registrar(const std::function<void(app::ca_config&)>& change = {},
                         const std::function<void(app::registrar_config&)>& and_this = {});

    peer& connect(uint16_t port, std::shared_ptr<const authkem::client_context> context);
    peer& kk1(const customer_party& c) { return kk1(authkem::credential{c.z4, c.z4_key}); }
    peer& kk1(authkem::credential z4);
    peer& direct_kk3(const device_party& d);
    // On its KK2, and nothing said.
    device_peer& kk2(const device_party& d);
    // A device whose grant is accepted and not installed.
    device_peer& granted(const device_party& d);
    // The stream stands, is served, and tells answers from silence.
    void expect_answers(peer& on_kk1, uint32_t number);

    net::loop on;
    parties p;
    customer_party& birch;
    customer_party& cedar;
    std::unique_ptr<app::masa_role> masa;
    std::unique_ptr<app::registrar_role> registrar;
    std::list<peer> peers;
    std::list<device_peer> devices;
};

}  // namespace berth::test
