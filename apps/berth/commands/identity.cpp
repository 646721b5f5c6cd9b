// berth identity: a local program's view of the device's identity service (berth-agent serve).
#include "berth/commands/commands.h"
#include "berth/commands/octets.h"
#include "common/files.h"
#include "libberth-identity/client.h"

namespace berth::app {

namespace {

struct options {
    std::string socket, name, in, out;
    [[nodiscard]] identity_client client() const {
        return identity_client(socket.empty() ? identity_client::usual_socket() : socket);
    }
};

// PEM and the like: as it is, or as a member with --json.
result<void> tell(const context& c, const options& o, const char* name, const std::string& text) {
    if (!o.out.empty()) {
        return write_text(o.out, text);
    }
    if (c.json) {
        print_json(wire::json::object{{name, text}});
    } else {
        fmt::print("{}", text);
    }
    return {};
}

result<void> list(const context& c, const options& o) {
    BERTH_TRY(text, o.client().list());
    BERTH_TRY(object, wire::parse_json_object(text));
    if (c.json) {
        print_json(object);
        return {};
    }
    const auto* all = object.if_contains("identities");
    if (!all || !all->is_array()) {
        return fail(error_category::peer, "malformed", "the identity service's list has no identities");
    }
    fmt::print("{:<24} {:<10} {:<20} {}\n", "NAME", "KIND", "ALGORITHM", "SUBJECT");
    for (const auto& each : all->get_array()) {
        const auto member = [&](const char* name) {
            const auto value = each.is_object() ? wire::text_member(each.get_object(), name) : fail(error{});
            return value ? *value : std::string();
        };
        const std::string missing = member("error");
        fmt::print("{:<24} {:<10} {:<20} {}\n", member("name"), missing.empty() ? member("kind") : "-", member("algorithm"),
                   missing.empty() ? member("subject") : "not there: " + missing);
    }
    return {};
}

result<void> device(const context&, const options& o) {
    BERTH_TRY(text, o.client().device());
    BERTH_TRY(object, wire::parse_json_object(text));
    print_json(object);
    return {};
}

result<void> certificate(const context& c, const options& o) {
    BERTH_TRY(pem, o.client().certificate(o.name));
    return tell(c, o, "certificate", pem);
}

result<void> trust(const context& c, const options& o) {
    BERTH_TRY(pem, o.client().trust());
    return tell(c, o, "trust", pem);
}

result<void> sign(const context& c, const options& o) {
    BERTH_TRY(message, read_input(o.in));
    BERTH_TRY(signature, o.client().sign(o.name, message.reveal()));
    return write_output(c, o.out, "signature", signature.reveal());
}

result<void> decapsulate(const context& c, const options& o) {
    BERTH_TRY(enc, read_input(o.in));
    BERTH_TRY(secret, o.client().decapsulate(o.name, enc.reveal()));
    return write_output(c, o.out, "secret", secret.reveal());
}

}  // namespace

void add_identity(CLI::App& cli, context& c) {
    auto* const group =
        cli.add_subcommand("identity", "this device's identities, as `berth-agent serve` gives them to local programs");
    group->require_subcommand(1);
    const auto o = std::make_shared<options>();
    const auto add = [&](const char* name, const char* about, result<void> (*work)(const context&, const options&)) {
        auto* const command = group->add_subcommand(name, about);
        command->add_option("--socket", o->socket,
                            "the service's socket (default: BERTH_IDENTITY_SOCKET, else /run/berth/identity.sock)");
        command->callback([o, &c, work] { c.run([&] { return work(c, *o); }); });
        return command;
    };
    const auto named = [&](CLI::App* command) {
        command->add_option("NAME", o->name, "the identity's name, as `berth identity list` tells it")->required();
        return command;
    };
    const auto reads = [&](CLI::App* command, const char* what) {
        command->add_option("--in", o->in, fmt::format("FILE with {} (default: standard input)", what));
        return command;
    };
    const auto writes = [&](CLI::App* command, const char* what) {
        command->add_option("--out", o->out, fmt::format("where {} goes to (default: standard output)", what));
        return command;
    };
    add("list", "the identities that this user may use", list);
    add("device", "which device this is, and whose", device);
    writes(named(add("certificate", "an identity's certificate and its issuers, PEM", certificate)), "it");
    writes(add("trust", "the trust anchors of the device's customer, PEM", trust), "it");
    writes(reads(named(add("sign", "have a message signed; ECDSA signatures are DER", sign)), "the message"), "the signature");
    writes(reads(named(add("decapsulate", "the secret that was encapsulated to an identity's key", decapsulate)),
                 "the encapsulation"),
           "the secret");
}

}  // namespace berth::app
