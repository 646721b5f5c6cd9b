#include "provisioning_part.h"

#include "base/log.h"
#include "crypto/random.h"
#include "desk.h"
#include "handshake_openssl.h"
#include "provisioning/mqtt.h"
#include "refusals.h"
#include "reporter.h"
#include "service_link.h"
#include "store/sqlite/provisioning_store.h"
#include "wake.h"

namespace berth::app {

namespace {

class provisioning_part : public broker_part {
public:
    provisioning_part(mosquitto_plugin_id_t* id, provisioning_settings s)
        : settings_(std::move(s)),
          reporter_(settings_.service, true, crypto::system_random()),
          wake_(settings_.local_socket),
          calls_(id) {}
    ~provisioning_part() override { forget_handshakes(); }
    result<void> start();

private:
    int reload(mosquitto_evt_reload& e);
    int login(mosquitto_evt_basic_auth& e);
    int check(mosquitto_evt_acl_check& e);
    int message(mosquitto_evt_message& e);
    int gone(mosquitto_evt_disconnect& e);
    int tick(mosquitto_evt_tick& e);
    [[nodiscard]] bool is_local(const mosquitto* client) const;
    [[nodiscard]] bool may_knock(const hub::judged_chain& chain);
    // Whether it is one of the certificates of an individual enrolment, which need no CA.
    [[nodiscard]] bool is_enrolled(const hub::judged_chain& chain);

