// Whole registrations at the provisioning service, beside bare mutual TLS connects at Mosquitto alone: a device logs in, asks
// where it belongs, waits as long as it is told to, and asks again until it is told. Each is new to the registry, in which it is
// made. What a device waits for makes one slow, and takes nobody's time: so many are on their way at once that the machine never
// waits.
#include "hub/brokers.h"
#include "hub/rounds.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace berth::hub::bench {

namespace {

using steady = std::chrono::steady_clock;
using seconds = std::chrono::duration<double>;

constexpr size_t at_once = 1'000, handshakes_at_once = 8;
constexpr double warm_up = 3, measured = 4;
constexpr auto told_to_wait = std::chrono::seconds(1);
constexpr const char* assigned = "\"status\":\"assigned\"";

std::string operation_of(const std::string& body) {
    constexpr std::string_view member = "\"operationId\":\"";
    const size_t at = body.find(member);
    return at == std::string::npos ? ""
                                   : body.substr(at + member.size(), body.find('"', at + member.size()) - at - member.size());
}

tl::unexpected<error> not_placed(const std::string& who, const std::string& why) {
    return fail(error_category::environment, "bench_failed", who + " was not placed: " + why);
}

// So many at a time. std::counting_semaphore yields the processor over and over before it sleeps: a thousand that wait take half
// of it, which is that of those who are measured.
class turnstile {
public:
    explicit turnstile(size_t room) : room_(room) {}
    void enter() {
        std::unique_lock held(mutex_);
        more_.wait(held, [this] { return room_ > 0; });
        --room_;
    }
    void leave() {
        {
            const std::lock_guard held(mutex_);
            ++room_;
        }
        more_.notify_one();
    }

private:
    std::mutex mutex_;
    std::condition_variable more_;
    size_t room_;
};

class registrations {
public:
    registrations(const world& in, const whole_service& at)
        : world_(in), mqtt_(at.port("provisioning")), https_(at.port("https")) {}

    turn over_mqtt() {
        return play([this](const device& d) { return by_mqtt(d); });
    }
    turn over_https() {
        return play([this](const device& d) { return by_https(d); });
    }

private:
    struct device {
        std::string name;
        pki::certificate leaf;
    };

    // New ones, certified before the clock starts.
    void prepare() {
        fresh_.clear();
        next_ = 0;
        for (size_t i = 0; i < at_once + static_cast<size_t>((warm_up + measured) * 1'200); ++i) {
            std::string name = fmt::format("new-{:07}", ++made_);
            auto leaf = world_.certify(name);
            fresh_.push_back({std::move(name), std::move(leaf)});
        }
    }

    result<mqtt_session> log_in(const device& d) {
        handshakes_.enter();
        auto out = mqtt_session::open(world_.client, d.leaf, mqtt_, d.name,
                                      fmt::format("{}/registrations/{}/api-version=2019-03-31", whole_service::scope, d.name));
        handshakes_.leave();
        return out;
    }
    static result<std::string> answer(mqtt_session& from) {
        for (;;) {
            BERTH_TRY(packet, from.next());
            if ((packet.first & 0xf0) == 0x30) {
                BERTH_CHECK(from.acknowledge(packet));
                return read_publish(packet).second;
            }
        }
    }
    result<void> by_mqtt(const device& d) {
        BERTH_TRY(session, log_in(d));
        BERTH_CHECK(session.subscribe("$dps/registrations/res/#"));
        BERTH_CHECK(
            session.publish(1, "$dps/registrations/PUT/iotdps-register/?$rid=1", "{\"registrationId\":\"" + d.name + "\"}"));
        BERTH_TRY(said, answer(session));
        const std::string operation = operation_of(said);
        for (uint16_t i = 2; said.find(assigned) == std::string::npos; ++i) {
            if (i > 4 || operation.empty()) {
                return not_placed(d.name, said);
            }
            std::this_thread::sleep_for(told_to_wait);
            BERTH_CHECK(session.publish(
                i, fmt::format("$dps/registrations/GET/iotdps-get-operationstatus/?$rid={}&operationId={}", i, operation), "{}"));
            BERTH_TRY(now, answer(session));
            said = std::move(now);
        }
        return session.disconnect();
    }

    result<connection> open(const device& d) {
        handshakes_.enter();
        auto out = connection::open(world_.client, d.leaf, https_);
        handshakes_.leave();
        return out;
    }
    result<void> by_https(const device& d) {
        BERTH_TRY(over, open(d));
        const std::string path = fmt::format("/{}/registrations/{}", whole_service::scope, d.name);
        BERTH_TRY(said, ask(over, "PUT", path + "/register?api-version=2019-03-31", "{\"registrationId\":\"" + d.name + "\"}"));
        const std::string operation = operation_of(said.body);
        for (int i = 0; said.body.find(assigned) == std::string::npos; ++i) {
            if (i > 2 || operation.empty()) {
                return not_placed(d.name, fmt::format("{} {}", said.status, said.body));
            }
            std::this_thread::sleep_for(told_to_wait);
            BERTH_TRY(now, ask(over, "GET", path + "/operations/" + operation + "?api-version=2019-03-31", ""));
            said = std::move(now);
        }
        return {};
    }

    turn play(const std::function<result<void>(const device&)>& one) {
        prepare();
        const auto begin = steady::now() + std::chrono::duration_cast<steady::duration>(seconds(warm_up));
        const auto end = begin + std::chrono::duration_cast<steady::duration>(seconds(measured));
        std::atomic<size_t> done = 0;
        std::vector<std::thread> all;
        for (size_t i = 0; i < at_once; ++i) {
            all.emplace_back([&] {
                while (steady::now() < end) {
                    const size_t mine = next_++;
                    if (mine >= fresh_.size()) {
                        must(fail(error_category::internal, "bench_failed", "more was done in a turn than had been prepared"));
                    }
                    must(one(fresh_[mine]));
                    const auto now = steady::now();
                    done += now >= begin && now < end ? 1 : 0;
                }
            });
        }
        for (auto& each : all) {
            each.join();
        }
        return {static_cast<double>(done) / measured, 0};
    }

    const world& world_;
    uint16_t mqtt_, https_;
    turnstile handshakes_{handshakes_at_once};
    std::vector<device> fresh_;
    std::atomic<size_t> next_ = 0;
    size_t made_ = 0;
};

}  // namespace

void place_part(const world& in, int rounds) {
    const auto hub = in.make_hub("placing", 100'000);
    const auto names = in.names_in(100'000, 1'000);
    const auto leaves = in.certify(names);
    const broker bare = broker::alone(in);
    const whole_service service(in, hub);
    registrations asked(in, service);
    std::vector<arm> arms{{"registrations over MQTT", [&] { return asked.over_mqtt(); }},
                          {"registrations over HTTPS", [&] { return asked.over_https(); }},
                          {"bare connects", [&] { return connect_turn(in, bare, names, leaves); }}};
    play_rounds(arms, rounds);
    fmt::print("| | per second | of bare connects, median [least to most] of {} rounds |\n|---|---|---|\n", rounds);
    for (const auto& one : arms) {
        fmt::print("| {} | {:.0f} | {} |\n", one.name, one.middle(&turn::per_second),
                   to_text(ratio_of(one, arms.back(), &turn::per_second)));
    }
    fmt::print("\ngoal: at least 0.6\n\n");
}

}  // namespace berth::hub::bench
