// berth hub method: asks a device that is connected to do something, and waits for what it says.
#include "berth/commands/hub_group.h"
#include "hub/method/method.h"
#include "net/http_refusal.h"
#include "net/local_http_client.h"

namespace berth::app {

namespace {

struct options {
    std::string hub, name, method, payload;
    int timeout = 30, connect = 0;
};

result<wire::json::value> read_payload(const std::string& said) {
    BERTH_TRY(text, text_or_file(said));
    auto out = wire::parse_json(text, hub::most_method_body);
    if (!out) {
        return fail(std::move(out).error().during("--payload (JSON, or @FILE)"));
    }
    return std::move(*out);
}

result<void> call(const context& c, const options& o) {
    BERTH_TRY(whom, registry::parse_identity_name(o.name));
    BERTH_CHECK(hub::check_method_name(o.method));
    wire::json::object what{
        {"methodName", o.method}, {"responseTimeoutInSeconds", o.timeout}, {"connectTimeoutInSeconds", o.connect}};
    if (!o.payload.empty()) {
        BERTH_TRY(payload, read_payload(o.payload));
        what["payload"] = std::move(payload);
    }
    net::http_request request;
    request.method = "POST";
    request.target = "/methods/" + net::percent_encode(whom.device) +
                     (whom.is_module() ? "/" + net::percent_encode(whom.module) : std::string());
    request.headers.add("Content-Type", "application/json");
    request.body = wire::to_text(what);
    const auto socket = (std::filesystem::path(o.hub) / "service").string();
    const milliseconds patience = 1'000 * milliseconds(o.timeout + o.connect) + 10'000;
    auto said = net::local_http_client(socket, patience, {.most_body = 2 * hub::most_method_body}).ask(request);
    if (!said) {
        error why = std::move(said).error();
        if (why.name == "connect_failed") {
            why.message += ": methods are called by the berthd that serves this hub; is it running, and as this user?";
        }
        return fail(std::move(why));
    }
    if (said->status != 200) {
        return fail(net::refusal_of(*said, "berthd"));
    }
    BERTH_TRY(answer, wire::parse_json_object(said->body, 2 * hub::most_method_body));
    if (c.json) {
        print_json(answer);
    } else {
        fmt::print("{} {}\n", wire::to_text(answer.at("status")), wire::to_text(answer.at("payload")));
    }
    return {};
}

}  // namespace

void add_hub_methods(CLI::App& hub, context& c) {
    hub_group<options> o(hub, c, "method", "ask a device that is connected to do something, and wait for its answer");
    auto* cmd = o.add_named("call", "call a direct method; prints the device's status and payload", "NAME",
                            "DEVICE or DEVICE/MODULE", call);
    cmd->add_option("METHOD", o->method, "the method's name")->required();
    cmd->add_option("--payload", o->payload, "JSON, or @FILE, up to 128 KiB");
    cmd->add_option("--timeout", o->timeout, "seconds in which it must answer")
        ->check(CLI::Range(hub::least_method_wait, hub::most_method_wait))
        ->capture_default_str();
    cmd->add_option("--connect-timeout", o->connect, "seconds in which it must come, if it is not connected")
        ->check(CLI::Range(0, hub::most_method_connect_wait))
        ->capture_default_str();
}

}  // namespace berth::app
