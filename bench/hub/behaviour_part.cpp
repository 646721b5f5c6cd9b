// Round trips of a hub's behaviours, while it does nothing else and while devices log in one after the other: a twin is read, a
// back end calls a device, a back end's message comes to a device. And how fast what devices send comes to a back end, beside who
// has subscribed to it at Mosquitto alone.
#include "hub/brokers.h"
#include "hub/rounds.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <atomic>
#include <fstream>
#include <thread>

namespace berth::hub::bench {

namespace {

using steady = std::chrono::steady_clock;

constexpr size_t times = 500, storming = 2;
constexpr size_t senders = 4, sent_by_each = 10'000, window = 20;

double ms_since(steady::time_point then) {
    return std::chrono::duration<double, std::milli>(steady::now() - then).count();
}

void expect(const http_answer& said, const char* what) {
    if (said.status / 100 != 2) {
        must(fail(error_category::environment, "bench_failed", fmt::format("{}: {} {}", what, said.status, said.body)));
    }
}

// The next message whose topic begins so; all are acknowledged.
std::pair<std::string, std::string> wait_for(mqtt_session& at, std::string_view topic) {
    for (;;) {
        const auto packet = got(at.next());
        if ((packet.first & 0xf0) != 0x30) {
            continue;
        }
        must(at.acknowledge(packet));
        auto read = read_publish(packet);
        if (read.first.starts_with(topic)) {
            return read;
        }
    }
}

class round_trips {
public:
    round_trips(const world& in, const whole_service& service, const std::vector<std::string>& names)
        : world_(in),
          name_(names.front()),
          device_(got(mqtt_session::open(in.client, in.certify(name_), service.port("mqtt"), name_))),
          administrator_(in.certify(whole_service::administrator)),
          https_(service.port("https")) {
        for (const std::string& filter : {std::string("$iothub/twin/res/#"), std::string("$iothub/methods/POST/#"),
                                          fmt::format("devices/{}/messages/devicebound/#", name_)}) {
            must(device_.subscribe(filter));
        }
    }
    std::vector<double> read_twin() {
        return measure([this](size_t i) {
            must(device_.publish(1, fmt::format("$iothub/twin/GET/?$rid={}", i), " "));
            (void)wait_for(device_, "$iothub/twin/res/200/");
            // A device may ask 20 times a second for long.
            return std::chrono::milliseconds(55);
        });
    }
    std::vector<double> call() {
        auto back_end = got(connection::open(world_.client, administrator_, https_));
        return measure([&](size_t) {
            std::thread device([this] {
                const auto [topic, payload] = wait_for(device_, "$iothub/methods/POST/");
                const std::string number = topic.substr(topic.rfind('=') + 1);
                must(device_.publish(2, "$iothub/methods/res/200/?$rid=" + number, payload));
            });
            expect(got(ask(back_end, "POST", "/twins/" + name_ + "/methods", R"({"methodName":"echo","payload":{"a":1}})")),
                   "a call");
            device.join();
            return std::chrono::milliseconds(0);
        });
    }
    std::vector<double> send_to_device() {
        auto back_end = got(connection::open(world_.client, administrator_, https_));
        return measure([&](size_t) {
            expect(got(ask(back_end, "POST", "/devices/" + name_ + "/messages/deviceBound", R"({"a":1})")), "a message");
            (void)wait_for(device_, "devices/");
            // 50 may wait, and what was acknowledged is written down twice a second.
            return std::chrono::milliseconds(20);
        });
    }

private:
    // `once` returns how long to wait before the next, which is not measured.
    template <class F>
    static std::vector<double> measure(F&& once) {
        std::vector<double> out;
        for (size_t i = 0; i < times; ++i) {
            const auto began = steady::now();
            const auto pause = once(i);
            out.push_back(ms_since(began));
            std::this_thread::sleep_for(pause);
        }
        std::ranges::sort(out);
        return out;
    }

