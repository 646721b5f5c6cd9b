// The Mosquitto plugin (API v5) of a hub's broker: berth-broker-plugin.so.
//
//   plugin /usr/lib/berth/berth-broker-plugin.so
//   plugin_opt_hub  DIRECTORY              the hub's, with hub.db
//   plugin_opt_role provisioning           a provisioning broker's; default hub
//   plugin_opt_groups X25519MLKEM768       key exchange groups; default X25519MLKEM768:X25519
//   plugin_opt_alternative_names true      names of more than 64 characters in subjectAltName (docs/hub.md)
//   plugin_opt_local_socket PATH           a listener for programs of this machine: whoever may open it may do everything
//   plugin_opt_service PATH                where berthd is asked and told of what is counted; default DIRECTORY/service
//
// All callbacks run on the broker's one thread, and wait for nothing but this machine's own file.
#include "base/log.h"
#include "callbacks.h"
#include "crypto/random.h"
#include "desired_watch.h"
#include "gate.h"
#include "handshake_openssl.h"
#include "hub_questions.h"
#include "notes.h"
#include "provisioning_part.h"
#include "refusals.h"
#include "reporter.h"
#include "service_link.h"
#include "wake.h"

#include <cstring>

#include <fmt/format.h>

namespace berth::app {

namespace {

struct settings {
    std::filesystem::path hub;
    std::string groups = "X25519MLKEM768:X25519";
    hub::name_rule names;
    std::string local_socket;
    bool provisioning = false;
    std::string service;
};

class hub_part : public broker_part {
public:
    hub_part(mosquitto_plugin_id_t* id, settings s)
        : settings_(std::move(s)), reporter_(settings_.service, false, crypto::system_random()), calls_(id) {}
    ~hub_part() override;
    result<void> start();

private:
    int reload(mosquitto_evt_reload& e);
    int login(mosquitto_evt_basic_auth& e);
    int check(mosquitto_evt_acl_check& e);
    int message(mosquitto_evt_message& e);
    // What it asks of the service behind the broker.
    void carry(const mosquitto_evt_message& e, const hub::hub_request& request);
    void refuse(const char* client_id, const hub::hub_request& request, unsigned status, std::string_view why);
    void bring_answers();
    void tell_what_is_wanted();
    int gone(mosquitto_evt_disconnect& e);
    int tick(mosquitto_evt_tick& e);
    void note();
    [[nodiscard]] bool is_local(const mosquitto* client) const;

