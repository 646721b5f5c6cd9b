#include "credentials/keeper.h"

#include "base/log.h"
#include "device/lifecycle.h"

namespace berth::app {

namespace {

constexpr milliseconds look_again = 600'000;  // at the latest: a clock may be set
constexpr milliseconds least_pause = 1'000;   // between two visits that went well
constexpr uint32_t refusals_believed = 2;     // then the identity is tried

std::vector<log::field> fields_of(const std::string& credential) {
    return {{"credential", credential}};
}

}  // namespace

credential_keeper::credential_keeper(net::loop& on, const device_bundle& bundle, const keeping_config& config,
                                     const clock& system, random_source& random)
    : loop_(on), bundle_(bundle), time_(bundle, system), random_(random), pause_(on) {
    adopt(config);
}

// No visit and no hook is under way, which would speak of entries that go.
void credential_keeper::adopt(const keeping_config& config) {
    std::map<std::string, milliseconds> rested;
    for (const auto& e : entries_) {
        rested[e->wish.name] = e->rested;
    }
    pause_.cancel();
    entries_.clear();
    config_ = std::make_unique<const keeping_config>(config);
    for (const auto& source : config_->sources) {
        for (const auto& wish : source.credentials) {
            entries_.push_back(std::make_unique<entry>(entry{source, wish, credential_files(bundle_, wish.name)}));
            entries_.back()->rested = rested[wish.name];
        }
    }
}

void credential_keeper::reload(const keeping_config& config) {
    coming_ = std::make_unique<const keeping_config>(config);
    if (!visit_ && !hook_) {
        next();
    }
}

credential_keeper::~credential_keeper() = default;

void credential_keeper::start() {
    next();
}

void credential_keeper::once(done_handler done) {
    done_ = std::move(done);
    next();
}

// The one that is due first; of several, those that have waited are not overtaken.
void credential_keeper::next() {
    if (const auto coming = std::exchange(coming_, nullptr)) {
        adopt(*coming);
    }
    if (done_) {
        const auto open = std::ranges::find_if(entries_, [](const auto& e) { return !e->settled; });
        if (open != entries_.end()) {
            return pause_.arm(0, [this, e = open->get()] { look_after(*e); });
        }
        std::vector<report> all;
        for (const auto& e : entries_) {
            all.push_back({e->wish.name, e->why});
        }
        return done_(all);
    }
    const auto first = std::ranges::min_element(entries_, {}, [](const auto& e) { return e->due; });
    if (first != entries_.end()) {
        const milliseconds in = std::max<milliseconds>(0, (*first)->due - time_.steady());
        pause_.arm(in, [this, e = first->get()] { look_after(*e); });
    }
}

void credential_keeper::settle(entry& e, std::optional<error> why) {
    e.settled = true;
    e.why = std::move(why);
}

void credential_keeper::look_after(entry& e) {
    if (const auto seen = e.files.look(); seen && !seen->certified.empty()) {
        time_.learn_issue_date(seen->certified.front().chain.front().not_before());
    }
    const auto mended = e.files.mend(time_.now());
    if (!mended) {
        failed(e, mended.error());
        return next();
    }
    if (begin_hooks(e, *mended)) {
        return;
    }
    const plan p = plan_for(*mended, e.wish, time_.now());
    const bool again = done_ && e.issued && p.what != deed::prove;  // one certificate in a run of once()
    if (again || (p.what == deed::wait && (time_.sure() || e.greeted))) {
        settle(e, std::nullopt);
        const milliseconds in = std::min(std::max<unix_seconds>(0, p.at - time_.now()), look_again / 1'000) * 1'000;
        e.due = time_.steady() + std::max(in, least_pause);
        return next();
    }
    if (!done_ && p.what != deed::prove && time_.steady() < e.rested) {
        e.due = e.rested;  // a threshold that is always passed is no reason to ask without end
        return next();
    }
    // While the time is not known, whoever knows it is asked.
    go(e, *mended, p.what);
}

void credential_keeper::go(entry& e, const kept_credential& k, deed what) {
    e.doing = what;
    const bool as_identity = e.refusals >= refusals_believed && what != deed::wait && what != deed::prove;
    visit_ = std::make_unique<visit>(visit::surroundings{loop_, bundle_, time_, random_}, e.source, e.wish, e.files, as_identity,
                                     [this, &e, alive = std::weak_ptr(alive_)](const visit_outcome& outcome) {
                                         if (alive.expired()) {
                                             return;
                                         }
                                         visit_.reset();
                                         visited(e, outcome);
                                         next();
                                     });
    visit_->start(k, what == deed::wait ? deed::renew : what);
}

void credential_keeper::visited(entry& e, const visit_outcome& outcome) {
    if (outcome.accepted) {
        log::info("credential_accepted", "an EST server has taken the new certificate; the one before it goes",
                  fields_of(e.wish.name));
    }
    if (outcome.why) {
        return failed(e, *outcome.why, std::nullopt, outcome.refused && refused(e, outcome.as_identity));
    }
    if (outcome.later) {
        const error pending{error_category::peer, "approval_pending",
                            fmt::format("the EST server has not decided yet ({}); it is asked again with the same key",
                                        outcome.later->said.empty() ? "it gives no reason" : outcome.later->said)};
        return failed(e, pending, outcome.later->seconds);
    }
    succeeded(e, outcome);
    if (outcome.issued || outcome.accepted) {
        note_life_or_log(bundle_, time_);
    }
}

void credential_keeper::succeeded(entry& e, const visit_outcome& outcome) {
    e.failures = 0;
    e.greeted = true;
    if (outcome.issued) {
        e.refusals = 0;
        e.rejections = 0;
        e.issued = true;
        e.lost = false;
        e.rested = time_.steady() + std::clamp<unix_seconds>(left_of(e) / 8, 1, 60) * 1'000;
        log::info("credential_issued", "a new certificate is there", fields_of(e.wish.name));
    }
    e.due = time_.steady() + (outcome.issued ? 0 : least_pause);
}

bool credential_keeper::refused(entry& e, bool as_identity) {
    if (e.doing == deed::prove) {
        return false;  // the new certificate alone is not liked: it has its tries
    }
    if (!as_identity) {
        ++e.refusals;
        return true;
    }
    e.refusals = 0;  // both are tried in turn
    ++e.rejections;
    if (!std::exchange(e.lost, true)) {
        log::write(log::level::error, "recovery_needed",
                   "the EST server refuses this device's identity, too: its customer has to say why, or the device has to be "
                   "onboarded again (berth device reset, then berth-agent)",
                   {{"credential", e.wish.name}, {"identity", e.wish.identity}});
    }
    if (on_lost_ && may_be_lost(e)) {
        // Whoever hears it may put an end to this keeper.
        loop_.post([handler = on_lost_, name = e.wish.name] { handler(name); });
    }
    return false;
}

// What cannot be read is taken for valid, and an unknown time for a good one: nothing is given up on a guess.
bool credential_keeper::may_be_lost(const entry& e) const {
    std::vector<kept_credential> all;
    for (const auto& each : entries_) {
        auto k = each->files.look();
        if (!k) {
            return false;
        }
        all.push_back(std::move(*k));
    }
    return time_.sure() && may_onboard_anew(e.rejections, all, time_.now());
}

unix_seconds credential_keeper::left_of(const entry& e) const {
    const auto k = e.files.look();
    return k && !k->certified.empty() ? k->certified.front().chain.front().not_after() - time_.now() : 0;
}

void credential_keeper::failed(entry& e, const error& why, std::optional<uint32_t> retry_after, bool again) {
    e.failures = retry_after ? 1 : e.failures + 1;
    const milliseconds in = est::retry_in(e.failures, left_of(e), e.wish.policy, retry_after, random_);
    e.due = time_.steady() + in;
    auto fields = fields_of(e.wish.name);
    fields.emplace_back("server", e.source.at.text());
    fields.emplace_back("in_ms", in);
    log::failure(retry_after ? "credential_pending" : "credential_not_renewed", why, std::move(fields));
    if (done_ && !again) {
        settle(e, why);
    }
}

// ---- hooks

bool credential_keeper::begin_hooks(entry& e, const kept_credential& k) {
    // Who is told to accept needs the certificate that is to be accepted; everybody else, the one that is in use.
    const uint32_t number =
        e.wish.accept == kept_wish::acceptance::told && !k.certified.empty() ? k.certified.front().number : k.current;
    const auto* const g = k.numbered(number);
    if (!g || !g->state.hooks.empty() || e.wish.hooks.empty()) {
        return false;
    }
    const auto at = number == k.current ? e.files.directory() / "current" : e.files.path_of(number);
    std::vector<std::string> environment{
        "BERTH_CREDENTIAL=" + e.wish.name,
        "BERTH_BUNDLE=" + bundle_.directory.string(),
        "BERTH_CERTIFICATE=" + (at / "certificate.pem").string(),
        "BERTH_KEY=" + (g->key.starts_with("file:") ? (at / "key.pem").string() : g->key),
    };
    run_hook(e, number, std::move(environment), 0, {});
    return true;
}

void credential_keeper::run_hook(entry& e, uint32_t number, std::vector<std::string> environment, size_t index,
                                 std::string went_wrong) {
    if (index == e.wish.hooks.size()) {
        if (const auto kept = e.files.hooked(number, went_wrong.empty() ? "done" : went_wrong); !kept) {
            failed(e, kept.error());
        }
        return next();
    }
    const auto& argv = e.wish.hooks[index];
    hook_ = std::make_unique<hook>(
        loop_, time_, argv, environment, milliseconds{e.wish.hook_seconds} * 1'000,
        [this, &e, number, environment, index, went_wrong](const std::string& trouble) {
            const auto& program = e.wish.hooks[index].front();
            std::vector<log::field> fields{{"credential", e.wish.name}, {"program", program}};
            if (trouble.empty()) {
                log::info("hook_done", "a hook has run", std::move(fields));
            } else {
                fields.emplace_back("outcome", trouble);
                log::warning("hook_failed", "a hook went wrong; the certificate is in use all the same", std::move(fields));
            }
            std::string all = went_wrong;
            if (!trouble.empty()) {
                all += (all.empty() ? "" : "; ") + program + " " + trouble;
            }
            // The hook's own handler is running: it goes with the next turn.
            loop_.post([this, &e, number, environment, index, all, alive = std::weak_ptr(alive_)] {
                if (alive.expired()) {
                    return;
                }
                hook_.reset();
                run_hook(e, number, environment, index + 1, all);
            });
        });
}

}  // namespace berth::app
