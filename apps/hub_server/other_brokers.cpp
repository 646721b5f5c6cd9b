#include "hub_server/other_brokers.h"

#include "base/log.h"
#include "common/files.h"
#include "crypto/constant_time.h"
#include "hub/foreign/emqx.h"
#include "hub/foreign/vernemq.h"
#include "hub_server/secret_file.h"
#include "refusals.h"

namespace berth::app {

namespace {

using hub::foreign::login_question;
using hub::foreign::topics_question;

constexpr std::string_view bearer = "Bearer ";
constexpr const char* all_paths = "/v1/broker/{rest...}";
constexpr const char* refused_body = R"({"result":"deny"})";

// A session by a broker's word of a common name: when the certificate ends is not told.
constexpr unix_seconds most_by_word = 86'400;

net::http_response said(std::string body, unsigned status = 200) {
    auto out = net::http_response::text(status, std::move(body), "application/json");
    // VerneMQ would remember an answer that may be kept.
    out.headers.add("Cache-Control", "no-store");
    return out;
}

// What the broker says that it has verified. Of when it began nothing is known: whose certificates were ended once, does not come
// in so.
hub::judged_chain by_word(const std::string& common_name, unix_seconds now) {
    hub::judged_chain out;
    out.subject = "CN=" + common_name;
    if (auto name = registry::parse_identity_name(common_name)) {
        out.name = std::move(*name);
    }
    out.ca.emplace();
    out.not_after = now + most_by_word;
    return out;
}

}  // namespace

result<other_brokers_files> read_other_brokers_files(const other_brokers_config& config) {
    other_brokers_files out;
    for (const auto& file : config.tokens) {
        BERTH_TRY(secret, read_secret(file));
        out.tokens.push_back(crypto::hash(crypto::hash_algorithm::sha256, secret.reveal()));
    }
    if (!config.clients.empty()) {
        hub::gate::rules by;
        BERTH_TRY(anchors, read_anchors(config.clients));
        BERTH_TRY(store, pki::trust_store::build({std::move(anchors), {}, {}}));
        by.admins = std::move(store);
        for (const auto& name : config.names) {
            by.by_name.emplace(name, hub::right_set());
        }
        out.clients = std::make_shared<const hub::gate>(std::move(by));
    }
    return out;
}

other_brokers::other_brokers(hub_desk& desk, other_brokers_config config, other_brokers_files files,
                             ops::metric_registry& metrics)
    : desk_(desk),
      config_(std::move(config)),
      files_(std::move(files)),
      logins_(metrics.counters("berth_hub_logins_total", "Who came in at a broker, and by what", {"broker", "by"})),
      refusals_(metrics.counters("berth_hub_refusals_total", "Who did not come in at a broker, and why", {"broker", "reason"})) {}

result<std::unique_ptr<other_brokers>> other_brokers::start(hub_desk& desk, const other_brokers_config& config,
                                                            other_brokers_files files, const std::filesystem::path& hub_db,
                                                            ops::metric_registry& metrics) {
    std::unique_ptr<other_brokers> out(new other_brokers(desk, config, std::move(files), metrics));
    BERTH_TRY(own, login_desk::open(desk, hub_db, {config.alternative_names}));
    out->judge_ = std::move(own);
    BERTH_CHECK(out->listen());
    return out;
}

result<void> other_brokers::listen() {
    if (!config_.listen) {
        return {};
    }
    auto router = std::make_shared<net::http_router>();
    router->add_async(
        "POST", all_paths,
        [this](const net::http_request& request, const net::http_responder& respond) { answer(request, respond, true); },
        {.most_body = hub::foreign::most_question});
    net::http_server_limits limits;
    limits.size.most_body = hub::foreign::most_question;
    BERTH_TRY(server, net::http_server::listen(desk_.loop(), *config_.listen, net::plain_http{}, std::move(router), desk_.time(),
                                               limits));
    plain_ = std::move(server);
    return {};
}

std::vector<hub_service::mount> other_brokers::mounts() const {
    return {{all_paths, hub::foreign::most_question}};
}

result<void> other_brokers::admit(const net::http_request& request, bool plain) const {
    std::string_view shown = request.headers.get("Authorization");
    if (shown.starts_with(bearer)) {
        shown.remove_prefix(bearer.size());
    } else if (const auto query = request.query.find("token"); plain && query != request.query.end()) {
        shown = query->second;
    } else if (!plain && files_.clients && shown.empty() && request.peer && !request.peer->chain.empty()) {
        const auto who = files_.clients->admit({{}, request.peer->chain, request.path}, nullptr, desk_.time().now());
        return who ? result<void>() : fail(who.error());
    } else {
        return fail(error_category::peer, "no_credentials", "Neither a broker's token nor its certificate was shown.");
    }
    const auto print = crypto::hash(crypto::hash_algorithm::sha256, as_bytes(shown));
    bool known = false;
    for (const auto& one : files_.tokens) {
        known = crypto::equal(one, print) || known;
    }
    return known ? result<void>() : fail(error_category::peer, "bad_token", "The token is no broker's.");
}

void other_brokers::serve(const net::http_request& request, const net::http_responder& respond) {
    answer(request, respond, false);
}

void other_brokers::answer(const net::http_request& request, const net::http_responder& respond, bool plain) {
    if (const auto who = admit(request, plain); !who) {
        tell_refusal("broker_refused", who.error().message,
                     {{"party", "hub"}, {"error", who.error().name}, {"peer", request.peer ? request.peer->address : ""}});
        return respond(said(refused_body, 401));
    }
    if (request.method != "POST") {
        return respond(said(refused_body, 405));
    }
    judge_->look_again();
    if (request.path == "/v1/broker/vernemq") {
        return respond(said(answer_vernemq(request)));
    }
    const bool login = request.path == "/v1/broker/emqx/login";
    if (!login && request.path != "/v1/broker/emqx/topic") {
        return respond(said(refused_body, 404));
    }
    if (request.content_type() != "application/json") {
        not_understood("emqx", {error_category::peer, "bad_content_type", "A broker's question is application/json."});
        return respond(said(hub::foreign::emqx_answer(false)));
    }
    respond(said(login ? answer_emqx_login(request.body) : answer_emqx_topic(request.body)));
}

void other_brokers::not_understood(const char* make, const error& why) {
    tell_refusal("question_refused", why.message, {{"party", "hub"}, {"broker", make}, {"error", why.name}});
}

hub::login_answer other_brokers::judge(const char* make, const login_question& asked) {
    const unix_seconds now = desk_.time().now();
    const bool by_its_word = asked.chain.empty() && asked.common_name && config_.common_names.contains(make);
    hub::judged_chain chain = no_chain("No certificate of the client's was passed on.");
    if (!asked.chain.empty()) {
        chain = judge_->gate().judge(asked.chain);
    } else if (by_its_word) {
        chain = by_word(*asked.common_name, now);
    }
    std::optional<hub::judged_words> words;
    if (!asked.password.empty()) {
        words = hub::judge_words(asked.client, asked.user, asked.password);
    }
    auto out = judge_->judge(asked.client, chain, words, by_its_word);
    if (!out.in) {
        const std::string reason(to_string(out.refusal));
        refusals_.with({make, reason}).add();
        tell_refusal("login_refused", out.why,
                     {{"party", "broker"},
                      {"broker", make},
                      {"peer", asked.from},
                      {"client_id", asked.client},
                      {"subject", chain.subject},
                      {"serial", chain.serial},
                      {"reason", reason}});
        return out;
    }
    logins_.with({make, out.in->by_key ? "key" : by_its_word ? "common_name" : "certificate"}).add();
    judge_->note(out.in->identity, by_its_word ? std::nullopt : out.in->ca);
    return out;
}

hub::permission other_brokers::may(const topics_question& asked, const std::string& topic) {
    return judge_->gate().may_by_name(asked.client, asked.way, topic);
}

std::string other_brokers::answer_emqx_login(const std::string& body) {
    const auto asked = hub::foreign::read_emqx_login(body);
    if (!asked) {
        not_understood("emqx", asked.error());
        return hub::foreign::emqx_answer(false);
    }
    const auto answer = judge("emqx", *asked);
    return hub::foreign::emqx_answer(answer.in.has_value(), answer.in ? std::optional(answer.in->until) : std::nullopt);
}

std::string other_brokers::answer_emqx_topic(const std::string& body) {
    const auto asked = hub::foreign::read_emqx_topic(body);
    if (!asked) {
        not_understood("emqx", asked.error());
        return hub::foreign::emqx_answer(false);
    }
    // It would keep it, and cannot be told to do something else instead.
    return hub::foreign::emqx_answer(!asked->retain && may(*asked, asked->topics.front()).allowed);
}

std::string other_brokers::answer_vernemq(const net::http_request& request) {
    using namespace hub::foreign;
    const auto hook = vernemq_hook_from(request.headers.get("vernemq-hook"));
    if (!hook || request.content_type() != "application/json") {
        not_understood("vernemq",
                       {error_category::peer, "bad_hook", "No webhook that is answered here, or not application/json."});
        return vernemq_refusal();
    }
    if (hook->what == vernemq_hook::kind::login) {
        const auto asked = read_vernemq_login(request.body);
        if (!asked) {
            not_understood("vernemq", asked.error());
            return vernemq_refusal();
        }
        return judge("vernemq", *asked).in ? vernemq_welcome() : vernemq_refusal();
    }
    const auto asked = read_vernemq_topics(request.body, *hook);
    if (!asked) {
        not_understood("vernemq", asked.error());
        return vernemq_refusal();
    }
    if (hook->what == vernemq_hook::kind::publish) {
        const auto& topic = asked->topics.front();
        const auto allowed = may(*asked, topic);
        if (!allowed.allowed) {
            return vernemq_refusal();
        }
        // As at a broker of the hub's own: nothing is kept in topics, and telemetry says that it was to be.
        const bool telemetry = allowed.door == hub::operation::telemetry;
        return vernemq_publication(!asked->retain ? "" : telemetry ? hub::with_retain_told(topic) : topic);
    }
    std::vector<bool> allowed;
    for (const auto& topic : asked->topics) {
        allowed.push_back(may(*asked, topic).allowed);
    }
    return vernemq_subscription(request.body, allowed, *hook);
}

}  // namespace berth::app