    const world& world_;
    std::string name_;
    mqtt_session device_;
    pki::certificate administrator_;
    uint16_t https_;
};

// Devices that log in and go, one after the other, for as long as it lives.
class storm {
public:
    storm(const world& in, uint16_t port, std::vector<std::string> names) : names_(std::move(names)) {
        for (size_t i = 0; i < storming; ++i) {
            threads_.emplace_back([this, &in, port, i] {
                for (size_t n = i; !ending_; n += storming) {
                    const auto& name = names_[n % names_.size()];
                    const auto session = mqtt_session::open(in.client, leaf(in, name), port, name);
                    logins_ += session ? 1 : 0;
                }
            });
        }
    }
    ~storm() {
        ending_ = true;
        for (auto& one : threads_) {
            one.join();
        }
    }
    [[nodiscard]] size_t logins() const { return logins_; }

private:
    static pki::certificate leaf(const world& in, const std::string& name) {
        thread_local std::map<std::string, pki::certificate> made;
        const auto found = made.find(name);
        return found != made.end() ? found->second : made.emplace(name, in.certify(name)).first->second;
    }
    std::vector<std::string> names_;
    std::atomic<bool> ending_ = false;
    std::atomic<size_t> logins_ = 0;
    std::vector<std::thread> threads_;
};

void print(const char* what, const char* when, const std::vector<double>& ms) {
    fmt::print("| {} | {} | {:.2f} | {:.2f} | {:.2f} |\n", what, when, at_share(ms, 0.5), at_share(ms, 0.99), ms.back());
}

void measure_trips(round_trips& trips, const char* when) {
    print("a device reads its twin", when, trips.read_twin());
    print("a back end calls a device", when, trips.call());
    print("a back end's message comes to a device", when, trips.send_to_device());
}

// ---- what devices send

void send_all(const world& in, uint16_t port, const std::vector<std::string>& names) {
    std::vector<mqtt_session> all;
    for (size_t i = 0; i < senders; ++i) {
        all.push_back(got(mqtt_session::open(in.client, in.certify(names[i]), port, names[i])));
    }
    const std::string payload(100, 'x');
    (void)in_parallel(senders, senders, [&](size_t i) -> result<void> {
        const std::string topic = "devices/" + names[i] + "/messages/events/";
        size_t sent = 0, acknowledged = 0;
        while (acknowledged < sent_by_each) {
            for (; sent < sent_by_each && sent < acknowledged + window; ++sent) {
                BERTH_CHECK(all[i].publish(static_cast<uint16_t>(sent % 1'000 + 1), topic, payload));
            }
            BERTH_TRY(answer, all[i].next());
            acknowledged += answer.first == 0x40 ? 1 : 0;
        }
        return {};
    });
}

constexpr size_t all_sent = senders * sent_by_each;

// Lines that have come to a file since it was looked at last.
class tail {
public:
    explicit tail(std::filesystem::path file) : file_(std::move(file)) {
        std::error_code none;
        at_ = std::filesystem::exists(file_, none) ? std::filesystem::file_size(file_, none) : 0;
    }
    size_t lines() {
        std::ifstream in(file_, std::ios::binary);
        in.seekg(static_cast<std::streamoff>(at_));
        std::array<char, 65536> some{};
        for (in.read(some.data(), some.size()); in.gcount() > 0; in.read(some.data(), some.size())) {
            at_ += static_cast<uintmax_t>(in.gcount());
            lines_ += static_cast<size_t>(std::count(some.data(), some.data() + in.gcount(), '\n'));
        }
        return lines_;
    }

private:
    std::filesystem::path file_;
    uintmax_t at_ = 0;
    size_t lines_ = 0;
};

turn to_back_end(const world& in, const whole_service& service, const std::vector<std::string>& names) {
    tail told(in.file("told.jsonl"));
    const auto began = steady::now();
    send_all(in, service.port("mqtt"), names);
    while (told.lines() < all_sent) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return {static_cast<double>(all_sent) / (ms_since(began) / 1e3), 0};
}

turn to_subscriber(const world& in, const broker& bare, const std::vector<std::string>& names) {
    auto subscriber = got(mqtt_session::open(in.client, in.certify(names.back()), bare.port(), names.back()));
    must(subscriber.subscribe("devices/+/messages/events/#"));
    const timeval most{120, 0};  // a message that was dropped never comes
    ::setsockopt(subscriber.socket(), SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
    const auto began = steady::now();
    std::thread hears([&] {
        for (size_t i = 0; i < all_sent; ++i) {
            (void)wait_for(subscriber, "devices/");
        }
    });
    send_all(in, bare.port(), names);
    hears.join();
    return {static_cast<double>(all_sent) / (ms_since(began) / 1e3), 0};
}

}  // namespace

void behaviour_part(const world& in, int) {
    constexpr size_t rows = 100'000;
    const auto hub = in.make_hub("behaving", rows);
    const auto names = in.names_in(rows, 500);
    const whole_service service(in, hub);
    round_trips trips(in, service, names);
    fmt::print("| ms, {} times | the hub | p50 | p99 | most |\n|---|---|---|---|---|\n", times);
    measure_trips(trips, "idle");
    const auto began = steady::now();
    size_t logins = 0;
    {
        const storm others(in, service.port("mqtt"), {names.begin() + 10, names.end()});
        measure_trips(trips, "logins");
        logins = others.logins();
    }
    fmt::print("\nlogins: {:.0f} a second meanwhile, of {} threads\n\n", static_cast<double>(logins) / (ms_since(began) / 1e3),
               storming);
}

void telemetry_part(const world& in, int rounds) {
    constexpr size_t rows = 1'000;
    const auto hub = in.make_hub("telling", rows);
    const auto names = in.names_in(rows, senders + 1);
    const whole_service service(
        in, hub,
        fmt::format("\n[[hub.telemetry]]\nname = \"bench\"\nbatch = 1000\nfile = \"{}\"\n", in.file("told.jsonl").string()));
    const broker bare = broker::alone(in);
    std::vector<arm> arms{{"to a file of a back end's, kept (fsync)", [&] { return to_back_end(in, service, names); }},
                          {"to a subscriber at Mosquitto alone", [&] { return to_subscriber(in, bare, names); }}};
    play_rounds(arms, rounds);
    fmt::print("| {} messages of 100 octets, QoS 1, of {} devices | a second, from the first to the last one that has come "
               "|\n|---|---|\n",
               all_sent, senders);
    for (const auto& one : arms) {
        fmt::print("| {} | {:.0f} |\n", one.name, one.middle(&turn::per_second));
    }
    fmt::print("| ratio, median [least to most] of {} rounds | {} |\n\n", arms.front().turns.size(),
               to_text(ratio_of(arms[0], arms[1], &turn::per_second)));
}

}  // namespace berth::hub::bench
