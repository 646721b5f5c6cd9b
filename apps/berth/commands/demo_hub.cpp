#include "berth/commands/demo_hub.h"

#include "authkem/peer.h"
#include "berth/commands/demo_visitors.h"
#include "common/files.h"
#include "common/own_libraries.h"
#include "crypto/random.h"
#include "keystore/key_uri.h"
#include "net/http_client.h"
#include "registry/hub/hub_registry.h"
#include "scene/hub_world.h"
#include "setup/hub.h"
#include "wire/json.h"

#include <unistd.h>

namespace berth::app {

namespace {

namespace fs = std::filesystem;

constexpr milliseconds patience = 20'000;

// Mosquitto's own clients, on the OpenSSL that this program runs on.
class clients {
public:
    explicit clients(const hub_world& w) : world_(w) {
        if (const auto directory = own_openssl(); !directory.empty()) {
            environment_.push_back("LD_LIBRARY_PATH=" + directory.string());
        }
    }
    [[nodiscard]] result<child_process> start(const std::string& program, const std::string& endpoint,
                                              const hub_world::holder& who, const std::vector<std::string>& more) const {
        const fs::path file = fs::path("/usr/bin") / program;
        if (::access(file.c_str(), X_OK) != 0) {
            return fail(error_category::environment, "program_missing",
                        fmt::format("{} is not there: install mosquitto-clients, or run scripts/bootstrap", file.string()));
        }
        std::vector<std::string> words{"-h",       "localhost",
                                       "-p",       std::to_string(world_.at(endpoint).port),
                                       "--cafile", world_.server_root().string(),
                                       "--cert",   who.chain.string(),
                                       "--key",    who.key.string(),
                                       "-i",       who.name};
        words.insert(words.end(), more.begin(), more.end());
        return child_process::start(file, words, environment_);
    }
    // Until it has ended: all that it has said, and how it ended.
    [[nodiscard]] result<std::pair<int, std::string>> run(const std::string& program, const std::string& endpoint,
                                                          const hub_world::holder& who,
                                                          const std::vector<std::string>& more) const {
        BERTH_TRY(child, start(program, endpoint, who, more));
        return finish(child, patience);
    }
    [[nodiscard]] result<bool> publishes(const hub_world::holder& who) const {
        BERTH_TRY(done, run("mosquitto_pub", "mqtt", who,
                            {"-q", "1", "-t", fmt::format("devices/{}/messages/events/", who.name), "-m", "hello"}));
        return done.first == 0;
    }

private:
    const hub_world& world_;
    std::vector<std::string> environment_;
};

const hub_world::holder& holder_of(const hub_world& w, std::string_view name) {
    return *std::ranges::find(w.identities(), name, &hub_world::holder::name);
}

// Over HTTPS, as an SDK does: asks, waits, asks what has come of it.
class asker {
public:
    asker(const hub_world& w, const hub_world::holder& who) : world_(w), who_(who) {}
    result<bool> is_placed() {
        BERTH_CHECK(open());
        const std::string path = fmt::format("/{}/registrations/{}", hub_world::id_scope, who_.name);
        BERTH_TRY(first, ask("PUT", path + "/register?api-version=2019-03-31"));
        BERTH_TRY(operation, wire::text_member(first, "operationId"));
        BERTH_TRY(outcome, ask("GET", path + "/operations/" + operation + "?api-version=2019-03-31"));
        return wire::text_member(outcome, "status").value_or("") == "assigned";
    }

private:
    result<void> open() {
        net::tls_client_config tls;
        BERTH_TRY(anchors, read_anchors({world_.server_root()}));
        BERTH_TRY(trust, pki::trust_store::build({std::move(anchors), {}, {}}));
        tls.server.trust = std::move(trust);
        tls.server.policy = authkem::server_named("localhost");
        tls.server_name = "localhost";
        BERTH_TRY(chain, read_chain(who_.chain));
        BERTH_TRY(key, keystore::open_signing_key(who_.key.string()));
        tls.own = net::tls_credential{std::move(chain), std::move(key)};
        BERTH_TRY(context, net::tls_context::make(std::move(tls), system_clock()));
        client_.emplace(loop_, world_.at("https"), std::move(context));
        return {};
    }
    result<wire::json::object> ask(const std::string& method, const std::string& target) {
        net::http_request request;
        request.method = method;
        request.target = target;
        request.headers.add("Content-Type", "application/json");
        request.body = "{}";
        result<net::http_response> answer = fail(error_category::environment, "response_timeout", "no answer came");
        client_->send(std::move(request), [&](result<net::http_response> what) {
            answer = std::move(what);
            loop_.stop();
        });
        loop_.restart();
        loop_.run();
        BERTH_TRY(got, answer);
        return wire::parse_json_object(got.body);
    }

