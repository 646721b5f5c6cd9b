#include "publisher/publish_role.h"

#include "common/admin.h"
#include "crypto/hash.h"

#include <ctime>

namespace berth::app {

namespace {

constexpr std::string_view list_type = "application/pkix-crl";
constexpr std::string_view certificate_type = "application/pkix-cert";
constexpr std::string_view query_type = "application/ocsp-request";
constexpr std::string_view answer_type = "application/ocsp-response";
constexpr milliseconds look_every = 1'000;

net::http_response refusal(unsigned status, std::string text) {
    auto out = net::http_response::text(status, std::move(text) + "\n");
    out.headers.add("Cache-Control", "no-store");
    return out;
}

// RFC 9110 5.6.7: "Sun, 06 Nov 1994 08:49:37 GMT", whatever the locale.
std::string http_date(unix_seconds at) {
    constexpr std::array days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr std::array months{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    std::tm parts{};
    const auto seconds = static_cast<time_t>(at);
    ::gmtime_r(&seconds, &parts);
    return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", days.at(static_cast<size_t>(parts.tm_wday)), parts.tm_mday,
                       months.at(static_cast<size_t>(parts.tm_mon)), parts.tm_year + 1900, parts.tm_hour, parts.tm_min,
                       parts.tm_sec);
}

bool same_listener(const publish_config& a, const publish_config& b, uint16_t port) {
    return a.listen.host == b.listen.host && (a.listen.port == b.listen.port || a.listen.port == port);
}

}  // namespace

result<publish_role::prepared> publish_role::read(const publish_config& config, store::opening how) {
    BERTH_TRY(sites, publish_sites::open(config, how));
    return prepared{config, std::make_unique<publish_sites>(std::move(sites))};
}

publish_role::publish_role(net::loop& on, const clock& time, ops::metric_registry& metrics, prepared serving)
    : clock_(time),
      outcomes_(metrics.counters("berth_publish_requests_total", "Requests to the publisher: what for, and what came of it",
                                 {"kind", "outcome"})),
      made_(metrics.counters("berth_publish_lists_made_total", "Revocation lists that were made", {"authority", "kind"})),
      ends_(metrics.gauges("berth_publish_next_update_timestamp_seconds", "When the first of a CA's lists ends", {"authority"})),
      serving_(std::move(serving)),
      ticker_(on) {}

result<std::unique_ptr<publish_role>> publish_role::start(net::loop& on, const publish_config& config, const clock& time,
                                                          ops::metric_registry& metrics) {
    BERTH_TRY(ready, read(config));
    std::unique_ptr<publish_role> role(new publish_role(on, time, metrics, std::move(ready)));
    publish_role* const self = role.get();
    auto router = std::make_shared<net::http_router>();
    const auto handle = [self](const net::http_request& request) { return self->serve(request); };
    for (const char* const path : {"/", "/{rest...}"}) {
        router->add("GET", path, handle, {.most_body = 0});
        router->add("POST", path, handle, {.most_body = ca::most_ocsp_query});
    }
    net::http_server_limits limits;
    limits.size = {.most_header = 16 * 1024, .most_body = ca::most_ocsp_query};
    // What is public is public everywhere.
    BERTH_TRY(server, net::http_server::listen(on, config.listen, net::plain_http{true}, std::move(router), time, limits));
    role->server_ = std::move(server);
    count_http(*role->server_, metrics, "publish");
    role->keep_lists();
    return role;
}

result<publish_role::prepared> publish_role::prepare(const publish_config& config) {
    if (!same_listener(config, serving_.config, port())) {
        return fail(error_category::usage, "restart_needed",
                    "where [publish] listens is read at start only: restart berthd, or put it back");
    }
    const bool same_directory = config.directory.lexically_normal() == serving_.config.directory.lexically_normal();
    return read(config, same_directory ? store::opening::again : store::opening::or_make);
}

void publish_role::apply(prepared ready) {
    for (const auto& name : serving_.sites->names) {
        ends_.forget({name});
    }
    // What is published stays published while everything is made anew.
    for (size_t i = 0; i < ready.sites->names.size(); ++i) {
        for (size_t k = 0; k < serving_.sites->names.size(); ++k) {
            if (ready.sites->names[i] == serving_.sites->names[k]) {
                ready.sites->keepers[i].take_over(std::move(serving_.sites->keepers[k]));
            }
        }
    }
    serving_ = std::move(ready);
    keep_lists();
}

result<void> publish_role::check_usable() const {
    for (const auto& keeper : serving_.sites->keepers) {
        BERTH_CHECK(keeper.check(clock_.now()));
    }
    for (const auto& [path, desk] : serving_.sites->desks) {
        BERTH_CHECK(desk.check(clock_.now()));
    }
    return {};
}

// One list in each turn: whoever asks meanwhile waits for one, and not for all.
void publish_role::keep_lists() {
    auto& sites = *serving_.sites;
    milliseconds again = look_every;
    if (before_writing_) {
        before_writing_();
    }
    std::string failure;
    for (size_t i = 0; i < sites.keepers.size() && again != 0; ++i) {
        const auto made = sites.keepers[i].make_next(sites.directory.records(), clock_);
        if (!made) {
            failure = made.error().name;
            if (failure != failure_) {
                log::failure("list_failed", made.error(), {{"authority", sites.names[i]}});
            }
            continue;
        }
        if (const auto end = sites.keepers[i].first_end()) {
            ends_.with({sites.names[i]}).set(static_cast<double>(*end));
        }
        if (*made) {
            again = 0;
            const auto& which = **made;
            const auto& list = *sites.keepers[i].find(which);
            made_.with({sites.names[i], which.delta ? "delta" : "complete"}).add();
            log::info("list_made", "a revocation list was made",
                      {{"authority", sites.names[i]},
                       {"kind", which.delta ? "delta" : "complete"},
                       {"shard", which.shard ? std::to_string(*which.shard) : ""},
                       {"number", std::to_string(list.number)},
                       {"revoked", std::to_string(list.entries)},
                       {"next_update", to_iso8601(list.next_update)}});
        }
    }
    failure_ = std::move(failure);
    ticker_.arm(again, [this] { keep_lists(); });
}

// `until`: what is told then is not this any more.
net::http_response publish_role::cached(const net::http_request& request, std::string_view type, bytes_view body,
                                        unix_seconds since, std::optional<unix_seconds> until) const {
    net::http_response out;
    const auto tag = "\"" + to_hex(crypto::sha256(body).view().first(16)) + "\"";
    const unix_seconds age =
        std::clamp<unix_seconds>(until ? *until - clock_.now() : serving_.config.max_age, 0, serving_.config.max_age);
    // RFC 5019 6.2: "max-age=<n>, where n is a time value later than thisUpdate but earlier than nextUpdate"; "no-transform",
    // "must-revalidate".
    out.headers.add("Cache-Control", fmt::format("max-age={}, public, no-transform, must-revalidate", age));
    out.headers.add("ETag", tag);
    out.headers.add("Last-Modified", http_date(since));
    if (until) {
        out.headers.add("Expires", http_date(*until));
    }
    if (request.headers.get("If-None-Match") == tag) {
        out.status = 304;
        return out;
    }
    out.headers.add("Content-Type", std::string(type));
    out.body = std::string(as_text(body));
    return out;
}

net::http_response publish_role::tell_list(const net::http_request& request, const published_list& which) {
    const auto* const list = serving_.sites->keepers[which.keeper].find(which.which);
    const char* const kind = which.which.delta ? "delta" : "list";
    if (list == nullptr) {
        outcomes_.with({kind, "none"}).add();
        return refusal(404, "There is no such list, or not yet.");
    }
    if (list->next_update < clock_.now()) {
        outcomes_.with({kind, "expired"}).add();
        return refusal(503, "The list could not be renewed in time.");
    }
    outcomes_.with({kind, "ok"}).add();
    return cached(request, list_type, list->der, list->this_update, list->next_update);
}

net::http_response publish_role::tell_certificate(const net::http_request& request, const published_certificate& which) {
    outcomes_.with({"certificate", "ok"}).add();
    return cached(request, certificate_type, which.der, 0, std::nullopt);
}

net::http_response publish_role::answer(ca::ocsp_desk& desk, bytes_view query, bool by_get) {
    const auto said = desk.serve(query, serving_.sites->directory.records(), clock_);
    outcomes_.with({"ocsp", said.outcome}).add();
    net::http_response out;
    if (by_get && said.may_be_kept) {
        out = cached({}, answer_type, said.der, said.this_update, said.next_update);
    } else {
        out.headers.add("Cache-Control", "no-store");
        out.headers.add("Content-Type", std::string(answer_type));
        out.body = std::string(as_text(said.der));
    }
    return out;
}

net::http_response publish_role::serve(const net::http_request& request) {
    auto& sites = *serving_.sites;
    const auto desk = sites.find_desk(request.path);
    if (request.method == "POST") {
        if (!desk || !desk->second.empty()) {
            outcomes_.with({"none", "none"}).add();
            return refusal(404, "No OCSP responder is here.");
        }
        if (request.content_type() != query_type) {
            outcomes_.with({"ocsp", "bad_type"}).add();
            return refusal(415, "An OCSP request is application/ocsp-request.");
        }
        return answer(sites.desks.at(desk->first), as_bytes(request.body), false);
    }
    if (const auto list = sites.find_list(request.path)) {
        return tell_list(request, *list);
    }
    if (const auto found = sites.certificates.find(request.path); found != sites.certificates.end()) {
        return tell_certificate(request, found->second);
    }
    if (desk && !desk->second.empty()) {
        const auto query = ca::ocsp_query_in_path(desk->second);
        if (!query) {
            outcomes_.with({"ocsp", "malformed"}).add();
            return refusal(400, query.error().message);
        }
        return answer(sites.desks.at(desk->first), *query, true);
    }
    outcomes_.with({"none", "none"}).add();
    return refusal(404, "Nothing is published here.");
}

}  // namespace berth::app
