#include "berth/commands/authkem.h"
#include "crypto/random.h"
#include "net/authkem_listener.h"

#include <list>

namespace berth::app {

namespace {

// Kept of what a client sends, for the report.
constexpr size_t most_received = 64 * 1024;
// An echo waits for the client to read what was echoed before.
constexpr size_t most_unread = 256 * 1024;

class server {
public:
    server(const authkem_options& options, bool json) : options_(options), json_(json) {}

    result<int> run() {
        BERTH_CHECK(configure());
        net::listener_limits limits;
        limits.stream.handshake = static_cast<milliseconds>(options_.timeout * 1000);
        BERTH_TRY(listener, net::authkem_listener::listen(
                                loop_, {options_.host, options_.port}, [this] { return context(); }, system_clock(),
                                crypto::system_random(), [this](net::authkem_stream s) { accept(std::move(s)); }, {}, limits));
        listener_ = std::move(listener);
        listener_->watch_failures([this](const net::authkem_stream& stream, const error& why) { ended(stream, &why, {}); });
        if (json_) {
            print_json(wire::json::object{
                {"event", "listening"}, {"role", "authkem"}, {"name", "authkem"}, {"port", listener_->port()}});
        } else {
            std::fputs(fmt::format("listening on {}\n", net::address{options_.host, listener_->port()}.text()).c_str(), stdout);
            std::fflush(stdout);
        }
        loop_.on_termination([this] { loop_.stop(); });
        loop_.run();
        return exit_;
    }

private:
    struct connection {
        net::authkem_stream stream;
        bytes received;
    };

    result<void> configure() {
        if (options_.mutual && options_.ca.empty() && !options_.provisional) {
            return fail(error_category::usage, "missing_option", "--mutual needs --ca: the roots that may vouch for clients");
        }
        BERTH_TRY(suites, suites_of(options_));
        BERTH_TRY(schemes, schemes_of(options_));
        BERTH_TRY(rules, rules_of(options_));
        BERTH_TRY(own, credential_of(options_, false));
        if (!own) {
            return fail(error_category::usage, "missing_option",
                        "a server needs --key, and --cert unless its clients hold its key already");
        }
        config_.suites = std::move(suites);
        config_.schemes = std::move(schemes);
        config_.client = std::move(rules);
        config_.client_auth = options_.mutual ? authkem::client_auth::require : authkem::client_auth::none;
        config_.credentials.push_back(std::move(*own));
        config_.alpn = options_.alpn;
        config_.alpn_required = options_.alpn_required;
        config_.records.padding_block = options_.padding;
        if (!options_.key_log.empty()) {
            BERTH_TRY(log, key_log::open(options_.key_log));
            log_ = std::move(log);
        }
        BERTH_TRY(context, authkem::server_context::make(config_));
        context_ = std::move(context);
        return {};
    }

    // With a key log each connection has a context of its own, which knows the connection's number.
    result<std::shared_ptr<const authkem::server_context>> context() {
        if (!log_) {
            return context_;
        }
        authkem::server_config config = config_;
        config.observe.secrets = key_log::for_connection(log_, ++connections_made_);
        return authkem::server_context::make(std::move(config));
    }

    void accept(net::authkem_stream stream) {
        const auto at = open_.insert(open_.end(), connection{std::move(stream), {}});
        net::stream_events events;
        events.on_data = [this, at](bytes_view data) {
            append(at->received, data.first(std::min(data.size(), most_received - at->received.size())));
            if (options_.echo) {
                at->stream.send(data);
                if (at->stream.unsent() > most_unread) {
                    at->stream.pause_reading();
                }
            }
        };
        events.on_drained = [at] { at->stream.resume_reading(); };
        events.on_closed = [this, at](const error* why) {
            const connection over = std::move(*at);
            open_.erase(at);
            ended(over.stream, why, over.received);
        };
        at->stream.set_events(std::move(events));
        if (options_.key_update) {
            std::ignore = at->stream.key_update(true);
        }
        if (!options_.message.empty()) {
            at->stream.send(as_bytes(options_.message));
        }
    }

    void ended(const net::authkem_stream& stream, const error* why, bytes_view received) {
        const authkem::session* session = const_cast<net::authkem_stream&>(stream).session();
        const bool mutual = session && session->peer().state() != authkem::verification::none;
        exit_ = print({stream, why, mutual, received, stream.peer_address()}, json_);
        if (options_.once) {
            listener_.reset();
            loop_.stop();
        } else {
            exit_ = 0;
        }
    }

    const authkem_options& options_;
    bool json_;
    net::loop loop_;
    authkem::server_config config_;
    std::shared_ptr<const authkem::server_context> context_;
    std::shared_ptr<key_log> log_;
    uint64_t connections_made_ = 0;
    std::unique_ptr<net::authkem_listener> listener_;
    std::list<connection> open_;
    int exit_ = 0;
};

}  // namespace

int run_authkem_server(const authkem_options& options, bool json) {
    server running(options, json);
    const auto exit = running.run();
    return exit ? *exit : report(exit.error(), json);
}

}  // namespace berth::app
