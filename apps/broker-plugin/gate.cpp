#include "gate.h"

#include "base/log.h"

namespace berth::app {

using hub::judged_chain;
using hub::login_answer;
using hub::login_refusal;

namespace {

// More events than this since the last look: everybody is judged again, instead of each of them being read.
constexpr size_t most_events = 10'000;

}  // namespace

result<std::unique_ptr<hub_gate>> hub_gate::open(const std::filesystem::path& hub_db, hub::name_rule names, const clock& time) {
    BERTH_TRY(store, store::sqlite_hub_store::open(hub_db.string(), store::opening::existing));
    std::unique_ptr<hub_gate> out(new hub_gate(std::move(store), names, time));
    BERTH_TRY(version, out->store_->data_version());
    out->version_ = version;
    BERTH_TRY(newest, out->store_->newest_event());
    out->last_event_ = newest;
    BERTH_TRY(settings, out->store_->settings_generation());
    out->settings_generation_ = settings;
    BERTH_TRY(endings, out->statuses_.endings());
    out->endings_ = endings;
    out->wished_ = time.now();
    BERTH_CHECK(out->read_trust());
    BERTH_CHECK(out->read_policies());
    return out;
}

result<void> hub_gate::read_trust() {
    BERTH_TRY(generation, store_->trust_generation());
    BERTH_TRY(cas, store_->list_cas());
    std::vector<pki::crl> lists;
    std::map<std::array<uint8_t, 32>, registry::ocsp_rule> ocsp;
    for (const auto& ca : cas) {
        BERTH_TRY(rule, statuses_.rule_of(ca));
        if (rule && ca.state == registry::ca_state::verified) {
            ocsp.emplace(ca.certificate.spki_sha256(), std::move(*rule));
        }
        BERTH_TRY(list, store_->list_of(ca));
        if (list) {
            lists.push_back(std::move(*list));
        }
    }
    BERTH_TRY(signers, store_->signer_lists());
    BERTH_TRY(trust, hub::login_trust::build(cas, lists, clock_.now(), signers));
    trust_ = std::move(trust);
    trust_generation_ = generation;
    ocsp_ = std::move(ocsp);
    anchors_.clear();
    if (trust_->store()) {
        for (const auto& one : trust_->store()->anchors()) {
            anchors_.insert(one.sha256());
        }
    }
    return {};
}

result<void> hub_gate::read_policies() {
    BERTH_TRY(generation, store_->policy_generation());
    if (generation == policy_generation_) {
        return {};
    }
    BERTH_TRY(all, store_->policies());
    policies_.clear();
    for (auto& one : all) {
        std::string group = one.group;
        policies_.emplace(std::move(group), std::move(one));
    }
    policy_generation_ = generation;
    for (auto& [at, s] : sessions_) {
        open_telemetry(s);
    }
    return {};
}

judged_chain hub_gate::judge(std::span<const pki::certificate> leaf_first) const {
    auto out = hub::judge_chain(*trust_, leaf_first, names_, clock_.now());
    if (!ocsp_.empty()) {
        // berthd asks about them.
        auto sent = std::make_shared<std::vector<bytes>>();
        for (const auto& one : leaf_first) {
            sent->emplace_back(one.der().begin(), one.der().end());
        }
        out.sent = std::move(sent);
    }
    return out;
}

bool hub_gate::may_knock(const judged_chain& chain) const {
    if (!chain.refusal) {
        return true;
    }
    if (chain.refusal == login_refusal::no_certificate) {
        return false;
    }
    const auto known = store_->knows_thumbprint(chain.thumbprint);
    return known && *known;
}

login_answer hub_gate::decide(std::string_view client_id, const judged_chain& chain,
                              const std::optional<hub::judged_words>& words, unix_seconds now, bool standing) {
    return judge_trust(hub::judge_login(*store_, chain, client_id, now, words ? &*words : nullptr), chain, now, standing);
}

login_answer hub_gate::judge_trust(login_answer answer, const judged_chain& chain, unix_seconds now, bool standing) {
    if (!answer.in || !answer.in->ca) {
        return answer;
    }
    if (!anchors_.contains(*answer.in->ca)) {
        return {std::nullopt, login_refusal::unknown_ca, "The CA that vouched for it counts no longer."};
    }
    if (const auto entry = trust_->revoked(chain.path)) {
        return {std::nullopt, login_refusal::certificate_revoked,
                fmt::format("Its certificate, or one above it, was revoked at {} ({}).", to_iso8601(entry->revoked_at),
                            to_string(entry->reason))};
    }
    if (auto refused = judge_statuses(chain, now, standing)) {
        return std::move(*refused);
    }
    return answer;
}

std::optional<login_answer> hub_gate::judge_statuses(const judged_chain& chain, unix_seconds now, bool standing) {
    if (ocsp_.empty()) {
        return std::nullopt;
    }
    if (!standing) {
        wish(chain);
    }
    for (const auto& one : chain.path) {
        const auto rule = ocsp_.find(one.issuer_key);
        if (rule == ocsp_.end()) {
            continue;
        }
        const auto known = statuses_.find({one.issuer_key, one.serial});
        if (!known) {
            return login_answer{std::nullopt, login_refusal::registry_unavailable, known.error().message};
        }
        if (*known && (*known)->state == pki::ocsp_state::revoked) {
            return login_answer{
                std::nullopt, login_refusal::certificate_revoked,
                fmt::format("Its certificate, or one above it, was revoked at {} ({}), as its CA's OCSP responder says.",
                            to_iso8601((*known)->revoked_at), to_string((*known)->reason))};
        }
        if (rule->second.required && !standing && !(*known && (*known)->is_good(now))) {
            return login_answer{std::nullopt, login_refusal::revocation_unknown,
                                "Its CA's OCSP responder has not said yet that its certificate is good: it is being asked."};
        }
    }
    return std::nullopt;
}

void hub_gate::wish(const judged_chain& chain) {
    for (const auto& one : chain.path) {
        if (!ocsp_.contains(one.issuer_key)) {
            continue;
        }
        ocsp_wish wanted{{one.issuer_key, one.serial}};
        if (chain.sent) {
            for (const auto& der : *chain.sent) {
                const auto certificate = pki::certificate::parse(der);
                if (certificate && certificate->sha256() == one.sha256) {
                    wanted.der = der;
                    wanted.ends = certificate->not_after();
                    if (&one == &chain.path.front() && chain.name) {
                        wanted.holder = chain.name->text();
                    }
                    break;
                }
            }
        }
        wishes_.push_back(std::move(wanted));
    }
}

void hub_gate::wish_of_who_is_here(unix_seconds now) {
    if (ocsp_.empty()) {
        return;
    }
    if (now >= wished_ + wish_again) {
        wished_ = now;
        to_wish_.clear();
        for (const auto& [at, s] : sessions_) {
            to_wish_.push_back(at);
        }
    }
    if (to_wish_.empty() || now == wished_some_) {
        return;
    }
    wished_some_ = now;
    for (size_t i = 0; i < wish_at_once && !to_wish_.empty(); ++i) {
        if (const auto found = sessions_.find(to_wish_.back()); found != sessions_.end()) {
            wish(found->second.chain);
        }
        to_wish_.pop_back();
    }
}

result<std::set<registry::certificate_id>> hub_gate::newly_revoked() {
    BERTH_TRY(endings, statuses_.endings());
    if (endings == endings_) {
        return std::set<registry::certificate_id>();
    }
    BERTH_TRY(some, statuses_.ended_since(endings_));
    endings_ = endings;
    return std::set<registry::certificate_id>(std::make_move_iterator(some.begin()), std::make_move_iterator(some.end()));
}

login_answer hub_gate::login(handle at, std::string_view client_id, judged_chain& chain, std::optional<hub::judged_words> words,
                             bool standing) {
    const unix_seconds now = clock_.now();
    const auto before = sessions_.find(at);
    standing = standing && before != sessions_.end() && !before->second.left && before->second.client_id == client_id;
    auto answer = decide(client_id, chain, words, now, standing);
    chain.sent.reset();
    // Nobody has come, and nobody went: neither is noted.
    const bool stays = standing && answer.in && answer.in->identity.generation == before->second.generation;
    if (stays) {
        ends_.erase({before->second.until, at});
    } else {
        forget(at);
    }
    if (!answer.in) {
        return answer;
    }
    const auto& who = answer.in->identity;
    auto& fresh = sessions_[at];
    fresh.client_id = client_id;
    fresh.name = who.name;
    fresh.generation = who.generation;
    fresh.group = who.settings.group;
    open_telemetry(fresh);
    fresh.chain = chain;
    fresh.words = std::move(words);
    fresh.by_key = answer.in->by_key;
    fresh.until = answer.in->until;
    ends_.emplace(answer.in->until, at);
    if (!stays) {
        came(who.name);
        arrivals_.push_back({who.name, answer.in->ca.value_or(std::array<uint8_t, 32>{}), now});
    }
    return answer;
}

void hub_gate::left(handle at) {
    if (const auto found = sessions_.find(at); found != sessions_.end() && !found->second.left) {
        found->second.left = true;
        left_.push_back(at);
        went(found->second.name);
    }
}

void hub_gate::came(const registry::identity_name& name) {
    if (++here_[name] == 1) {
        moved_[name] = clock_.now();
        devices_here_ += name.is_module() ? 0 : 1;
    }
}

void hub_gate::went(const registry::identity_name& name) {
    const auto found = here_.find(name);
    if (--found->second == 0) {
        here_.erase(found);
        moved_[name] = clock_.now();
        devices_here_ -= name.is_module() ? 0 : 1;
    }
}

std::vector<hub_gate::presence> hub_gate::take_presences() {
    std::vector<presence> out;
    out.reserve(moved_.size());
    for (auto& [name, at] : std::exchange(moved_, {})) {
        out.push_back({name, here_.contains(name), at});
    }
    return out;
}

bool hub_gate::has_left(handle at) const {
    const auto found = sessions_.find(at);
    return found != sessions_.end() && found->second.left;
}

bool hub_gate::is_here(handle at) const {
    const auto found = sessions_.find(at);
    return found != sessions_.end() && !found->second.left;
}

std::optional<registry::identity_name> hub_gate::who(handle at) const {
    const auto found = sessions_.find(at);
    return found != sessions_.end() && !found->second.left ? std::optional(found->second.name) : std::nullopt;
}

void hub_gate::forget(handle at) {
    const auto found = sessions_.find(at);
    if (found != sessions_.end()) {
        if (!found->second.left) {
            went(found->second.name);
        }
        ends_.erase({found->second.until, at});
        sessions_.erase(found);
    }
}

const registry::group_policy& hub_gate::policy_of(const std::string& group) const {
    static const registry::group_policy everything{std::string(registry::default_group), registry::operation_set::all(), {}, {}};
    auto found = policies_.find(group);
    if (found == policies_.end()) {
        found = policies_.find(std::string(registry::default_group));
    }
    return found != policies_.end() ? found->second : everything;
}

hub::permission hub_gate::may(handle at, hub::direction d, std::string_view topic) const {
    const auto found = sessions_.find(at);
    const bool is_in = found != sessions_.end() && !found->second.told;
    if (!is_in || (found->second.left && d != hub::direction::publish)) {
        return {};
    }
    return hub::judge_topic(policy_of(found->second.group), found->second.name, d, topic);
}

void hub_gate::open_telemetry(session& s) const {
    std::string events = hub::telemetry_topic(s.name);
    const auto judged = hub::judge_topic(policy_of(s.group), s.name, hub::direction::publish, events);
    const bool open = judged.allowed && judged.door == hub::operation::telemetry;
    s.events = open ? std::move(events) : std::string();
}

bool hub_gate::may_tell(handle at, std::string_view topic) const {
    const auto found = sessions_.find(at);
    if (found == sessions_.end()) {
        return false;
    }
    const session& s = found->second;
    const bool open = !s.events.empty() && !s.told && !s.left;
    return open && topic.size() <= hub::most_topic && topic.starts_with(s.events) &&
           std::ranges::none_of(topic.substr(s.events.size()), [](char c) { return c == '/' || c == '+' || c == '#'; });
}

login_answer hub_gate::judge_once(std::string_view client_id, const judged_chain& chain,
                                  const std::optional<hub::judged_words>& words, bool by_word) {
    const unix_seconds now = clock_.now();
    return by_word ? hub::judge_login(*store_, chain, client_id, now, words ? &*words : nullptr)
                   : decide(client_id, chain, words, now);
}

login_answer hub_gate::judge_kept(std::string_view client_id, const hub::kept_login& by) {
    const unix_seconds now = clock_.now();
    return judge_trust(hub::judge_kept_login(*store_, by, client_id, now), by.chain, now, true);
}

bool hub_gate::may_log_in(const registry::identity& who) {
    switch (who.settings.login.way) {
    case registry::login_way::none: return false;
    case registry::login_way::shared_key: {
        const auto settings = store_->settings();
        return settings && settings->takes_key_of(who.name);
    }
    default:
        // Its certificates were ended, and it has not come in by another one since.
        return who.epoch_raised == 0 || who.last_activity > who.epoch_raised;
    }
}

hub::permission hub_gate::may_by_name(std::string_view client_id, hub::direction d, std::string_view topic) {
    const auto name = registry::parse_identity_name(client_id);
    if (!name) {
        return {};
    }
    const auto is_enabled = [this](const registry::identity_name& of) -> std::optional<registry::identity> {
        auto found = store_->find(of);
        return found && *found && (*found)->settings.enabled ? std::move(*found) : std::nullopt;
    };
    const auto who = is_enabled(*name);
    if (!who || !may_log_in(*who) || (name->is_module() && !is_enabled({name->device, ""}))) {
        return {};
    }
    return hub::judge_topic(policy_of(who->settings.group), who->name, d, topic);
}

void hub_gate::tell(std::vector<cut>& out, handle at, session& s, login_refusal reason, std::string why) {
    if (!s.told) {
        s.told = true;
        out.push_back({at, s.client_id, reason, std::move(why)});
    }
}

std::optional<hub_gate::cut> hub_gate::judge_again(handle at, session& s, unix_seconds now) {
    std::vector<cut> out;
    const auto answer = decide(s.client_id, s.chain, s.words, now, true);
    if (!answer.in) {
        tell(out, at, s, answer.refusal, answer.why);
    } else if (answer.in->identity.generation != s.generation) {
        tell(out, at, s, login_refusal::unknown_identity, "It was deleted, and another has its name.");
    } else {
        s.group = answer.in->identity.settings.group;
        open_telemetry(s);
    }
    return out.empty() ? std::nullopt : std::optional(std::move(out.front()));
}

result<std::optional<std::set<std::string>>> hub_gate::changed_devices() {
    BERTH_TRY(newest, store_->newest_event());
    if (newest == last_event_) {
        return std::optional(std::set<std::string>());
    }
    BERTH_TRY(events, store_->events(last_event_, most_events));
    // Some may have been forgotten before they were seen here.
    const bool gap = !events.empty() && events.front().number != last_event_ + 1;
    last_event_ = newest;
    if (gap || events.empty() || events.back().number < newest) {
        return std::optional<std::set<std::string>>();
    }
    std::set<std::string> out;
    for (const auto& e : events) {
        out.insert(e.name.device);
    }
    return std::optional(std::move(out));
}

std::vector<hub_gate::cut> hub_gate::look_again() {
    const unix_seconds now = clock_.now();
    std::vector<cut> out;
    for (const handle at : std::exchange(left_, {})) {
        // Another may have come under the same handle since.
        if (const auto found = sessions_.find(at); found != sessions_.end() && found->second.left) {
            forget(at);
        }
    }
    // Certificates and tokens that have ended.
    while (!ends_.empty() && ends_.begin()->first < now) {
        const auto [until, at] = *ends_.begin();
        ends_.erase(ends_.begin());
        auto& s = sessions_.at(at);
        tell(out, at, s, s.by_key ? login_refusal::token_expired : login_refusal::certificate_expired,
             fmt::format("Its {} ended at {}.", s.by_key ? "token" : "certificate", to_iso8601(until)));
    }
    wish_of_who_is_here(now);
    const auto version = store_->data_version();
    if (!version) {
        log::failure("registry_unavailable", version.error(), {{"party", "broker"}});
        return out;
    }
    const bool trust_is_over = now >= trust_->until();
    if (*version == version_ && !trust_is_over && !everybody_) {
        return out;
    }
    // What is read now is of one moment, or is read again.
    bool everybody = std::exchange(everybody_, false) || trust_is_over;
    std::set<std::string> devices;
    const auto read = store_->at_one_moment([&]() -> result<void> {
        BERTH_TRY(generation, store_->trust_generation());
        if (generation != trust_generation_ || trust_is_over) {
            everybody = true;
            BERTH_CHECK(read_trust());
        }
        BERTH_CHECK(read_policies());
        BERTH_TRY(settings, store_->settings_generation());
        everybody = everybody || settings != std::exchange(settings_generation_, settings);
        BERTH_TRY(changed, changed_devices());
        everybody = everybody || !changed;
        devices = changed ? std::move(*changed) : std::set<std::string>();
        BERTH_TRY(revoked, newly_revoked());
        const auto is_revoked = [&revoked = revoked](const session& s) {
            return !revoked.empty() && std::ranges::any_of(s.chain.path, [&](const auto& one) {
                return revoked.contains({one.issuer_key, one.serial});
            });
        };
        for (auto& [at, s] : sessions_) {
            if (everybody || devices.contains(s.name.device) || is_revoked(s)) {
                if (auto gone = judge_again(at, s, now)) {
                    out.push_back(std::move(*gone));
                }
            }
        }
        return {};
    });
    if (!read) {
        everybody_ = true;
        log::failure("registry_unavailable", read.error(), {{"party", "broker"}});
        return out;
    }
    version_ = *version;
    return out;
}

}  // namespace berth::app
