#include "roles/registrar_role.h"

#include "base/test_record.h"
#include "onboarding/errors.h"
#include "roles/embedded_issuer.h"

namespace berth::app {

namespace {

constexpr milliseconds tick_every = 200;
constexpr milliseconds publish_retry_after = 5'000;

}  // namespace

registrar_role::registrar_role(net::loop& on, const clock& time, random_source& random, role_observer observer,
                               issuer_opener open)
    : loop_(on),
      clock_(time),
      random_(random),
      observer_(std::move(observer)),
      open_issuer_(std::move(open)),
      turn_(on, "registrar", [this](bool kept) { end_turn(kept); }),
      ticker_(on) {}

result<std::unique_ptr<registrar_role>> registrar_role::start(net::loop& on, const registrar_config& config, const ca_config& ca,
                                                              const clock& time, random_source& random, role_observer observer,
                                                              issuer_opener open) {
    if (!open) {
        open = embedded_only(time, random);
    }
    BERTH_TRY(ready, read(config, ca, open, time.now()));
    std::unique_ptr<registrar_role> role(new registrar_role(on, time, random, std::move(observer), std::move(open)));
    BERTH_TRY(store, store::sqlite_registrar_store::open(config.store.string(), store::opening::existing));
    role->store_ = std::move(store);
    role->turn_.over(*role->store_);
    role->apply(std::move(ready));
    BERTH_CHECK(role->listen(config));
    role->tick();
    return role;
}

result<void> registrar_role::listen(const registrar_config& config) {
    BERTH_TRY(listener, net::authkem_listener::listen(
                            loop_, config.listen,
                            [this]() -> result<std::shared_ptr<const authkem::server_context>> { return kk2_context_; }, clock_,
                            random_, [this](net::authkem_stream s) { accept(std::move(s)); },
                            [this](const std::string& peer, const error& why) {
                                note_handshake_failure(onboarding::party::registrar, peer, why, observer_);
                            }));
    listener_ = std::move(listener);
    if (config.announce) {
        // Devices need no name: what they find, they judge by its keys. Two registrars on one network are told apart by Avahi.
        BERTH_TRY(announced, net::announcement::make("Berth registrar", net::registrar_service, listener_->port()));
        announcement_ = std::move(announced);
    }
    return {};
}

bool registrar_role::ready() const {
    return std::ranges::all_of(makers_, [](const auto& m) { return m->connected(); });
}

size_t registrar_role::open_links() const {
    size_t n = 0;
    for (const auto* makers : {&makers_, &retired_}) {
        for (const auto& m : *makers) {
            n += m->open_connections();
        }
    }
    return n;
}

result<void> registrar_role::check() {
    BERTH_CHECK(store_->decision_generation());
    return turn_.check();
}

// ---- turns

void registrar_role::touch(kk2_ref which) {
    if (!std::exchange(which->dirty, true)) {
        dirty_.push_back(which);
    }
}

void registrar_role::end_turn(bool kept) {
    for (const auto& which : std::exchange(dirty_, {})) {
        which->dirty = false;
        if (!kept) {
            which->session->not_stored();
        }
        report(which);
        const bytes output = which->session->take_output();
        BERTH_TEST_RECORD("kk2_out", output);
        if (kept) {
            which->stream.send(output);
        }
        if (!kept || which->session->closing()) {
            which->ending = true;
            which->stream.close();
        }
    }
    for (const auto* makers : {&makers_, &retired_}) {
        for (const auto& maker : *makers) {
            kept ? maker->flush() : maker->not_stored();
        }
    }
}

// ---- KK2

void registrar_role::accept(net::authkem_stream stream) {
    const pki::verified_chain* const verified = stream.session()->peer().verified();
    const auto serial = verified->leaf().device_serial();
    maker_link* const maker = maker_of(verified->anchor().spki_sha256());
    if (!serial || !maker) {
        log::failure("handshake_failed", serial ? onboarding::refusal("unknown_device_root") : serial.error());
        return;
    }
    onboarding::kk2_device device{{verified->anchor().spki_sha256(), *serial}, verified->leaf().sha256()};
    if (!turn_.begin()) {
        return;
    }
    close_older(device.identity);
    sessions_.push_back({std::move(stream),
                         nullptr,
                         {verified->chain().begin(), verified->chain().end()},
                         settings_.own_leaf_hash,
                         maker,
                         clock_.steady(),
                         false,
                         false});
    const auto at = std::prev(sessions_.end());
    onboarding::channel channel;
    channel.exporter = onboarding::exporter_of(*at->stream.session());
    channel.peer_chain = at->z3;
    at->session = std::make_unique<onboarding::registrar_session>(settings_, *store_, std::move(device), std::move(channel),
                                                                  clock_, random_);
    by_session_[at->session.get()] = at;
    net::stream_events events;
    events.on_data = [this, at](bytes_view data) {
        if (at->ending) {
            return;
        }
        if (!turn_.begin()) {
            at->ending = true;
            at->stream.close();
            return;
        }
        BERTH_TEST_RECORD("kk2_in", data);
        at->session->receive(data);
        serve(at);
    };
    events.on_closed = [this, at](const error* why) { closed(at, why); };
    at->stream.set_events(std::move(events));
    serve(at);
}

void registrar_role::closed(kk2_ref which, const error* why) {
    if (why && !which->session->closing()) {
        log::failure("kk2_lost", *why, {{"serial", which->session->device().identity.serial}});
    }
    (void)turn_.begin();  // if not, what the session would store is not, as its log says
    which->session->kk2_ended();
    which->maker->detach(*which->session);
    report(which);
    if (which->session->kind() == onboarding::registrar_session_kind::onboarding) {
        note_outcome(onboarding::party::registrar, which->session->device().identity.serial, which->session->log_id(),
                     which->session->why() ? which->session->why()->name : "ok", observer_);
    }
    std::erase(dirty_, which);
    std::erase_if(ordered_, [which](const auto& each) { return each.second == which; });
    by_session_.erase(which->session.get());
    sessions_.erase(which);
}

void registrar_role::serve(kk2_ref which) {
    if (which->ending) {
        return;
    }
    onboarding::registrar_session& session = *which->session;
    if (session.wants_masa() && !session.closing() && !which->maker->has(session)) {
        if (which->own_leaf != settings_.own_leaf_hash || which->maker->retired()) {
            session.give_up("abandoned");  // no KK1 that fits this KK2 will come again; the device comes anew
        } else if (auto* link = which->maker->current()) {
            link->attach(session);
        } else {
            if (which->maker->unreachable()) {
                session.masa_unreachable();
            }
            which->maker->wake();
        }
    }
    if (const auto wanted = session.take_order()) {
        order(which, *wanted);
    }
    note_waiting(session);
    touch(which);
}

void registrar_role::order(kk2_ref which, const onboarding::certificate_order& what) {
    const uint64_t number = ++orders_;
    ordered_[number] = which;
    issuer_->issue(what, [this, number, device = what.device, at = what.at](order_issuer::answer answer) {
        ordered(number, device, at, std::move(answer));
    });
    if (ordered_.contains(number)) {
        which->session->ca_takes_time();
    }
}

void registrar_role::ordered(uint64_t number, const onboarding::device_identity& device, unix_seconds asked_at,
                             order_issuer::answer answer) {
    if (!answer && !answer.error().is("order_replaced")) {
        log::failure("ca_refused", answer.error(), {{"party", "registrar"}, {"serial", device.serial}});
    }
    const auto found = ordered_.find(number);
    const bool still_here = found != ordered_.end();
    if (!turn_.begin()) {
        // What is not stored is not granted: the device comes anew, and so does its order.
        if (still_here) {
            found->second->ending = true;
            found->second->stream.close();
            ordered_.erase(found);
        }
        return;
    }
    if (still_here) {
        const auto which = found->second;
        ordered_.erase(found);
        if (answer || !which->session->closing()) {  // who was sent away already is not refused once more
            which->session->ca_answered(std::move(answer));
        }
        touch(which);
    } else if (answer) {
        if (const auto kept = keep(device, asked_at, std::move(*answer)); !kept) {
            log::failure("store_failed", kept.error(), {{"party", "registrar"}, {"serial", device.serial}});
        }
    }
}

// The device will come with the same keys: its certificates wait for it. But a CA may take a day, and the device may have gone
// meanwhile, and nobody would ever end what it was given after its end; it may also have come back and wait for the very same.
result<void> registrar_role::keep(const onboarding::device_identity& device, unix_seconds asked_at,
                                  std::vector<onboarding::issued_certificate> certificates) {
    for (const auto& [number, which] : ordered_) {
        if (which->session->device().identity == device && !which->session->closing()) {
            asked_at = std::max(asked_at, which->session->ordered_at());
        }
    }
    BERTH_TRY(left, store_->left_since(device, asked_at));
    for (auto& c : certificates) {
        c.revoked = left;
    }
    return store_->save_certificates(certificates, clock_.now());
}

void registrar_role::serve_these(const std::set<onboarding::registrar_session*>& told) {
    if (!turn_.begin()) {
        return;
    }
    note_released();
    for (auto* const session : told) {
        if (const auto found = by_session_.find(session); found != by_session_.end()) {
            serve(found->second);
        }
    }
}

void registrar_role::serve_all() {
    if (!turn_.begin()) {
        return;
    }
    note_released();
    for (auto at = sessions_.begin(); at != sessions_.end(); ++at) {
        serve(at);
    }
}

// At start, when something was revoked, and in time before a list expires; again and again until it is done.
void registrar_role::publish() {
    if (turn_.open()) {
        return;  // what is not committed is not published
    }
    const auto generation = store_->revocation_generation();
    const unix_seconds now = clock_.now();
    if (!generation || (*generation == published_revocations_ && now < publish_again_) || clock_.steady() < publish_retry_) {
        return;
    }
    if (const auto published = issuer_->publish(*store_); !published) {
        log::failure("crl_not_published", published.error());
        publish_retry_ = clock_.steady() + publish_retry_after;
        return;
    }
    published_revocations_ = *generation;
    publish_again_ = now + issuer_->publishes_every();
    own_list_ = issuer_->own_list();
}

// Once for each device, however often it comes while nobody decides.
void registrar_role::note_waiting(const onboarding::registrar_session& session) {
    const auto& device = session.device().identity;
    if (session.awaits_approval() && !session.closing() && waiting_.insert(device).second) {
        log::info("waiting_for_approval", "a device waits for an operator's word: berth registrar approve, or deny",
                  {{"party", "registrar"},
                   {"serial", device.serial},
                   {"device_root_spki", to_hex(device.device_root_spki)},
                   {"id", session.log_id()}});
    }
}

// One KK2 of one device: "Of one device the newest KK3 counts", and what an identity may hold here is bounded by that.
void registrar_role::close_older(const onboarding::device_identity& device) {
    for (auto at = sessions_.begin(); at != sessions_.end(); ++at) {
        if (!at->ending && at->session && at->session->device().identity == device) {
            at->session->give_up("abandoned");
            serve(at);
        }
    }
}

// ---- what is seen, and time

void registrar_role::report(kk2_ref which) {
    for (const auto& s : which->session->take_steps()) {
        const observed_step seen{onboarding::party::registrar, which->session->device().identity.serial, which->session->log_id(),
                                 s, clock_.steady() - which->opened_at};
        note_step(seen, observer_);
    }
}

void registrar_role::tick() {
    ticker_.arm(tick_every, [this] { tick(); });
    publish();
    const auto generation = store_->decision_generation();
    const bool decided = generation && *generation != decisions_;
    if (decided) {
        decisions_ = *generation;
        std::erase_if(waiting_, [this](const auto& device) {
            const auto now = store_->approval_of(device);
            return now && *now != onboarding::approval::waiting;
        });
    }
    if (!sessions_.empty()) {
        if (turn_.begin()) {
            for (auto at = sessions_.begin(); at != sessions_.end(); ++at) {
                at->session->tick();
                if (decided) {
                    at->session->operator_decided();
                }
                serve(at);
            }
        }
    }
    pass_releases();
    std::erase_if(former_issuers_, [](const auto& issuer) { return issuer->under_way() == 0; });
    std::erase_if(retired_, [this](const auto& m) {
        return m->gone() && std::ranges::none_of(sessions_, [&](const auto& s) { return s.maker == m.get(); });
    });
}

}  // namespace berth::app