    const hub_world& world_;
    const hub_world::holder& who_;
    net::loop loop_;
    std::optional<net::http_client> client_;
};

result<void> disable(const hub_world& w, const std::string& name) {
    BERTH_TRY(store, open_hub_store(w.hub()));
    BERTH_TRY(parsed, registry::parse_identity_name(name));
    BERTH_TRY(found, store->find(parsed));
    if (!found) {
        return fail(error_category::internal, "unknown_identity", name + " is not in the registry");
    }
    auto settings = found->settings;
    settings.enabled = false;
    settings.status_reason = "stolen";
    return store->change(*found, settings, system_clock().now()).map([](const auto&) {});
}

// Until `holds`, listening to what berthd says.
template <class F>
bool wait_for(hub_world& w, std::string& said, const std::function<bool()>& interrupted, F&& holds) {
    const milliseconds until = system_clock().steady() + patience;
    while (!holds()) {
        if (interrupted() || system_clock().steady() > until) {
            return false;
        }
        poll_children({&w.server()}, 5);
        (void)w.server().take_output_lines();
        for (const auto& line : w.server().take_error_lines()) {
            said += line + "\n";
        }
    }
    return true;
}

}  // namespace

result<hub_scene> show_hub(const fs::path& directory, const hub_visitor& visitor, const std::function<bool()>& interrupted) {
    hub_world_options how;
    how.directory = directory;
    how.post_quantum = true;
    BERTH_TRY(w, hub_world::make(how, system_clock(), crypto::system_random()));
    hub_scene out;
    out.mqtt = w.at("mqtt").text();
    out.provisioning = w.at("provisioning").text();
    const clients by(w);
    const auto& placed = holder_of(w, hub_world::enrolled_only);
    BERTH_TRY(told, asker(w, placed).is_placed());
    if (told) {
        BERTH_TRY(went, by.publishes(placed));
        out.placed = went;
    }
    BERTH_TRY(by_sdk, sdk_device_publishes(w, holder_of(w, "dev-2"), directory));
    out.sdk = by_sdk;
    BERTH_CHECK(welcome_customer(w, visitor.customer, directory));
    BERTH_TRY(came, goes_to_its_hub(w, visitor.bundle, visitor.name, interrupted));
    out.onboarded = std::move(came);
    if (interrupted()) {
        return out;
    }
    const auto& stolen = holder_of(w, "dev-1");
    std::string said;
    BERTH_TRY(session, by.start("mosquitto_sub", "mqtt", stolen, {"-t", "$iothub/methods/POST/#"}));
    const std::string in = fmt::format("\"client_id\":\"{}\"", stolen.name);
    if (!wait_for(w, said, interrupted, [&] { return said.find(in) != std::string::npos; })) {
        return out;
    }
    BERTH_CHECK(disable(w, stolen.name));
    const milliseconds since = system_clock().steady();
    out.cut = wait_for(w, said, interrupted, [&] { return said.find("\"session_cut\"") != std::string::npos; });
    out.cut_ms = system_clock().steady() - since;
    BERTH_TRY(again, by.publishes(stolen));
    out.stays_out = !again;
    return out;
}

}  // namespace berth::app
