#include "est_server/est_role.h"

#include "base/log.h"
#include "common/admin.h"
#include "common/files.h"
#include "est_client/est_http.h"
#include "keystore/key_uri.h"
#include "roles/credential.h"
#include "roles/server_certificate.h"

#include <thread>

namespace berth::app {

namespace {

net::http_response said(unsigned status, std::string text) {
    return net::http_response::text(status, std::move(text) + "\n");
}

result<net::tls_credential> open_tls(const key_and_chain& from) {
    BERTH_TRY(chain, read_chain(from.chain));
    BERTH_TRY(passphrase, read_passphrase(from.passphrase_file));
    BERTH_TRY(key, keystore::open_signing_key(from.key, {from.base.string(), std::move(passphrase)}));
    return net::tls_credential{std::move(chain), std::move(key)};
}

// Whoever shows a certificate holds its key; whether it counts, and for what, is judged for each request (visitors.h).
authkem::chain_rules any_holder() {
    authkem::chain_rules out;
    out.possession_only = true;
    return out;
}

result<std::shared_ptr<const net::tls_context>> tls_for(const net::tls_credential& own, bool old_clients, const clock& time) {
    net::tls_server_config config;
    config.credentials.push_back(own);
    config.clients = net::tls_server_config::client_certificate::request;
    config.client = any_holder();
    config.allow_tls12 = old_clients;
    return net::tls_context::make(std::move(config), time);
}

result<std::shared_ptr<const authkem::server_context>> authkem_for(const key_and_chain& identity) {
    authkem::server_config config;
    BERTH_TRY(own, open_credential(identity));
    config.credentials.push_back(std::move(own));
    config.client_auth = authkem::client_auth::request;
    config.client = any_holder();
    return authkem::server_context::make(std::move(config));
}

// A key in a chip is for one thread, that of everything else: the chip may hold a CA's key, too.
size_t threads_for(const est_config& config, const keystore::signing_key& key) {
    const size_t processors = std::max(1U, std::thread::hardware_concurrency());
    return net::front_threads_for(key, config.threads.value_or(std::min<size_t>(processors, 4)));
}

struct class_names {
    est::trust_class as;
    ca::proof proof;
};
class_names class_named(const std::string& name) {
    if (name == "idevid") {
        return {est::trust_class::idevid, ca::proof::idevid};
    }
    return name == "ldevid" ? class_names{est::trust_class::ldevid, ca::proof::ldevid}
                            : class_names{est::trust_class::operational, ca::proof::operational};
}

// The first certificate of each file is trusted; those behind it are what is above, and known.
result<pki::trust_store::contents> contents_of(const est_trust_config& config) {
    pki::trust_store::contents out;
    for (const auto& file : config.anchors) {
        BERTH_TRY(chain, read_chain(file));
        if (!chain.front().is_ca()) {
            return fail(error{error_category::usage, "bad_anchor",
                              fmt::format("{} begins with a certificate that is no CA's", file.string())}
                            .with("path", file.string()));
        }
        out.anchors.push_back(chain.front());
        out.intermediates.insert(out.intermediates.end(), chain.begin() + 1, chain.end());
    }
    return out;
}

void add(pki::trust_store::contents& to, const pki::trust_store::contents& more) {
    to.anchors.insert(to.anchors.end(), more.anchors.begin(), more.anchors.end());
    to.intermediates.insert(to.intermediates.end(), more.intermediates.begin(), more.intermediates.end());
    to.crls.insert(to.crls.end(), more.crls.begin(), more.crls.end());
}

// `lists` and `everybody`: what all of [[est.trust]] name, each file read once.
result<visitors::rules> rules_of(const est_config& config, const clock& time, est_surroundings in, role_lists& lists,
                                 pki::trust_store::contents& everybody, pki::trust_store::contents& tpm_makers) {
    visitors::rules out;
    for (const auto& each : config.trust) {
        BERTH_TRY(contents, contents_of(each));
        BERTH_TRY(own, read_est_lists(each, contents.anchors, contents.intermediates));
        contents.crls = std::move(own.crls);
        lists.add(std::move(own.all));
        if (each.proof == ca::to_string(ca::proof::endorsement)) {
            add(tpm_makers, contents);  // no connection shows an endorsement key's certificate
            continue;
        }
        add(everybody, contents);
        BERTH_TRY(store, pki::trust_store::build(std::move(contents)));
        const auto [as, proof] = class_named(each.proof);
        out.trust.push_back({as, proof, std::move(store), lists_of_rule(each.revocation), {}});
        if (each.revocation == revocation_rule::ocsp && in.on) {
            ocsp_asker::settings how;
            how.url = each.ocsp_url;
            how.keep.keep = each.ocsp_keep;
            out.trust.back().ocsp = std::make_shared<ocsp_asker>(*in.on, time, *in.random, std::move(how));
        }
    }
    if (!config.users.empty()) {
        BERTH_TRY(text, read_text(config.users));
        auto users = parse_users(text);
        if (!users) {
            return fail(std::move(users).error().during(config.users.string()));
        }
        out.users = std::move(*users);
    }
    if (!config.header.empty()) {
        out.header = config.header;
        BERTH_TRY(value, read_passphrase(config.header_file));
        if (value->size() < 16) {
            return fail(error_category::usage, "bad_config",
                        fmt::format("{} holds a secret of {} octets: at least 16, drawn at random", config.header_file.string(),
                                    value->size()));
        }
        out.header_value = std::move(*value);
        for (const auto& text : config.addresses) {
            BERTH_TRY(parsed, network::parse(text));
            out.networks.push_back(parsed);
        }
    }
    return out;
}

// Nothing: nobody is trusted.
result<std::optional<pki::trust_store>> store_of(pki::trust_store::contents all) {
    if (all.anchors.empty()) {
        return std::nullopt;
    }
    BERTH_TRY(store, pki::trust_store::build(std::move(all)));
    return store;
}

// The CAs that the files of this server tell of.
result<std::vector<pki::certificate>> known_authorities(const ca_directory& directory, const est_config& config) {
    std::vector<pki::certificate> out;
    BERTH_TRY(names, directory.names());
    for (const auto& name : names) {
        BERTH_TRY(chain, directory.chain(name));
        out.insert(out.end(), chain.begin(), chain.end());
    }
    for (const auto& trust : config.trust) {
        BERTH_TRY(read, read_certificates(trust.anchors));
        out.insert(out.end(), read.begin(), read.end());
    }
    return out;
}

// Who only looks wants to hear of everything; who serves goes on with what a new file and a SIGHUP mend.
result<void> judge_own(const server_chain& chain, const std::vector<pki::certificate>& known, unix_seconds now, bool only_looks) {
    BERTH_CHECK(check_server_certificate(chain));
    const auto good = check_server_certificate_now(chain, known, now);
    if (!good && only_looks) {
        return good;
    }
    if (!good) {
        log::warning("server_certificate_bad", good.error().message,
                     {{"error", good.error().name}, {"file", chain.file.string()}, {"party", "est"}});
    }
    return {};
}

bool same_listener(const std::optional<net::address>& a, const std::optional<net::address>& b, std::optional<uint16_t> port) {
    return a.has_value() == b.has_value() && (!a || (a->host == b->host && (a->port == b->port || a->port == port)));
}

}  // namespace

result<est_role::prepared> est_role::read(const est_config& config, const clock& time, store::opening how, est_surroundings in) {
    prepared out;
    out.config = config;
    BERTH_TRY(own, open_tls(config.identity));
    auto tls = tls_for(own, false, time);
    if (!tls) {
        return fail(std::move(tls).error().during(config.identity.chain.string()));
    }
    out.tls = std::move(*tls);
    out.threads = threads_for(config, *own.key);
    if (config.tls12_listen) {
        BERTH_TRY(tls12, tls_for(own, true, time));
        out.tls12 = std::move(tls12);
    }
    if (config.authkem_identity) {
        BERTH_TRY(authkem, authkem_for(*config.authkem_identity));
        out.authkem = std::move(authkem);
    }
    pki::trust_store::contents everybody, tpm_makers;
    BERTH_TRY(rules, rules_of(config, time, in, out.lists, everybody, tpm_makers));
    out.who.emplace(std::move(rules));
    est_believed believed;
    // Everybody who is trusted may vouch for his own KEM keys.
    BERTH_TRY(vouchers, store_of(std::move(everybody)));
    believed.vouchers = std::move(vouchers);
    BERTH_TRY(makers, store_of(std::move(tpm_makers)));
    believed.tpm_makers = std::move(makers);
    for (const auto& each : config.trust) {
        if (each.proof == ca::to_string(ca::proof::endorsement)) {
            believed.tpm_lists = lists_of_rule(each.revocation);  // all of these say the same
        }
    }
    BERTH_TRY(office, est_office::open(config, std::move(believed), how));
    out.office = std::move(office);
    BERTH_TRY(known, known_authorities(out.office->directory(), config));
    const bool only_looks = how == store::opening::to_look;
    BERTH_CHECK(judge_own({config.identity.chain, std::move(own.chain)}, known, time.now(), only_looks));
    if (config.authkem_identity) {
        BERTH_TRY(chain, read_chain(config.authkem_identity->chain));
        BERTH_CHECK(judge_own({config.authkem_identity->chain, std::move(chain)}, known, time.now(), only_looks));
    }
    return out;
}

est_role::est_role(net::loop& on, const clock& time, random_source& random, ops::metric_registry& metrics, prepared serving)
    : loop_(on),
      clock_(time),
      random_(random),
      outcomes_(metrics.counters("berth_est_requests_total", "Requests to the EST server: what was asked, and what came of it",
                                 {"operation", "outcome"})),
      serving_(std::move(serving)),
      turn_(on, "est", [this](bool kept) { turn_ended(kept); }) {
    turn_.over(serving_.office->records());
    show_contexts();
}

void est_role::show_contexts() {
    tls_.set(serving_.tls);
    tls12_.set(serving_.tls12);
}

result<std::unique_ptr<net::http_front>> est_role::listen(const net::address& at, net::http_transport over,
                                                          ops::metric_registry& metrics, const char* name) {
    auto router = std::make_shared<net::http_router>();
    const auto handle = [this](const net::http_request& request, const net::http_responder& respond) { serve(request, respond); };
    for (const char* const method : {"GET", "POST"}) {
        router->add_async(method, "/.well-known/est/{rest...}", handle, {.most_body = est::most_request});
    }
    net::http_front_options options;
    options.threads = serving_.threads;
    options.limits.size.most_body = est::most_request;
    options.exports.push_back({std::string(est::exporter_label), est::exporter_octets});
    BERTH_TRY(server, net::http_front::listen(loop_, at, std::move(over), std::move(router), clock_, std::move(options)));
    count_http(*server, metrics, name);
    return server;
}

result<std::unique_ptr<est_role>> est_role::start(net::loop& on, const est_config& config, const clock& time,
                                                  random_source& random, ops::metric_registry& metrics) {
    BERTH_TRY(ready, read(config, time, store::opening::or_make, {&on, &random}));
    std::unique_ptr<est_role> role(new est_role(on, time, random, metrics, std::move(ready)));
    est_role* const self = role.get();
    using tls_answer = result<std::shared_ptr<const net::tls_context>>;
    BERTH_TRY(server,
              self->listen(config.listen, net::tls_http{[self]() -> tls_answer { return self->tls_.get(); }}, metrics, "est"));
    role->server_ = std::move(server);
    if (config.tls12_listen) {
        BERTH_TRY(old, self->listen(*config.tls12_listen, net::tls_http{[self]() -> tls_answer { return self->tls12_.get(); }},
                                    metrics, "est-tls12"));
        role->tls12_server_ = std::move(old);
    }
    if (config.authkem_listen) {
        const auto context = [self]() -> result<std::shared_ptr<const authkem::server_context>> {
            return self->serving_.authkem;
        };
        BERTH_TRY(kem, self->listen(*config.authkem_listen, net::authkem_http{context, random}, metrics, "est-authkem"));
        role->authkem_server_ = std::move(kem);
    }
    return role;
}

result<est_role::prepared> est_role::prepare(const est_config& config) {
    const auto& now = serving_.config;
    if (!same_listener(config.listen, now.listen, port()) ||
        !same_listener(config.tls12_listen, now.tls12_listen, tls12_port()) ||
        !same_listener(config.authkem_listen, now.authkem_listen, authkem_port())) {
        return fail(error_category::usage, "restart_needed",
                    "where [est] listens is read at start only: restart berthd, or put it back");
    }
    if (config.threads != now.threads) {
        return fail(error_category::usage, "restart_needed",
                    "the threads of [est] are read at start only: restart berthd, or put them back");
    }
    // The same records are opened beside those that serve: a turn that is open holds them.
    turn_.end_now();
    // They were looked through at start, which takes as long as they are large, and nobody is served meanwhile.
    const bool same_directory = config.directory.lexically_normal() == now.directory.lexically_normal();
    BERTH_TRY(ready, read(config, clock_, same_directory ? store::opening::again : store::opening::or_make, {&loop_, &random_}));
    if (threads() > 0 && ready.threads == 0) {
        return fail(error_category::usage, "restart_needed",
                    "the key of [est] is in a chip now, which several threads must not use: restart berthd");
    }
    return ready;
}

void est_role::apply(prepared ready) {
    next_ = std::make_unique<prepared>(std::move(ready));
    // A turn that is open ends over the store that it began with.
    if (!turn_.open()) {
        take_next();
    }
}

void est_role::take_next() {
    serving_ = std::move(*next_);
    next_.reset();
    turn_.over(serving_.office->records());
    show_contexts();
}

void est_role::turn_ended(bool kept) {
    if (next_) {
        take_next();
    }
    for (auto& each : std::exchange(held_, {})) {
        outcomes_.with({each.operation, kept ? each.outcome : "not_kept"}).add();
        if (!kept) {
            each.respond(said(503, "The server could not keep what it had to: come again later."));
            continue;
        }
        if (!each.issued.empty()) {
            log::info("est_issued", "a certificate was issued", std::move(each.issued));
        }
        if (!each.waits.empty()) {
            log::info("est_waiting", "a request waits for approval: berth est waiting", std::move(each.waits));
        }
        each.respond(std::move(each.response));
    }
}

bool est_role::is_for_everybody(const net::http_request& request) const {
    // Who shows a certificate wants to know whether it is good: devices take the answer as its acceptance.
    if (!request.peer->chain.empty()) {
        return false;
    }
    const auto asked = est::parse_target(request.method, request.path);
    if (!asked || (asked->op != est::operation::cacerts && asked->op != est::operation::csrattrs)) {
        return false;
    }
    const auto* const label = serving_.office->find(asked->label);
    return label && label->policy.public_information;
}

// An endorsement key's certificate is no secret, and what is issued on proof of one is issued before the TPM has opened it: who
// shows nothing else may not have any number of signatures and entries in the log.
result<est_visitor> est_role::admit(const net::http_request& request) {
    if (is_for_everybody(request)) {
        return visitors::nobody(request);
    }
    BERTH_TRY(visitor, serving_.who->admit(request, serving_.office->records(), clock_.now()));
    const auto asked = est::parse_target(request.method, request.path);
    if (asked && asked->op == est::operation::tpmenroll && !visitor.ca.certificate && !visitor.token &&
        !visitor.ca.proofs.contains(ca::proof::basic)) {
        const std::string from = neighbourhood(request.peer->address);
        if (!unknown_tpms_.may(from, clock_.now())) {
            return fail(error{error_category::peer,
                              "too_many_requests",
                              "Too many TPMs were enrolled from there that show nothing else: come again in a minute.",
                              {{"status", "429"}}});
        }
        unknown_tpms_.count(from, clock_.now());
    }
    return visitor;
}

std::pair<std::string, est::answer> est_role::judge(const net::http_request& request) {
    const auto visitor = admit(request);
    if (!visitor) {
        est::answer out;
        out.why = visitor.error();
        out.response = {
            est::status_of(*out.why), {}, visitor.error().category == error_category::peer ? out.why->message + "\n" : ""};
        out.response.headers.add("Content-Type", std::string(est::type::text));
        if (out.response.status == 401) {
            out.response.headers.add("WWW-Authenticate", "Basic realm=\"est\"");
        }
        if (out.response.status == 429) {
            out.response.headers.add("Retry-After", "60");
        }
        return {"", std::move(out)};
    }
    est_request_authority authority(*serving_.office, *visitor, clock_, random_);
    return {visitor->est.name, est::serve(authority, est_request(request), visitor->est, est_channel(*request.peer))};
}

void est_role::serve(const net::http_request& request, const net::http_responder& respond) {
    if (!is_for_everybody(request)) {
        auto questions = serving_.who->unanswered(request, clock_.now());
        if (!questions.about.empty()) {
            // It is asked in the name of whom it serves: a configuration that takes its place meanwhile judges by its own.
            const auto asker = questions.asker;
            return asker->ask(questions.about, [this, asker, request, respond] { serve_now(request, respond); });
        }
    }
    serve_now(request, respond);
}

void est_role::serve_now(const net::http_request& request, const net::http_responder& respond) {
    if (!turn_.begin()) {
        return respond(said(503, "The server cannot keep records now: come again later."));
    }
    std::pair<std::string, est::answer> judged;
    // An answer that could not be made leaves nothing behind: neither an entry in the log nor a token that was used.
    const auto kept = serving_.office->records().all_or_nothing([&]() -> result<void> {
        judged = judge(request);
        return judged.second.why ? result<void>(fail(*judged.second.why)) : result<void>{};
    });
    if (!kept && !judged.second.why) {
        log::failure("store_failed", kept.error(), {{"party", "est"}});
        return respond(said(503, "The server cannot keep records now: come again later."));
    }
    auto& [who, answer] = judged;
    held next{respond, {}, {}, {}, {}, {}};
    next.operation = answer.asked ? std::string(est::name_of(answer.asked->op)) : "none";
    next.outcome = answer.why ? answer.why->name : answer.response.status == 202 ? "waiting" : "ok";
    if (answer.why) {
        std::vector<log::field> fields{{"operation", next.operation}, {"peer", request.peer->address}, {"who", who}};
        if (answer.asked) {
            fields.emplace_back("label", answer.asked->label);
        }
        log::failure("est_refused", *answer.why, std::move(fields));
    }
    std::vector<log::field> about{{"peer", request.peer->address}, {"who", who}, {"operation", next.operation}};
    if (answer.asked) {
        about.emplace_back("label", answer.asked->label);
    }
    if (answer.certificate && !answer.why) {
        about.emplace_back("subject", answer.certificate->subject());
        about.emplace_back("serial", answer.certificate->serial_hex());
        next.issued = std::move(about);
    } else if (answer.response.status == 202) {
        next.waits = std::move(about);
    }
    next.response = net_response(std::move(answer.response));
    held_.push_back(std::move(next));
}

}  // namespace berth::app
