#include "base/log.h"
#include "provisioning/enrolment_json.h"
#include "provisioning/service_impl.h"

#include <algorithm>

namespace berth::provisioning {

using namespace registry;

service::service(service_settings settings, hub_registry& hub, provisioning_registry& records, random_source& random,
                 certificate_issuer* issuer, twin_registry* twins)
    : impl_(std::make_unique<impl>(std::move(settings), hub, records, random, issuer, twins)) {}

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
    if (who.chain.empty()) {
        return s.begin_by_tpm(who, registration_id, body, now);
    }
    auto found = s.match(who, registration_id, now);
    if (!found) {
        return s.not_authorised(who, registration_id, found.error(), now);
    }
    const std::string folded = fold_registration_id(registration_id);
    if (++s.seen.of(folded, now).begins > s.settings.most_begins) {
        return s.too_many("The device registers too often.", now);
    }
    // SDKs repeat themselves: while an operator's program is being asked, it is not asked again; nor is another certificate
    // issued where the answer was lost.
    const auto former = s.by_registration.find(folded);
    if (former != s.by_registration.end()) {
        const auto& op = *former->second;
        if ((op.at == state::asking || !op.issued.empty()) && op.body == crypto::sha256(as_bytes(body)) &&
            op.who.certificate == found->certificate && op.who.enrolment == found->enrolment &&
            now - op.began < s.settings.webhook_lasts) {
            return s.assigning(op, 202);
        }
    }
    auto asked = read_body(body, registration_id, true);
    if (!asked) {
        const auto& e = asked.error();
        const auto code = e.is("unsupported") ? error_code::not_supported
                          : e.is("bad_csr")   ? error_code::bad_csr
                                              : error_code::bad_request;
        return s.refuse(code, e.message, now);
    }
    if (asked->csr && s.given.of(folded, now).begins >= s.settings.most_issued) {
        return s.too_many("The device asks for certificates too often.", s.settings.issuing_window, now);
    }
    return s.start(who, std::move(*found), std::move(*asked), body, now);
}

answer service::status(const caller& who, std::string_view registration_id, std::string_view operation, unix_seconds now) {
    impl& s = *impl_;
    s.forget_old(now);
    const auto unknown = [&] { return s.refuse(error_code::no_operation, "No such operation (any more): register again.", now); };
    const auto shown = s.print_of(who, registration_id, now);
    if (!shown) {
        return unknown();
    }
    const auto& print = *shown;
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
    auto still =
        op.who.tpm ? match_tpm(s.records, *op.who.tpm, op.who.registration_id) : s.match(op.from, op.who.registration_id, now);
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
    s.settle_at(op, *found, std::move(choice->twin), std::move(choice->payload), now);
}

void service::webhook_failed(const std::string& operation, const error& why, unix_seconds now) {
    if (const auto at = impl_->waiting(operation); at != impl_->operations.end()) {
        log::warning("webhook_failed", why.message, {{"registration", at->who.registration_id}});
        impl_->end(*at, event::refused,
                   {error_category::peer, "bad_webhook_answer", "The allocation webhook could not be asked."}, now);
    }
}

void service::kept() {
    impl_->touched.clear();
}

void service::rolled_back() {
    impl& s = *impl_;
    const auto touched = std::exchange(s.touched, {});
    for (const auto& id : touched) {
        if (const auto found = s.by_id.find(id); found != s.by_id.end()) {
            s.forget(found->second);
        }
    }
    s.wishes.clear();
    // It may have been built of what was undone with them, and generations may be given a second time.
    s.trust.reset();
    if (!touched.empty()) {
        log::warning("registrations_forgotten", "what devices were to be told could not be kept: they register again",
                     {{"operations", touched.size()}});
    }
}

size_t service::pending() const {
    return static_cast<size_t>(std::ranges::count_if(impl_->operations, [](const auto& op) { return !is_final(op.at); }));
}

}  // namespace berth::provisioning