    settings settings_;
    std::unique_ptr<hub_gate> gate_;
    std::unique_ptr<login_notes> notes_;
    hub_questions questions_;
    std::unique_ptr<desired_watch> desired_;
    std::unique_ptr<broker_wake> wake_;
    std::unique_ptr<service_link> link_;  // nothing: answers could not wake the broker, and nobody is asked
    broker_reporter reporter_;
    bool reloading_ = false;  // until the next tick: who is asked about has come in before
    milliseconds looked_ = 0;
    static constexpr milliseconds least_between_looks = 20;
    callbacks calls_;
};

result<void> hub_part::start() {
    BERTH_TRY(gate, hub_gate::open(settings_.hub / "hub.db", settings_.names, system_clock()));
    gate_ = std::move(gate);
    notes_ = std::make_unique<login_notes>(settings_.hub / "hub.db");
    BERTH_CHECK(judge_handshakes({[this](std::span<const pki::certificate> chain) { return gate_->judge(chain); },
                                  [this](const hub::judged_chain& chain) { return gate_->may_knock(chain); }, settings_.groups,
                                  [this](hub::login_refusal reason) { reporter_.refused(reason); }}));
    BERTH_TRY(desired, desired_watch::open(settings_.hub / "hub.db"));
    desired_ = std::move(desired);
    if (!settings_.local_socket.empty()) {
        wake_ = std::make_unique<broker_wake>(settings_.local_socket);
        link_ = std::make_unique<service_link>(settings_.service, [this] { wake_->wake(); });
    }
    if (!calls_.add<&hub_part::reload, mosquitto_evt_reload>(MOSQ_EVT_RELOAD, this) ||
        !calls_.add<&hub_part::login, mosquitto_evt_basic_auth>(MOSQ_EVT_BASIC_AUTH, this) ||
        !calls_.add<&hub_part::check, mosquitto_evt_acl_check>(MOSQ_EVT_ACL_CHECK, this) ||
        !calls_.add<&hub_part::message, mosquitto_evt_message>(MOSQ_EVT_MESSAGE, this) ||
        !calls_.add<&hub_part::gone, mosquitto_evt_disconnect>(MOSQ_EVT_DISCONNECT, this) ||
        !calls_.add<&hub_part::tick, mosquitto_evt_tick>(MOSQ_EVT_TICK, this)) {
        return fail(error_category::environment, "broker_too_old",
                    "this Mosquitto does not call plugins for all that is needed: 2.0 does");
    }
    log::info("gate_open", "the broker's plugin stands",
              {{"party", "broker"}, {"hub", settings_.hub.string()}, {"authorities", std::to_string(gate_->trust().size())}});
    return {};
}

hub_part::~hub_part() {
    forget_handshakes();
    if (notes_ && gate_) {
        note();
    }
}

void hub_part::note() {
    auto arrivals = gate_->take_arrivals();
    auto presences = gate_->take_presences();
    notes_->add({std::move(arrivals), std::move(presences), gate_->take_wishes(), gate_->devices_here()});
}

bool hub_part::is_local(const mosquitto* client) const {
    const char* const from = mosquitto_client_address(client);
    return !settings_.local_socket.empty() && from != nullptr && settings_.local_socket == from;
}

int hub_part::reload(mosquitto_evt_reload&) {
    reloading_ = true;
    return MOSQ_ERR_SUCCESS;
}

int hub_part::login(mosquitto_evt_basic_auth& e) {
    const char* const id = mosquitto_client_id(e.client);
    if (is_local(e.client)) {
        return name_local(e);
    }
    const std::unique_ptr<X509, decltype(&X509_free)> leaf(static_cast<X509*>(mosquitto_client_certificate(e.client)), X509_free);
    if (reloading_ && !leaf && !gate_->is_here(e.client)) {
        // A session that waits for its device has no connection to judge, and Mosquitto would end it a second time. The device
        // is judged when it connects.
        return MOSQ_ERR_SUCCESS;
    }
    const bool was_here = reloading_ && gate_->is_here(e.client);
    auto* const judged = judged_of(leaf.get());
    hub::judged_chain nothing;
    nothing.refusal = hub::login_refusal::no_certificate;
    nothing.why = leaf ? "Its certificate was not judged." : "It has shown no certificate.";
    const std::string_view claimed = id != nullptr ? id : "";
    std::optional<hub::judged_words> words;
    if (e.password != nullptr && *e.password != '\0') {
        words = hub::judge_words(claimed, e.username != nullptr ? e.username : "", e.password);
    }
    const auto answer = gate_->login(e.client, claimed, judged != nullptr ? *judged : nothing, std::move(words), was_here);
    const char* const from = mosquitto_client_address(e.client);
    std::vector<log::field> about{
        {"party", "broker"},
        {"peer", from != nullptr ? from : ""},
        {"client_id", id != nullptr ? std::string(id).substr(0, 2 * registry::most_identity_name + 1) : ""},
        {"subject", judged != nullptr ? shown(judged->subject) : ""},
        {"serial", judged != nullptr ? judged->serial : ""}};
    if (!answer.in) {
        reporter_.refused(answer.refusal);
        about.emplace_back("reason", std::string(to_string(answer.refusal)));
        tell_refusal("login_refused", answer.why, std::move(about));
        return MOSQ_ERR_AUTH;
    }
    // A reload drops who has no name of a user.
    if (e.username == nullptr && mosquitto_set_username(e.client, id) != MOSQ_ERR_SUCCESS) {
        gate_->left(e.client);
        return MOSQ_ERR_AUTH;
    }
    questions_.came(e.client, std::string(claimed));
    if (!was_here && !mosquitto_client_clean_session(e.client)) {
        desired_->listens(e.client, answer.in->identity.name);  // what it has subscribed to before still holds
    }
    if (!was_here) {
        reporter_.in(answer.in->by_key);
    }
    about.emplace_back("by", answer.in->by_key ? "key" : "certificate");
    log::info("login", "a device is in", std::move(about));
    return MOSQ_ERR_SUCCESS;
}

int hub_part::check(mosquitto_evt_acl_check& e) {
    using hub::direction;
    const std::string_view topic = e.topic != nullptr ? e.topic : "";
    if (e.access == MOSQ_ACL_WRITE && gate_->may_tell(e.client, topic)) {
        return MOSQ_ERR_SUCCESS;
    }
    if (is_local(e.client)) {
        return MOSQ_ERR_SUCCESS;
    }
    switch (e.access) {
    case MOSQ_ACL_UNSUBSCRIBE:
        if (topic == desired_watch::filter) {
            desired_->left(e.client);
        }
        return MOSQ_ERR_SUCCESS;
    case MOSQ_ACL_SUBSCRIBE:
        if (!gate_->may(e.client, direction::subscribe, topic).allowed) {
            return MOSQ_ERR_ACL_DENIED;
        }
        if (topic == desired_watch::filter) {
            desired_->listens(e.client, *gate_->who(e.client));
        }
        return MOSQ_ERR_SUCCESS;
    case MOSQ_ACL_WRITE:
        // A Will comes this way alone.
        if (e.retain && gate_->has_left(e.client)) {
            log::warning("will_dropped", "a Will that is to be retained: this hub keeps nothing in topics",
                         {{"party", "broker"}, {"topic", std::string(topic).substr(0, hub::most_topic)}});
            return MOSQ_ERR_ACL_DENIED;
        }
        return gate_->may(e.client, direction::publish, topic).allowed ? MOSQ_ERR_SUCCESS : MOSQ_ERR_ACL_DENIED;
    case MOSQ_ACL_READ: return gate_->may(e.client, direction::receive, topic).allowed ? MOSQ_ERR_SUCCESS : MOSQ_ERR_ACL_DENIED;
    default: return MOSQ_ERR_ACL_DENIED;
    }
}

int hub_part::message(mosquitto_evt_message& e) {
    const std::string_view topic = e.topic != nullptr ? e.topic : "";
    const bool is_for_hub = link_ && topic.starts_with("$iothub/");
    if ((!is_for_hub && !e.retain) || is_local(e.client)) {
        return MOSQ_ERR_SUCCESS;
    }
    if (is_for_hub && gate_->may(e.client, hub::direction::publish, topic).allowed) {
        if (const auto request = hub::parse_hub_request(topic)) {
            carry(e, *request);
        }
    }
    if (!e.retain) {
        return MOSQ_ERR_SUCCESS;
    }
    // Each bag is a topic of its own: what is kept in topics would only ever grow.
    e.retain = false;
    if (e.topic != nullptr && gate_->may(e.client, hub::direction::publish, e.topic).door == hub::operation::telemetry) {
        char* const told = mosquitto_strdup(hub::with_retain_told(e.topic).c_str());
        if (told == nullptr) {
            return MOSQ_ERR_NOMEM;
        }
        mosquitto_free(std::exchange(e.topic, told));
    }
    return MOSQ_ERR_SUCCESS;
}

void hub_part::refuse(const char* client_id, const hub::hub_request& request, unsigned status, std::string_view why) {
    const std::string body = fmt::format(R"({{"errorCode":{},"message":"{}"}})", status * 1000, why);
    (void)mosquitto_broker_publish_copy(client_id, request.answer_topic(status).c_str(), static_cast<int>(body.size()),
                                        body.data(), 0, false, nullptr);
}

void hub_part::carry(const mosquitto_evt_message& e, const hub::hub_request& request) {
    const char* const id = mosquitto_client_id(e.client);
    if (e.payloadlen > hub::most_carried_payload) {
        return refuse(id, request, 413, "This is more than a hub takes.");
    }
    const auto question = questions_.ask(e.client, request, system_clock().steady());
    if (!question) {
        return refuse(id, request, 429, "This device asks too often. Try again later.");
    }
    const bytes_view payload(static_cast<const uint8_t*>(e.payload), e.payload != nullptr ? e.payloadlen : 0);
    hub::carried_message message{id, "", e.topic, bytes(payload.begin(), payload.end()), "", {}};
    if (request.what == hub::hub_request::kind::issue_certificate) {
        // By which he has come: what he is given takes its place.
        const std::unique_ptr<X509, decltype(&X509_free)> leaf(static_cast<X509*>(mosquitto_client_certificate(e.client)),
                                                               X509_free);
        if (leaf) {
            message.chain.push_back(der_of(leaf.get()));
        }
    }
    if (!link_->ask({e.client, *question}, std::move(message))) {
        (void)questions_.answered(*question);
        refuse(id, request, 503, "The hub cannot do this now. Try again later.");
    }
}

void hub_part::bring_answers() {
    for (auto& one : link_->take()) {
        const auto asker = questions_.answered(one.whom.number);
        if (!asker) {
            continue;  // gone meanwhile
        }
        if (!one.answer) {
            refuse(asker->client_id.c_str(), asker->request, 503, "The hub cannot do this now. Try again later.");
            continue;
        }
        // A certificate is worth more than a twin, which can be asked for again: it comes again until it is acknowledged.
        const int qos = asker->request.what == hub::hub_request::kind::issue_certificate ? 1 : 0;
        one.answer->more.insert(one.answer->more.begin(), {one.answer->topic, one.answer->payload});
        for (const auto& each : one.answer->more) {
            (void)mosquitto_broker_publish_copy(asker->client_id.c_str(), each.topic.c_str(),
                                                static_cast<int>(each.payload.size()), each.payload.data(), qos, false, nullptr);
        }
    }
}

void hub_part::tell_what_is_wanted() {
    for (auto& one : desired_->look()) {
        const auto who = gate_->who(one.session);
        if (who && gate_->may(one.session, hub::direction::receive, one.topic).allowed) {
            (void)mosquitto_broker_publish_copy(who->text().c_str(), one.topic.c_str(), static_cast<int>(one.payload.size()),
                                                one.payload.data(), 0, false, nullptr);
        }
    }
}

int hub_part::gone(mosquitto_evt_disconnect& e) {
    desired_->left(e.client);
    questions_.left(e.client);
    gate_->left(e.client);
    return MOSQ_ERR_SUCCESS;
}

int hub_part::tick(mosquitto_evt_tick&) {
    reloading_ = false;
    if (link_) {
        bring_answers();
    }
    // A broker that has much to do is here at each turn of its loop: thousands of times a second.
    const milliseconds now = system_clock().steady();
    if (now - looked_ < least_between_looks) {
        return MOSQ_ERR_SUCCESS;
    }
    looked_ = now;
    for (const auto& cut : gate_->look_again()) {
        log::warning("session_cut", cut.why,
                     {{"party", "broker"}, {"client_id", cut.client_id}, {"reason", std::string(to_string(cut.reason))}});
        mosquitto_kick_client_by_clientid(cut.client_id.c_str(), false);
        reporter_.cut(cut.reason);
    }
    note();
    reporter_.tick(gate_->sessions(), system_clock().steady());
    tell_what_is_wanted();
    return MOSQ_ERR_SUCCESS;
}

result<settings> read_settings(const mosquitto_opt* options, int count) {
    settings out;
    for (int i = 0; i < count; ++i) {
        const std::string key = options[i].key, value = options[i].value != nullptr ? options[i].value : "";
        if (key == "hub") {
            out.hub = value;
        } else if (key == "groups") {
            out.groups = value;
        } else if (key == "local_socket") {
            out.local_socket = value;
        } else if (key == "service") {
            out.service = value;
        } else if (key == "role" && (value == "hub" || value == "provisioning")) {
            out.provisioning = value == "provisioning";
        } else if (key == "alternative_names" && (value == "true" || value == "false")) {
            out.names.alternative_names = value == "true";
        } else {
            return fail(error_category::usage, "bad_config",
                        "plugin_opt_" + key + " " + value +
                            " is none of: hub DIRECTORY, role hub or provisioning, groups, local_socket PATH, service PATH, "
                            "alternative_names true or false");
        }
    }
    if (out.hub.empty()) {
        return fail(error_category::usage, "bad_config", "plugin_opt_hub must name the hub's directory (berth hub init)");
    }
    if (out.service.empty() && !out.provisioning) {
        out.service = (out.hub / "service").string();
    }
    if (out.provisioning && (out.service.empty() || out.local_socket.empty())) {
        return fail(error_category::usage, "bad_config",
                    "a provisioning broker needs plugin_opt_service, where berthd is asked, and plugin_opt_local_socket");
    }
    return out;
}

result<std::unique_ptr<broker_part>> start(mosquitto_plugin_id_t* id, settings s) {
    if (s.provisioning) {
        return start_provisioning(id, {s.hub, s.groups, s.names, s.local_socket, s.service});
    }
    auto out = std::make_unique<hub_part>(id, std::move(s));
    BERTH_CHECK(out->start());
    return std::unique_ptr<broker_part>(std::move(out));
}

}  // namespace

}  // namespace berth::app

