// The Mosquitto plugin (API v5) of a hub's broker: berth-broker-plugin.so.
//
//   plugin /usr/lib/berth/berth-broker-plugin.so
//   plugin_opt_hub  DIRECTORY              the hub's, with hub.db
//   plugin_opt_role provisioning           a provisioning broker's; default hub
//   plugin_opt_groups X25519MLKEM768       key exchange groups; default X25519MLKEM768:X25519
//   plugin_opt_alternative_names true      names of more than 64 characters in subjectAltName (docs/hub.md)
//   plugin_opt_local_socket PATH           a listener for programs of this machine: whoever may open it may do everything
//   plugin_opt_relay_socket PATH           a listener for what berthd passes on: whoever comes there shows a token of its
//   plugin_opt_relay_secret FILE           by which that is known; berthd has written it
//   plugin_opt_telemetry DIRECTORY         where what devices send is kept for back ends; left out: it is not
//   plugin_opt_telemetry_most_mb NUMBER    more than that is not taken
//   plugin_opt_service PATH                where berthd is asked and told of what is counted; default DIRECTORY/service
//
// All callbacks run on the broker's one thread, and wait for nothing but this machine's own file.
#include "base/log.h"
#include "base/wipe.h"
#include "callbacks.h"
#include "crypto/random.h"
#include "desired_watch.h"
#include "gate.h"
#include "handshake_openssl.h"
#include "hub/telemetry/telemetry_json.h"
#include "hub_questions.h"
#include "lasting_subscriptions.h"
#include "line_end.h"
#include "message_watch.h"
#include "notes.h"
#include "provisioning_part.h"
#include "refusals.h"
#include "relay_door.h"
#include "reporter.h"
#include "service_link.h"
#include "store/telemetry/log_writer.h"
#include "tap_link.h"
#include "wake.h"

#include <mqtt_protocol.h>

#include <charconv>
#include <cstring>

#include <fmt/format.h>

namespace berth::app {

namespace {

constexpr int mqtt_5 = 5;  // as mosquitto_client_protocol_version() counts

struct settings {
    std::filesystem::path hub;
    std::string groups = "X25519MLKEM768:X25519";
    hub::name_rule names;
    std::string local_socket;
    std::string relay_socket, relay_secret;
    bool provisioning = false;
    std::string service;
    std::string telemetry;                         // where its log is; empty: nothing is kept
    uint64_t telemetry_most = uint64_t{1} << 30U;  // octets
};

bytes_view payload_of(const mosquitto_evt_message& e) {
    return {static_cast<const uint8_t*>(e.payload), e.payload != nullptr ? e.payloadlen : 0};
}

class hub_part : public broker_part {
public:
    hub_part(mosquitto_plugin_id_t* id, settings s)
        : settings_(std::move(s)), reporter_(settings_.service, false, crypto::system_random()), calls_(id) {}
    ~hub_part() override;
    result<void> start();

private:
    int reload(mosquitto_evt_reload& e);
    int login(mosquitto_evt_basic_auth& e);
    int login_relayed(mosquitto_evt_basic_auth& e, std::string_view claimed);
    // What is known of whoever comes, however he does.
    struct visitor {
        hub::judged_chain* judged;  // null: he has shown no chain, or it was not judged
        const char* why_not_judged;
        const char* password;
        std::string_view peer;
        bool was_here;
    };
    int judge(mosquitto_evt_basic_auth& e, std::string_view claimed, const visitor& who);
    int refuse_login(std::string_view claimed, const visitor& who, hub::login_refusal reason, std::string_view why);
    int check(mosquitto_evt_acl_check& e);
    int message(mosquitto_evt_message& e);
    int hear_message(mosquitto_evt_message& e);
    // What it asks of the service behind the broker.
    void carry(const mosquitto_evt_message& e, const hub::hub_request& request);
    void refuse(const char* client_id, const hub::hub_request& request, unsigned status, std::string_view why);
    void bring_answers();
    void tell_what_is_wanted();
    // Between berthd and this broker.
    void hear(const mosquitto_evt_message& e);
    void hear_of_packet(bytes_view said);
    void publish(const line_end::publication& what);
    // For back ends, before it is acknowledged. False: it cannot be kept.
    bool keep(std::string_view topic, bytes_view payload);
    void give_messages();
    [[nodiscard]] bool is_for_its_messages(const mosquitto* client, std::string_view filter) const;
    int gone(mosquitto_evt_disconnect& e);
    int tick(mosquitto_evt_tick& e);
    void note();
    [[nodiscard]] bool is_local(const mosquitto* client) const { return comes_by(client, settings_.local_socket); }
    [[nodiscard]] bool comes_by(const mosquitto* client, const std::string& socket) const;

