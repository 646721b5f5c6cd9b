// Two who are registered with each other, and what goes between them.
#pragma once

#include "support/message_parties.h"

namespace berth::test {

class Pair : public testing::Test {
protected:
    Pair() {
        EXPECT_EQ(register_with(manager, gateway, time, desk), "");
        gateway.handlers["command"] = {[this](const auto&, const messaging::message& m) -> result<wire::json::value> {
            ++acted;
            if (!m.body.is_object()) {
                return wire::json::value(m.body);
            }
            return fail(error_category::peer, "valve_stuck", "The valve does not move.");
        }};
        gateway.handlers["data"] = {[this](const auto&, const messaging::message& m) -> result<wire::json::value> {
                                        kept[m.sequence] = wire::to_text(m.body);
                                        return wire::json::value();
                                    },
                                    true};
        manager.handlers["alarm"] = {[this](const auto&, const auto&) -> result<wire::json::value> {
            ++alarms;
            return wire::json::value();
        }};
    }

    // Of the gateway's answer to a token; everything that comes back goes to the manager, and so on, until nobody says more.
    std::vector<messaging::answer> carry(const std::string& token) {
        std::vector<messaging::answer> out;
        std::vector<std::string> to_gateway{token}, to_manager;
        for (int i = 0; i < 10 && (!to_gateway.empty() || !to_manager.empty()); ++i) {
            deliver(gateway, std::exchange(to_gateway, {}), to_manager, out);
            deliver(manager, std::exchange(to_manager, {}), to_gateway, out);
            const auto waiting = manager.party.pending("tower-7");
            for (const auto& each : waiting->messages) {
                if (i > 0 && i < 5 && !to_gateway.empty()) {
                    to_gateway.push_back(each.token);  // sealed again
                }
            }
        }
        return out;
    }
    static void deliver(message_side& to, const std::vector<std::string>& tokens, std::vector<std::string>& back,
                        std::vector<messaging::answer>& answers) {
        for (const auto& token : tokens) {
            if (auto got = to.party.receive(token)) {
                back.insert(back.end(), got->send.begin(), got->send.end());
                answers.insert(answers.end(), got->answers.begin(), got->answers.end());
            }
        }
    }
    messaging::queued_message command(wire::json::value body = "open", messaging::sealing by = messaging::sealing::nested) {
        return manager.party.send("tower-7", "command", std::move(body), {by, 0}).value();
    }
    static std::string refusal(message_side& by, std::string_view token) {
        const auto got = by.party.receive(token);
        return got ? got->outcome : got.error().name;
    }
    messaging::peer_record& at_gateway() { return gateway.store.now.peers.at("m-1"); }
    messaging::peer_record& at_manager() { return manager.store.now.peers.at("tower-7"); }

    manual_clock time{1'800'000'000};
    message_side manager{"manager", time}, gateway{"gateway", time};
    messaging::registration_desk desk{gateway.store, {{&gateway.key}}, time, gateway.random};
    int acted = 0, alarms = 0;
    std::map<uint64_t, std::string> kept;
};

}  // namespace berth::test
