#include "hub_server/ocsp_watch.h"

#include "base/log.h"

namespace berth::app {

namespace {

// An answer that names no end of its own.
constexpr unix_seconds least_life = 60;
constexpr unix_seconds forget_every = 3'600;

}  // namespace

ocsp_watch::ocsp_watch(hub_desk& desk, ops::metric_registry& metrics)
    : desk_(desk),
      statuses_(desk.registry()),
      answers_(metrics.counters("berth_hub_ocsp_answers_total", "What OCSP responders of registered CAs have said", {"outcome"})),
      timer_(desk.loop()) {
    timer_.arm(0, [this] { look(); });
}

result<void> ocsp_watch::read_rules() {
    BERTH_TRY(generation, desk_.registry().trust_generation());
    if (generation == trust_generation_) {
        return {};
    }
    BERTH_TRY(cas, desk_.registry().list_cas());
    std::map<std::array<uint8_t, 32>, responder> fresh;
    for (auto& ca : cas) {
        BERTH_TRY(rule, statuses_.rule_of(ca));
        if (!rule || ca.state != registry::ca_state::verified) {
            continue;
        }
        ocsp_asker::settings how;
        how.url = rule->responder;
        how.most_open = most_open;
        auto asker = std::make_unique<ocsp_asker>(desk_.loop(), desk_.time(), desk_.random(), std::move(how));
        const auto key = ca.certificate.spki_sha256();
        fresh.emplace(key, responder{std::move(ca), *rule, std::move(asker)});
    }
    // Those who were asked by the former rules do not call any more.
    responders_ = std::move(fresh);
    trust_generation_ = generation;
    return {};
}

void ocsp_watch::look() {
    timer_.arm(pace, [this] { look(); });
    if (desk_.open()) {
        return;
    }
    if (const auto read = read_rules(); !read) {
        return log::failure("ocsp_rules_unreadable", read.error(), {{"party", "hub"}});
    }
    const unix_seconds now = desk_.time().now();
    if (!responders_.empty()) {
        forget(now);
    }
    for (auto& [key, of] : responders_) {
        if (of.open.size() < most_open) {
            look_at(of, now);
        }
    }
}

void ocsp_watch::forget(unix_seconds now) {
    if (now < forgotten_ + forget_every || !desk_.begin()) {
        return;
    }
    const auto gone = statuses_.forget(now, now - remembered, at_once);
    if (!gone) {
        log::failure("ocsp_not_noted", gone.error(), {{"party", "hub"}});
    }
    if (!gone || *gone < at_once) {
        forgotten_ = now;
    }
}

void ocsp_watch::look_at(responder& of, unix_seconds now) {
    const auto key = of.ca.certificate.spki_sha256();
    const auto due = statuses_.due(key, now, now - lately, 2 * most_open);
    if (!due) {
        return log::failure("ocsp_rules_unreadable", due.error(), {{"party", "hub"}});
    }
    if (due->stale) {
        note("", [&]() -> result<void> {
            BERTH_CHECK(statuses_.rest(key, now, now - lately, at_once));
            return {};
        });
    }
    for (const auto& one : due->questions) {
        if (of.open.size() < most_open && !of.open.contains(one.which.serial)) {
            ask(of, one);
        }
    }
}

void ocsp_watch::ask(responder& of, const store::certificate_statuses::question& about) {
    auto subject = pki::certificate::parse(about.certificate);
    if (!subject) {
        return note("", [this, &about] { return statuses_.put_off(about.which, desk_.time().now() + remembered); });
    }
    const ocsp_question question{std::move(*subject), of.ca.certificate};
    of.open.insert(about.which.serial);
    of.asker->ask({question}, [this, which = about.which, question, at = desk_.time().now(), before = about.this_update,
                               alive = std::weak_ptr(alive_)] {
        if (!alive.expired()) {
            answered(which, question, at, before);
        }
    });
}

void ocsp_watch::answered(const registry::certificate_id& which, const ocsp_question& asked, unix_seconds at,
                          unix_seconds before) {
    const auto found = responders_.find(which.issuer_key);
    if (found == responders_.end()) {
        return;
    }
    found->second.open.erase(which.serial);
    const unix_seconds now = desk_.time().now();
    const auto heard = found->second.asker->answers().last(asked.subject, asked.issuer);
    // Older than what was known already, by a berthd before this one: a replay.
    if (!heard || heard->taken_at < at || heard->answer.this_update < before) {
        return note("failed", [&] { return statuses_.put_off(which, now + std::min(again_after, found->second.rule.refresh)); });
    }
    const auto& answer = heard->answer;
    registry::certificate_status status;
    status.state = answer.state;
    status.revoked_at = answer.revoked_at;
    status.reason = answer.reason;
    status.this_update = answer.this_update;
    const unix_seconds refresh = found->second.rule.refresh;
    status.until = answer.next_update != 0 ? answer.next_update : now + std::max(2 * refresh, least_life);
    const unix_seconds due = std::max(now + 1, std::min(now + refresh, status.until - again_after));
    note(std::string(to_string(answer.state)), [&]() -> result<void> {
        BERTH_TRY(news, statuses_.learn(which, status, due));
        if (news) {
            log::warning("certificate_revoked", "an OCSP responder says that a certificate was revoked",
                         {{"party", "hub"},
                          {"subject", asked.subject.subject()},
                          {"serial", asked.subject.serial_hex()},
                          {"reason", std::string(to_string(answer.reason))}});
        }
        return {};
    });
}

void ocsp_watch::note(const std::string& outcome, const std::function<result<void>()>& write) {
    if (!outcome.empty()) {
        answers_.with({outcome}).add();
    }
    if (!desk_.begin()) {
        return;  // it is asked again
    }
    if (const auto noted = write(); !noted) {
        log::failure("ocsp_not_noted", noted.error(), {{"party", "hub"}});
    }
}

}  // namespace berth::app
