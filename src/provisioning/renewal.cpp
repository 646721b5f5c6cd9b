#include "provisioning/renewal.h"

#include "base/log.h"
#include "hub/login/login.h"
#include "pki/epoch.h"

#include <fmt/format.h>

namespace berth::provisioning {

namespace {

namespace json = wire::json;
using namespace registry;

// Numbers that SDKs of devices know: the status, then three digits.
struct told_as {
    std::string_view name;
    uint32_t code;
};
constexpr std::array known_errors{
    told_as{"no_issuer", 403'010},        told_as{"operation_active", 409'005}, told_as{"other_operation", 412'001},
    told_as{"not_by_authority", 412'001}, told_as{"too_often", 429'002},
};

tl::unexpected<error> refuse_as(std::string name, std::string why) {
    return fail(error_category::peer, std::move(name), std::move(why));
}

uint32_t code_of(const error& e) {
    const auto* const found = std::ranges::find_if(known_errors, [&](const auto& one) { return e.is(one.name); });
    if (found != known_errors.end()) {
        return found->code;
    }
    const bool of_request =
        e.category == error_category::peer || e.category == error_category::usage || e.category == error_category::incompatible;
    return of_request ? 400'040 : 503'001;
}

hub::carried_answer say(const hub::hub_request& request, unsigned status, const json::object& body) {
    const auto text = wire::to_text(body);
    return {request.answer_topic(status), bytes(text.begin(), text.end())};
}

std::string hex_of(random_source& random) {
    return to_hex(random.octets<16>());
}

// By a chain, which is what the next certificate counts by. Epochs are judged again: the session may be older than they are.
result<identity> check_identity(hub_registry& hub, const identity_name& client, const pki::certificate* leaf) {
    BERTH_TRY(found, hub.find(client));
    if (!found) {
        return refuse_as("unknown_identity", "The hub does not know this device any more.");
    }
    if (found->settings.login.way != login_way::certificate_authority || !leaf) {
        return refuse_as(
            "not_by_authority",
            fmt::format("\"{}\" does not log in by a CA, and could not with what it would be given: its operator has "
                        "to say that it does (berth hub device set --login ca).",
                        client.text()));
    }
    BERTH_TRY(epoch, pki::epoch_of(*leaf));
    if (!found->settings.enabled || hub::epoch_passed(*found, epoch, leaf->not_before())) {
        return refuse_as("certificates_ended", "What this device has shown does not count any more.");
    }
    return std::move(*found);
}

}  // namespace

struct renewals::order {
    pki::verified_csr csr;
    std::optional<std::string> replace;  // the request that this one takes the place of; "*": whichever it is
    uint64_t generation = 0;
    uint32_t epoch = 0;
};

result<renewals::order> renewals::judge(const identity_name& client, const pki::certificate* leaf, bytes_view payload,
                                        unix_seconds) {
    BERTH_TRY(object, wire::parse_json_object(as_text(payload), hub::most_carried_payload));
    const auto text = [&](std::string_view name) -> result<std::optional<std::string>> {
        const auto* const found = object.if_contains(name);
        if (!found || found->is_null()) {
            return std::nullopt;
        }
        if (!found->is_string()) {
            return refuse_as("bad_request", fmt::format("\"{}\" is no text.", name));
        }
        return std::string(found->as_string());
    };
    BERTH_TRY(id, text("id"));
    if (id && *id != client.text() && *id != client.device) {
        return refuse_as("bad_request", "\"id\" is another's: a device asks for itself.");
    }
    BERTH_TRY(replace, text("replace"));
    BERTH_TRY(csr, read_csr(object, client.text()));
    if (!csr) {
        return refuse_as("bad_csr", "There is no \"csr\": base64 of a certificate request in DER.");
    }
    // Ids of registrations are compared without case, names at a hub are not.
    if (csr->attribute("CN") != client.text()) {
        return refuse_as("bad_csr", fmt::format("The certificate request must have one common name, \"{}\".", client.text()));
    }
    BERTH_TRY(who, check_identity(hub_, client, leaf));
    return order{std::move(*csr), std::move(replace), who.generation, who.epoch};
}

hub::carried_answer renewals::refuse(const std::string& client, const hub::hub_request& request, const error& why,
                                     const operation* active, unix_seconds now) {
    const uint32_t code = code_of(why);
    const std::string tracking = hex_of(random_);
    json::object body{{"errorCode", code},
                      {"message", code == 503'001 ? "The hub cannot do this now. Try again later." : why.message},
                      {"trackingId", tracking},
                      {"timestampUtc", to_iso8601(now)}};
    if (code == 400'040) {
        body["info"] =
            json::object{{"correlationId", tracking}, {"credentialError", why.name}, {"credentialMessage", why.message}};
    } else if (active) {
        body["info"] = json::object{{"requestId", active->rid},
                                    {"correlationId", active->correlation},
                                    {"operationExpires", to_iso8601(active->began + settings_.operation_lasts)}};
    }
    if (code == 429'002 || code == 503'001) {
        body["retryAfter"] = code == 429'002 ? settings_.window : 30;
    }
    log::warning("renewal_refused", why.message,
                 {{"party", "hub"}, {"device", client}, {"reason", why.name}, {"tracking", tracking}});
    return say(request, code / 1'000, body);
}

hub::carried_answer renewals::told(const hub::hub_request& request, const operation& op) const {
    auto out = say(request, 202,
                   {{"correlationId", op.correlation}, {"operationExpires", to_iso8601(op.began + settings_.operation_lasts)}});
    out.more.push_back(say(request, 200, {{"correlationId", op.correlation}, {"certificates", chain_json(op.issued)}}));
    return out;
}

renewals::operation& renewals::begin(const std::string& client, unix_seconds now) {
    if (const auto found = by_client_.find(client); found != by_client_.end()) {
        operations_.splice(operations_.end(), operations_, found->second);
    } else {
        operations_.emplace_back();
        by_client_[client] = std::prev(operations_.end());
        operations_.back().client = client;
        operations_.back().window_began = now;
    }
    // Those who asked longest ago: what they were given is theirs, and how often they have asked is forgotten.
    while (!operations_.empty() && (operations_.size() > settings_.most_operations ||
                                    now - operations_.front().began >= settings_.window + settings_.operation_lasts)) {
        if (operations_.size() == 1) {
            break;
        }
        by_client_.erase(operations_.front().client);
        operations_.pop_front();
    }
    return operations_.back();
}

hub::carried_answer renewals::answer(const identity_name& client, const pki::certificate* leaf, const hub::hub_request& request,
                                     bytes_view payload, unix_seconds now) {
    const std::string name = client.text();
    const auto asked = judge(client, leaf, payload, now);
    if (!asked) {
        return refuse(name, request, asked.error(), nullptr, now);
    }
    const auto found = by_client_.find(name);
    // What was ended since, or belongs to a namesake that was deleted, is told to nobody any more.
    const bool counts =
        found != by_client_.end() && found->second->generation == asked->generation && found->second->epoch == asked->epoch;
    const operation* const before = counts ? &*found->second : nullptr;
    const bool active = before && !before->issued.empty() && now - before->began < settings_.operation_lasts;
    const auto digest = crypto::sha256(asked->csr.der());
    // The answer was lost, or MQTT has brought the question twice.
    if (before && !before->issued.empty() && before->request == digest && now - before->began < settings_.window) {
        return told(request, *before);
    }
    if (asked->replace && *asked->replace != "*" && (!active || before->rid != *asked->replace)) {
        return refuse(name, request,
                      {error_category::peer, "other_operation", "The request that this one is to replace is not under way."},
                      active ? before : nullptr, now);
    }
    if (active && !asked->replace) {
        return refuse(name, request,
                      {error_category::peer, "operation_active",
                       "Another request of this device was granted just now: \"replace\" says that this one takes its place."},
                      before, now);
    }
    operation& op = begin(name, now);
    if (now - op.window_began >= settings_.window || now < op.window_began) {
        op.window_began = now;
        op.in_window = 0;
    }
    if (op.in_window >= settings_.most_issued) {
        return refuse(name, request, {error_category::peer, "too_often", "This device asks for certificates too often."}, nullptr,
                      now);
    }
    auto issued = issuer_.issue({asked->csr, name, client, "", std::span(leaf, 1), asked->epoch});
    if (!issued || issued->empty()) {
        return refuse(name, request,
                      issued ? error{error_category::internal, "nothing_issued", "The issuer answered with no certificate."}
                             : issued.error(),
                      nullptr, now);
    }
    ++op.in_window;
    op.rid = request.rid;
    op.correlation = hex_of(random_);
    op.request = digest;
    op.generation = asked->generation;
    op.epoch = asked->epoch;
    op.began = now;
    op.issued = std::move(*issued);
    return told(request, op);
}

}  // namespace berth::provisioning
