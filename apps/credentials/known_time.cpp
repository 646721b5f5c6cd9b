#include "credentials/known_time.h"

#include "base/log.h"
#include "common/files.h"

#include <charconv>

namespace berth::app {

namespace {

constexpr unix_seconds skew = 300;  // between the clocks of a CA and of its EST server

}  // namespace

known_time::known_time(const device_bundle& bundle, const clock& system) : bundle_(bundle), system_(system) {
    est::learn_lower_bound(knowledge_, bundle.earliest());
    if (const auto text = read_text(bundle.directory / "credentials" / "told.time")) {
        unix_seconds told = 0;
        std::from_chars(text->data(), text->data() + text->size(), told);
        if (told > 0) {
            knowledge_.told = told;
        }
    }
}

bool known_time::sure() const {
    return est::is_told(knowledge_) ||
           (bundle_.has_clock && system_.now() >= std::max(knowledge_.not_earlier_than, knowledge_.told.value_or(0)));
}

pki::validity_instants known_time::instants() const {
    return sure() ? pki::validity_instants::at(now())
                  : pki::validity_instants::between(knowledge_.not_earlier_than, pki::no_expiry);
}

void known_time::learn(unix_seconds told) {
    if (told < knowledge_.not_earlier_than && told + skew >= knowledge_.not_earlier_than) {
        told = knowledge_.not_earlier_than;
    }
    if (!est::learn_time(knowledge_, told, system_.steady())) {
        log::warning("time_not_believed", "the EST server tells a time before the issue date of what this device holds",
                     {{"told", to_iso8601(told)}, {"not_before", to_iso8601(knowledge_.not_earlier_than)}});
        return;
    }
    if (const auto kept = write_text(bundle_.directory / "credentials" / "told.time", std::to_string(told) + "\n"); !kept) {
        log::failure("time_not_kept", kept.error());
    }
}

void known_time::learn_issue_date(unix_seconds at) {
    est::learn_lower_bound(knowledge_, at);
    if (const auto kept = bundle_.remember_time(at); !kept) {
        log::failure("time_not_kept", kept.error());
    }
}

}  // namespace berth::app
