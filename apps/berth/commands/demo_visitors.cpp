#include "berth/commands/demo_visitors.h"

#include "common/files.h"
#include "registry/hub/identity.h"
#include "setup/hub.h"
#include "store/sqlite/twin_store.h"

#include <cstdlib>

namespace berth::app {

namespace {

namespace fs = std::filesystem;
namespace json = wire::json;

constexpr milliseconds patience = 30'000;

// As the package's documentation has it.
constexpr std::string_view sdk_program = R"js(
const fs = require('fs');
const { Client, Message } = require('azure-iot-device');
const { Mqtt } = require('azure-iot-device-mqtt');
const [host, device, ca, cert, key] = process.argv.slice(2);
async function main() {
    const client = Client.fromConnectionString(`HostName=${host};DeviceId=${device};x509=true`, Mqtt);
    const pem = (file) => fs.readFileSync(file, 'utf8');
    await client.setOptions({ ca: pem(ca), cert: pem(cert), key: pem(key) });
    await client.open();
    await client.sendEvent(new Message('hello'));
    await client.close();
}
main().catch((why) => { console.error(String(why)); process.exit(1); });
)js";

result<void> run_berth(const std::vector<std::string>& words) {
    BERTH_TRY(program, sibling_program("berth"));
    BERTH_TRY(child, child_process::start(program, words));
    const auto [code, said] = finish(child, patience);
    if (code != 0) {
        return fail(error_category::internal, "demo_failed", fmt::format("berth {} {}: {}", words.at(0), words.at(1), said));
    }
    return {};
}

}  // namespace

std::pair<int, std::string> finish(child_process& child, milliseconds most) {
    std::string said;
    const milliseconds until = system_clock().steady() + most;
    while (!child.ended() && system_clock().steady() < until) {
        poll_children({&child}, 50);
        for (const auto& lines : {child.take_output_lines(), child.take_error_lines()}) {
            for (const auto& line : lines) {
                said += line + "\n";
            }
        }
    }
    return {child.exit_code().value_or(-1), said};
}

result<std::optional<bool>> sdk_device_publishes(const hub_world& hub, const hub_world::holder& who, const fs::path& directory) {
    const char* const place = std::getenv("BERTH_AZURE_DIR");
    if (place == nullptr) {
        return std::nullopt;
    }
    BERTH_TRY(there, is_there(fs::path(place) / ".complete"));
    if (!there) {
        return std::nullopt;
    }
    const fs::path modules = fs::path(place) / "node_modules";
    const fs::path program = directory / "device.js";
    BERTH_CHECK(write_text(program, sdk_program));
    // Node 24 has an OpenSSL that knows ML-DSA.
    BERTH_TRY(child, child_process::start(modules / "node-24" / "bin" / "node",
                                          {program.string(), hub.at("mqtt").text(), who.name, hub.server_root().string(),
                                           who.chain.string(), who.key.string()},
                                          {"NODE_PATH=" + modules.string()}));
    return std::optional(finish(child, patience).first == 0);
}

result<void> welcome_customer(const hub_world& hub, const world_customer& customer, const fs::path& directory) {
    const std::string at = hub.hub().string();
    const fs::path root = customer.ca / "z2.pem", key = customer.ca / "z2.key";
    BERTH_CHECK(run_berth({"hub", "ca", "register", root.string(), "--key", key.string(), "--name", "customer", "--hub", at}));
    BERTH_CHECK(run_berth({"hub", "enrolment-group", "add", "onboarded", "--ca", "customer", "--hub", at}));
    BERTH_TRY(anchors, read_text(hub.server_root()));
    const json::object way{{"endpoint", fmt::format("https://localhost:{}", hub.at("https").port)},
                           {"idScope", hub_world::id_scope},
                           {"anchors", anchors}};
    const fs::path file = directory / "way.json";
    BERTH_CHECK(write_text(file, wire::to_text(json::object{{"provisioning", way}})));
    return run_berth({"registrar", "config", "set", "--default", "--dir", customer.registrar.string(), file.string()});
}

result<std::optional<json::object>> goes_to_its_hub(const hub_world& hub, const fs::path& bundle, const std::string& device,
                                                    const std::function<bool()>& interrupted) {
    BERTH_TRY(program, sibling_program("berth-agent"));
    BERTH_TRY(agent, child_process::start(program, {"--bundle", bundle.string(), "--stay", "--refresh", "1", "--json"}));
    BERTH_TRY(store, read_hub_store(hub.hub()));
    BERTH_TRY(name, registry::parse_identity_name(device));
    bool reported = false;
    const milliseconds until = system_clock().steady() + patience;
    while (!reported && !agent.ended() && system_clock().steady() < until && !interrupted()) {
        poll_children({&agent}, 20);
        for (const auto& line : agent.take_error_lines()) {
            reported = reported || line.find("\"twin_reported\"") != std::string::npos;
        }
    }
    if (!reported) {
        return std::nullopt;
    }
    BERTH_TRY(t, store::sqlite_twin_store(*store).twin_of(name));
    const auto* const about = t.reported.properties.if_contains("berth");
    return about && about->is_object() ? std::optional(about->as_object()) : std::nullopt;
}

}  // namespace berth::app
