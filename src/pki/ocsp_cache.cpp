#include "pki/ocsp_cache.h"

namespace berth::pki {

ocsp_cache::name ocsp_cache::name_of(const certificate& subject, const certificate& issuer) {
    return {issuer.spki_sha256(), subject.serial()};
}

namespace {

// From an answer to the question for which it was fetched.
constexpr unix_seconds most_delay = 5;

}  // namespace

bool ocsp_cache::is_fresh(const entry& e, unix_seconds now) const {
    return counts(e, now) && now < e.taken_at + limits_.keep;
}

// A clock that was set back makes an answer one of the future: it is asked for again.
bool ocsp_cache::counts(const entry& e, unix_seconds now) const {
    return e.answer && now >= e.taken_at && now <= e.taken_at + limits_.keep + most_delay &&
           (e.answer->next_update == 0 || now <= e.answer->next_update);
}

bool ocsp_cache::is_due(const certificate& subject, const certificate& issuer, unix_seconds now) const {
    const auto found = entries_.find(name_of(subject, issuer));
    if (found == entries_.end()) {
        return true;
    }
    const entry& e = found->second;
    const bool failed_lately = e.failure && now >= e.failed_at && now < e.failed_at + limits_.keep_failures;
    return !is_fresh(e, now) && !failed_lately;
}

ocsp_cache::entry& ocsp_cache::place(const name& which, unix_seconds now) {
    if (entries_.size() >= limits_.most && !entries_.contains(which)) {
        std::erase_if(entries_, [&](const auto& each) { return !counts(each.second, now); });
        if (entries_.size() >= limits_.most) {
            entries_.erase(entries_.begin());
        }
    }
    return entries_[which];
}

result<void> ocsp_cache::take(bytes_view response, const certificate& subject, const certificate& issuer, const bytes& nonce,
                              unix_seconds now) {
    const name which = name_of(subject, issuer);
    ocsp_policy policy{validity_instants::at(now)};
    policy.most_age = limits_.most_age;
    policy.nonce = nonce;
    if (const auto before = entries_.find(which); before != entries_.end() && before->second.answer) {
        policy.newest_seen = before->second.answer->this_update;
    }
    auto answer = verify_ocsp_response(response, subject, issuer, policy);
    if (!answer) {
        failed(subject, issuer, answer.error(), now);
        return fail(std::move(answer).error());
    }
    place(which, now) = {std::move(*answer), now, std::nullopt, 0};
    return {};
}

void ocsp_cache::failed(const certificate& subject, const certificate& issuer, error why, unix_seconds now) {
    entry& e = place(name_of(subject, issuer), now);
    e.failure = std::move(why);
    e.failed_at = now;
}

std::optional<ocsp_cache::heard> ocsp_cache::last(const certificate& subject, const certificate& issuer) const {
    const auto found = entries_.find(name_of(subject, issuer));
    return found != entries_.end() && found->second.answer ? std::optional(heard{*found->second.answer, found->second.taken_at})
                                                           : std::nullopt;
}

result<void> ocsp_cache::check(const certificate& subject, const certificate& issuer, unix_seconds now) const {
    const auto found = entries_.find(name_of(subject, issuer));
    const bool there = found != entries_.end();
    // For good is for good, however long ago it was said.
    if (there && found->second.answer && found->second.answer->state == ocsp_state::revoked) {
        return require_good(*found->second.answer, subject);
    }
    if (there && counts(found->second, now)) {
        return require_good(*found->second.answer, subject);
    }
    return fail(error{error_category::peer, "ocsp_missing",
                      "Nobody could say whether the certificate of " + subject.subject() + " was revoked" +
                          (there && found->second.failure ? ": " + found->second.failure->message : ".")}
                    .with("subject", subject.subject()));
}

}  // namespace berth::pki
