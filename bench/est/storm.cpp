// A fleet that was certified at one time renews: what its EST server sees of it, with the agents' drawing of instants and
// without.
//
// Each device's instant is drawn by est::renew_at, as berth-agent draws it, for certificates of two hours whose second hour is
// the spread; that hour is played in a minute. Then one process opens a connection for each device, shows its certificate, and
// asks for the next one (simplereenroll, the same key) from a real berthd with [est] on loopback, with its records on disk.
#include "crypto/random.h"
#include "est/renewal.h"
#include "est/world.h"
#include "est_client/est_session.h"

#include <charconv>
#include <csignal>

namespace {

using namespace berth;
using est::bench::got;
using est::bench::hour;
using est::bench::world;

struct settings {
    size_t devices = 10'000;
    milliseconds window = 60'000;  // that stands for an hour
    size_t at_once = 256;          // connections
};

class storm {
public:
    storm(world& at, const settings& how, uint32_t spread_percent) : at_(at), how_(how), server_(at.serve()), tick_(loop_) {
        est::renewal_policy policy;
        policy.threshold = {est::portion::unit::percent, 50};
        policy.spread_percent = spread_percent;
        for (size_t i = 0; i < at.fleet.size(); ++i) {
            // Behind the threshold, of an hour, as instants of the window.
            const unix_seconds drawn = est::renew_at({0, 2 * hour}, policy, crypto::system_random()) - hour;
            due_.emplace_back(drawn * how.window / hour, i);
        }
        std::ranges::sort(due_);
    }

    void run() {
        began_ = system_clock().steady();
        turn();
        loop_.run();
    }

    void print(uint32_t spread_percent) const {
        std::vector<milliseconds> waits = waits_;
        std::ranges::sort(waits);
        const auto part = [&](size_t percent) { return waits.empty() ? 0 : waits[(waits.size() - 1) * percent / 100]; };
        const size_t peak = seconds_.empty() ? 0 : std::ranges::max(seconds_);
        fmt::print("| {} | {} | {} | {:.1f} | {} | {} | {}, {} | {} |\n", spread_percent, at_.fleet.size(), waits_.size(),
                   static_cast<double>(ended_ - began_) / 1000.0, peak, deepest_, part(50), part(99), failures_);
        for (const auto& [name, count] : why_) {
            fmt::print("    {} times: {}\n", count, name);
        }
        std::fflush(stdout);
    }

private:
    [[nodiscard]] milliseconds now() const { return system_clock().steady() - began_; }

    // Begins what is due, as far as connections are free; what is due and not begun, or not answered, is the queue.
    void turn() {
        at_.listen();
        while (next_ < due_.size() && running_.size() < how_.at_once && due_[next_].first <= now()) {
            begin(due_[next_++]);
        }
        const auto due = static_cast<size_t>(std::ranges::upper_bound(due_, now(), {}, &std::pair<milliseconds, size_t>::first) -
                                             due_.begin());
        deepest_ = std::max(deepest_, due - waits_.size() - failures_);
        if (waits_.size() + failures_ == due_.size()) {
            ended_ = system_clock().steady();
            return loop_.stop();
        }
        tick_.arm(5, [this] { turn(); });
    }

    void begin(std::pair<milliseconds, size_t> which) {
        const pki::certificate& own = at_.fleet[which.second];
        app::est_server to;
        to.at = server_;
        to.anchors = {at_.root};
        to.own = net::tls_credential{{own, at_.issuer.front()}, at_.device_key};
        auto over = got(app::transport_to(to, system_clock(), crypto::system_random()));
        auto session =
            std::make_unique<app::est_session>(loop_, server_, std::move(over), got(est::client::make({})), system_clock());
        app::est_wish wish;
        auto names = got(pki::names_of(own));
        wish.contents.subject = std::move(names.subject);
        wish.contents.alt_names = std::move(names.alt_names);
        wish.spki = to_bytes(at_.device_key->public_key().spki());
        wish.build = [key = at_.device_key](const pki::csr_template& t) { return pki::build_csr(t, key->as_signing_key()); };
        session->enrol(std::move(wish), true,
                       [this, which](result<app::est_session::enrolled> answer) { answered(which, std::move(answer)); });
        running_.emplace(which.second, std::move(session));
    }

    void answered(std::pair<milliseconds, size_t> which, result<app::est_session::enrolled> answer) {
        if (answer && std::holds_alternative<pki::certificate>(*answer)) {
            waits_.push_back(now() - which.first);
            const auto second = static_cast<size_t>(now() / 1000);
            seconds_.resize(std::max(seconds_.size(), second + 1));
            ++seconds_[second];
        } else {
            ++failures_;
            ++why_[answer ? std::string("pending") : answer.error().name];
        }
        // The session's own handler is running: it goes with the next turn.
        loop_.post([this, which] { running_.erase(which.second); });
    }

    world& at_;
    const settings& how_;
    net::address server_;
    net::loop loop_;
    net::timer tick_;
    std::vector<std::pair<milliseconds, size_t>> due_;
    std::map<size_t, std::unique_ptr<app::est_session>> running_;
    std::vector<milliseconds> waits_;  // from the instant that was drawn to the certificate
    std::vector<size_t> seconds_;      // certificates in each
    std::map<std::string, size_t> why_;
    size_t next_ = 0, deepest_ = 0, failures_ = 0;
    milliseconds began_ = 0, ended_ = 0;
};

}  // namespace

// bench_est [DEVICES [WINDOW_SECONDS]]
int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);
    settings how;
    const auto number = [&](int i, auto& into, int64_t factor) {
        const std::string_view text = i < argc ? argv[i] : "";
        int64_t value = 0;
        if (std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc() && value > 0) {
            into = static_cast<std::remove_reference_t<decltype(into)>>(value * factor);
        }
    };
    number(1, how.devices, 1);
    number(2, how.window, 1000);
    world at(how.devices);
    fmt::print("| spread, % | devices | renewed | took, s | peak, per s | longest queue | p50, p99 ms | failures |\n"
               "|---|---|---|---|---|---|---|---|\n");
    std::fflush(stdout);
    for (const uint32_t spread : {100U, 50U, 0U}) {
        storm one(at, how, spread);
        one.run();
        one.print(spread);
    }
    return 0;
}
