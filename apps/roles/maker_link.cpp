#include "roles/maker_link.h"

#include "base/log.h"
#include "base/test_record.h"
#include "pki/profiles.h"

namespace berth::app {

namespace {

// "opens no session after 24 h or once Z4 changed, then drains 10 minutes"
constexpr milliseconds kk1_lifetime = 24 * 3600 * 1000;
constexpr milliseconds drain_time = 10 * 60 * 1000;
constexpr milliseconds upkeep_every = 5'000;
constexpr milliseconds least_pause = 200;
constexpr milliseconds most_pause = 30'000;

}  // namespace

maker_link::maker_link(net::loop& on, settings s, onboarding::registrar_records& records, const clock& time,
                       random_source& random, std::function<void()> changed, told_handler told)
    : loop_(on),
      settings_(std::move(s)),
      root_spki_(settings_.root.spki_sha256()),
      records_(records),
      clock_(time),
      random_(random),
      changed_(std::move(changed)),
      told_(std::move(told)),
      retry_(on),
      upkeep_(on) {}

std::unique_ptr<maker_link> maker_link::make(net::loop& on, settings s, std::shared_ptr<const authkem::client_context> context,
                                             onboarding::registrar_records& records, const clock& time, random_source& random,
                                             std::function<void()> changed, told_handler told) {
    std::unique_ptr<maker_link> link(
        new maker_link(on, std::move(s), records, time, random, std::move(changed), std::move(told)));
    link->context_ = std::move(context);
    link->keep_up();
    return link;
}

result<std::shared_ptr<const authkem::client_context>> maker_link::make_context(const settings& s) {
    authkem::client_config config;
    config.own = s.identity;
    config.expect_certificate_request = true;
    config.server_name = s.masa_host;
    // "Registrar: chain to the Z1 configured for that MASA only, id-kp-serverAuth, dNSName = the configured host"
    BERTH_TRY(trust, pki::trust_store::build({{s.root}, {}, s.crls}));
    config.server.trust = trust;
    config.server.policy = authkem::server_named(s.masa_host);
    config.alpn = {std::string(onboarding::alpn_kk1)};
    config.alpn_required = true;
    return authkem::client_context::make(std::move(config));
}

bool maker_link::differs(const settings& s) const {
    const auto same_der = [](const auto& a, const auto& b) { return same_octets(a.der(), b.der()); };
    return !same_der(s.root, settings_.root) || s.masa.text() != settings_.masa.text() || s.masa_host != settings_.masa_host ||
           !std::ranges::equal(s.identity.chain, settings_.identity.chain, same_der) ||
           !std::ranges::equal(s.crls, settings_.crls, same_der);
}

void maker_link::replace(settings s, std::shared_ptr<const authkem::client_context> context) {
    settings_ = std::move(s);
    context_ = std::move(context);
    // What failed before may succeed now.
    failures_ = 0;
    waiting_ = false;
    retry_.cancel();
    drain();
}

void maker_link::retire() {
    retired_ = true;
    retry_.cancel();
    drain();
}

void maker_link::drain() {
    for (auto& c : connections_) {
        if (c.drain_since == 0) {
            c.drain_since = clock_.steady();
            log::info("kk1_drains", "KK1 to the MASA takes no further session",
                      {{"party", "registrar"}, {"masa", settings_.masa.text()}});
        }
    }
    keep_up();
}

void maker_link::keep_up() {
    upkeep_.arm(upkeep_every, [this] { keep_up(); });
    const milliseconds now = clock_.steady();
    bool delivers = false;
    for (auto& c : connections_) {
        if (!c.open) {
            if (c.drain_since != 0) {
                c.stream.close();
            }
            continue;
        }
        if (c.drain_since == 0 && now - c.opened_at > kk1_lifetime) {
            c.drain_since = now;
        }
        if (c.drain_since != 0 && (c.link->open_sessions() == 0 || now - c.drain_since > drain_time)) {
            c.stream.close();
        } else if (c.drain_since == 0) {
            // What a KK1 that broke, or a restart, has left untold.
            if (const auto delivered = c.link->deliver_results(); !delivered) {
                log::failure("results_not_read", delivered.error());
            }
            delivers = delivers || c.link->has_output();
        }
    }
    wake();
    if (delivers) {
        told_({});  // sent at the end of a turn, as everything is: an open one may have collected what is not stored yet
    }
}

void maker_link::wake() {
    if (retired_) {
        return;
    }
    const bool taken = std::any_of(connections_.begin(), connections_.end(), [](const auto& c) { return c.drain_since == 0; });
    if (!taken && !waiting_) {
        connect();
    }
}

void maker_link::connect() {
    connections_.emplace_back(kk1{net::authkem_stream(nullptr), nullptr, 0, 0, false});
    const auto at = std::prev(connections_.end());
    net::stream_events events;
    events.on_established = [this, at] {
        failures_ = 0;
        at->open = true;
        at->opened_at = clock_.steady();
        at->link = std::make_unique<onboarding::registrar_link>(records_, root_spki_, clock_);
        log::info("kk1_opened", "KK1 to the MASA stands", {{"party", "registrar"}, {"masa", settings_.masa.text()}});
        if (const auto delivered = at->link->deliver_results(); !delivered) {
            log::failure("results_not_read", delivered.error());
        }
        changed_();
    };
    events.on_data = [this, at](bytes_view data) {
        BERTH_TEST_RECORD("kk1_in", data);
        if (const auto received = at->link->receive(data); !received) {
            log::failure("kk1_failed", received.error(), {{"party", "registrar"}});
            at->stream.close();
        }
        told_(at->link->take_touched());
    };
    events.on_closed = [this, at](const error* why) { lost(at, why); };
    at->stream = net::authkem_stream::connect(loop_, settings_.masa, context_, clock_, random_, std::move(events));
}

namespace {

// What an operator can do about it.
error explained(error e) {
    if (e.is("wrong_server_name")) {
        e.message += "; masa_host in [[registrar.maker]] is the name that is expected (berth registrar init --masa-host)";
    } else if (std::ranges::any_of(e.params, [](const auto& p) { return p.first == "peer_alert" && p.second == "unknown_ca"; })) {
        e.message +=
            ": the MASA does not know this registrar's root; is the customer registered there (berth customer register)?";
    }
    return e;
}

}  // namespace

void maker_link::lost(std::list<kk1>::iterator which, const error* why) {
    if (why) {
        log::failure("kk1_lost", explained(*why), {{"party", "registrar"}, {"masa", settings_.masa.text()}});
    }
    const auto link = std::move(which->link);
    const bool drained = which->drain_since != 0;
    connections_.erase(which);
    if (link) {
        link->lost();
        const auto unanswered = link->take_release_answers();
        released_.insert(released_.end(), unanswered.begin(), unanswered.end());
    }
    if (drained) {  // nothing has failed: the next one stands, or is being made, already
        return changed_();
    }
    ++failures_;
    waiting_ = true;
    // Back-off with full jitter.
    const milliseconds most = std::min(most_pause, least_pause << std::min(failures_, 8u));
    const auto pause = static_cast<milliseconds>(random_.number() % static_cast<uint64_t>(most)) + 50;
    retry_.arm(pause, [this] {
        waiting_ = false;
        wake();
    });
    changed_();
}

onboarding::registrar_link* maker_link::current() {
    for (auto& c : connections_) {
        if (c.open && c.drain_since == 0) {
            return c.link.get();
        }
    }
    return nullptr;
}

bool maker_link::connected() const {
    return std::any_of(connections_.begin(), connections_.end(), [](const auto& c) { return c.open && c.drain_since == 0; });
}

size_t maker_link::open_connections() const {
    return static_cast<size_t>(std::ranges::count(connections_, true, &kk1::open));
}

bool maker_link::has(const onboarding::registrar_session& session) const {
    return std::any_of(connections_.begin(), connections_.end(), [&](const auto& c) { return c.link && c.link->has(session); });
}

void maker_link::detach(onboarding::registrar_session& session) {
    for (auto& c : connections_) {
        if (c.link && c.link->has(session)) {
            c.link->detach(session);
        }
    }
}

std::vector<onboarding::registrar_link::release_answer> maker_link::take_release_answers() {
    auto out = std::exchange(released_, {});
    for (auto& c : connections_) {
        if (c.link) {
            const auto more = c.link->take_release_answers();
            out.insert(out.end(), more.begin(), more.end());
        }
    }
    return out;
}

void maker_link::say(kk1& c) {
    const bytes output = c.link->take_output();
    BERTH_TEST_RECORD("kk1_out", output);
    c.stream.send(output);
}

void maker_link::not_stored() {
    for (auto& c : connections_) {
        if (c.link && c.link->has_output()) {
            (void)c.link->take_output();
            c.stream.close();
        }
    }
}

void maker_link::flush() {
    for (auto& c : connections_) {
        if (c.link) {
            c.link->collect();
            say(c);
        }
    }
}

}  // namespace berth::app