    settings settings_;
    std::unique_ptr<hub_gate> gate_;
    std::unique_ptr<login_notes> notes_;
    std::optional<relay_door> relay_;
    hub_questions questions_;
    std::unique_ptr<desired_watch> desired_;
    std::unique_ptr<lasting_subscriptions> lasting_;
    line_end line_;
    std::unique_ptr<store::telemetry_log_writer> telemetry_;  // null: nothing is kept
    bool telemetry_refused_ = false;                          // and told
    std::unique_ptr<message_watch> messages_;
    std::unique_ptr<tap_link> tap_;  // of messages_
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
    if (!settings_.relay_socket.empty()) {
        BERTH_TRY(relay, relay_door::open(settings_.relay_secret));
        relay_.emplace(std::move(relay));
    }
    BERTH_CHECK(judge_handshakes({[this](std::span<const pki::certificate> chain) { return gate_->judge(chain); },
                                  [this](const hub::judged_chain& chain) { return gate_->may_knock(chain); }, settings_.groups,
                                  [this](hub::login_refusal reason) { reporter_.refused(reason); }}));
    BERTH_TRY(desired, desired_watch::open(settings_.hub / "hub.db"));
    desired_ = std::move(desired);
    BERTH_TRY(lasting, lasting_subscriptions::open(settings_.hub / "hub.db"));
    lasting_ = std::move(lasting);
    if (!settings_.telemetry.empty()) {
        BERTH_TRY(log, store::telemetry_log_writer::open(settings_.telemetry, settings_.telemetry_most));
        telemetry_ = std::move(log);
    }
    BERTH_TRY(messages, message_watch::open(settings_.hub / "hub.db", tap_link::is_there()));
    messages_ = std::move(messages);
    tap_ = std::make_unique<tap_link>(*messages_);
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
    tap_.reset();
    if (notes_ && gate_) {
        note();
    }
}

void hub_part::note() {
    auto arrivals = gate_->take_arrivals();
    auto presences = gate_->take_presences();
    notes_->add({std::move(arrivals), std::move(presences), gate_->take_wishes(), gate_->devices_here(),
                 messages_ ? messages_->take_notes() : std::vector<message_watch::note>(),
                 lasting_ ? lasting_->take_notes() : std::vector<lasting_subscriptions::change>()});
}

bool hub_part::comes_by(const mosquitto* client, const std::string& socket) const {
    const char* const from = mosquitto_client_address(client);
    return !socket.empty() && from != nullptr && socket == from;
}

int hub_part::reload(mosquitto_evt_reload&) {
    reloading_ = true;
    return MOSQ_ERR_SUCCESS;
}

int hub_part::login(mosquitto_evt_basic_auth& e) {
    const char* const id = mosquitto_client_id(e.client);
    const std::string_view claimed = id != nullptr ? id : "";
    if (is_local(e.client)) {
        return name_local(e);
    }
    if (comes_by(e.client, settings_.relay_socket)) {
        return login_relayed(e, claimed);
    }
    const std::unique_ptr<X509, decltype(&X509_free)> leaf(static_cast<X509*>(mosquitto_client_certificate(e.client)), X509_free);
    const bool is_here = gate_->is_here(e.client);
    if (reloading_ && !leaf && !is_here) {
        // A session that waits for its device has no connection to judge, and Mosquitto would end it a second time. The device
        // is judged when it connects.
        return MOSQ_ERR_SUCCESS;
    }
    const char* const from = mosquitto_client_address(e.client);
    return judge(e, claimed,
                 {judged_of(leaf.get()), leaf ? "Its certificate was not judged." : "It has shown no certificate.", e.password,
                  from != nullptr ? from : "", reloading_ && is_here});
}

// By a WebSocket at berthd, which has taken the client's chain in its own handshake. What was in the password's place is known
// once; everything else is judged here as of whoever comes by himself.
int hub_part::login_relayed(mosquitto_evt_basic_auth& e, std::string_view claimed) {
    if (reloading_ && gate_->is_here(e.client)) {
        return MOSQ_ERR_SUCCESS;  // each change of the registry has judged it anew
    }
    const auto caller = relay_->let_in(claimed, e.password != nullptr ? e.password : "", system_clock().steady());
    if (!caller) {
        // A session that waits for its device, as in login(): who is let in like this is nobody to the gate, and may do nothing.
        return reloading_ ? MOSQ_ERR_SUCCESS
                          : refuse_login(claimed, {nullptr, "", nullptr, settings_.relay_socket, false}, caller.error().reason,
                                         caller.error().why);
    }
    std::string password(as_text(caller->password.reveal()));
    visitor who{nullptr, "It has shown no certificate.", password.c_str(), caller->peer, false};
    std::optional<hub::judged_chain> judged;
    if (!caller->chain.empty()) {
        judged = gate_->judge(caller->chain);
        who.judged = &*judged;
    }
    // As a handshake ends that is not worth going on with.
    const int outcome =
        judged && !gate_->may_knock(*judged)
            ? refuse_login(claimed, who, judged->refusal.value_or(hub::login_refusal::bad_certificate), judged->why)
            : judge(e, claimed, who);
    wipe(password);
    if (outcome == MOSQ_ERR_SUCCESS) {
        relay_->came(e.client, *caller);
    }
    return outcome;
}

namespace {

std::vector<log::field> about(std::string_view claimed, std::string_view peer, const hub::judged_chain* judged) {
    return {{"party", "broker"},
            {"peer", std::string(peer)},
            {"client_id", std::string(claimed.substr(0, 2 * registry::most_identity_name + 1))},
            {"subject", std::string(judged != nullptr ? shown(judged->subject) : "")},
            {"serial", judged != nullptr ? judged->serial : ""}};
}

}  // namespace

int hub_part::refuse_login(std::string_view claimed, const visitor& who, hub::login_refusal reason, std::string_view why) {
    reporter_.refused(reason);
    auto fields = about(claimed, who.peer, who.judged);
    fields.emplace_back("reason", std::string(to_string(reason)));
    tell_refusal("login_refused", why, std::move(fields));
    return MOSQ_ERR_AUTH;
}

int hub_part::judge(mosquitto_evt_basic_auth& e, std::string_view claimed, const visitor& who) {
    hub::judged_chain nothing;
    nothing.refusal = hub::login_refusal::no_certificate;
    nothing.why = who.why_not_judged;
    std::optional<hub::judged_words> words;
    if (who.password != nullptr && *who.password != '\0') {
        words = hub::judge_words(claimed, e.username != nullptr ? e.username : "", who.password);
    }
    const auto answer =
        gate_->login(e.client, claimed, who.judged != nullptr ? *who.judged : nothing, std::move(words), who.was_here);
    if (!answer.in) {
        return refuse_login(claimed, who, answer.refusal, answer.why);
    }
    // A reload drops who has no name of a user.
    if (e.username == nullptr && mosquitto_set_username(e.client, mosquitto_client_id(e.client)) != MOSQ_ERR_SUCCESS) {
        gate_->left(e.client);
        return MOSQ_ERR_AUTH;
    }
    questions_.came(e.client, std::string(claimed));
    if (!who.was_here) {
        // What it has subscribed to before still holds, and nothing else. MQTT 5 tells apart how a session begins and whether it
        // outlives the connection (3.1.2.4, 3.1.2.11.2), and a plugin is told the first alone.
        const bool resumes = !mosquitto_client_clean_session(e.client);
        lasting_->came(e.client, {answer.in->identity.name, answer.in->identity.generation, resumes,
                                  resumes || mosquitto_client_protocol_version(e.client) == mqtt_5});
        if (lasting_->had(e.client, lasting_subscriptions::desired)) {
            desired_->listens(e.client, answer.in->identity.name);
        }
        if (lasting_->had(e.client, lasting_subscriptions::methods)) {
            line_.calls().listens(e.client, answer.in->identity.name);
        }
    }
    if (!who.was_here && !answer.in->identity.name.is_module()) {
        messages_->came(e.client, answer.in->identity.name.device, !mosquitto_client_clean_session(e.client));
    }
    if (!who.was_here) {
        reporter_.in(answer.in->by_key);
    }
    auto fields = about(claimed, who.peer, who.judged);
    fields.emplace_back("by", answer.in->by_key ? "key" : "certificate");
    log::info("login", "a device is in", std::move(fields));
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
            lasting_->unsubscribed(e.client, lasting_subscriptions::desired);
        } else if (topic == method_calls::filter) {
            line_.calls().stops(e.client);
            lasting_->unsubscribed(e.client, lasting_subscriptions::methods);
        } else if (is_for_its_messages(e.client, topic)) {
            messages_->listens_no_more(e.client);
        }
        return MOSQ_ERR_SUCCESS;
    case MOSQ_ACL_SUBSCRIBE:
        if (!gate_->may(e.client, direction::subscribe, topic).allowed) {
            return MOSQ_ERR_ACL_DENIED;
        }
        if (topic == desired_watch::filter) {
            desired_->listens(e.client, *gate_->who(e.client));
            lasting_->subscribed(e.client, lasting_subscriptions::desired);
        } else if (topic == method_calls::filter) {
            line_.calls().listens(e.client, *gate_->who(e.client));
            lasting_->subscribed(e.client, lasting_subscriptions::methods);
        } else if (is_for_its_messages(e.client, topic)) {
            messages_->listens(e.client);
        }
        return MOSQ_ERR_SUCCESS;
    case MOSQ_ACL_WRITE:
        // A Will comes this way alone.
        if (e.retain && gate_->has_left(e.client)) {
            log::warning("will_dropped", "a Will that is to be retained: this hub keeps nothing in topics",
                         {{"party", "broker"}, {"topic", std::string(topic).substr(0, hub::most_topic)}});
            return MOSQ_ERR_ACL_DENIED;
        }
        if (!gate_->may(e.client, direction::publish, topic).allowed) {
            return MOSQ_ERR_ACL_DENIED;
        }
        if (gate_->has_left(e.client)) {
            (void)keep(hub::with_will_told(topic),
                       {static_cast<const uint8_t*>(e.payload), e.payload != nullptr ? e.payloadlen : 0});
        }
        return MOSQ_ERR_SUCCESS;
    case MOSQ_ACL_READ: return gate_->may(e.client, direction::receive, topic).allowed ? MOSQ_ERR_SUCCESS : MOSQ_ERR_ACL_DENIED;
    default: return MOSQ_ERR_ACL_DENIED;
    }
}

