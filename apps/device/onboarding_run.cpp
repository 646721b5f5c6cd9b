#include "device/onboarding_run.h"

#include "base/log.h"
#include "common/files.h"
#include "device/installation.h"
#include "device/lifecycle.h"
#include "device/quote.h"
#include "onboarding/errors.h"
#include "onboarding/messages/configuration.h"
#include "onboarding/messages/error.h"
#include "pki/profiles.h"

namespace berth::app {

using onboarding::device_outcome;

namespace {

// How long a registrar may think about a request for the configuration.
constexpr milliseconds configuration_wait = 30'000;

}  // namespace

onboarding_run::onboarding_run(net::loop& on, const device_bundle& bundle, run_options options, const clock& time,
                               random_source& random, done_handler done, step_handler stepped)
    : loop_(on),
      bundle_(bundle),
      options_(options),
      clock_(time),
      random_(random),
      done_(std::move(done)),
      stepped_(std::move(stepped)),
      wake_(on),
      pause_(on) {}

onboarding_run::~onboarding_run() = default;

void onboarding_run::start() {
    purpose_ = purpose::onboard;
    if (options_.install) {
        if (const auto alive = require_alive(bundle_); !alive) {
            return finish(false, alive.error());
        }
    }
    installation there(bundle_);
    if (options_.install && !options_.anew && there.present()) {
        const auto state = there.state();
        if (state && !state->reported) {
            purpose_ = purpose::report;
        } else if (state) {
            report_.customer = state->customer;
            report_.registrar = state->registrar;
            report_.id = to_hex(state->kk3_id);
            return finish(true, std::nullopt);
        }
    }
    find_registrars();
}

void onboarding_run::start_configuration_fetch() {
    purpose_ = purpose::configuration;
    find_registrars();
}

// ---- whom to ask

namespace {

// What was asked, each with what came of it and who can change that.
error no_registrar(const device_bundle& bundle) {
    std::string found = "no address is in device.toml (registrars)";
    if (bundle.dns_sd) {
        found += ", none answers on the local network (DNS-SD)";
    }
    found += bundle.rendezvous
                 ? ", the manufacturer names none for this device (berth ownership assign, berth customer registrars)"
             : bundle.masa ? ""
                           : ", and the manufacturer cannot be asked for one: device.toml has no masa";
    return {error_category::environment, "no_registrar", "no registrar was found: " + found};
}

// Which of several registrars it was, and what its word means to a device.
error at_registrar(error e, const net::address& at) {
    const auto is_alert = [&e](std::string_view name) {
        return std::ranges::any_of(e.params, [&](const auto& p) { return p.first == "peer_alert" && p.second == name; });
    };
    if (is_alert("no_application_protocol") || e.is("closed_in_handshake") || e.is("handshake_timeout")) {
        e.message += "; is a registrar there?";
    } else if (is_alert("certificate_revoked")) {
        e.message += ": it says that this device's birth certificate was revoked by its manufacturer; ask there";
    }
    return e.message.find(at.text()) == std::string::npos ? std::move(e).during(at.text()) : e;
}

}  // namespace

void onboarding_run::find_registrars() {
    if (purpose_ != purpose::onboard) {
        // Only the registrar's domain can answer; it was there the last time.
        if (const auto state = installation(bundle_).state()) {
            if (auto address = net::parse_address(state->registrar)) {
                registrars_ = {std::move(*address)};
            }
        }
        next_ = 0;
        return next_registrar();
    }
    search_.emplace(loop_, bundle_, clock_, random_, [this](found_registrars found) {
        registrars_ = found.in_turn();
        next_ = 0;
        if (registrars_.empty()) {
            last_error_ = found.failed.value_or(no_registrar(bundle_));
        }
        next_registrar();
    });
}

void onboarding_run::next_registrar() {
    if (next_ >= registrars_.size()) {
        return round_over();
    }
    masa_key_ = 0;
    attempt(registrars_[next_++]);
}

void onboarding_run::round_over() {
    if (options_.once) {
        return finish(false, last_error_);
    }
    ++rounds_;
    const milliseconds most = std::min(options_.most_pause, options_.least_pause << std::min(rounds_, 16u));
    const auto pause = static_cast<milliseconds>(random_.number() % static_cast<uint64_t>(most + 1));
    if (last_error_) {
        log::failure("not_yet", *last_error_, {{"registrar", current_.host.empty() ? "" : current_.text()}});
    }
    log::info("retry", "no registrar has onboarded this device; trying again", {{"in_ms", pause}, {"round", rounds_}});
    pause_.arm(pause, [this] { find_registrars(); });
}

// ---- one attempt

result<std::shared_ptr<const authkem::client_context>> onboarding_run::kk2_context() const {
    authkem::client_config config;
    config.own = authkem::credential{bundle_.z3, bundle_.p3};
    config.expect_certificate_request = true;
    config.alpn = {std::string(onboarding::alpn_kk2)};
    config.alpn_required = true;
    if (purpose_ == purpose::onboard) {
        config.server.possession_only = true;  // "Device: provisional (`possession_only`) until S14"
    } else {
        // "opens KK2, verified now to pinned_domain_cert"
        BERTH_TRY(root, read_certificate(bundle_.directory / "installed" / "domain-root.pem"));
        BERTH_TRY(trust, pki::trust_store::from_root(root));
        config.server.trust = trust;
        config.server.policy = [](const pki::verified_chain& chain) { return pki::require_registrar(chain.leaf()); };
        if (!bundle_.has_clock) {
            // Now is no earlier than that, and how late nobody knows: a Z4 that was renewed since is not too young.
            config.server.time = pki::validity_instants::between(bundle_.earliest(), pki::no_expiry);
        }
    }
    return authkem::client_context::make(std::move(config));
}

void onboarding_run::attempt(const net::address& at) {
    current_ = at;
    session_.reset();
    kk3_.reset();
    const auto context = kk2_context();
    if (!context) {
        return finish(false, context.error());
    }
    ++report_.attempts;
    told_pending_ = false;
    began_ = clock_.steady();
    net::stream_events events;
    events.on_established = [this] { established(); };
    events.on_data = [this](bytes_view data) { received(data); };
    events.on_closed = [this](const error* why) { ended(why); };
    kk2_ = net::authkem_stream::connect(loop_, at, *context, clock_, random_, std::move(events));
}

void onboarding_run::established() {
    if (const auto begun = begin_session(); !begun) {
        last_error_ = begun.error();
        return finish(false, begun.error());
    }
    pump();
}

result<void> onboarding_run::begin_session() {
    if (purpose_ == purpose::configuration) {
        BERTH_TRY(state, installation(bundle_).state());
        BERTH_TRY(octets, onboarding::to_frame(onboarding::message_type::configuration_request, 0,
                                               onboarding::configuration_request{state.configuration_version}));
        kk2_->send(octets);
        wake_.arm(configuration_wait, [this] {
            kk2_->close();
            finish(false, error{error_category::environment, "timeout",
                                "the registrar did not answer the request for the configuration; try again later"});
        });
        return {};
    }
    onboarding::channel channel;
    channel.exporter = onboarding::exporter_of(*kk2_->session());
    const auto chain = kk2_->session()->peer().chain();
    channel.peer_chain.assign(chain.begin(), chain.end());
    std::vector<onboarding::device_credential> keys;
    if (purpose_ == purpose::onboard) {
        BERTH_TRY(pending, bundle_.pending_keys(to_hex(channel.peer_chain.front().sha256()), random_));
        keys = std::move(pending);
        if (options_.install) {
            note_life_or_log(bundle_, clock_);
        }
    }
    onboarding::device_settings settings{.identity = bundle_.identity,
                                         .model = bundle_.model,
                                         .firmware = bundle_.firmware,
                                         .z3 = bundle_.z3.front(),
                                         .p3 = bundle_.p3,
                                         .masa_key = bundle_.masa_keys[masa_key_],
                                         .credentials = std::move(keys),
                                         .earliest = bundle_.earliest(),
                                         .has_clock = bundle_.has_clock,
                                         .direct_kk3 = bundle_.way == kk3_way::direct,
                                         .pending_jitter_ms = bundle_.pending_jitter_ms,
                                         .quote = {}};
    if (!bundle_.quoted.empty()) {
        settings.quote = [this](bytes_view qualifying_data) { return make_quote(bundle_, qualifying_data); };
    }
    session_ = std::make_unique<onboarding::device_session>(std::move(settings), std::move(channel), clock_, random_);
    if (purpose_ == purpose::report) {
        BERTH_TRY(state, installation(bundle_).state());
        session_->start_report(state.kk3_id);
        return {};
    }
    session_->start();
    if (bundle_.way == kk3_way::direct) {
        open_direct_kk3();
    }
    return {};
}

void onboarding_run::open_direct_kk3() {
    const auto context = onboarding::device_session::kk3_context(bundle_.z3.front(), bundle_.p3, bundle_.masa_keys[masa_key_]);
    if (!context) {
        return session_->kk3_failed(context.error());
    }
    net::stream_events events;
    events.on_established = [this] {
        if (session_) {
            session_->kk3_established(*kk3_->session());
            kk3_->close();
            pump();
        }
    };
    events.on_closed = [this](const error* why) {
        if (why && session_) {
            direct_kk3_closed(*why);
        }
    };
    kk3_ = net::authkem_stream::connect(loop_, *bundle_.masa, *context, clock_, random_, std::move(events));
}

void onboarding_run::direct_kk3_closed(const error& why) {
    if (why.category != error_category::environment || session_->state() != onboarding::device_state::reaching_masa) {
        session_->kk3_failed(why);
        return pump();
    }
    // The network did not carry us to the MASA. Nobody has refused anything: the keys stay, and it is tried again.
    wake_.cancel();
    kk2_->set_events({});
    kk2_->close();
    loop_.post([this, why] {
        session_.reset();
        kk3_.reset();
        last_error_ = why;
        next_registrar();
    });
}

void onboarding_run::received(bytes_view data) {
    if (purpose_ == purpose::configuration) {
        return on_configuration(data);
    }
    if (session_) {
        session_->receive(data);
        pump();
    }
}

void onboarding_run::ended(const error* why) {
    if (session_ && session_->outcome() == device_outcome::running) {
        session_->kk2_ended();
        return pump();
    }
    if (session_ || over_) {
        return;  // what follows was decided already
    }
    last_error_ =
        at_registrar(why ? *why : error{error_category::peer, "closed", "the registrar closed the connection"}, current_);
    next_registrar();
}

void onboarding_run::pump() {
    if (!session_) {
        return;
    }
    if (session_->state() == onboarding::device_state::installing) {
        install();
    }
    kk2_->send(session_->take_output());
    for (const auto& s : session_->take_steps()) {
        if (stepped_) {
            stepped_(s, clock_.steady() - began_, session_->kk3_id() ? to_hex(*session_->kk3_id()) : std::string());
        }
    }
    if (session_->outcome() != device_outcome::running) {
        return session_over();
    }
    if (session_->asked_to_wait() && !std::exchange(told_pending_, true)) {
        log::info("pending", "the registrar asks this device to wait: its operator, or the manufacturer, has not answered yet",
                  {{"registrar", current_.text()}, {"id", session_->kk3_id() ? to_hex(*session_->kk3_id()) : ""}});
    }
    if (const auto at = session_->wake_at()) {
        wake_.arm(std::max<milliseconds>(0, *at - clock_.steady()), [this] {
            session_->tick();
            pump();
        });
    }
}

void onboarding_run::install() {
    auto accepted = session_->take_accepted();
    if (!accepted) {
        return;
    }
    report_.customer = accepted->customer();
    for (const auto& c : accepted->credentials()) {
        report_.credentials.push_back(c.name);
    }
    if (options_.install) {
        if (const auto done = installation(bundle_).install(*accepted, *session_->kk3_id(), current_.text()); !done) {
            return session_->install_failed(done.error());
        }
    }
    session_->installed();
}

// ---- endings

void onboarding_run::session_over() {
    wake_.cancel();
    report_.registrar = current_.text();
    report_.id = session_->kk3_id() ? to_hex(*session_->kk3_id()) : "";
    report_.octets_sent = kk2_->octets_sent();
    report_.octets_received = kk2_->octets_received();
    report_.took = clock_.steady() - began_;
    const device_outcome outcome = session_->outcome();
    const std::optional<error> why = session_->why();
    kk2_->close();
    // The session's own callback is running: it goes with the next turn.
    loop_.post([this, outcome, why] {
        session_.reset();
        kk3_.reset();
        kk2_.reset();
        last_error_ = why;
        switch (outcome) {
        case device_outcome::done:
            if (options_.install) {
                if (const auto marked = installation(bundle_).mark_reported(); !marked) {
                    log::failure("state_not_written", marked.error());
                }
                note_life_or_log(bundle_, clock_);
            }
            return finish(true, std::nullopt);
        case device_outcome::use_spare:
            // "on refusal the spare, once, with a new KK2 and KK3"
            if (masa_key_ + 1 < bundle_.masa_keys.size()) {
                ++masa_key_;
                return attempt(current_);
            }
            return next_registrar();
        case device_outcome::refused: bundle_.drop_pending_keys(); return next_registrar();
        case device_outcome::unreported: purpose_ = purpose::report; return round_over();
        case device_outcome::again:
        case device_outcome::running: return next_registrar();
        }
    });
}

void onboarding_run::on_configuration(bytes_view data) {
    configuration_reader_.feed(data);
    const auto done = [&]() -> result<bool> {
        BERTH_TRY(frame, configuration_reader_.next());
        if (!frame) {
            return false;
        }
        if (frame->is(onboarding::message_type::error)) {
            BERTH_TRY(refused, wire::decode<onboarding::error_message>(frame->body.view()));
            return fail(onboarding::from_message(refused, "registrar"));
        }
        if (!frame->is(onboarding::message_type::configuration)) {
            return onboarding::refuse("unexpected_message");
        }
        BERTH_TRY(m, wire::decode<onboarding::configuration_message>(frame->body.view()));
        BERTH_TRY(state, installation(bundle_).state());
        if (!m.configuration.empty()) {
            BERTH_CHECK(installation(bundle_).set_configuration(m.version, std::string(m.configuration.text())));
        }
        report_.customer = state.customer;
        report_.configuration_version = m.configuration.empty() ? state.configuration_version : m.version;
        return true;
    }();
    if (!done || *done) {
        kk2_->close();
        finish(done.has_value(), done ? std::nullopt : std::optional(done.error()));
    }
}

void onboarding_run::finish(bool ok, std::optional<error> why) {
    if (std::exchange(over_, true)) {
        return;
    }
    report_.ok = ok;
    report_.why = std::move(why);
    if (ok && report_.customer.empty()) {
        // Nothing was granted this time: an installation of before was reported, or stands already.
        if (const auto state = installation(bundle_).state()) {
            report_.customer = state->customer;
        }
    }
    if (ok && report_.credentials.empty()) {
        for (const auto& c : bundle_.credentials) {
            report_.credentials.push_back(c.name);
        }
    }
    wake_.cancel();
    pause_.cancel();
    // Not from within a callback of a stream that the caller may now destroy.
    loop_.post([this] { done_(report_); });
}

}  // namespace berth::app
