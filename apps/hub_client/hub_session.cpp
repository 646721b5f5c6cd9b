#include "hub_client/hub_session.h"

#include "base/log.h"
#include "common/files.h"
#include "common/version.h"
#include "device/installation.h"
#include "hub/access/percent.h"

namespace berth::app {

namespace {

namespace json = wire::json;
namespace fs = std::filesystem;

constexpr size_t most_twin = 128 * 1024;
constexpr milliseconds patience = 30'000;  // of an answer
constexpr std::string_view twin_answers = "$iothub/twin/res/";
constexpr std::string_view wanted_news = "$iothub/twin/PATCH/properties/desired/";

fs::path place_file(const device_bundle& bundle) {
    return bundle.directory / "hub" / "place.json";
}

result<void> remember(const device_bundle& bundle, const char* name, const json::object& what) {
    BERTH_CHECK(make_directory(bundle.directory / "hub", 0700));
    return write_text(bundle.directory / "hub" / name, wire::to_text(what) + "\n", 0600);
}

// "hub.example", "hub.example:8884"
result<net::address> broker_at(const std::string& hub) {
    auto with_port = net::parse_address(hub);
    return with_port ? std::move(with_port) : net::parse_address(hub + ":8883");
}

// "$iothub/twin/res/204/?$rid=1&$version=2"
struct answer_of {
    unsigned status = 0;
    std::string rid;
};
std::optional<answer_of> parse_answer(std::string_view topic) {
    topic.remove_prefix(twin_answers.size());
    const size_t slash = topic.find('/');
    constexpr std::string_view rid = "/?$rid=";
    if (slash != 3 || !topic.substr(slash).starts_with(rid)) {
        return std::nullopt;
    }
    answer_of out;
    for (const char c : topic.substr(0, slash)) {
        if (c < '0' || c > '9') {
            return std::nullopt;
        }
        out.status = 10 * out.status + static_cast<unsigned>(c - '0');
    }
    const std::string_view rest = topic.substr(slash + rid.size());
    out.rid = rest.substr(0, std::min(rest.find('&'), rest.size()));
    return out;
}

}  // namespace

hub_session::hub_session(net::loop& on, const device_bundle& bundle, const clock& system, random_source& random, story told)
    : loop_(on), bundle_(bundle), time_(bundle, system), random_(random), told_(std::move(told)), pause_(on), patience_(on) {}

hub_session::~hub_session() = default;

void hub_session::go(const hub_entry& entry) {
    if (entry_ && *entry_ == entry) {
        if (stage_ == stage::there) {
            read_twin();  // what it says of itself may be another
        }
        return;
    }
    const bool moved = entry_.has_value();
    entry_ = entry;
    placing_.reset();
    mqtt_.reset();
    hub_.clear();
    if (moved) {
        log::info("hub_entry_changed", "the customer's configuration names another way to a hub",
                  {{"endpoint", entry.endpoint.host.text()}});
    }
    if (const auto text = read_text(place_file(bundle_))) {
        const auto known = wire::parse_json_object(*text);
        const auto same = [&](const char* member, const std::string& value) {
            const auto said = wire::text_member(*known, member);
            return said && *said == value;
        };
        if (known && same("endpoint", entry.endpoint.host.text()) && same("idScope", entry.id_scope)) {
            hub_ = wire::text_member(*known, "hub").value_or("");
            device_id_ = wire::text_member(*known, "deviceId").value_or("");
        }
    }
    hub_.empty() || device_id_.empty() ? place() : connect();
}

void hub_session::place() {
    stage_ = stage::placing;
    auto who = open_hub_identity(bundle_, *entry_);
    if (!who) {
        return failed(who.error());
    }
    who_ = std::move(*who);
    auto begun = placing::start(loop_, *entry_, *who_, time_, [this](const result<placing::placement>& where) {
        placing_.reset();
        if (!where) {
            return failed(where.error());
        }
        placed(*where);
    });
    if (!begun) {
        return failed(begun.error());
    }
    placing_ = std::move(*begun);
}

void hub_session::placed(const placing::placement& where) {
    hub_ = where.hub;
    device_id_ = where.device_id;
    fresh_place_ = true;
    log::info("placed", "this device was told its hub", {{"hub", hub_}, {"device", device_id_}});
    const auto kept = remember(
        bundle_, "place.json",
        {{"endpoint", entry_->endpoint.host.text()}, {"idScope", entry_->id_scope}, {"hub", hub_}, {"deviceId", device_id_}});
    if (!kept) {
        log::failure("place_not_kept", kept.error());
    }
    connect();
}

void hub_session::connect() {
    stage_ = stage::connecting;
    // Anew each time: it may have been renewed.
    auto who = open_hub_identity(bundle_, *entry_);
    if (!who) {
        return failed(who.error());
    }
    who_ = std::move(*who);
    const auto broker = broker_at(hub_);
    if (!broker) {
        return failed(broker.error());
    }
    auto over = hub_transport(broker->host, *who_, time_);
    if (!over) {
        return failed(over.error());
    }
    net::mqtt_client_options options;
    options.client_id = device_id_;
    options.user_name = fmt::format("{}/{}/?api-version=2021-04-12&DeviceClientType={}", broker->text(), device_id_,
                                    hub::percent_encoded("berth-agent/" + std::string(version())));
    auto begun = net::mqtt_client::start(loop_, *broker, *over, std::move(options),
                                         {[this](const result<void>& in) { connected(in); },
                                          [this](const std::string& topic, bytes_view payload) { heard(topic, payload); },
                                          [this](const error& why) { failed(why); }});
    if (!begun) {
        return failed(begun.error());
    }
    mqtt_ = std::move(*begun);
}

void hub_session::connected(const result<void>& in) {
    if (!in) {
        return failed(in.error());
    }
    log::info("hub_connected", "this device is at its hub", {{"hub", hub_}, {"device", device_id_}});
    stage_ = stage::reading;
    patience_.arm(patience,
                  [this] { failed({error_category::environment, "response_timeout", "the hub did not answer in time"}); });
    const auto first = mqtt_->subscribe(std::string(twin_answers) + "#", 0, [this](const result<void>& may) {
        if (!may) {
            return failed(may.error());
        }
        const auto second = mqtt_->subscribe(std::string(wanted_news) + "#", 0, [this](const result<void>& also) {
            if (!also) {
                return failed(also.error());
            }
            read_twin();
        });
        if (!second) {
            failed(second.error());
        }
    });
    if (!first) {
        failed(first.error());
    }
}

void hub_session::ask(const std::string& topic, const std::string& payload) {
    const auto sent = mqtt_->publish(fmt::format("{}?$rid={}", topic, ++rid_), as_bytes(payload), 0);
    if (!sent) {
        failed(sent.error());
    }
}

// All of it, whatever the news were: what was missed before is in there.
void hub_session::read_twin() {
    stage_ = stage::reading;
    missed_ = false;
    patience_.arm(patience,
                  [this] { failed({error_category::environment, "response_timeout", "the hub did not answer in time"}); });
    ask("$iothub/twin/GET/", " ");
}

void hub_session::heard(const std::string& topic, bytes_view payload) {
    if (topic.starts_with(wanted_news)) {
        missed_ = true;
        if (stage_ == stage::there) {
            read_twin();
        }
        return;
    }
    if (!topic.starts_with(twin_answers)) {
        return;
    }
    const auto answer = parse_answer(topic);
    if (!answer || answer->rid != std::to_string(rid_)) {
        return;  // to what was asked before
    }
    if (answer->status >= 300) {
        return failed({error_category::peer, "twin_refused",
                       fmt::format("the hub answers {} to this device about its twin", answer->status)});
    }
    if (stage_ == stage::reading) {
        return twin_told(payload);
    }
    if (stage_ == stage::reporting) {
        reported();
    }
}

// What it says of itself: what an operator looks for among many.
json::object hub_session::facts() const {
    json::object out{{"serial", bundle_.identity.serial}, {"agent", std::string(version())}};
    if (!bundle_.model.empty()) {
        out["model"] = bundle_.model;
    }
    if (!bundle_.firmware.empty()) {
        out["firmware"] = bundle_.firmware;
    }
    if (const auto state = installation(bundle_).state()) {
        out["customer"] = state->customer;
        if (state->configuration_version > 0) {  // what came with the onboarding has no number yet
            out["configuration"] = state->configuration_version;
        }
    }
    return out;
}

void hub_session::twin_told(bytes_view payload) {
    auto twin = wire::parse_json_object(as_text(payload), most_twin);
    const auto* const desired = twin ? twin->if_contains("desired") : nullptr;
    const auto* const said = twin ? twin->if_contains("reported") : nullptr;
    if (desired == nullptr || said == nullptr || !desired->is_object() || !said->is_object()) {
        return failed({error_category::peer, "bad_answer", "the hub's answer is no twin"});
    }
    if (const auto kept = remember(bundle_, "desired.json", desired->as_object()); !kept) {
        log::failure("desired_not_kept", kept.error());
    }
    const auto* const before = said->as_object().if_contains("berth");
    const json::object now = facts();
    if (before != nullptr && *before == json::value(now)) {
        return reported();
    }
    stage_ = stage::reporting;
    ask("$iothub/twin/PATCH/properties/reported/", wire::to_text(json::object{{"berth", now}}));
}

void hub_session::reported() {
    patience_.cancel();
    stage_ = stage::there;
    failures_ = 0;
    fresh_place_ = false;
    if (missed_) {
        return read_twin();
    }
    log::info("twin_reported", "the hub knows this device as it is", {{"hub", hub_}, {"device", device_id_}});
    told_(std::nullopt);
}

void hub_session::failed(const error& why) {
    const std::string at = stage_ == stage::placing ? entry_->endpoint.host.text() : hub_;
    patience_.cancel();
    mqtt_.reset();
    // A hub that refuses us, by its broker or in TLS, may not be ours any more; nor may one that nobody finds.
    const bool refused =
        why.is("mqtt_refused") || std::ranges::any_of(why.params, [](const auto& p) { return p.first == "alert"; });
    const bool elsewhere =
        !fresh_place_ && stage_ != stage::placing && (refused || failures_ % tries_at_a_place == tries_at_a_place - 1);
    fresh_place_ = false;
    stage_ = stage::resting;
    const auto range = std::min<milliseconds>(most_pause, least_pause << std::min<uint32_t>(failures_++, 20));
    const auto pause = range / 2 + static_cast<milliseconds>(random_.number() % static_cast<uint64_t>(range / 2 + 1));
    log::failure("not_at_hub", why, {{"at", at}, {"again_in_ms", pause}});
    pause_.arm(pause, [this, elsewhere] { hub_.empty() || elsewhere ? place() : connect(); });
    told_(why);
}

void hub_session::end(std::function<void()> gone) {
    placing_.reset();
    pause_.cancel();
    patience_.cancel();
    if (!mqtt_) {
        loop_.post(std::move(gone));
        return;
    }
    mqtt_->close(std::move(gone));
}

}  // namespace berth::app