bool hub_part::keep(std::string_view topic, bytes_view payload) {
    const auto parts = telemetry_ ? hub::read_telemetry_topic(topic) : std::nullopt;
    if (!parts) {
        return true;
    }
    const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch());
    const auto kept = telemetry_->append(parts->who.text(), topic, payload, static_cast<uint64_t>(now.count()));
    if (!kept && !std::exchange(telemetry_refused_, true)) {
        log::failure("telemetry_refused", kept.error(), {{"party", "broker"}});
    } else if (kept && std::exchange(telemetry_refused_, false)) {
        log::info("telemetry_taken", "what devices send can be kept again", {{"party", "broker"}});
    }
    return kept.has_value();
}

int hub_part::message(mosquitto_evt_message& e) {
    const bool retain = e.retain;
    const int out = hear_message(e);
    if (out != MOSQ_ERR_SUCCESS || !telemetry_ || e.topic == nullptr) {
        return out;
    }
    // Whoever is not acknowledged sends it again, to a hub that can keep it by then.
    const bool kept = retain ? keep(hub::with_retain_told(e.topic), payload_of(e)) : keep(e.topic, payload_of(e));
    return kept ? MOSQ_ERR_SUCCESS : MOSQ_ERR_UNKNOWN;
}

int hub_part::hear_message(mosquitto_evt_message& e) {
    const std::string_view topic = e.topic != nullptr ? e.topic : "";
    const bool is_for_hub = topic.starts_with("$iothub/"), is_for_us = topic.starts_with(hub::line_beginning);
    if (!is_for_hub && !is_for_us && !e.retain) {
        return MOSQ_ERR_SUCCESS;
    }
    if (is_local(e.client)) {
        if (is_for_us) {
            hear(e);
        }
        return MOSQ_ERR_SUCCESS;
    }
    if (is_for_hub && gate_->may(e.client, hub::direction::publish, topic).allowed) {
        if (auto told = line_.answered(e.client, topic, payload_of(e))) {
            publish(*told);
        } else if (const auto request = hub::parse_hub_request(topic); request && link_) {
            carry(e, *request);
        }
    }
    if (!e.retain) {
        return MOSQ_ERR_SUCCESS;
    }
    // Each bag is a topic of its own: what is kept in topics would only ever grow.
    e.retain = false;
    if (e.topic != nullptr && gate_->may(e.client, hub::direction::publish, e.topic).door == hub::operation::telemetry) {
        // Not in its topic: Mosquitto 2.0 up to 2.0.14 leaves one that was taken out to the plugin to free, and later ones do
        // not.
        return mosquitto_property_add_string_pair(&e.properties, MQTT_PROP_USER_PROPERTY, "mqtt-retain", "true");
    }
    return MOSQ_ERR_SUCCESS;
}

