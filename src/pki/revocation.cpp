// Revocation by CRLs of the trust store (RFC 5280 section 6.3, CRLs of the certificate's own issuer: complete ones, those of its
// distribution point, and deltas over either).
//
// libcrypto's own check is not used: it knows one instant only, cannot leave out issuers without a list, asks
// for one of the anchor of a partial chain, and looks at nothing when CRL_CHECK_ALL is set alone.
#include "pki/crl_issuer.h"
#include "pki/crl_scope.h"
#include "pki/path_openssl.h"

namespace berth::pki {

namespace {

error crl_error(std::string name, size_t index, const certificate& at, const certificate& issuer, std::string why) {
    return path_error(std::move(name), index, at, std::move(why)).with("issuer", issuer.subject());
}

struct found_lists {
    bool named = false;                // there is one that names the issuer, whoever has signed it
    std::vector<const crl*> by_scope;  // of each scope that speaks of the subject, the newest that the issuer has signed
};

// A list that names another key of an issuer of the same name is not its list.
found_lists lists_about(const trust_store& store, const certificate& subject, const certificate& issuer) {
    found_lists out;
    for (size_t i = 0; i < store.crls().size(); ++i) {
        const crl& list = store.crls()[i];
        if (scope_of(list).delta_base || !names_issuer(list, issuer) || !speaks_of(list, subject)) {
            continue;
        }
        out.named = true;
        if (!store.get().crl_is_signed_by(i, issuer)) {
            continue;
        }
        const auto same_scope = [&](const crl* other) { return scope_of(*other).points == scope_of(list).points; };
        const auto before = std::ranges::find_if(out.by_scope, same_scope);
        if (before == out.by_scope.end()) {
            out.by_scope.push_back(&list);
        } else if (age_of(**before) < age_of(list)) {
            *before = &list;
        }
    }
    return out;
}

// The newest delta over that list which can be used; one that is too old or not signed is none, for the list stands without it.
const crl* delta_over(const trust_store& store, const crl& complete, const certificate& issuer, const validity_instants& time) {
    const crl* best = nullptr;
    for (size_t i = 0; i < store.crls().size(); ++i) {
        const crl& list = store.crls()[i];
        if (continues(list, complete) && names_issuer(list, issuer) && store.get().crl_is_signed_by(i, issuer) &&
            list.this_update() <= time.not_before_at && (best == nullptr || age_of(*best) < age_of(list))) {
            best = &list;
        }
    }
    return best;
}

std::optional<revoked_entry> entry_of(const certificate& subject, const crl& complete, const crl* delta) {
    if (const auto changed = delta != nullptr ? delta->find(subject.serial()) : std::nullopt) {
        return changed->reason == remove_from_crl ? std::nullopt : changed;
    }
    return complete.find(subject.serial());
}

result<void> check_one(const trust_store& store, const path& found, size_t index, const verify_options& options) {
    const certificate& subject = found[index];
    const certificate& issuer = found[index + 1];
    const found_lists known = lists_about(store, subject, issuer);
    if (!known.named) {
        if (options.revocation == crl_policy::if_present) {
            return {};
        }
        return fail(crl_error("crl_missing", index, subject, issuer,
                              "there is no revocation list of its issuer, " + issuer.subject() +
                                  ", that speaks of it; fetch the list that the issuer publishes"));
    }
    // RFC 5280 6.3.3 (f): "If a key usage extension is present in the CRL issuer's certificate, verify that
    // the cRLSign bit is set."
    if (issuer.key_usage() && (*issuer.key_usage() & crl_sign) == 0) {
        return fail(
            crl_error("bad_crl", index, subject, issuer, "its issuer's keyUsage does not allow it to sign revocation lists"));
    }
    if (known.by_scope.empty()) {
        return fail(crl_error("bad_crl", index, subject, issuer, "the revocation list is not signed by its issuer"));
    }
    // Numbers of different scopes tell nothing of each other; times do.
    const crl* current = nullptr;
    for (const crl* list : known.by_scope) {
        if (list->this_update() > options.time.not_before_at) {
            continue;
        }
        current = current == nullptr || current->this_update() < list->this_update() ? list : current;
        // A certificate that is on a list stays revoked, however old the list.
        if (const auto entry = entry_of(subject, *list, delta_over(store, *list, issuer, options.time))) {
            return fail(crl_error("certificate_revoked", index, subject, issuer,
                                  "it was revoked at " + to_iso8601(entry->revoked_at) + " (" +
                                      std::string(to_string(entry->reason)) + ")")
                            .with("reason", std::string(to_string(entry->reason))));
        }
    }
    if (current == nullptr) {
        return fail(crl_error("crl_not_yet_valid", index, subject, issuer,
                              "the revocation list of its issuer is dated " + to_iso8601(known.by_scope.front()->this_update()) +
                                  ", which is in the future; check the clock"));
    }
    if (current->next_update() != 0 && current->next_update() < options.time.not_after_at) {
        return fail(crl_error("crl_expired", index, subject, issuer,
                              "the revocation list of its issuer was to be renewed by " + to_iso8601(current->next_update()) +
                                  "; fetch the current one"));
    }
    return {};
}

}  // namespace

result<void> check_revocation(const trust_store& store, const path& found, const verify_options& options) {
    if (options.revocation == crl_policy::none) {
        return {};
    }
    // From the anchor down: a revoked issuer's word on its subjects is worth nothing.
    for (size_t i = found.size() - 1; i-- > 0;) {
        BERTH_CHECK(check_one(store, found, i, options));
    }
    return {};
}

}  // namespace berth::pki
