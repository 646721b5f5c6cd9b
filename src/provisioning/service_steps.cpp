#include "base/log.h"
#include "provisioning/allocation.h"
#include "provisioning/enrolment_json.h"
#include "provisioning/service_impl.h"
#include "provisioning/settlement.h"

#include <algorithm>

#include <fmt/format.h>

namespace berth::provisioning {

namespace json = wire::json;
using namespace registry;

namespace {

// What a device may be told in the words of the error, and under which number.
error_code code_of(const error& e) {
    constexpr std::array<std::pair<std::string_view, error_code>, 8> known{{
        {"registered_otherwise", error_code::registered_otherwise},
        {"certificates_ended", error_code::not_authorised},
        {"identity_deleted", error_code::no_registration},
        {"no_linked_hub", error_code::no_linked_hub},
        {"no_issuer", error_code::not_supported},
        {"bad_webhook_answer", error_code::allocation_failed},
        {"webhook_late", error_code::allocation_failed},
        {"unsupported", error_code::not_supported},
    }};
    for (const auto& [name, code] : known) {
        if (e.is(name)) {
            return code;
        }
    }
    const bool of_request =
        e.category == error_category::peer || e.category == error_category::usage || e.category == error_category::incompatible;
    const bool issuing = std::ranges::any_of(e.params, [](const auto& p) { return p.first == "issuing"; });
    return of_request && issuing ? error_code::bad_csr : error_code::internal;
}

registration_status status_of(state s) {
    return s == state::assigned ? registration_status::assigned
           : s == state::failed ? registration_status::failed
                                : registration_status::disabled;
}

}  // namespace

json::object outcome_json(const std::string& operation, const registration& r, const std::vector<pki::certificate>& issued,
                          const std::string& authentication_key) {
    json::object registration_state = to_json(r);
    if (!issued.empty()) {
        registration_state["issuedCertificateChain"] = chain_json(issued);
    }
    if (!authentication_key.empty()) {
        registration_state["tpm"] = json::object{{"authenticationKey", authentication_key}};
    }
    return {{"operationId", operation}, {"status", to_string(r.status)}, {"registrationState", std::move(registration_state)}};
}

result<void> service::impl::refresh(unix_seconds now) {
    BERTH_TRY(generation, hub.trust_generation());
    // Also when the clock was set back: what counts is judged by the time that it is.
    if (trust && generation == trust_generation && now < trust->until() && now >= trust_built) {
        return {};
    }
    BERTH_TRY(cas, hub.list_cas());
    std::vector<pki::crl> all = lists;
    for (const auto& ca : cas) {
        BERTH_TRY(own, hub.list_of(ca));
        if (own) {
            all.push_back(std::move(*own));
        }
    }
    BERTH_TRY(signers, hub.signer_lists());
    BERTH_TRY(fresh, enrolment_trust::build(std::move(cas), all, now, signers));
    trust = std::move(fresh);
    trust_generation = generation;
    trust_built = now;
    return {};
}

result<matched> service::impl::match(const caller& who, std::string_view registration_id, unix_seconds now) {
    if (who.scope != settings.id_scope) {
        return fail(error_category::peer, "other_scope", "It named another id scope.");
    }
    BERTH_CHECK(refresh(now));
    return match_enrolment(records, *trust, who, registration_id, now);
}

answer service::impl::not_authorised(const caller& who, std::string_view registration_id, const error& why, unix_seconds now) {
    if (why.is("bad_registration_id")) {
        return refuse(error_code::bad_request, why.message, now);
    }
    const bool ours = why.category == error_category::environment || why.category == error_category::internal;
    // One sentence for all: whoever tries ids learns nothing of which there are.
    answer out = ours ? refuse(error_code::internal, "The service cannot answer at the moment.", now)
                      : refuse(error_code::not_authorised, "Unauthorized: no enrolment takes in what was shown.", now);
    if (ours) {
        out.retry_after = settings.retry_after;
    }
    log::warning("provisioning_refused", why.message,
                 {{"registration", registration_id},
                  {"reason", why.name},
                  {"certificate", who.chain.empty() ? "" : who.chain.front().subject()},
                  {"peer", who.address},
                  {"tracking", std::string_view(out.body["trackingId"].as_string())}});
    return out;
}

answer service::impl::too_many(std::string message, unix_seconds wait, unix_seconds now) {
    answer out = refuse(error_code::too_many_requests, std::move(message), now);
    out.retry_after = static_cast<unsigned>(wait);
    return out;
}

void service::impl::forget(place op) {
    by_id.erase(op->id);
    if (const auto found = by_registration.find(op->registration); found != by_registration.end() && found->second == op) {
        by_registration.erase(found);
    }
    operations.erase(op);
}

void service::impl::forget_old(unix_seconds now) {
    while (!operations.empty() && now - operations.front().began >= settings.operation_lasts) {
        forget(operations.begin());
    }
}

bool service::impl::make_room(unix_seconds now) {
    if (operations.size() < settings.most_operations) {
        return true;
    }
    // An outcome is on record, but for an issued chain; what is late is as good as failed: that device registers again.
    for (auto op = operations.begin(); op != operations.end(); ++op) {
        if (is_final(op->at) || now - op->began >= settings.webhook_lasts) {
            forget(op);
            return true;
        }
    }
    return false;
}

void service::impl::step(operation& op, event on) {
    touched.push_back(op.id);
    if (const auto next = next_state(op.at, on)) {
        op.at = *next;
        if (is_final(op.at)) {
            // Many wait to be asked for, and need none of it any more.
            op.from.chain.clear();
            op.csr.reset();
            op.hubs.clear();
            op.who.vouched.clear();
        }
        return;
    }
    log::failure("provisioning_state", {error_category::internal, "not_in_table",
                                        fmt::format("{} in state {} is not in the table", to_string(on), to_string(op.at))});
    op.at = state::failed;
}

answer service::impl::assigning(const operation& op, unsigned status) const {
    answer out;
    out.status = status;
    out.retry_after = settings.retry_after;
    out.body = {{"operationId", op.id},
                {"status", "assigning"},
                {"registrationState", json::object{{"registrationId", op.who.registration_id}, {"status", "assigning"}}}};
    return out;
}

answer service::impl::standing(const operation& op) const {
    if (!is_final(op.at)) {
        // Not 202: aziot-identityd takes 200 alone here.
        return assigning(op, 200);
    }
    return {200, std::nullopt, outcome_json(op.id, op.outcome, op.issued, op.authentication_key)};
}

void service::impl::end(operation& op, event on, const error& why, unix_seconds now) {
    step(op, on);
    // What was assigned before stays in the record with whom it was assigned by: an attempt that failed changes neither whose the
    // identity is, nor that it is somebody's.
    registry::registration r = op.before.value_or(registry::registration{});
    r.id = op.who.registration_id;
    if (r.hub.empty()) {
        r.via = op.who.enrolment.kind;
        r.enrolment = op.who.enrolment.id;
    }
    r.status = status_of(op.at);
    r.certificate = op.who.certificate;
    r.operation = op.id;
    r.payload.clear();
    const error_code code = code_of(why);
    r.error_code = on == event::shut ? 0 : static_cast<uint32_t>(code);
    r.error_message = on == event::shut              ? ""
                      : code == error_code::internal ? "The service could not do it; its log says why."
                                                     : why.message;
    r.created = op.before ? op.before->created : now;
    r.changed = now;
    ++r.version;
    op.outcome = r;
    log::warning("registration_failed", why.message,
                 {{"registration", r.id}, {"enrolment", r.enrolment}, {"reason", why.name}, {"state", to_string(op.at)}});
    if (const auto kept = records.put(r); !kept) {
        log::failure("registration_not_kept", kept.error(), {{"registration", r.id}});
    }
}

void service::impl::settle_at(operation& op, const linked_hub& at, initial_twin twin, std::string payload, unix_seconds now) {
    auto done = settle({op.from, op.who, op.before, at, std::move(twin), std::move(payload), op.csr, op.id}, hub, records, twins,
                       issuer, random, now);
    if (!done) {
        return end(op, done.error().is("identity_disabled") ? event::shut : event::refused, done.error(), now);
    }
    step(op, event::chosen);
    op.outcome = std::move(done->record);
    op.issued = std::move(done->issued);
    if (!op.issued.empty()) {
        ++given.of(op.registration, now).begins;
    }
    op.authentication_key = std::move(done->authentication_key);
    log::info("registration_assigned", fmt::format("\"{}\" belongs to {}.", op.outcome.device_id, op.outcome.hub),
              {{"registration", op.outcome.id},
               {"enrolment", op.outcome.enrolment},
               {"device", op.outcome.device_id},
               {"hub", op.outcome.hub},
               {"substatus", to_string(op.outcome.detail)},
               {"certificates", op.issued.size()}});
}

// Errors: the operation ends with them.
result<void> service::impl::allocate(operation& op, const json::value& payload, unix_seconds now) {
    const auto& s = op.who.enrolment.settings;
    BERTH_TRY(linked, records.list_hubs());
    if (s.reprovision == reprovision_way::never && op.before && !op.before->hub.empty()) {
        const auto found = std::ranges::find(linked, op.before->hub, &linked_hub::host);
        linked_hub same;
        same.host = op.before->hub;
        settle_at(op, found != linked.end() ? *found : same, {}, op.before->payload, now);
        return {};
    }
    BERTH_TRY(hubs, hubs_of(s, std::move(linked)));
    if (s.allocation == allocation_way::webhook) {
        step(op, event::ask);
        wishes.push_back({op.id, s.webhook, webhook_request(op.who, op.from, payload, op.before, hubs)});
        op.hubs = std::move(hubs);
        return {};
    }
    const linked_hub* chosen = nullptr;
    if (s.allocation == allocation_way::lowest_latency) {
        chosen = choose_measured(hubs, payload);
        if (!chosen) {
            chosen = choose_near(hubs, op.from.address);
        }
    }
    if (!chosen) {
        chosen = choose_hashed(hubs, op.who.registration_id);
    }
    settle_at(op, *chosen, {}, "", now);
    return {};
}

service::impl::place service::impl::waiting(const std::string& id) {
    const auto found = by_id.find(id);
    return found != by_id.end() && found->second->at == state::asking ? found->second : operations.end();
}

}  // namespace berth::provisioning
