// What the plugin costs a broker, beside the same Mosquitto alone: processor time of a login and of a message.
#include "hub/brokers.h"
#include "hub/rounds.h"

#include <thread>

namespace berth::hub::bench {

namespace {

constexpr size_t rows = 1'000'000;
constexpr size_t connects = 400, connecting = 4;
constexpr size_t publishers = 4, published = 15'000, window = 20;

// What a broker does afterwards (who logged in is written down twice a second) is of the turn, too.
void settle() {
    std::this_thread::sleep_for(std::chrono::milliseconds(900));
}

void print(const std::vector<arm>& arms, const char* what) {
    fmt::print("| {} | per second | broker's CPU, us |\n|---|---|---|\n", what);
    for (const auto& one : arms) {
        fmt::print("| {} | {:.0f} | {:.1f} |\n", one.name, one.middle(&turn::per_second), one.middle(&turn::cpu_ms) * 1e3);
    }
    fmt::print("| ratio, median [least to most] of {} rounds | {} | {} |\n\n", arms.front().turns.size(),
               to_text(ratio_of(arms[0], arms[1], &turn::per_second)), to_text(ratio_of(arms[0], arms[1], &turn::cpu_ms)));
}

}  // namespace

turn connect_turn(const world& in, const broker& to, const std::vector<std::string>& names,
                  const std::vector<pki::certificate>& leaves) {
    const double before = processor_seconds(to.pid());
    const double took = in_parallel(connecting, connects, [&](size_t i) -> result<void> {
        const size_t who = i * 7919 % names.size();
        BERTH_TRY(session, mqtt_session::open(in.client, leaves[who], to.port(), names[who]));
        return session.disconnect();
    });
    settle();
    return {connects / took, (processor_seconds(to.pid()) - before) * 1e3 / connects};
}

void connect_part(const world& in, int rounds) {
    const auto hub = in.make_hub("million", rows);
    const auto names = in.names_in(rows, 1'000);
    const auto leaves = in.certify(names);
    const broker ours = broker::with_plugin(in, hub), bare = broker::alone(in);
    std::vector<arm> arms{{"with the plugin", [&] { return connect_turn(in, ours, names, leaves); }},
                          {"Mosquitto alone", [&] { return connect_turn(in, bare, names, leaves); }}};
    play_rounds(arms, rounds);
    print(arms, "connect");
    fmt::print("goal: at most 1.10 of the processor time; tickets for resumption seen: {}\n\n", tickets_seen());
}

void publish_part(const world& in, int rounds) {
    const auto hub = in.make_hub("million-too", rows);
    const auto names = in.names_in(rows, publishers);
    const auto leaves = in.certify(names);
    const broker ours = broker::with_plugin(in, hub), bare = broker::alone(in);
    const auto play = [&](const broker& to) {
        std::vector<mqtt_session> all;
        for (size_t i = 0; i < publishers; ++i) {
            all.push_back(got(mqtt_session::open(in.client, leaves[i], to.port(), names[i])));
        }
        settle();
        const double before = processor_seconds(to.pid());
        const std::string payload(100, 'x');
        const double took = in_parallel(publishers, publishers, [&](size_t i) -> result<void> {
            const std::string topic = "devices/" + names[i] + "/messages/events/";
            size_t sent = 0, acknowledged = 0;
            while (acknowledged < published) {
                for (; sent < published && sent < acknowledged + window; ++sent) {
                    BERTH_CHECK(all[i].publish(static_cast<uint16_t>(sent % 1'000 + 1), topic, payload));
                }
                BERTH_TRY(answer, all[i].next());
                acknowledged += answer.first == 0x40 ? 1 : 0;
            }
            return {};
        });
        constexpr auto messages = static_cast<double>(publishers * published);
        const turn out{messages / took, (processor_seconds(to.pid()) - before) * 1e3 / messages};
        for (auto& one : all) {
            must(one.disconnect());
        }
        return out;
    };
    std::vector<arm> arms{{"with the plugin", [&] { return play(ours); }}, {"Mosquitto alone", [&] { return play(bare); }}};
    play_rounds(arms, rounds);
    print(arms, "publish, QoS 1, 100 octets");
    fmt::print("goal: at most 1.05 of the processor time\n\n");
}

}  // namespace berth::hub::bench
