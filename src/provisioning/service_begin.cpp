// How a registration begins.
#include "provisioning/service_impl.h"

namespace berth::provisioning {

using namespace registry;

namespace {

std::string resource_of(const std::string& scope, std::string_view registration_id) {
    return scope + "/registrations/" + std::string(registration_id);
}

}  // namespace

std::optional<thumbprint> service::impl::print_of(const caller& who, std::string_view registration_id, unix_seconds now) {
    if (who.scope != settings.id_scope || !check_registration_id(registration_id)) {
        return std::nullopt;
    }
    if (!who.chain.empty()) {
        return who.chain.front().sha256();
    }
    return tpms.holder(fold_registration_id(registration_id), who.token, resource_of(settings.id_scope, registration_id), now);
}

answer service::impl::begin_by_tpm(const caller& who, std::string_view registration_id, std::string_view body, unix_seconds now) {
    if (who.scope != settings.id_scope) {
        return not_authorised(who, registration_id, {error_category::peer, "other_scope", "It named another id scope."}, now);
    }
    if (const auto good = check_registration_id(registration_id); !good) {
        return not_authorised(who, registration_id, good.error(), now);
    }
    auto asked = read_body(body, registration_id, false);
    if (!asked) {
        return refuse(asked.error().is("bad_csr") ? error_code::bad_csr : error_code::bad_request, asked.error().message, now);
    }
    if (!asked->tpm) {
        return not_authorised(who, registration_id, {error_category::peer, "no_certificate", "The peer sent no certificate."},
                              now);
    }
    auto found = match_tpm(records, *asked->tpm, registration_id);
    if (!found) {
        return not_authorised(who, registration_id, found.error(), now);
    }
    const std::string folded = fold_registration_id(registration_id);
    if (asked->csr) {
        return refuse(error_code::not_supported, "Who shows a TPM is given a key, and no certificate: leave the request out.",
                      now);
    }
    if (who.token.empty() || !tpms.redeem(folded, *asked->tpm, who.token, resource_of(settings.id_scope, registration_id), now)) {
        // By address: whoever knows the public halves may ask as well, and must not use up what is the device's.
        if (++seen.of(folded + ' ' + who.address, now).begins > settings.most_begins) {
            return too_many("The device registers too often.", now);
        }
        const auto sealed = tpms.challenge(folded, *asked->tpm, random, now);
        if (!sealed) {
            return not_authorised(who, registration_id, sealed.error(), now);
        }
        answer out = refuse(error_code::not_authorised, "Unauthorized: sign with the key that is sent to your TPM.", now);
        out.body["authenticationKey"] = *sealed;
        return out;
    }
    // Only what it has signed counts: its keys' public halves are no secret.
    if (++seen.of(folded, now).begins > settings.most_begins) {
        return too_many("The device registers too often.", now);
    }
    return start(who, std::move(*found), std::move(*asked), body, now);
}

answer service::impl::start(const caller& who, matched found, registration_body asked, std::string_view body, unix_seconds now) {
    auto before = records.find_registration(found.registration_id);
    if (!before) {
        return not_authorised(who, found.registration_id, before.error(), now);
    }
    const std::string folded = fold_registration_id(found.registration_id);
    if (const auto former = by_registration.find(folded); former != by_registration.end()) {
        forget(former->second);
    }
    if (!make_room(now)) {
        return too_many("Too many devices register at once.", now);
    }
    operations.emplace_back();
    const auto at = std::prev(operations.end());
    operation& op = *at;
    op.id = "4." + to_hex(random.octets<8>()) + "." + to_hex(random.octets<16>());
    op.registration = folded;
    op.from = who;
    op.from.token.clear();
    op.who = std::move(found);
    op.body = crypto::sha256(as_bytes(body));
    op.csr = std::move(asked.csr);
    op.before = std::move(*before);
    op.began = now;
    by_id[op.id] = at;
    by_registration[folded] = at;
    step(op, event::registered);
    if (const auto done = allocate(op, asked.payload, now); !done) {
        end(op, event::refused, done.error(), now);
    }
    return assigning(op, 202);
}

}  // namespace berth::provisioning
