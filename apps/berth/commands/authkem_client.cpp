#include "berth/commands/authkem.h"
#include "crypto/random.h"

#include <cstdio>

namespace berth::app {

namespace {

constexpr size_t most_received = 16 * 1024 * 1024;
// A server that has answered and does not close is waited for no longer than this.
constexpr milliseconds quiet = 1000;

class client {
public:
    client(const authkem_options& options, bool json) : options_(options), json_(json) {}

    result<int> run() {
        BERTH_TRY(to, net::parse_address(options_.connect));
        BERTH_CHECK(configure(to));
        for (size_t i = 0; i < options_.count; ++i) {
            BERTH_CHECK(connect(to, i + 1));
        }
        if (options_.count > 1 && !json_) {
            print_timings();
        }
        return exit_;
    }

private:
    result<void> configure(const net::address& to) {
        BERTH_TRY(suites, suites_of(options_));
        BERTH_TRY(schemes, schemes_of(options_));
        BERTH_TRY(rules, rules_of(options_));
        BERTH_TRY(own, credential_of(options_, true));
        if (options_.ca.empty() && !options_.provisional && options_.pdk.empty()) {
            return fail(error_category::usage, "missing_option",
                        "--ca is needed: the roots that may vouch for the server (or --provisional, or --pdk)");
        }
        if (!options_.server_name.empty()) {
            rules.policy = authkem::server_named(options_.server_name);
        }
        config_.suites = std::move(suites);
        config_.schemes = std::move(schemes);
        config_.server = std::move(rules);
        config_.server_name = options_.server_name.empty() ? to.host : options_.server_name;
        config_.expect_certificate_request = true;
        config_.alpn = options_.alpn;
        config_.alpn_required = options_.alpn_required;
        config_.records.padding_block = options_.padding;
        if (!options_.pdk.empty()) {
            BERTH_TRY(key, read_kem_public_key(options_.pdk));
            // Without roots nothing could vouch for the server after a refusal.
            const bool fatal = options_.pdk_required || (options_.ca.empty() && !options_.provisional);
            config_.pdk = {.key = std::move(key), .early_auth = own && !options_.no_early_auth, .refusal_is_fatal = fatal};
        }
        config_.own = std::move(own);
        if (!options_.key_log.empty()) {
            BERTH_TRY(log, key_log::open(options_.key_log));
            log_ = std::move(log);
        }
        return {};
    }

    result<void> connect(const net::address& to, uint64_t number) {
        authkem::client_config config = config_;
        mutual_ = false;
        // Only a server that has our certificate encapsulates to it.
        config.observe.steps = [this](authkem::state, authkem::event on, authkem::state) {
            mutual_ = mutual_ || on == authkem::event::kem_encapsulation;
        };
        if (log_) {
            config.observe.secrets = key_log::for_connection(log_, number);
        }
        BERTH_TRY(context, authkem::client_context::make(std::move(config)));
        net::stream_limits limits;
        limits.connect = limits.handshake = static_cast<milliseconds>(options_.timeout * 1000);
        received_.clear();
        net::loop loop;
        net::timer patience(loop);
        net::stream_events events;
        std::optional<net::authkem_stream> stream;
        const auto be_patient = [&](milliseconds howlong) { patience.arm(howlong, [&] { stream->close(); }); };
        events.on_established = [&] {
            if (options_.key_update) {
                std::ignore = stream->key_update(true);
            }
            stream->send(as_bytes(options_.message));
            // Our side is closed, theirs is awaited: a server that echoes can do so.
            stream->finish_sending();
            be_patient(static_cast<milliseconds>(options_.timeout * 1000));
        };
        events.on_data = [&](bytes_view data) {
            append(received_, data.first(std::min(data.size(), most_received - received_.size())));
            be_patient(quiet);
        };
        events.on_closed = [&](const error* why) {
            patience.cancel();
            const int exit = print({*stream, why, mutual_, received_, to.text(), !options_.server_name.empty()}, json_);
            exit_ = std::max(exit_, exit);
            if (stream->established()) {
                timings_.push_back(stream->handshake_ms());
            }
        };
        stream.emplace(net::authkem_stream::connect(loop, to, std::move(context), system_clock(), crypto::system_random(),
                                                    std::move(events), limits));
        loop.run();
        stream.reset();
        return {};
    }

    void print_timings() {
        std::sort(timings_.begin(), timings_.end());
        if (timings_.empty()) {
            return;
        }
        const auto at = [&](double part) {
            return timings_[static_cast<size_t>(part * static_cast<double>(timings_.size() - 1))];
        };
        std::fputs(fmt::format("{} handshakes, ms each: least {:.2f}, median {:.2f}, 99% {:.2f}, most {:.2f}\n", timings_.size(),
                               at(0), at(0.5), at(0.99), at(1))
                       .c_str(),
                   stdout);
    }

    const authkem_options& options_;
    bool json_;
    authkem::client_config config_;
    std::shared_ptr<key_log> log_;
    bytes received_;
    bool mutual_ = false;
    std::vector<double> timings_;
    int exit_ = 0;
};

}  // namespace

int run_authkem_client(const authkem_options& options, bool json) {
    client running(options, json);
    const auto exit = running.run();
    return exit ? *exit : report(exit.error(), json);
}

}  // namespace berth::app
