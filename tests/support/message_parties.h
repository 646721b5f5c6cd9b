// A manager and its gateway, registered with each other over a TLS session that is made up.
#pragma once

#include "messaging/keys.h"
#include "messaging/registration.h"
#include "support/given_random.h"
#include "support/memory_peers.h"

namespace berth::test {

inline messaging::tls_session made_up_session(std::string_view name = "tls") {
    const std::string binding = std::string(name) + " binding", secret = std::string(name) + " secret";
    return {secret_bytes(as_bytes(binding)), secret_bytes(as_bytes(secret))};
}

// A manager, or a gateway: what it keeps, signs with and does.
struct message_side {
    message_side(std::string name, const clock& time)
        : random(std::move(name)),
          key(jose::read_signing_key(
                  jose::generate_jwk("ES256", jose::content_alg::a256gcm, crypto::agreement_group::p256, random).value())
                  .value()),
          party(store, {{&key}}, handlers, time, random) {}

    named_random random;
    jose::signing_key key;
    memory_peers store;
    messaging::handler_table handlers;
    messaging::party party;
};

// Empty: registered; else the error's name.
inline std::string register_with(message_side& manager, message_side& gateway, const clock& time,
                                 messaging::registration_desk& desk, const std::string& manager_name = "m-1",
                                 const std::string& gateway_name = "tower-7", const std::string& account = "ann") {
    const auto over = made_up_session(manager_name);
    const auto run = [&]() -> result<void> {
        BERTH_TRY(login, desk.login(account, over));
        const auto token = std::string(wire::parse_json_object(login)->at("token").as_string());
        messaging::registrant::settings s{manager_name, gateway_name, {"https://firmware.example/list", "reader", {}}};
        BERTH_TRY(r, messaging::registrant::make(std::move(s), {{&manager.key}}, time, manager.random));
        BERTH_TRY(first, r.exchange());
        BERTH_TRY(exchanged, desk.handle("exchange", token, over, first));
        BERTH_TRY(second, r.identity(exchanged.body));
        BERTH_TRY(named, desk.handle("identity", token, over, second));
        BERTH_TRY(third, r.repository(named.body));
        BERTH_TRY(located, desk.handle("repository", token, over, *third));
        BERTH_TRY(fourth, r.confirm(located.body, over));
        BERTH_TRY(confirmed, desk.handle("confirm", token, over, fourth));
        BERTH_TRY(record, r.finish(confirmed.body));
        BERTH_CHECK(manager.store.remove(gateway_name));
        return manager.store.put(record);
    };
    const auto done = run();
    (void)gateway;
    return done ? "" : done.error().name;
}

}  // namespace berth::test
