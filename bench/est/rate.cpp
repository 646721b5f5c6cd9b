// EST enrolments per second, beside the bare libssl handshakes of the same run.
//
// One client process, many clients at once, each with requests for certificates (P-256) that were made before the clock starts
// and a connection of libssl's, asks in alternating turns: berthd on a new connection for each simpleenroll, shown a client
// certificate; berthd on connections that are kept; a server of libssl's alone, of which it wants one octet on each new
// connection.
#include "crypto/random.h"
#include "est/bare.h"
#include "est/client.h"
#include "est/world.h"
#include "est_client/est_http.h"
#include "net/http_codec.h"
#include "pki/csr.h"

#include <atomic>
#include <charconv>
#include <csignal>
#include <ctime>
#include <latch>
#include <mutex>
#include <thread>

namespace {

using namespace berth;
using namespace berth::est::bench;
using steady = std::chrono::steady_clock;

struct settings {
    std::string json;
    size_t clients = 16;
    int seconds = 3;
    int turns = 5;
};

struct request {
    bytes octets;  // of HTTP
    bytes spki;
};

// What one turn found out.
struct turn {
    double rate = 0;             // of what was done in time, per second
    double p50 = 0, p99 = 0;     // ms from connecting, or asking, to the answer
    double server = 0, own = 0;  // ms of processor time each
};

double seconds_of(clockid_t of) {
    timespec t{};
    clock_gettime(of, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}
clockid_t processor_time_of(pid_t process) {
    clockid_t out{};
    if (clock_getcpuclockid(process, &out) != 0) {
        std::fputs("bench_est: a server has ended\n", stderr);
        std::exit(3);
    }
    return out;
}

double median(std::vector<double> of) {
    std::ranges::sort(of);
    return of.empty() ? 0 : of[of.size() / 2];
}
double median(const std::vector<turn>& turns, double turn::* what) {
    std::vector<double> all;
    std::ranges::transform(turns, std::back_inserter(all), [&](const turn& t) { return t.*what; });
    return median(std::move(all));
}

class bench_run {
public:
    bench_run(world& in, const settings& how)
        : world_(in),
          how_(how),
          bare_(bare_server({in.server_chain, in.server_key, in.issuer.front()}), how.clients),
          client_(got(est::client::make({}))) {
        for (size_t i = 0; i < how.clients; ++i) {
            shown_.push_back(bare_client({{in.fleet[i], in.issuer.front()}, in.own_key, in.root}));
        }
        berthd_ = in.serve();
    }

    turn new_connections() {
        prepare();
        return play(world_.server(), [&](size_t i, const latch_to_start& start) -> result<void> {
            start();
            return repeat(i, [&]() -> result<void> {
                BERTH_TRY(to, connection::open(shown_[i], berthd_.port));
                BERTH_CHECK(enrol(to));
                to.close();
                return {};
            });
        });
    }
    turn kept_connections() {
        prepare();
        return play(world_.server(), [&](size_t i, const latch_to_start& start) -> result<void> {
            auto to = connection::open(shown_[i], berthd_.port);
            start();
            if (!to) {
                return fail(std::move(to).error());
            }
            return repeat(i, [&] { return enrol(*to); });
        });
    }
    turn bare() {
        return play(bare_.pid(), [&](size_t i, const latch_to_start& start) -> result<void> {
            start();
            return repeat(i, [&]() -> result<void> {
                BERTH_TRY(to, connection::open(shown_[i], bare_.port()));
                uint8_t octet = 1;
                BERTH_CHECK(to.write({&octet, 1}));
                BERTH_CHECK(to.read({&octet, 1}));
                to.close();
                return {};
            });
        });
    }

private:
    using latch_to_start = std::function<void()>;

    // More than can be asked for in a turn, none of them asked for before.
    void prepare() {
        requests_.erase(requests_.begin(),
                        requests_.begin() + static_cast<std::ptrdiff_t>(std::min(next_.load(), requests_.size())));
        next_ = 0;
        while (requests_.size() < static_cast<size_t>(how_.seconds) * 4'000) {
            const auto key =
                crypto::signing_key::generate(crypto::signature_algorithm::ecdsa_p256_sha256, crypto::system_random());
            const bytes csr = got(pki::build_csr({}, key));
            requests_.push_back({net::encode_request(app::net_request(client_.simpleenroll(csr)), berthd_.text(), true),
                                 to_bytes(key.public_key().spki())});
        }
    }

    result<void> enrol(connection& over) {
        const size_t mine = next_++;
        if (mine >= requests_.size()) {
            return fail(error_category::internal, "no_requests", "more was asked for in a turn than had been prepared");
        }
        BERTH_CHECK(over.write(requests_[mine].octets));
        net::response_reader reader({}, false);
        bytes input;
        std::array<uint8_t, 16'384> some{};
        for (auto progress = net::read_progress::more; progress != net::read_progress::complete;) {
            BERTH_TRY(count, over.read(some));
            append(input, bytes_view(some.data(), count));
            do {
                bytes_view left = input;
                BERTH_TRY(now, reader.read(left));
                progress = now;
                input.erase(input.begin(), input.end() - static_cast<std::ptrdiff_t>(left.size()));
            } while (progress == net::read_progress::header);
        }
        auto answer = app::est_response(reader.take());
        if (mine % 64 != 0 && answer.status == 200) {
            return {};
        }
        // Of some it is looked at what was given; that would otherwise be most of what the clients do.
        BERTH_TRY(given, client_.read_enrolment(answer, requests_[mine].spki, system_clock().now()));
        if (!std::holds_alternative<pki::certificate>(given)) {
            return fail(error_category::internal, "no_certificate", "an enrolment was not answered by a certificate");
        }
        return {};
    }

    result<void> repeat(size_t i, const std::function<result<void>()>& work) {
        while (true) {
            const auto began = steady::now();
            if (began >= until_) {
                return {};
            }
            BERTH_CHECK(work());
            const auto now = steady::now();
            ++done_;
            if (now <= until_) {
                took_[i].push_back(std::chrono::duration<double, std::milli>(now - began).count());
            }
        }
    }

    turn play(pid_t server, const std::function<result<void>(size_t, const latch_to_start&)>& client) {
        took_.assign(how_.clients, {});
        done_ = 0;
        std::latch ready(static_cast<std::ptrdiff_t>(how_.clients));
        std::latch go(1);
        std::atomic<size_t> ended = 0;
        std::mutex guard;
        std::optional<error> why;
        std::vector<std::thread> all;
        for (size_t i = 0; i < how_.clients; ++i) {
            all.emplace_back([&, i] {
                const auto outcome = client(i, [&] {
                    ready.count_down();
                    go.wait();
                });
                if (!outcome) {
                    const std::lock_guard hold(guard);
                    why = outcome.error();
                }
                ++ended;
            });
        }
        ready.wait();
        const double server_before = seconds_of(processor_time_of(server));
        const double own_before = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
        until_ = steady::now() + std::chrono::seconds(how_.seconds);
        go.count_down();
        while (ended < how_.clients) {
            world_.listen();
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
        for (auto& each : all) {
            each.join();
        }
        if (why) {
            (void)got(result<int>(fail(*why)));
        }
        turn out;
        const auto each = 1e3 / static_cast<double>(std::max<size_t>(done_, 1));
        out.server = (seconds_of(processor_time_of(server)) - server_before) * each;
        out.own = (seconds_of(CLOCK_PROCESS_CPUTIME_ID) - own_before) * each;
        std::vector<double> waits;
        for (const auto& some : took_) {
            waits.insert(waits.end(), some.begin(), some.end());
        }
        std::ranges::sort(waits);
        if (!waits.empty()) {
            out.rate = static_cast<double>(waits.size()) / how_.seconds;
            out.p50 = waits[(waits.size() - 1) / 2];
            out.p99 = waits[(waits.size() - 1) * 99 / 100];
        }
        return out;
    }

    world& world_;
    const settings& how_;
    bare_server_process bare_;  // before there are threads
    est::client client_;
    std::vector<tls_settings> shown_;
    net::address berthd_;
    std::vector<request> requests_;
    std::atomic<size_t> next_ = 0, done_ = 0;
    steady::time_point until_;
    std::vector<std::vector<double>> took_;
};

struct row {
    const char* name;
    turn (bench_run::*play)();
    std::vector<turn> turns = {};
};

void print(const std::vector<row>& rows, const row& bare) {
    fmt::print("| | per second | of bare | p50, p99 ms | server's CPU, ms | clients' CPU, ms | CPU of both, of bare |\n"
               "|---|---|---|---|---|---|---|\n");
    const double bare_rate = median(bare.turns, &turn::rate);
    const double bare_both = median(bare.turns, &turn::server) + median(bare.turns, &turn::own);
    for (const row& each : rows) {
        const auto of = [&](double turn::* what) { return median(each.turns, what); };
        fmt::print("| {} | {:.0f} | {:.3f} | {:.1f}, {:.1f} | {:.3f} | {:.3f} | {:.2f} |\n", each.name, of(&turn::rate),
                   of(&turn::rate) / bare_rate, of(&turn::p50), of(&turn::p99), of(&turn::server), of(&turn::own),
                   (of(&turn::server) + of(&turn::own)) / bare_both);
    }
}

void write_json(const std::string& path, const std::vector<row>& rows) {
    std::FILE* const file = std::fopen(path.c_str(), "w");
    if (!file) {
        std::fprintf(stderr, "bench_est: %s cannot be written\n", path.c_str());
        std::exit(3);
    }
    const char* between = "[";
    for (const row& each : rows) {
        for (const turn& t : each.turns) {
            fmt::print(file,
                       R"({}
  {{"name": "{}", "per_second": {:.1f}, "p50_ms": {:.3f}, "p99_ms": {:.3f}, "server_cpu_ms": {:.4f}, "client_cpu_ms": {:.4f}}})",
                       between, each.name, t.rate, t.p50, t.p99, t.server, t.own);
            between = ",";
        }
    }
    fmt::print(file, "\n]\n");
    std::fclose(file);
}

}  // namespace

// bench_est_rate [JSON [CLIENTS [SECONDS [TURNS]]]]
int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);
    settings how;
    how.json = argc > 1 ? argv[1] : "";
    const auto number = [&](int i, auto& into) {
        const std::string_view text = i < argc ? argv[i] : "";
        std::remove_reference_t<decltype(into)> value = 0;
        if (std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc() && value > 0) {
            into = value;
        }
    };
    number(2, how.clients);
    number(3, how.seconds);
    number(4, how.turns);
    std::vector<row> rows{{"simpleenroll, new connections", &bench_run::new_connections},
                          {"simpleenroll, kept connections", &bench_run::kept_connections},
                          {"bare libssl, new connections", &bench_run::bare}};
    world in(how.clients);
    bench_run run(in, how);
    for (int i = 0; i < how.turns; ++i) {
        for (row& each : rows) {
            each.turns.push_back((run.*each.play)());
        }
    }
    fmt::print("{} clients at once, {} turns of {} s, medians\n", how.clients, how.turns, how.seconds);
    print(rows, rows.back());
    if (!how.json.empty()) {
        write_json(how.json, rows);
    }
    return 0;
}
