#include "firmware/rollout.h"

#include "crypto/hash.h"
#include "firmware/members.h"

#include <algorithm>

#include <fmt/format.h>

namespace berth::firmware {

namespace {

constexpr std::array<std::string_view, 4> state_names{"running", "paused", "aborted", "finished"};
constexpr std::array<std::string_view, 4> outcome_names{"offered", "done", "failed", "late"};
constexpr size_t most_rings = 32, most_devices = 1'000'000;
constexpr uint64_t most_seconds = 365ULL * 24 * 60 * 60;

result<void> check_plan(const rollout_plan& plan) {
    const auto bad = [](std::string why) {
        return fail(error_category::usage, "bad_rollout", "The rollout " + std::move(why) + ".");
    };
    if (!is_word(plan.id) || plan.seq == 0) {
        return bad("has no name of letters and digits, or no seq");
    }
    if (plan.rings.empty() || plan.rings.size() > most_rings) {
        return bad(fmt::format("has {} rings, and needs 1 to {}", plan.rings.size(), most_rings));
    }
    if (plan.device_deadline <= 0 || static_cast<uint64_t>(plan.device_deadline) > most_seconds) {
        return bad("has no deadline for devices of 1 second to a year: one that says nothing would be awaited for ever");
    }
    unsigned shares = 0;
    std::set<std::string> names, members;
    for (const auto& r : plan.rings) {
        shares += r.share;
        if (!is_word(r.name) || !names.insert(r.name).second) {
            return bad("has a ring without a name of its own");
        }
        if (r.share > 100 || r.most_failed_percent > 100 || r.done_percent > 100 || r.soak < 0 ||
            static_cast<uint64_t>(r.soak) > most_seconds) {
            return bad("has a percentage above 100, or a soak time that is none, in ring " + r.name);
        }
        for (const auto& m : r.members) {
            if (!members.insert(m).second) {
                return bad("has " + m + " in two rings");
            }
        }
    }
    if (shares != 100) {
        return bad(fmt::format("has shares that make {} %, and not 100", shares));
    }
    return {};
}

result<void> wrong_state(rollout_state is, const char* doing) {
    return fail(
        error{error_category::usage, "wrong_state", fmt::format("The rollout is {}; it cannot be {}.", to_string(is), doing)}
            .with("state", std::string(to_string(is))));
}

}  // namespace

std::string_view to_string(rollout_state s) {
    return state_names[static_cast<size_t>(s)];
}

std::string_view to_string(device_outcome o) {
    return outcome_names[static_cast<size_t>(o)];
}

result<rollout> rollout::make(rollout_plan plan) {
    BERTH_CHECK(check_plan(plan));
    return rollout(std::move(plan));
}

size_t rollout::ring_of(std::string_view device) const {
    for (size_t i = 0; i < plan_.rings.size(); ++i) {
        if (plan_.rings[i].members.contains(std::string(device))) {
            return i;
        }
    }
    const auto digest = crypto::sha256(as_bytes(fmt::format("{}\n{}", plan_.id, device)));
    uint64_t n = 0;
    for (const uint8_t octet : digest.view().first(8)) {
        n = n << 8 | octet;
    }
    auto left = static_cast<unsigned>(n % 100);
    size_t last = 0;
    for (size_t i = 0; i < plan_.rings.size(); ++i) {
        if (left < plan_.rings[i].share) {
            return i;
        }
        left -= plan_.rings[i].share;
        last = i;
    }
    return last;
}

rollout::count rollout::counted(size_t ring) const {
    count out;
    for (const auto& [name, d] : devices_) {
        if (d.ring != ring) {
            continue;
        }
        ++out.offered;
        out.done += d.outcome == device_outcome::done ? 1 : 0;
        out.failed += d.outcome == device_outcome::failed ? 1 : 0;
        out.late += d.outcome == device_outcome::late ? 1 : 0;
    }
    return out;
}

bool rollout::too_many_failed(size_t ring) const {
    size_t ended = 0, failed = 0;
    for (const auto& [name, d] : devices_) {
        if (d.ring != ring || d.outcome == device_outcome::offered || d.forgiven) {
            continue;
        }
        ++ended;
        failed += d.outcome != device_outcome::done ? 1 : 0;
    }
    const auto& rules = plan_.rings[ring];
    return failed != 0 && ended >= rules.least_ended && failed * 100 > ended * rules.most_failed_percent;
}

bool rollout::ring_done(size_t ring) const {
    const auto is = counted(ring);
    const auto& rules = plan_.rings[ring];
    return is.done >= rules.least_done && is.done * 100 >= is.offered * rules.done_percent;
}

void rollout::begin_next(unix_seconds) {
    done_since_ = 0;
    if (begun_ < plan_.rings.size()) {
        ++begun_;
    } else {
        state_ = rollout_state::finished;
    }
}

void rollout::turn(unix_seconds now) {
    for (auto& [name, d] : devices_) {
        if (d.outcome == device_outcome::offered && now >= d.until) {
            d.outcome = device_outcome::late;
        }
    }
    if (state_ != rollout_state::running) {
        return;
    }
    for (size_t i = 0; i < begun_; ++i) {
        if (too_many_failed(i)) {
            const auto is = counted(i);
            state_ = rollout_state::paused;
            why_ = fmt::format("too many failures in ring {}: {} failed, {} late, {} done", plan_.rings[i].name, is.failed,
                               is.late, is.done);
            done_since_ = 0;
            return;
        }
    }
    if (!ring_done(begun_ - 1)) {
        done_since_ = 0;
        return;
    }
    // The last ring ends when nobody is awaited any more; devices that come later are offered it for as long as it runs.
    const auto is = counted(begun_ - 1);
    if (begun_ == plan_.rings.size() && is.done + is.failed + is.late < is.offered) {
        return;
    }
    if (done_since_ == 0) {
        done_since_ = std::max<unix_seconds>(now, 1);
    }
    if (begun_ < plan_.rings.size() && now - done_since_ >= plan_.rings[begun_ - 1].soak) {
        begin_next(now);
    }
}

rollout::answer rollout::ask(std::string_view device, unix_seconds now) {
    turn(now);
    if (state_ == rollout_state::aborted || state_ == rollout_state::finished) {
        return answer::never;
    }
    const auto found = devices_.find(device);
    if (found != devices_.end()) {
        auto& d = found->second;
        if (d.outcome == device_outcome::done || d.outcome == device_outcome::failed) {
            return answer::never;
        }
        if (d.outcome == device_outcome::offered) {
            return state_ == rollout_state::running ? answer::offer : answer::not_yet;
        }
    }
    const size_t ring = ring_of(device);
    if (state_ != rollout_state::running || ring >= begun_ || devices_.size() >= most_devices) {
        return answer::not_yet;
    }
    devices_.insert_or_assign(std::string(device), attempt{ring, device_outcome::offered, now + plan_.device_deadline, false});
    return answer::offer;
}

bool rollout::report(std::string_view device, bool done, unix_seconds now) {
    const auto found = devices_.find(device);
    bool changed = false;
    if (found != devices_.end()) {
        const auto outcome = done ? device_outcome::done : device_outcome::failed;
        changed = found->second.outcome != outcome && found->second.outcome != device_outcome::done;
        if (changed) {
            found->second.outcome = outcome;
        }
    }
    turn(now);
    return changed;
}

result<void> rollout::pause(std::string why) {
    if (state_ != rollout_state::running) {
        return wrong_state(state_, "paused");
    }
    state_ = rollout_state::paused;
    why_ = std::move(why);
    return {};
}

result<void> rollout::resume(unix_seconds now) {
    if (state_ != rollout_state::paused) {
        return wrong_state(state_, "resumed");
    }
    for (auto& [name, d] : devices_) {
        d.forgiven = d.forgiven || d.outcome == device_outcome::failed || d.outcome == device_outcome::late;
    }
    state_ = rollout_state::running;
    why_.clear();
    turn(now);
    return {};
}

result<void> rollout::abort(std::string why) {
    if (state_ == rollout_state::aborted || state_ == rollout_state::finished) {
        return wrong_state(state_, "aborted");
    }
    state_ = rollout_state::aborted;
    why_ = std::move(why);
    return {};
}

result<void> rollout::retry(std::string_view device) {
    const auto found = devices_.find(device);
    if (found == devices_.end() || found->second.outcome != device_outcome::failed) {
        return fail(error_category::usage, "device_not_failed",
                    fmt::format("Device \"{}\" has not failed with this release.", device));
    }
    devices_.erase(found);
    return {};
}

result<void> rollout::advance(unix_seconds now) {
    if (state_ != rollout_state::running) {
        return wrong_state(state_, "advanced");
    }
    begin_next(now);
    return {};
}

json::object rollout::to_json() const {
    json::array rings;
    for (const auto& r : plan_.rings) {
        rings.push_back(json::object{{"name", r.name},
                                     {"share", r.share},
                                     {"members", json::array(r.members.begin(), r.members.end())},
                                     {"most_failed_percent", r.most_failed_percent},
                                     {"least_ended", r.least_ended},
                                     {"done_percent", r.done_percent},
                                     {"least_done", r.least_done},
                                     {"soak", r.soak}});
    }
    json::object devices;
    for (const auto& [name, d] : devices_) {
        devices[name] =
            json::object{{"ring", d.ring}, {"outcome", to_string(d.outcome)}, {"until", d.until}, {"forgiven", d.forgiven}};
    }
    return {{"schema", 1},
            {"id", plan_.id},
            {"seq", plan_.seq},
            {"device_deadline", plan_.device_deadline},
            {"rings", std::move(rings)},
            {"state", to_string(state_)},
            {"why", why_},
            {"begun", begun_},
            {"done_since", done_since_},
            {"devices", std::move(devices)}};
}

result<rollout> rollout::read(const json::object& from) {
    constexpr unsigned most_count = 1'000'000'000;
    reader in(from, "rollout");
    in.schema();
    rollout_plan plan;
    plan.id = in.word("id");
    plan.seq = in.number("seq", 1);
    plan.device_deadline = static_cast<unix_seconds>(in.number("device_deadline", 1, most_seconds));
    for (const auto& entry : in.list("rings", 1, most_rings)) {
        if (!entry.is_object()) {
            return fail(bad_document("rollout", "a ring is not an object"));
        }
        reader one(entry.get_object(), "rollout's ring");
        ring r;
        r.name = one.word("name");
        r.share = static_cast<unsigned>(one.number("share", 0, 100));
        for (const auto& m : one.list("members", 0, 100'000)) {
            const auto* const name = m.if_string();
            if (name == nullptr) {
                one.wrong("members", "has something that is no name");
                break;
            }
            r.members.emplace(name->data(), name->size());
        }
        r.most_failed_percent = static_cast<unsigned>(one.number("most_failed_percent", 0, 100));
        r.least_ended = static_cast<unsigned>(one.number("least_ended", 0, most_count));
        r.done_percent = static_cast<unsigned>(one.number("done_percent", 0, 100));
        r.least_done = static_cast<unsigned>(one.number("least_done", 0, most_count));
        r.soak = static_cast<unix_seconds>(one.number("soak", 0, most_seconds));
        BERTH_CHECK(one.done());
        plan.rings.push_back(std::move(r));
    }
    const auto state = std::ranges::find(state_names, in.text("state"));
    if (state == state_names.end()) {
        in.wrong("state", "is no state");
    }
    const size_t rings = plan.rings.size();
    BERTH_TRY(out, make(std::move(plan)));
    const auto* const why = from.if_contains("why");
    if (why == nullptr || !why->is_string() || why->get_string().size() > 4096) {
        in.wrong("why", "is no text");
    } else {
        out.why_ = std::string(why->get_string());
    }
    out.state_ = static_cast<rollout_state>(std::min<ptrdiff_t>(state - state_names.begin(), state_names.size() - 1));
    out.begun_ = in.number("begun", 1, rings);
    out.done_since_ = static_cast<unix_seconds>(in.number("done_since"));
    const auto* const devices = from.if_contains("devices");
    if (devices == nullptr || !devices->is_object()) {
        return fail(bad_document("rollout", "its devices are missing"));
    }
    for (const auto& [name, entry] : devices->get_object()) {
        if (!entry.is_object()) {
            return fail(bad_document("rollout", "a device is not an object"));
        }
        reader one(entry.get_object(), "rollout's device");
        attempt d;
        d.ring = one.number("ring", 0, rings - 1);
        const auto outcome = std::ranges::find(outcome_names, one.text("outcome"));
        if (outcome == outcome_names.end()) {
            one.wrong("outcome", "is none");
        } else {
            d.outcome = static_cast<device_outcome>(outcome - outcome_names.begin());
        }
        d.until = static_cast<unix_seconds>(one.number("until"));
        d.forgiven = one.flag("forgiven");
        BERTH_CHECK(one.done());
        out.devices_.emplace(std::string(name), d);
    }
    in.expect("why");
    in.expect("devices");
    BERTH_CHECK(in.done());
    return out;
}

}  // namespace berth::firmware
