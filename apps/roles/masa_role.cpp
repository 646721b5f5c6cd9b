#include "roles/masa_role.h"

#include "common/files.h"
#include "keystore/key_uri.h"
#include "onboarding/errors.h"
#include "pki/profiles.h"
#include "roles/credential.h"
#include "roles/startup_checks.h"

namespace berth::app {

namespace {

constexpr milliseconds tick_every = 200;
// A direct KK3 has done its work once its handshake is over, or its `locate` is answered: devices close theirs.
constexpr milliseconds most_direct = 30'000;
constexpr milliseconds checkpoint_every = 60'000;
constexpr size_t cached_leaves = 65536;
// KK1s of one registrar: a new one, one that drains, and what a broken connection has left. Beyond that its oldest goes.
constexpr size_t most_links_of_a_registrar = 4;
// And of one customer, all registrars together. Beyond that the newcomer is not taken: nobody throws out the others.
constexpr size_t most_links_of_a_customer = 1024;

bool same_listener(const net::address& wanted, const net::address& first, uint16_t bound) {
    // A free port that was asked for may have been written down since.
    return wanted.host == first.host && (wanted.port == first.port || wanted.port == bound);
}

}  // namespace

masa_role::masa_role(net::loop& on, const clock& time, random_source& random, role_observer observer)
    : loop_(on),
      clock_(time),
      random_(random),
      observer_(std::move(observer)),
      cache_(std::make_shared<authkem::verified_leaf_cache>(cached_leaves)),
      turn_(on, "masa", [this](bool kept) { end_turn(kept); }),
      ticker_(on) {}

masa_role::~masa_role() {
    if (store_) {
        checkpoint();
    }
}

result<std::unique_ptr<masa_role>> masa_role::start(net::loop& on, const masa_config& config, const clock& time,
                                                    random_source& random, role_observer observer) {
    std::unique_ptr<masa_role> role(new masa_role(on, time, random, std::move(observer)));
    BERTH_CHECK(role->open(config));
    BERTH_CHECK(role->listen(config));
    role->tick();
    return role;
}

result<masa_role::prepared> masa_role::read(const masa_config& config) {
    BERTH_CHECK(check_masa_files(config));
    prepared out;
    onboarding::masa_settings& settings = out.settings;
    for (const auto& k : config.keys) {
        BERTH_TRY(credential, open_credential(k));
        settings.keys.push_back(std::move(credential));
    }
    BERTH_TRY(roots, read_anchors(config.device_roots));
    settings.device_roots = std::move(roots);
    BERTH_TRY(issuers, read_certificates(config.device_issuers));
    settings.device_issuers = std::move(issuers);
    BERTH_TRY(lists, read_masa_lists(config, settings.device_roots, settings.device_issuers));
    settings.device_crls = std::move(lists.devices);
    settings.registrar_crls = std::move(lists.registrars);
    out.lists = std::move(lists.all);
    settings.device_lists = lists_of_rule(config.device_revocation);
    settings.registrar_lists = lists_of_rule(config.registrar_revocation);
    BERTH_TRY(passphrase, read_passphrase(config.checkpoint_passphrase_file));
    BERTH_TRY(key, keystore::open_signing_key(config.checkpoint_key, {config.base.string(), std::move(passphrase)}));
    out.checkpoint_key = std::move(key);
    out.config = config;
    return out;
}

result<void> masa_role::open(const masa_config& config) {
    BERTH_TRY(ready, read(config));
    BERTH_TRY(store_key, read_store_key(config.store_key));
    BERTH_TRY(opened, store::sqlite_masa_store::open(config.store.string(), store::opening::existing));
    BERTH_CHECK(opened->require_store_key(check_value_of(store_key)));
    ready.settings.store_key = std::move(store_key);
    store_ = std::move(opened);
    turn_.over(*store_);
    config_ = config;
    lists_ = std::move(ready.lists);
    credentials_ = ready.settings.keys;
    checkpoint_key_ = std::move(ready.checkpoint_key);
    service_ = std::make_unique<onboarding::masa_service>(std::move(ready.settings), *store_, clock_, random_);
    BERTH_CHECK(kk1_context());
    BERTH_CHECK(service_->kk3_context());
    return {};
}

// ---- a new configuration

result<masa_role::prepared> masa_role::prepare(const masa_config& config) {
    const bool same_direct =
        config.direct_listen.has_value() == config_.direct_listen.has_value() &&
        (!config.direct_listen || same_listener(*config.direct_listen, *config_.direct_listen, direct_port()));
    if (!same_listener(config.listen, config_.listen, port()) || !same_direct || config.store != config_.store ||
        config.store_key != config_.store_key) {
        return fail(
            error_category::usage, "restart_needed",
            "listen, direct_listen, store and store_key of [masa] are read at start only: restart berthd, or put them back");
    }
    BERTH_TRY(ready, read(config));
    // A trial run: what cannot serve is found before it replaces what does.
    onboarding::masa_service trial(ready.settings, *store_, clock_, random_);
    BERTH_CHECK(trial.kk3_context());
    BERTH_TRY(trust, trial.registrar_trust());
    BERTH_CHECK(make_kk1_context(ready.settings.keys, trust, ready.settings.registrar_lists));
    return ready;
}

void masa_role::apply(prepared ready) {
    config_ = std::move(ready.config);
    lists_ = std::move(ready.lists);
    credentials_ = ready.settings.keys;
    checkpoint_key_ = std::move(ready.checkpoint_key);
    service_->replace(std::move(ready.settings));
    // "The cache of verified leaves is emptied by revocation news": the device's went with its context.
    cache_->revocation_news();
    kk1_context_.reset();
    for (const auto* listener : {&kk1_listener_, &direct_listener_}) {
        if (*listener) {
            (*listener)->drop_handshakes();
        }
    }
}

result<void> masa_role::listen(const masa_config& config) {
    const auto failed = [this](const std::string& peer, const error& why) {
        note_handshake_failure(onboarding::party::masa, peer, why, observer_);
    };
    BERTH_TRY(main_listener, net::authkem_listener::listen(
                                 loop_, config.listen, [this] { return kk1_context(); }, clock_, random_,
                                 [this](net::authkem_stream s) { accept_kk1(std::move(s)); }, failed));
    kk1_listener_ = std::move(main_listener);
    if (config.direct_listen) {
        BERTH_TRY(other_listener, net::authkem_listener::listen(
                                      loop_, *config.direct_listen, [this] { return service_->kk3_context(); }, clock_, random_,
                                      [this](net::authkem_stream s) { accept_direct(std::move(s)); }, failed));
        direct_listener_ = std::move(other_listener);
    }
    return {};
}

result<std::shared_ptr<const authkem::server_context>> masa_role::make_kk1_context(const std::vector<authkem::credential>& keys,
                                                                                   const pki::trust_store& trust,
                                                                                   pki::crl_policy lists) const {
    authkem::server_config config;
    std::copy_if(keys.begin(), keys.end(), std::back_inserter(config.credentials),
                 [](const auto& c) { return !c.chain.empty(); });
    config.client_auth = authkem::client_auth::require;
    config.client.trust = trust;
    config.client.revocation = lists;
    config.client.cache = cache_;
    // "MASA: chain to a registered Z2 only, id-kp-cmcRA"
    config.client.policy = [this](const pki::verified_chain& chain) -> result<void> {
        BERTH_CHECK(pki::require_registrar(chain.leaf()));
        return service_->require_one_customer(chain);
    };
    config.alpn = {std::string(onboarding::alpn_kk1)};
    config.alpn_required = true;
    return authkem::server_context::make(std::move(config));
}

result<std::shared_ptr<const authkem::server_context>> masa_role::kk1_context() {
    BERTH_TRY(generation, store_->trust_generation());
    if (kk1_context_ && generation == kk1_context_generation_) {
        return kk1_context_;
    }
    BERTH_TRY(trust, service_->registrar_trust());
    BERTH_TRY(context, make_kk1_context(credentials_, trust, lists_of_rule(config_.registrar_revocation)));
    kk1_context_ = std::move(context);
    kk1_context_generation_ = generation;
    return kk1_context_;
}

result<void> masa_role::check() {
    BERTH_CHECK(store_->ownership_generation());
    return turn_.check();
}

// ---- turns

void masa_role::touch(std::list<kk1>::iterator which) {
    if (!std::exchange(which->dirty, true)) {
        dirty_.push_back(which);
    }
}

void masa_role::end_turn(bool kept) {
    if (!kept) {
        service_->forget_uncommitted();
    }
    for (const auto& which : std::exchange(dirty_, {})) {
        which->dirty = false;
        report(which->link);
        const bytes output = which->link.take_output();
        if (!kept) {
            // What was not stored was not decided: the registrar comes again.
            links_.erase(which);
            continue;
        }
        which->stream.send(output);
        if (which->ending) {
            which->stream.close();
        }
    }
}

// ---- connections

void masa_role::accept_kk1(net::authkem_stream stream) {
    onboarding::kk1_peer peer;
    const auto chain = stream.session()->peer().chain();
    peer.chain.assign(chain.begin(), chain.end());
    const onboarding::hash_field root = stream.session()->peer().verified()->anchor().spki_sha256();
    const onboarding::hash_field leaf = peer.chain.front().sha256();
    if (std::ranges::count(links_, root, &kk1::root) >= static_cast<ptrdiff_t>(most_links_of_a_customer)) {
        log::warning("kk1_refused", "this customer has as many connections as it may have; another is not taken");
        return;
    }
    log::info("kk1_opened", "a registrar has connected",
              {{"peer", stream.peer_address()}, {"subject", peer.chain.front().subject()}});
    close_surplus(leaf);
    links_.push_back({std::move(stream), onboarding::masa_link(*service_, std::move(peer)), root, leaf});
    const auto at = std::prev(links_.end());
    net::stream_events events;
    events.on_data = [this, at](bytes_view data) {
        if (!turn_.begin()) {
            at->ending = true;
            at->stream.close();
            return;
        }
        const auto received = at->link.receive(data);
        touch(at);
        if (!received) {
            log::failure("kk1_failed", received.error(), {{"party", "masa"}});
            at->ending = true;
        }
    };
    events.on_closed = [this, at](const error* why) {
        if (why) {
            log::failure("kk1_lost", *why, {{"party", "masa"}});
        }
        std::erase(dirty_, at);
        links_.erase(at);
    };
    at->stream.set_events(std::move(events));
}

void masa_role::close_surplus(const onboarding::hash_field& leaf) {
    const auto of_this_registrar = [&](const kk1& l) { return l.leaf == leaf && !l.ending; };
    if (std::ranges::count_if(links_, of_this_registrar) < static_cast<ptrdiff_t>(most_links_of_a_registrar)) {
        return;
    }
    const auto oldest = std::ranges::find_if(links_, of_this_registrar);
    log::info("kk1_surplus", "a registrar has more connections than one needs; its oldest is closed");
    oldest->ending = true;
    oldest->stream.close();
}

void masa_role::accept_direct(net::authkem_stream stream) {
    auto direct = onboarding::masa_direct::accept(*service_, *stream.session());
    if (!direct) {
        log::failure("kk3_failed", direct.error(), {{"party", "masa"}});
        return;
    }
    log::info("kk3_direct", "a device has come by the direct way", {{"serial", direct->serial()}, {"id", direct->log_id()}});
    // "One live KK3 per identity: the newest wins."
    for (auto& other : directs_) {
        if (other.direct.device() == direct->device()) {
            other.stream.close();
        }
    }
    directs_.push_back({std::move(stream), std::move(*direct), clock_.steady()});
    const auto at = std::prev(directs_.end());
    net::stream_events events;
    events.on_data = [at](bytes_view data) {
        const auto received = at->direct.receive(data);
        at->stream.send(at->direct.take_output());
        if (!received) {
            at->stream.close();
        }
    };
    events.on_closed = [this, at](const error*) { directs_.erase(at); };
    at->stream.set_events(std::move(events));
}

// ---- what is seen

void masa_role::report(onboarding::masa_link& link) {
    for (const auto& s : link.take_steps()) {
        const observed_step seen{onboarding::party::masa, s.serial, s.log_id, s.what, 0};
        note_step(seen, observer_);
    }
    for (const auto& e : link.take_ends()) {
        note_outcome(onboarding::party::masa, e.serial, e.log_id, e.outcome, observer_);
    }
}

size_t masa_role::open_sessions() const {
    size_t n = 0;
    for (const auto& l : links_) {
        n += l.link.open_sessions();
    }
    return n;
}

void masa_role::tick() {
    ticker_.arm(tick_every, [this] { tick(); });
    for (auto at = links_.begin(); at != links_.end(); ++at) {
        if (at->link.open_sessions() == 0) {
            continue;
        }
        if (!turn_.begin()) {
            break;
        }
        if (const auto ticked = at->link.tick(); !ticked) {
            log::failure("store_failed", ticked.error(), {{"party", "masa"}});
        }
        touch(at);
    }
    close_old_directs();
    if (clock_.steady() - last_checkpoint_ >= checkpoint_every) {
        checkpoint();
    }
}

void masa_role::close_old_directs() {
    // In the order in which they came.
    while (!directs_.empty() && clock_.steady() - directs_.front().opened_at >= most_direct) {
        log::info("kk3_closed", "a direct KK3 that its device did not close", {{"serial", directs_.front().direct.serial()}});
        directs_.pop_front();
    }
}

void masa_role::checkpoint() {
    last_checkpoint_ = clock_.steady();
    const auto done = [&]() -> result<void> {
        BERTH_TRY(last, store_->last_audit_entry());
        BERTH_TRY(before, store_->checkpoints());
        if (!last || (!before.empty() && before.back().number >= last->number)) {
            return {};
        }
        BERTH_TRY(c, registry::sign_checkpoint(last->number, last->hash, clock_.now(), checkpoint_key_->as_signing_key()));
        return store_->save_checkpoint(c);
    }();
    if (!done) {
        log::failure("checkpoint_failed", done.error());
    }
}

}  // namespace berth::app
