// What changes under a running registrar: its configuration, and who owns its devices.
#include "common/files.h"
#include "pki/profiles.h"
#include "pki/verify.h"
#include "roles/credential.h"
#include "roles/registrar_role.h"
#include "roles/startup_checks.h"

namespace berth::app {

namespace {

constexpr size_t cached_leaves = 65536;

result<std::shared_ptr<const authkem::server_context>>
make_kk2_context(const authkem::credential& identity, const pki::trust_store& trust, revocation_rule revocation) {
    authkem::server_config server;
    server.credentials = {identity};
    server.client_auth = authkem::client_auth::require;
    server.client.trust = trust;
    server.client.revocation = lists_of_rule(revocation);
    // A cache of its own: what was verified under earlier lists and roots is not found in it.
    server.client.cache = std::make_shared<authkem::verified_leaf_cache>(cached_leaves);
    // "Registrar: chain to a configured Z1, id-kp-clientAuth, not id-kp-serverAuth"
    server.client.policy = [](const pki::verified_chain& chain) { return pki::require_device(chain.leaf()); };
    server.alpn = {std::string(onboarding::alpn_kk2)};
    server.alpn_required = true;
    return authkem::server_context::make(std::move(server));
}

}  // namespace

// ---- the configuration

result<registrar_role::prepared> registrar_role::read(const registrar_config& config, const ca_config& ca,
                                                      const issuer_opener& open, unix_seconds now) {
    BERTH_CHECK(check_registrar_files(config, ca, now));
    BERTH_TRY(opened, open(config, ca));
    const std::shared_ptr<order_issuer> issuer = std::move(opened);
    BERTH_TRY(identity, open_credential(config.identity));
    BERTH_CHECK(pki::check_registrar_kem(identity.chain.front()));
    BERTH_TRY(domain_root, read_certificate(config.domain_root));
    onboarding::registrar_settings settings;
    settings.own_leaf_hash = identity.chain.front().sha256();
    settings.manual_approval = config.manual_approval;
    settings.retry_after = config.retry_after;
    settings.ca_profile = issuer->profile();
    settings.ended_by_ca = [issuer](const auto& c) { return issuer->has_ended(c); };
    BERTH_TRY(domain, pki::trust_store::from_root(domain_root));
    settings.domain = std::move(domain);
    authkem::credential kk1_identity = identity;
    if (config.kk1_identity) {
        BERTH_TRY(other, open_credential(*config.kk1_identity));
        kk1_identity = std::move(other);
    }
    std::vector<prepared::maker> makers;
    onboarding::integrity_policy integrity{config.integrity, {}, lists_of_rule(config.revocation)};
    pki::trust_store::contents trust;
    role_lists all_lists;
    if (ca.est) {
        BERTH_TRY(anchors, read_anchors(ca.est->anchors));
        BERTH_TRY(of_ca, read_est_ca_lists(*ca.est, anchors));
        all_lists.add(std::move(of_ca.all));
    }
    for (const auto& m : config.makers) {
        BERTH_TRY(roots, read_anchors({m.root}));
        BERTH_TRY(lists, read_maker_lists(m, roots.front()));
        trust.anchors.push_back(roots.front());
        // One maker's CA may call itself as another's: known here, each has its own list.
        trust.intermediates.insert(trust.intermediates.end(), lists.issuers.begin(), lists.issuers.end());
        trust.crls.insert(trust.crls.end(), lists.crls.begin(), lists.crls.end());
        all_lists.add(std::move(lists.all));
        BERTH_TRY(maker_alone, pki::trust_store::build({{roots.front()}, lists.issuers, lists.crls}));
        integrity.makers.emplace(roots.front().spki_sha256(), std::move(maker_alone));
        maker_link::settings link{roots.front(), m.masa, m.masa_host, kk1_identity, std::move(lists.crls)};
        BERTH_TRY(context, maker_link::make_context(link));
        makers.push_back({std::move(link), std::move(context)});
    }
    if (!integrity.rules.empty()) {
        settings.integrity = std::make_shared<const onboarding::integrity_policy>(std::move(integrity));
    }
    BERTH_TRY(device_trust, pki::trust_store::build(std::move(trust)));
    BERTH_TRY(context, make_kk2_context(identity, device_trust, config.revocation));
    return prepared{config,
                    issuer,
                    std::move(identity),
                    std::move(settings),
                    std::move(device_trust),
                    std::move(context),
                    std::move(makers),
                    std::move(all_lists)};
}

result<registrar_role::prepared> registrar_role::prepare(const registrar_config& config, const ca_config& ca) {
    // A free port that was asked for may have been written down since.
    const bool same_listener =
        config.listen.host == config_.listen.host && (config.listen.port == config_.listen.port || config.listen.port == port());
    if (!same_listener || config.store != config_.store || config.announce != config_.announce) {
        return fail(error_category::usage, "restart_needed",
                    "listen, store and announce of [registrar] are read at start only: restart berthd, or put them back");
    }
    return read(config, ca, open_issuer_, clock_.now());
}

void registrar_role::apply(prepared ready) {
    config_ = std::move(ready.config);
    lists_ = std::move(ready.lists);
    if (!issuer_ || !issuer_->publishes_as(*ready.issuer)) {
        publish_again_ = 0;  // another issuer, or another file
    }
    if (issuer_ && issuer_->under_way() > 0) {
        former_issuers_.push_back(issuer_);
    }
    issuer_ = std::move(ready.issuer);
    own_list_ = issuer_->own_list();
    settings_ = std::move(ready.settings);
    kk2_context_ = std::move(ready.kk2_context);
    if (listener_) {
        listener_->drop_handshakes();  // a device that saw the old leaf comes again
    }
    std::vector<std::unique_ptr<maker_link>> makers;
    for (auto& m : ready.makers) {
        const auto found = std::ranges::find_if(
            makers_, [&](const auto& link) { return link && link->root_spki() == m.settings.root.spki_sha256(); });
        if (found == makers_.end()) {
            makers.push_back(maker_link::make(
                loop_, std::move(m.settings), std::move(m.context), *store_, clock_, random_, [this] { serve_all(); },
                [this](const auto& sessions) { serve_these(sessions); }));
            continue;
        }
        if ((*found)->differs(m.settings)) {
            (*found)->replace(std::move(m.settings), std::move(m.context));
        }
        makers.push_back(std::move(*found));
    }
    for (auto& link : makers_) {
        if (link) {
            link->retire();
            retired_.push_back(std::move(link));
        }
    }
    makers_ = std::move(makers);
    judge_again(ready.device_trust);
}

void registrar_role::judge_again(const pki::trust_store& trust) {
    if (sessions_.empty()) {
        return;
    }
    const bool stored = turn_.begin();
    pki::verify_options options;
    options.time = pki::validity_instants::at(clock_.now());
    options.leaf = pki::leaf_rule::kem;
    options.revocation = lists_of_rule(config_.revocation);
    for (auto at = sessions_.begin(); at != sessions_.end(); ++at) {
        if (const auto still = pki::verify_chain(trust, at->z3, options); !still) {
            log::failure("kk2_ends", still.error(), {{"party", "registrar"}, {"serial", at->session->device().identity.serial}});
            if (stored) {
                at->session->give_up(still.error().is("unknown_issuer") ? "unknown_device_root" : "revoked");
            } else {
                at->ending = true;
                at->stream.close();
            }
        }
        // Also where nothing can be stored now: no session may end by a policy that was replaced.
        at->session->integrity_changed(settings_.integrity);
        if (stored) {
            at->session->judge_integrity();
            serve(at);
        }
    }
}

// ---- releases

maker_link* registrar_role::maker_of(const onboarding::hash_field& root_spki) const {
    const auto found = std::ranges::find_if(makers_, [&](const auto& m) { return m->root_spki() == root_spki; });
    return found == makers_.end() ? nullptr : found->get();
}

void registrar_role::pass_releases() {
    const auto waiting = store_->waiting_releases();
    if (!waiting || waiting->empty() || !turn_.begin()) {
        return;
    }
    for (const auto& r : *waiting) {
        if (releasing_.contains(r.device)) {
            continue;
        }
        maker_link* const maker = maker_of(r.device.device_root_spki);
        if (!maker) {
            answer_release(r, "unknown_device_root");
        } else if (auto* const link = maker->current()) {
            if (link->release(r.device, r.successor) && store_->release_sent(r.number, clock_.now())) {
                releasing_[r.device] = r;
            }
        } else if (maker->unreachable() || clock_.now() >= r.give_up_at) {
            answer_release(r, "masa_unreachable");
        } else {
            maker->wake();
        }
    }
}

void registrar_role::note_released() {
    for (const auto* makers : {&makers_, &retired_}) {
        for (const auto& m : *makers) {
            for (const auto& answer : m->take_release_answers()) {
                const auto found = releasing_.find(answer.device);
                if (found != releasing_.end()) {
                    answer_release(found->second, answer.refused ? answer.refused->name : "released");
                    releasing_.erase(found);
                }
            }
        }
    }
}

void registrar_role::answer_release(const registry::release_request& r, const std::string& outcome) {
    const bool released = outcome == "released";
    if (const auto stored = store_->release_answered(r.number, outcome, clock_.now()); !stored) {
        log::failure("store_failed", stored.error(), {{"party", "registrar"}});
    }
    log::write(released ? log::level::info : log::level::warning, "release",
               released ? "the device is given away" : "the release was refused",
               {{"party", "registrar"}, {"serial", r.device.serial}, {"successor", r.successor}, {"outcome", outcome}});
}

}  // namespace berth::app
