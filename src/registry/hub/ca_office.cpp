#include "registry/hub/ca_office.h"

#include "pki/crl_issuer.h"

#include <algorithm>

#include <fmt/format.h>

namespace berth::registry {

result<registered_ca> register_ca(hub_registry& hub, const std::string& name, bytes_view file, random_source& random,
                                  unix_seconds now) {
    BERTH_CHECK(check_ca_name(name));
    BERTH_TRY(certificate, read_ca_upload(file, now));
    auto fresh = begin_registration(name, std::move(certificate), random, now);
    BERTH_CHECK(hub.add_ca(fresh));
    return fresh;
}

result<registered_ca> require_ca(hub_registry& hub, const std::string& name) {
    BERTH_TRY(found, hub.find_ca(name));
    if (!found) {
        return fail(unknown_ca(name));
    }
    return std::move(*found);
}

result<registered_ca> prove_ca(hub_registry& hub, const std::string& name, bytes_view proof, unix_seconds now) {
    BERTH_TRY(before, require_ca(hub, name));
    BERTH_TRY(after, verify_registration(std::move(before), proof, now));
    BERTH_CHECK(hub.change_ca(after));
    return after;
}

result<registered_ca> draw_another_code(hub_registry& hub, const std::string& name, random_source& random, unix_seconds now) {
    BERTH_TRY(ca, require_ca(hub, name));
    if (ca.state == ca_state::verified) {
        return fail(error_category::usage, "already_verified",
                    fmt::format("\"{}\" has been verified, at {}: it needs no code", name, to_iso8601(ca.verified_at)));
    }
    draw_code(ca, random, now);
    ++ca.version;
    BERTH_CHECK(hub.change_ca(ca));
    return ca;
}

namespace {

result<registered_ca> require_verified(hub_registry& hub, const std::string& name) {
    BERTH_TRY(ca, require_ca(hub, name));
    if (ca.state != ca_state::verified) {
        return fail(error{error_category::usage,
                          "not_verified",
                          fmt::format("\"{}\" lets nobody in: the proof of its key has not been given", name),
                          {{"name", name}}});
    }
    return ca;
}

}  // namespace

result<registered_ca> retire_ca(hub_registry& hub, const std::string& name, unix_seconds at) {
    BERTH_TRY(ca, require_verified(hub, name));
    ca.retires = at;
    ++ca.version;
    BERTH_CHECK(hub.change_ca(ca));
    return ca;
}

result<registered_ca> replace_ca(hub_registry& hub, const std::string& name, const std::string& successor, unix_seconds at,
                                 unix_seconds now) {
    if (name == successor) {
        return fail(error_category::usage, "same_ca", fmt::format("\"{}\" cannot take its own place", name));
    }
    BERTH_TRY(next, require_verified(hub, successor));
    if (!next.counts(now)) {
        return fail(error_category::usage, "not_verified",
                    fmt::format("\"{}\" lets nobody in: it has expired or was retired", successor));
    }
    return retire_ca(hub, name, at);
}

namespace {

// Whom a signer below it has revoked could come in again by another CA that vouches for that signer.
result<void> must_lose_no_list(hub_registry& hub, const registered_ca& ca) {
    BERTH_TRY(all, hub.signer_lists());
    const auto is_lost = [&](const signer_list& one) {
        return one.below == ca.name && std::ranges::none_of(all, [&](const signer_list& other) {
                   return other.below != ca.name && other.signer.spki_sha256() == one.signer.spki_sha256() &&
                          pki::age_of(other.list) >= pki::age_of(one.list);
               });
    };
    const auto lost = std::ranges::count_if(all, is_lost);
    if (lost == 0) {
        return {};
    }
    return fail(
        error{error_category::usage,
              "would_forget_lists",
              fmt::format("the revocation lists of {} signers below \"{}\" would go with it, and whom they have revoked could "
                          "come in by another CA; hand them in below its successor first",
                          lost, ca.name),
              {{"name", ca.name}, {"count", std::to_string(lost)}}});
}

}  // namespace

result<uint64_t> remove_ca(hub_registry& hub, const std::string& name, bool cut_them_off, bool forget_lists) {
    BERTH_TRY(ca, require_ca(hub, name));
    BERTH_TRY(count, hub.count_logins(ca.certificate.sha256()));
    if (count > 0 && !cut_them_off) {
        return fail(
            error{error_category::usage,
                  "would_cut_off",
                  fmt::format("{} devices and modules have logged in through \"{}\" last, and could not any more", count, name),
                  {{"name", name}, {"count", std::to_string(count)}}});
    }
    if (!forget_lists) {
        BERTH_CHECK(must_lose_no_list(hub, ca));
    }
    BERTH_CHECK(hub.remove_ca(ca));
    return count;
}

}  // namespace berth::registry
