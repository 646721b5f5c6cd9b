// Devices of a kept hub that are net::mqtt_client, and what each has to tell.
#pragma once

#include "kept_world.h"

#include "keystore/key_uri.h"
#include "net/mqtt_client.h"
#include "net/tls.h"

namespace berth::test {

class MqttSessions : public Kept {
protected:
    // A session's story: "connected", "TOPIC PAYLOAD", "lost connection_lost", ...
    struct session {
        std::vector<std::string> story;
        std::unique_ptr<net::mqtt_client> client;
        [[nodiscard]] std::string all() const {
            std::string out;
            for (const auto& line : story) {
                out += line + "\n";
            }
            return out;
        }
        [[nodiscard]] bool says(std::string_view what) const { return all().find(what) != std::string::npos; }
    };
    net::channel_transport over(const std::string& whose, bool own_root = true) {
        net::tls_client_config config;
        const auto& who = holder(whose);
        const auto anchors = own_root ? world->server_root() : world->fleet_root();
        config.server.trust = got(pki::trust_store::build({got(app::read_chain(anchors)), {}, {}}));
        config.server.policy = authkem::server_named("localhost");
        config.own =
            net::tls_credential{got(app::read_chain(who.chain)), got(keystore::open_signing_key("file:" + who.key.string()))};
        config.server_name = "localhost";
        return got(net::tls_context::make(std::move(config), system_clock()));
    }
    session& start(const std::string& as, const std::string& whose, bool own_root = true) {
        sessions.push_back(std::make_unique<session>());
        auto* const s = sessions.back().get();
        net::mqtt_client_options options;
        options.client_id = as;
        options.user_name = "localhost/" + as + "/?api-version=2021-04-12";
        s->client = got(net::mqtt_client::start(
            loop, world->at("mqtt"), over(whose, own_root), std::move(options),
            {[s](const result<void>& in) { s->story.push_back(in ? "connected" : "refused " + in.error().name); },
             [s](const std::string& topic, bytes_view payload) {
                 s->story.push_back(topic + " " + std::string(as_text(payload)));
             },
             [s](const error& why) { s->story.push_back("lost " + why.name); }}));
        return *s;
    }
    static net::mqtt_client::done tells(session& s, std::string what) {
        return [&s, what](const result<void>& r) { s.story.push_back(what + " " + (r ? "done" : r.error().name)); };
    }
    bool until(const session& s, std::string_view what) {
        net::timer limit(loop), look(loop);
        bool late = false;
        limit.arm(20'000, [&] {
            late = true;
            loop.stop();
        });
        std::function<void()> again = [&] {
            if (s.says(what)) {
                return loop.stop();
            }
            look.arm(5, again);
        };
        again();
        loop.restart();
        if (!s.says(what)) {
            loop.run();
        }
        listen(1);
        return s.says(what);
    }
    net::loop loop;
    std::vector<std::unique_ptr<session>> sessions;
};

}  // namespace berth::test
