// The Mosquitto plugin (API v5) of a hub's broker: berth-broker-plugin.so.
//
//   plugin /usr/lib/berth/berth-broker-plugin.so
//   plugin_opt_hub  DIRECTORY              the hub's, with hub.db
//   plugin_opt_role provisioning           a provisioning broker's; default hub
//   plugin_opt_groups X25519MLKEM768       key exchange groups; default X25519MLKEM768:X25519
//   plugin_opt_alternative_names true      names of more than 64 characters in subjectAltName (docs/hub.md)
//   plugin_opt_local_socket PATH           a listener for programs of this machine: whoever may open it may do everything
//   plugin_opt_service PATH                where the service behind the broker is asked (role provisioning)
//
// All callbacks run on the broker's one thread, and wait for nothing but this machine's own file.
#include "base/log.h"
#include "callbacks.h"
#include "gate.h"
#include "handshake_openssl.h"
#include "notes.h"
#include "provisioning_part.h"
#include "refusals.h"

#include <cstring>

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
    hub_part(mosquitto_plugin_id_t* id, settings s) : settings_(std::move(s)), calls_(id) {}
    ~hub_part() override;
    result<void> start();

private:
    int reload(mosquitto_evt_reload& e);
    int login(mosquitto_evt_basic_auth& e);
    int check(mosquitto_evt_acl_check& e);
    int message(mosquitto_evt_message& e);
    int gone(mosquitto_evt_disconnect& e);
    int tick(mosquitto_evt_tick& e);
    void note();
    [[nodiscard]] bool is_local(const mosquitto* client) const;

    settings settings_;
    std::unique_ptr<hub_gate> gate_;
    std::unique_ptr<login_notes> notes_;
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
                                  [this](const hub::judged_chain& chain) { return gate_->may_knock(chain); }, settings_.groups}));
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
    notes_->add({std::move(arrivals), std::move(presences), gate_->devices_here()});
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
    const auto* const judged = judged_of(leaf.get());
    hub::judged_chain nothing;
    nothing.refusal = hub::login_refusal::no_certificate;
    nothing.why = leaf ? "Its certificate was not judged." : "It has shown no certificate.";
    const std::string_view claimed = id != nullptr ? id : "";
    std::optional<hub::judged_words> words;
    if (e.password != nullptr && *e.password != '\0') {
        words = hub::judge_words(claimed, e.username != nullptr ? e.username : "", e.password);
    }
    const auto answer = gate_->login(e.client, claimed, judged != nullptr ? *judged : nothing, std::move(words));
    const char* const from = mosquitto_client_address(e.client);
    std::vector<log::field> about{
        {"party", "broker"},
        {"peer", from != nullptr ? from : ""},
        {"client_id", id != nullptr ? std::string(id).substr(0, 2 * registry::most_identity_name + 1) : ""},
        {"subject", judged != nullptr ? shown(judged->subject) : ""},
        {"serial", judged != nullptr ? judged->serial : ""}};
    if (!answer.in) {
        about.emplace_back("reason", std::string(to_string(answer.refusal)));
        tell_refusal("login_refused", answer.why, std::move(about));
        return MOSQ_ERR_AUTH;
    }
    // A reload drops who has no name of a user.
    if (e.username == nullptr && mosquitto_set_username(e.client, id) != MOSQ_ERR_SUCCESS) {
        gate_->left(e.client);
        return MOSQ_ERR_AUTH;
    }
    about.emplace_back("by", answer.in->by_key ? "key" : "certificate");
    log::info("login", "a device is in", std::move(about));
    return MOSQ_ERR_SUCCESS;
}

int hub_part::check(mosquitto_evt_acl_check& e) {
    if (is_local(e.client)) {
        return MOSQ_ERR_SUCCESS;
    }
    using hub::direction;
    const char* const topic = e.topic != nullptr ? e.topic : "";
    switch (e.access) {
    case MOSQ_ACL_UNSUBSCRIBE: return MOSQ_ERR_SUCCESS;
    case MOSQ_ACL_SUBSCRIBE:
        return gate_->may(e.client, direction::subscribe, topic).allowed ? MOSQ_ERR_SUCCESS : MOSQ_ERR_ACL_DENIED;
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
    if (!e.retain || is_local(e.client)) {
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

int hub_part::gone(mosquitto_evt_disconnect& e) {
    gate_->left(e.client);
    return MOSQ_ERR_SUCCESS;
}

int hub_part::tick(mosquitto_evt_tick&) {
    reloading_ = false;
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
    }
    note();
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
