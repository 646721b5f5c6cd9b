#include "provisioning/service.h"

#include "base/log.h"
#include "crypto/hash.h"
#include "provisioning/allocation.h"
#include "provisioning/enrolment_json.h"
#include "provisioning/settlement.h"
#include "provisioning/visits.h"

#include <algorithm>
#include <list>
#include <unordered_map>

#include <fmt/format.h>

namespace berth::provisioning {

namespace {

namespace json = wire::json;
using namespace registry;

struct registration_body {
    json::value payload;
    std::optional<pki::verified_csr> csr;
};

result<registration_body> read_body(std::string_view text, std::string_view registration_id) {
    registration_body out;
    if (text.size() > most_registration_body) {
        return fail(error_category::peer, "too_large", fmt::format("The body has more than {} octets.", most_registration_body));
    }
    if (text.find_first_not_of(" \t\r\n") == text.npos) {
        return out;
    }
    BERTH_TRY(object, wire::parse_json_object(text, most_registration_body));
    if (const auto* const id = object.if_contains("registrationId")) {
        if (!id->is_string() || !same_registration_id(std::string_view(id->as_string()), registration_id)) {
            return fail(error_category::peer, "bad_body", "registrationId is not the one that the address says.");
        }
    }
    if (object.contains("tpm")) {
        return fail(error_category::incompatible, "unsupported", "Attestation by TPM is not supported: show a certificate.");
    }
    BERTH_TRY(csr, read_csr(object, registration_id));
    out.csr = std::move(csr);
    if (auto* const payload = object.if_contains("payload")) {
        out.payload = std::move(*payload);
    }
    return out;
}

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

json::object outcome_json(const std::string& operation, const registration& r, const std::vector<pki::certificate>& issued) {
    json::object registration_state = to_json(r);
    if (!issued.empty()) {
        registration_state["issuedCertificateChain"] = chain_json(issued);
    }
    return {{"operationId", operation}, {"status", to_string(r.status)}, {"registrationState", std::move(registration_state)}};
}

}  // namespace

struct service::impl {
    struct operation {
        std::string id;
        std::string registration;  // folded
        state at = state::unassigned;
        caller from;
        matched who;
        crypto::digest body;  // to know it again
        std::optional<pki::verified_csr> csr;
        std::optional<registry::registration> before;
        std::vector<linked_hub> hubs;  // that a webhook was told
        unix_seconds began = 0;
        registry::registration outcome;  // of a final state
        std::vector<pki::certificate> issued;
    };
    using place = std::list<operation>::iterator;

    impl(service_settings s, hub_registry& h, provisioning_registry& p, random_source& r, certificate_issuer* i)
        : settings(std::move(s)), hub(h), records(p), random(r), issuer(i), seen(settings.window, settings.most_operations) {}

    result<void> refresh(unix_seconds now);
    result<matched> match(const caller& who, std::string_view registration_id, unix_seconds now);
    answer refuse(error_code code, std::string message, unix_seconds now) {
        return refusal(code, std::move(message), random, now);
    }
    answer not_authorised(const caller& who, std::string_view registration_id, const error& why, unix_seconds now);
    answer too_many(std::string message, unix_seconds now);
    void forget(place op);
    void forget_old(unix_seconds now);
    bool make_room(unix_seconds now);
    void step(operation& op, event on);
    answer assigning(const operation& op, unsigned status) const;
    answer standing(const operation& op) const;
    result<void> allocate(operation& op, const json::value& payload, unix_seconds now);
    void settle_at(operation& op, const linked_hub& at, std::optional<std::string> tags, std::string payload, unix_seconds now);
    void end(operation& op, event on, const error& why, unix_seconds now);
    place waiting(const std::string& id);

