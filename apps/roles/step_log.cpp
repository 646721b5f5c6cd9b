#include "roles/step_log.h"

#include "base/log.h"

namespace berth::app {

void note_step(const observed_step& s, const role_observer& observer) {
    if (observer.step) {
        observer.step(s);
    }
    if (!log::enabled(log::level::info)) {
        return;
    }
    std::vector<log::field> fields{
        {"party", to_string(s.who)}, {"step", onboarding::name_of(s.what.which)}, {"serial", s.serial}};
    if (!s.id.empty()) {
        fields.emplace_back("id", s.id);
    }
    if (s.what.octets > 0) {
        fields.emplace_back("octets", s.what.octets);
    }
    fields.emplace_back("ms", s.at);
    log::info("step", onboarding::describe(s.what.which), std::move(fields));
}

void note_handshake_failure(onboarding::party who, const std::string& peer, const error& why, const role_observer& observer) {
    if (observer.handshake_failed) {
        observer.handshake_failed(who, why.name);
    }
    log::failure("handshake_failed", why, {{"party", to_string(who)}, {"peer", peer}});
}

void note_outcome(onboarding::party who, const std::string& serial, const std::string& id, const std::string& outcome,
                  const role_observer& observer) {
    if (observer.outcome) {
        observer.outcome(who, outcome);
    }
    const bool ok = outcome == "ok";
    log::write(ok ? log::level::info : log::level::warning, ok ? "onboarded" : "refused",
               ok ? "onboarding done" : "onboarding refused",
               {{"party", to_string(who)}, {"serial", serial}, {"id", id}, {"outcome", outcome}});
}

}  // namespace berth::app
