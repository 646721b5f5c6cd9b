// berth hub quickstart: a hub with its brokers on free loopback ports, until interrupted.
#include "berth/commands/hub.h"
#include "berth/commands/own_directory.h"
#include "common/files.h"
#include "common/own_libraries.h"
#include "common/words.h"
#include "crypto/random.h"
#include "scene/hub_world.h"

#include <csignal>

namespace berth::app {

namespace {

volatile std::sig_atomic_t interrupted = 0;

// A device of Azure's SDK for Node, for `npm install azure-iot-device azure-iot-device-mqtt`: the SDK is as it comes.
// Node.js brings its own OpenSSL, and ML-DSA is known from 3.5 on.
constexpr std::string_view wants_ml_dsa = R"(
const [major, minor] = process.versions.openssl.split('.').map(Number);
if (major < 3 || (major === 3 && minor < 5)) {
    console.error('this hub is post-quantum: Node.js 24 or later is wanted, whose OpenSSL knows ML-DSA');
    process.exit(2);
}
)";

std::string node_program(const hub_world& w, const hub_world::holder& device, bool post_quantum) {
    return fmt::format(R"('use strict';{}
const fs = require('node:fs');
const {{ Client, Message }} = require('azure-iot-device');
const {{ Mqtt }} = require('azure-iot-device-mqtt');

async function main() {{
    const client = Client.fromConnectionString('HostName={};DeviceId={};x509=true', Mqtt);
    await client.setOptions({{
        ca: fs.readFileSync('{}', 'utf8'),
        cert: fs.readFileSync('{}', 'utf8'),
        key: fs.readFileSync('{}', 'utf8'),
    }});
    await client.open();
    await client.sendEvent(new Message('hello from node'));
    console.log('sent');
    await client.close();
}}
main().catch((error) => {{
    console.error(String(error));
    process.exit(1);
}});
)",
                       post_quantum ? wants_ml_dsa : "", w.at("mqtt").text(), device.name, w.server_root().string(),
                       device.chain.string(), device.key.string());
}

// Programs of the system must run on the OpenSSL that this one runs on, where theirs knows no ML-DSA.
std::string libraries_for(const hub_world_options& o) {
    const auto directory = own_openssl();
    return o.post_quantum && !directory.empty() ? fmt::format("LD_LIBRARY_PATH={} ", shell_word(directory.string())) : "";
}

std::string websockets_of(const hub_world& w) {
    return fmt::format("wss://{}/$iothub/websocket", w.at("https").text());
}

result<wire::json::object> commands_of(const hub_world& w, const hub_world_options& o) {
    BERTH_TRY(program, sibling_program("berth"));
    const auto quoted = [](const std::filesystem::path& path) { return shell_word(path.string()); };
    const auto& device = w.identities().front();
    const std::string with = libraries_for(o);
    const auto script = w.directory() / "telemetry.js";
    BERTH_CHECK(write_text(script, node_program(w, device, o.post_quantum)));
    const auto hub = [&](const std::string& rest) {
        return fmt::format("{} hub {} --hub {}", quoted(program), rest, quoted(w.hub()));
    };
    return wire::json::object{
        {"listen", fmt::format("mosquitto_sub --unix {} -i listener -t 'devices/#' -v", quoted(w.local_socket()))},
        {"send", fmt::format("{}mosquitto_pub -h localhost -p {} --cafile {} --cert {} --key {} -i {} -q 1 -t "
                             "devices/{}/messages/events/ -m hello",
                             with, w.at("mqtt").port, quoted(w.server_root()), quoted(device.chain), quoted(device.key),
                             device.name, device.name)},
        {"node", fmt::format("npm install azure-iot-device azure-iot-device-mqtt && node {}", quoted(script))},
        {"registry",
         fmt::format("{}curl --cacert {} --cert {} --key {} 'https://localhost:{}/devices/{}?api-version=2021-04-12'", with,
                     quoted(w.server_root()), quoted(w.admin().chain), quoted(w.admin().key), w.at("https").port, device.name)},
        {"read", hub("telemetry read")},
        {"list", hub("device list")},
        {"disable", hub("device disable " + device.name)},
        {"enable", hub("device enable " + device.name)},
        {"authorities", hub("ca list")}};
}