    service_settings settings;
    hub_registry& hub;
    provisioning_registry& records;
    random_source& random;
    certificate_issuer* issuer;
    std::vector<pki::crl> lists;
    std::optional<enrolment_trust> trust;
    uint64_t trust_generation = 0;
    unix_seconds trust_built = 0;
    std::list<operation> operations;  // the oldest first
    std::unordered_map<std::string, place> by_id, by_registration;
    visit_book seen;  // by folded id
    std::vector<webhook_wish> wishes;
};

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
    BERTH_TRY(fresh, enrolment_trust::build(std::move(cas), all, now));
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

answer service::impl::too_many(std::string message, unix_seconds now) {
    answer out = refuse(error_code::too_many_requests, std::move(message), now);
    out.retry_after = static_cast<unsigned>(settings.window);
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
    if (const auto next = next_state(op.at, on)) {
        op.at = *next;
        if (is_final(op.at)) {
            // Many wait to be asked for, and need none of it any more.
            op.from.chain.clear();
            op.csr.reset();
            op.hubs.clear();
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
    return {200, std::nullopt, outcome_json(op.id, op.outcome, op.issued)};
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

void service::impl::settle_at(operation& op, const linked_hub& at, std::optional<std::string> tags, std::string payload,
                              unix_seconds now) {
    auto done = settle({op.from, op.who, op.before, at, std::move(tags), std::move(payload), op.csr, op.id}, hub, records, issuer,
                       random, now);
    if (!done) {
        return end(op, done.error().is("identity_disabled") ? event::shut : event::refused, done.error(), now);
    }
    step(op, event::chosen);
    op.outcome = std::move(done->record);
    op.issued = std::move(done->issued);
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
        settle_at(op, found != linked.end() ? *found : same, std::nullopt, op.before->payload, now);
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
    settle_at(op, *chosen, std::nullopt, "", now);
    return {};
}

service::impl::place service::impl::waiting(const std::string& id) {
    const auto found = by_id.find(id);
    return found != by_id.end() && found->second->at == state::asking ? found->second : operations.end();
}

service::service(service_settings settings, hub_registry& hub, provisioning_registry& records, random_source& random,
                 certificate_issuer* issuer)
    : impl_(std::make_unique<impl>(std::move(settings), hub, records, random, issuer)) {}

service::~service() = default;

void service::set_lists(std::vector<pki::crl> lists) {
    impl_->lists = std::move(lists);
    impl_->trust.reset();
}

std::optional<answer> service::refuses(const caller& who, std::string_view registration_id, unix_seconds now) {
    const auto found = impl_->match(who, registration_id, now);
    return found ? std::nullopt : std::optional(impl_->not_authorised(who, registration_id, found.error(), now));
}

answer service::begin(const caller& who, std::string_view registration_id, std::string_view body, unix_seconds now) {
    impl& s = *impl_;
    s.forget_old(now);
    auto found = s.match(who, registration_id, now);
    if (!found) {
        return s.not_authorised(who, registration_id, found.error(), now);
    }
    const std::string folded = fold_registration_id(registration_id);
    if (++s.seen.of(folded, now).begins > s.settings.most_begins) {
        return s.too_many("The device registers too often.", now);
    }
    // SDKs repeat themselves: while an operator's program is being asked, it is not asked again.
    const auto former = s.by_registration.find(folded);
    if (former != s.by_registration.end()) {
        const auto& op = *former->second;
        if (op.at == state::asking && op.body == crypto::sha256(as_bytes(body)) && op.who.certificate == found->certificate &&
            op.who.enrolment == found->enrolment && now - op.began < s.settings.webhook_lasts) {
            return s.assigning(op, 202);
        }
    }
    auto asked = read_body(body, registration_id);
    if (!asked) {
        const auto& e = asked.error();
        const auto code = e.is("unsupported") ? error_code::not_supported
                          : e.is("bad_csr")   ? error_code::bad_csr
                                              : error_code::bad_request;
        return s.refuse(code, e.message, now);
    }
    auto before = s.records.find_registration(registration_id);
    if (!before) {
        return s.not_authorised(who, registration_id, before.error(), now);
    }
    if (former != s.by_registration.end()) {
        s.forget(former->second);
    }
    if (!s.make_room(now)) {
        return s.too_many("Too many devices register at once.", now);
    }
    s.operations.emplace_back();
    const auto at = std::prev(s.operations.end());
    impl::operation& op = *at;
    op.id = "4." + to_hex(s.random.octets<8>()) + "." + to_hex(s.random.octets<16>());
    op.registration = folded;
    op.from = who;
    op.who = std::move(*found);
    op.body = crypto::sha256(as_bytes(body));
    op.csr = std::move(asked->csr);
    op.before = std::move(*before);
    op.began = now;
    s.by_id[op.id] = at;
    s.by_registration[folded] = at;
    s.step(op, event::registered);
    if (const auto done = s.allocate(op, asked->payload, now); !done) {
        s.end(op, event::refused, done.error(), now);
    }
    return s.assigning(op, 202);
}

answer service::status(const caller& who, std::string_view registration_id, std::string_view operation, unix_seconds now) {
    impl& s = *impl_;
    s.forget_old(now);
    const auto unknown = [&] { return s.refuse(error_code::no_operation, "No such operation (any more): register again.", now); };
    if (who.scope != s.settings.id_scope || who.chain.empty() || !check_registration_id(registration_id)) {
        return unknown();
    }
    const auto& print = who.chain.front().sha256();
    const std::string id(operation);
    if (const auto found = s.by_id.find(id); found != s.by_id.end()) {
        impl::operation& op = *found->second;
        if (op.who.certificate != print || op.registration != fold_registration_id(registration_id)) {
            return unknown();
        }
        if (++s.seen.of(op.registration, now).polls > s.settings.most_polls) {
            return s.too_many("The device asks too often.", now);
        }
        if (op.at == state::asking && now - op.began >= s.settings.webhook_lasts) {
            s.end(op, event::late,
                  {error_category::environment, "webhook_late", "The allocation webhook has not answered in time."}, now);
        }
        return s.standing(op);
    }
    // From before a restart.
    const auto kept = s.records.find_operation(id);
    if (!kept) {
        return s.not_authorised(who, registration_id, kept.error(), now);
    }
    if (!*kept || (*kept)->certificate != print || !same_registration_id((*kept)->id, registration_id)) {
        return unknown();
    }
    if (++s.seen.of(fold_registration_id(registration_id), now).polls > s.settings.most_polls) {
        return s.too_many("The device asks too often.", now);
    }
    return {200, std::nullopt, outcome_json(id, **kept, {})};
}

answer service::lookup(const caller& who, std::string_view registration_id, unix_seconds now) {
    impl& s = *impl_;
    if (const auto found = s.match(who, registration_id, now); !found) {
        return s.not_authorised(who, registration_id, found.error(), now);
    }
    const auto record = s.records.find_registration(registration_id);
    if (!record) {
        return s.not_authorised(who, registration_id, record.error(), now);
    }
    if (!*record) {
        return s.refuse(error_code::no_registration, "It has not registered yet.", now);
    }
    return {200, std::nullopt, to_json(**record)};
}

answer service::no_such_thing(unsigned status, std::string why, unix_seconds now) {
    return impl_->refuse(status == 405 ? error_code::method_not_known : error_code::nothing_there, std::move(why), now);
}

answer service::too_large(unix_seconds now) {
    return impl_->refuse(error_code::internal, "The answer is too large for MQTT: ask for it over HTTPS.", now);
}

std::vector<webhook_wish> service::take_wishes() {
    return std::exchange(impl_->wishes, {});
}

void service::webhook_answered(const std::string& operation, unsigned status, std::string_view body, unix_seconds now) {
    impl& s = *impl_;
    const auto at = s.waiting(operation);
    if (at == s.operations.end()) {
        return;
    }
    impl::operation& op = *at;
    // What was true when it was asked need not be any more.
    auto still = s.match(op.from, op.who.registration_id, now);
    if (!still) {
        const bool shut = still.error().is("enrolment_disabled");
        return s.end(op, shut ? event::shut : event::refused, still.error(), now);
    }
    op.who = std::move(*still);
    auto choice = read_webhook_answer(status, body, op.hubs);
    if (!choice) {
        return s.end(op, event::refused, choice.error(), now);
    }
    const auto found = std::ranges::find(op.hubs, choice->hub, &linked_hub::host);
    s.settle_at(op, *found, std::move(choice->tags), std::move(choice->payload), now);
}

void service::webhook_failed(const std::string& operation, const error& why, unix_seconds now) {
    if (const auto at = impl_->waiting(operation); at != impl_->operations.end()) {
        log::warning("webhook_failed", why.message, {{"registration", at->who.registration_id}});
        impl_->end(*at, event::refused,
                   {error_category::peer, "bad_webhook_answer", "The allocation webhook could not be asked."}, now);
    }
}

size_t service::pending() const {
    return static_cast<size_t>(std::ranges::count_if(impl_->operations, [](const auto& op) { return !is_final(op.at); }));
}

}  // namespace berth::provisioning