extern "C" {

__attribute__((visibility("default"))) int mosquitto_plugin_version(int count, const int* versions) {
    for (int i = 0; i < count; ++i) {
        if (versions[i] == MOSQ_PLUGIN_VERSION) {
            return MOSQ_PLUGIN_VERSION;
        }
    }
    return -1;
}

__attribute__((visibility("default"))) int mosquitto_plugin_init(mosquitto_plugin_id_t* id, void** user, mosquitto_opt* options,
                                                                 int count) try {
    using namespace berth;
    log::configure(log::level::info, log::format::json);
    auto settings = app::read_settings(options, count);
    if (!settings) {
        log::failure("gate_not_opened", settings.error(), {{"party", "broker"}});
        return MOSQ_ERR_INVAL;
    }
    auto started = app::start(id, std::move(*settings));
    if (!started) {
        log::failure("gate_not_opened", started.error(), {{"party", "broker"}});
        return MOSQ_ERR_UNKNOWN;
    }
    *user = started->release();
    return MOSQ_ERR_SUCCESS;
} catch (...) {
    return MOSQ_ERR_UNKNOWN;
}

__attribute__((visibility("default"))) int mosquitto_plugin_cleanup(void* user, mosquitto_opt*, int) {
    delete static_cast<berth::app::broker_part*>(user);
    return MOSQ_ERR_SUCCESS;
}

}  // extern "C"