result<void> quickstart(hub_world_options o, bool json) {
    BERTH_TRY(directory, absolute_path(o.directory));
    o.directory = std::move(directory);
    BERTH_CHECK(take_directory(o.directory, "berth hub quickstart"));
    BERTH_TRY(w, hub_world::make(o, system_clock(), crypto::system_random()));
    BERTH_TRY(commands, commands_of(w, o));
    if (json) {
        wire::json::object endpoints;
        for (const auto& [name, at] : w.endpoints()) {
            endpoints[name] = at.text();
        }
        endpoints["websockets"] = websockets_of(w);
        wire::json::array identities;
        for (const auto& one : w.identities()) {
            identities.emplace_back(
                wire::json::object{{"name", one.name}, {"chain", one.chain.string()}, {"key", one.key.string()}});
        }
        print_json(wire::json::object{{"endpoints", std::move(endpoints)},
                                      {"files", wire::json::object{{"hub", w.hub().string()},
                                                                   {"config", w.config().string()},
                                                                   {"server_root", w.server_root().string()},
                                                                   {"fleet_root", w.fleet_root().string()},
                                                                   {"admin_chain", w.admin().chain.string()},
                                                                   {"admin_key", w.admin().key.string()},
                                                                   {"local_socket", w.local_socket().string()}}},
                                      {"identities", std::move(identities)},
                                      {"commands", std::move(commands)}});
    } else {
        fmt::print("MQTT on {} and {}, the registry on https://{}; everything lies in {}.\n\n", w.at("mqtt").text(),
                   websockets_of(w), w.at("https").text(), w.directory().string());
        for (const char* name : {"listen", "send", "read", "node", "registry", "list", "disable", "enable", "authorities"}) {
            fmt::print("  {}\n", std::string_view(commands.at(name).as_string()));
        }
        fmt::print("\nCtrl-C ends it. berthd --config {} goes on from there.\n", shell_word(w.config().string()));
        std::fflush(stdout);
    }
    while (!interrupted && !w.server().ended()) {
        poll_children({&w.server()}, 500);
        (void)w.server().take_output_lines();
        for (const auto& line : w.server().take_error_lines()) {
            fmt::print(stderr, "{}\n", line);
        }
    }
    if (!interrupted) {
        return fail(error_category::environment, "daemon_failed", "berthd has ended; what it said stands above");
    }
    return w.keep_ports();
}

}  // namespace

void add_hub_quickstart(CLI::App& hub, context& c) {
    const auto o = std::make_shared<hub_world_options>();
    const auto directory = std::make_shared<std::string>();
    auto* const cmd = hub.add_subcommand(
        "quickstart",
        "set up and run a hub with its brokers, two devices and a module on free loopback ports, until interrupted");
    cmd->add_option("--dir", *directory, "where everything goes; new or empty")->required();
    cmd->add_flag("--pq", o->post_quantum, "ML-DSA-65 certificates, and X25519MLKEM768 alone");
    o->more = "\n[hub.telemetry_log]\n\n[hub.files]\n";
    cmd->callback([o, directory, &c] {
        c.run([&]() -> result<void> {
            std::signal(SIGINT, [](int) { interrupted = 1; });
            std::signal(SIGTERM, [](int) { interrupted = 1; });
            o->directory = *directory;
            auto done = quickstart(*o, c.json);
            // Ctrl-C reaches the servers, too, while they start.
            return done || !interrupted ? std::move(done)
                                        : fail(error_category::environment, "interrupted",
                                               "interrupted before all was running; begin anew in another directory");
        });
    });
}

}  // namespace berth::app