void hub_part::publish(const line_end::publication& what) {
    (void)mosquitto_broker_publish_copy(what.client.c_str(), what.topic.c_str(), static_cast<int>(what.payload.size()),
                                        what.payload.data(), what.qos, false, nullptr);
}

void hub_part::hear_of_packet(bytes_view said) {
    const auto seen = wire::decode<hub::line_seen_packet>(said);
    if (!seen) {
        return;
    }
    // No connection that this process sees itself has such an address.
    const auto at = reinterpret_cast<message_watch::line>(static_cast<uintptr_t>(seen->connection));  // NOLINT
    using kind = hub::line_seen_packet::kind;
    switch (seen->what) {
    case kind::sent: return messages_->sent(at, seen->number, seen->topic.text());
    case kind::acknowledged: return messages_->acknowledged(at, seen->number, seen->reason >= 0x80);
    case kind::closed: return messages_->closed(at);
    }
}

void hub_part::hear(const mosquitto_evt_message& e) {
    looked_ = 0;  // whatever berthd says may be of what it has just written down
    if (e.topic == hub::line_seen) {
        return hear_of_packet(payload_of(e));
    }
    if (e.topic != hub::line_call) {
        return;
    }
    const auto may = [this](const void* session, std::string_view topic) {
        return gate_->may(session, hub::direction::receive, topic).allowed;
    };
    if (const auto out = line_.call(payload_of(e), may, system_clock().steady())) {
        publish(*out);
    }
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
    const bytes_view payload = payload_of(e);
    hub::carried_message message{id, "", e.topic, bytes(payload.begin(), payload.end()), "", {}};
    if (request.what == hub::hub_request::kind::issue_certificate) {
        // By which he has come: what he is given takes its place.
        const bytes* const shown_to_berthd = relay_ ? relay_->leaf_of(e.client) : nullptr;
        const std::unique_ptr<X509, decltype(&X509_free)> leaf(static_cast<X509*>(mosquitto_client_certificate(e.client)),
                                                               X509_free);
        if (leaf) {
            message.chain.push_back(der_of(leaf.get()));
        } else if (shown_to_berthd != nullptr) {
            message.chain.push_back(*shown_to_berthd);
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

bool hub_part::is_for_its_messages(const mosquitto* client, std::string_view filter) const {
    const auto whose = hub::device_of_message(filter);
    const auto who = whose ? gate_->who(client) : std::nullopt;
    return who && !who->is_module() && who->device == *whose && filter == hub::message_filter(*whose);
}

void hub_part::give_messages() {
    const auto open = [this](message_watch::handle session, std::string_view topic) {
        return gate_->may(session, hub::direction::receive, topic).allowed;
    };
    for (const auto& one : messages_->look(open, system_clock().now())) {
        (void)mosquitto_broker_publish_copy(one.device.c_str(), one.topic.c_str(), static_cast<int>(one.payload.size()),
                                            one.payload.data(), 1, false, nullptr);
    }
}

int hub_part::gone(mosquitto_evt_disconnect& e) {
    desired_->left(e.client);
    lasting_->left(e.client);
    messages_->left(e.client);
    questions_.left(e.client);
    for (const auto& one : line_.left(e.client)) {
        publish(one);
    }
    if (relay_) {
        relay_->left(e.client);
    }
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
    if (relay_) {
        relay_->tick(now);
    }
    reporter_.tick(gate_->sessions(), system_clock().steady());
    tell_what_is_wanted();
    give_messages();
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
        } else if (key == "telemetry") {
            out.telemetry = value;
        } else if (key == "telemetry_most_mb" &&
                   std::from_chars(value.data(), value.data() + value.size(), out.telemetry_most).ec == std::errc()) {
            out.telemetry_most *= 1024 * 1024;
        } else if (key == "relay_socket") {
            out.relay_socket = value;
        } else if (key == "relay_secret") {
            out.relay_secret = value;
        } else if (key == "service") {
            out.service = value;
        } else if (key == "role" && (value == "hub" || value == "provisioning")) {
            out.provisioning = value == "provisioning";
        } else if (key == "alternative_names" && (value == "true" || value == "false")) {
            out.names.alternative_names = value == "true";
        } else {
            return fail(error_category::usage, "bad_config",
                        "plugin_opt_" + key + " " + value +
                            " is none of: hub DIRECTORY, role hub or provisioning, groups, local_socket PATH, "
                            "relay_socket PATH, relay_secret FILE, service PATH, telemetry DIRECTORY, telemetry_most_mb NUMBER, "
                            "alternative_names true or false");
        }
    }
    if (out.hub.empty()) {
        return fail(error_category::usage, "bad_config", "plugin_opt_hub must name the hub's directory (berth hub init)");
    }
    if (out.relay_socket.empty() != out.relay_secret.empty() || (out.provisioning && !out.relay_socket.empty()) ||
        (!out.relay_socket.empty() && out.relay_socket == out.local_socket)) {
        return fail(
            error_category::usage, "bad_config",
            "plugin_opt_relay_socket and plugin_opt_relay_secret go together, at a socket of their own, for the role hub");
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