    provisioning_settings settings_;
    std::unique_ptr<store::sqlite_hub_store> store_;
    std::optional<store::sqlite_provisioning_store> enrolments_;
    std::unique_ptr<hub_gate> gate_;  // judges chains; has no sessions
    provisioning_desk desk_;
    std::vector<service_link::asker> too_many_;  // to be sent away: not while the broker reads what they say
    broker_reporter reporter_;
    broker_wake wake_;
    std::unique_ptr<service_link> link_;
    bool reloading_ = false;  // until the next tick: who is asked about has come in before
    milliseconds looked_ = 0;
    static constexpr milliseconds least_between_looks = 20;
    callbacks calls_;
};

result<void> provisioning_part::start() {
    BERTH_TRY(gate, hub_gate::open(settings_.hub / "hub.db", settings_.names, system_clock()));
    gate_ = std::move(gate);
    BERTH_TRY(store, store::sqlite_hub_store::open((settings_.hub / "hub.db").string(), store::opening::again));
    store_ = std::move(store);
    enrolments_.emplace(*store_);
    const auto judge = [this](std::span<const pki::certificate> chain) {
        auto out = gate_->judge(chain);
        auto sent = std::make_shared<std::vector<bytes>>();
        for (const auto& one : chain) {
            sent->emplace_back(one.der().begin(), one.der().end());
        }
        out.sent = std::move(sent);
        return out;
    };
    BERTH_CHECK(judge_handshakes({judge, [this](const hub::judged_chain& chain) { return may_knock(chain); }, settings_.groups,
                                  [this](hub::login_refusal reason) { reporter_.refused(reason); }}));
    link_ = std::make_unique<service_link>(settings_.service, [this] { wake_.wake(); });
    using self = provisioning_part;
    if (!calls_.add<&self::reload, mosquitto_evt_reload>(MOSQ_EVT_RELOAD, this) ||
        !calls_.add<&self::login, mosquitto_evt_basic_auth>(MOSQ_EVT_BASIC_AUTH, this) ||
        !calls_.add<&self::check, mosquitto_evt_acl_check>(MOSQ_EVT_ACL_CHECK, this) ||
        !calls_.add<&self::message, mosquitto_evt_message>(MOSQ_EVT_MESSAGE, this) ||
        !calls_.add<&self::gone, mosquitto_evt_disconnect>(MOSQ_EVT_DISCONNECT, this) ||
        !calls_.add<&self::tick, mosquitto_evt_tick>(MOSQ_EVT_TICK, this)) {
        return fail(error_category::environment, "broker_too_old",
                    "this Mosquitto does not call plugins for all that is needed: 2.0 does");
    }
    log::info("desk_open", "the provisioning broker's plugin stands",
              {{"party", "broker"}, {"hub", settings_.hub.string()}, {"authorities", std::to_string(gate_->trust().size())}});
    return {};
}

bool provisioning_part::is_local(const mosquitto* client) const {
    const char* const from = mosquitto_client_address(client);
    return from != nullptr && settings_.local_socket == from;
}

bool provisioning_part::is_enrolled(const hub::judged_chain& chain) {
    if (!chain.name || chain.name->is_module()) {
        return false;
    }
    const auto found = enrolments_->find(registry::enrolment_kind::individual, chain.name->device);
    if (!found || !*found) {
        return false;
    }
    const auto& rule = (*found)->settings.attestation;
    return (rule.primary && rule.primary->sha256() == chain.thumbprint) ||
           (rule.secondary && rule.secondary->sha256() == chain.thumbprint);
}

bool provisioning_part::may_knock(const hub::judged_chain& chain) {
    return !chain.refusal || (chain.refusal != hub::login_refusal::no_certificate && is_enrolled(chain));
}

int provisioning_part::reload(mosquitto_evt_reload&) {
    reloading_ = true;
    return MOSQ_ERR_SUCCESS;
}

int provisioning_part::login(mosquitto_evt_basic_auth& e) {
    if (is_local(e.client)) {
        return name_local(e);
    }
    const char* const id = mosquitto_client_id(e.client);
    const char* const from = mosquitto_client_address(e.client);
    const std::unique_ptr<X509, decltype(&X509_free)> leaf(static_cast<X509*>(mosquitto_client_certificate(e.client)), X509_free);
    if (reloading_ && !leaf && !desk_.number_of(e.client)) {
        // A session that waits for its device: Mosquitto would end it a second time.
        return MOSQ_ERR_SUCCESS;
    }
    const bool was_here = reloading_ && desk_.number_of(e.client).has_value();
    const auto* const found = judged_of(leaf.get());
    const hub::judged_chain judged = found != nullptr ? *found : hub::judged_chain{};
    const auto refused = desk_.login(e.client, id != nullptr ? id : "", e.username != nullptr ? e.username : "",
                                     from != nullptr ? from : "", judged, judged.sent, system_clock().now());
    std::vector<log::field> about{
        {"party", "broker"},
        {"role", "provisioning"},
        {"peer", from != nullptr ? from : ""},
        {"client_id", id != nullptr ? std::string(id).substr(0, 2 * registry::most_identity_name + 1) : ""},
        {"subject", shown(judged.subject)},
        {"serial", judged.serial}};
    if (refused) {
        reporter_.refused(refused->reason);
        about.emplace_back("reason", std::string(to_string(refused->reason)));
        tell_refusal("login_refused", refused->why, std::move(about));
        return MOSQ_ERR_AUTH;
    }
    if (e.username == nullptr && mosquitto_set_username(e.client, id) != MOSQ_ERR_SUCCESS) {
        desk_.left(e.client);
        return MOSQ_ERR_AUTH;
    }
    if (!was_here) {
        reporter_.in(false);
    }
    log::info("login", "a device asks where it belongs", std::move(about));
    return MOSQ_ERR_SUCCESS;
}

int provisioning_part::check(mosquitto_evt_acl_check& e) {
    if (is_local(e.client)) {
        return MOSQ_ERR_SUCCESS;
    }
    const char* const topic = e.topic != nullptr ? e.topic : "";
    const bool may = e.access == MOSQ_ACL_UNSUBSCRIBE ||
                     (e.access == MOSQ_ACL_SUBSCRIBE && desk_.may_subscribe(e.client, topic)) ||
                     (e.access == MOSQ_ACL_WRITE && desk_.may_publish(e.client, topic));
    return may ? MOSQ_ERR_SUCCESS : MOSQ_ERR_ACL_DENIED;
}

int provisioning_part::message(mosquitto_evt_message& e) {
    const auto number = desk_.number_of(e.client);
    if (!number || e.topic == nullptr || !desk_.may_publish(e.client, e.topic)) {
        return MOSQ_ERR_ACL_DENIED;
    }
    // What is too large counts among what it asks.
    const bool too_large = e.payloadlen > hub::most_carried_payload;
    const auto asking = desk_.ask(e.client, system_clock().steady());
    if (asking == provisioning_desk::asking::too_many) {
        too_many_.push_back({e.client, *number});
        return MOSQ_ERR_ACL_DENIED;
    }
    if (asking == provisioning_desk::asking::wait) {
        return MOSQ_ERR_ACL_DENIED;  // it has asked, and may hear
    }
    if (too_large) {
        desk_.answered(e.client, *number);
        log::warning("question_dropped", "a device asks with more than is taken",
                     {{"party", "broker"}, {"octets", std::to_string(e.payloadlen)}});
        return MOSQ_ERR_ACL_DENIED;
    }
    if (!provisioning::parse_mqtt_topic(e.topic)) {
        desk_.answered(e.client, *number);
        return MOSQ_ERR_ACL_DENIED;  // it names no number to be answered by: it would keep the next question waiting for nothing
    }
    const bytes_view payload(static_cast<const uint8_t*>(e.payload), e.payload != nullptr ? e.payloadlen : 0);
    if (!link_->ask({e.client, *number}, desk_.question(e.client, e.topic, payload), desk_.sent_by(e.client))) {
        desk_.answered(e.client, *number);
        log::warning("question_dropped", "more devices ask than can wait for an answer", {{"party", "broker"}});
    }
    // It is taken, which MQTT 5 is told in PUBACK. Nobody may read it (check()), and nothing is kept of it.
    e.retain = false;
    return MOSQ_ERR_SUCCESS;
}

int provisioning_part::gone(mosquitto_evt_disconnect& e) {
    desk_.left(e.client);
    return MOSQ_ERR_SUCCESS;
}

int provisioning_part::tick(mosquitto_evt_tick&) {
    reloading_ = false;
    // berthd commits all the time while devices register, and a broker that has much to do is here thousands of times a second.
    if (const milliseconds now = system_clock().steady(); now - looked_ >= least_between_looks) {
        looked_ = now;
        (void)gate_->look_again();  // which CAs count
        reporter_.tick(desk_.sessions(), now);
    }
    for (const auto& one : std::exchange(too_many_, {})) {
        if (desk_.number_of(one.session) == one.number) {
            const std::string client = desk_.client_of(one.session);
            log::warning("session_cut", "it asks far more often than it may", {{"party", "broker"}, {"client_id", client}});
            mosquitto_kick_client_by_clientid(client.c_str(), false);
            desk_.left(one.session);
        }
    }
    for (auto& one : link_->take()) {
        if (desk_.number_of(one.whom.session) != one.whom.number) {
            continue;  // gone meanwhile
        }
        desk_.answered(one.whom.session, one.whom.number);
        if (!one.answer) {
            continue;
        }
        auto& payload = one.answer->payload;
        (void)mosquitto_broker_publish_copy(one.client.c_str(), one.answer->topic.c_str(), static_cast<int>(payload.size()),
                                            payload.data(), 1, false, nullptr);
    }
    return MOSQ_ERR_SUCCESS;
}

}  // namespace

result<std::unique_ptr<broker_part>> start_provisioning(mosquitto_plugin_id_t* id, const provisioning_settings& settings) {
    auto out = std::make_unique<provisioning_part>(id, settings);
    BERTH_CHECK(out->start());
    return std::unique_ptr<broker_part>(std::move(out));
}

}  // namespace berth::app
