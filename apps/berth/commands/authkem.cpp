#include "berth/commands/authkem.h"

namespace berth::app {

namespace {

constexpr const char* about = "Speak AuthKEM (KEM-authenticated TLS 1.3) by hand: a test server and a test client.";

constexpr const char* about_server =
    "Accepts AuthKEM connections, prints how each went, and echoes if asked.\n\n"
    "Prints \"listening on ADDRESS:PORT\", or with --json {\"event\":\"listening\",\"role\":\"authkem\",\"port\":N}, then one\n"
    "report per connection when it ends. Runs until interrupted, or with --once until the first connection is over.";

constexpr const char* examples_server =
    "\nExamples:\n"
    "  berth authkem server --port 4433 --cert server.pem --key server.key --echo\n"
    "  berth authkem server --port 0 --cert server.pem --key server.key --ca roots.pem --mutual --once --json\n"
    "  berth authkem server --port 4433 --key masa.key      # only for clients that hold its public key (--pdk)\n"
    "\nWith --once the outcome of the one connection is the exit code.";

constexpr const char* about_client =
    "Connects, makes the handshake, sends --message if given, closes its side, prints what comes back and a report.\n\n"
    "The report has suite, scheme, flow (full, pdk or pdk_refused), whether both sides authenticated, octets each way, the\n"
    "peer's chain, 32 octets of exporter \"EXPORTER-test\" with empty context, and the time that the handshake took. The\n"
    "server's name is checked if --server-name is given, and otherwise only sent.";

constexpr const char* examples_client =
    "\nExamples:\n"
    "  berth authkem client --connect localhost:4433 --ca roots.pem --message hello\n"
    "  berth authkem client --connect 192.0.2.7:4433 --ca roots.pem --server-name masa.example --cert z3.pem --key p3.pem\n"
    "  berth authkem client --connect localhost:4433 --pdk masa-kem.pem --cert z3.pem --key p3.pem --json\n"
    "  berth authkem client --connect localhost:4433 --ca roots.pem --count 100        # the time of a handshake\n"
    "\nExit code 1 also tells that the client itself has refused the server.";

void add_common(CLI::App& command, authkem_options& o) {
    command.add_option("--cert", o.certificate, "our certificate chain, leaf first (PEM)")->type_name("FILE");
    command.add_option("--key", o.key, "the leaf's private key: a PKCS#8 file, or file:PATH")->type_name("URI");
    command.add_option("--passphrase-file", o.passphrase_file, "unlocks an encrypted --key; readable by you alone")
        ->type_name("FILE");
    command.add_option("--ca", o.ca, "roots that may vouch for the peer (PEM, one or more)")->type_name("FILE");
    command.add_option("--crl", o.crl, "revocation lists of those roots and of the issuers below them (PEM)")->type_name("FILE");
    command.add_flag("--provisional", o.provisional,
                     "take any chain, so long as the peer holds its leaf's key; the report says possession_only");
    command.add_option("--message", o.message, "text to send once the handshake is complete")->type_name("TEXT");
    command.add_option("--suite", o.suites, "cipher suites, preferred first (default: all); may be repeated")->type_name("NAME");
    command
        .add_option("--scheme", o.schemes,
                    "KEM schemes accepted for the peer's certificate: mlkem768, mlkem768_p256, mlkem1024, mlkem1024_p384")
        ->type_name("NAME");
    command.add_option("--alpn", o.alpn, "application protocols, preferred first; may be repeated")->type_name("NAME");
    command.add_flag("--alpn-required", o.alpn_required, "no common application protocol ends the handshake");
    command.add_flag("--key-update", o.key_update, "change keys both ways right after the handshake");
    command.add_option("--padding", o.padding, "pad records to a multiple of this many octets, at most 256")
        ->type_name("N")
        ->check(CLI::Range(1, 256));
    command
        .add_option(
            "--keylog", o.key_log,
            "append the handshake's SECRETS to this file (made with mode 0600): whoever reads it reads the connection. For\n"
            "debugging with keys that protect nothing; no environment variable and no abbreviation turns this on")
        ->type_name("FILE");
    command.add_option("--timeout", o.timeout, "seconds for connecting, for the handshake, and for the peer's answer")
        ->type_name("S")
        ->capture_default_str()
        ->check(CLI::Range(0.1, 3600.0));
}

}  // namespace

void add_authkem(CLI::App& cli, context& context) {
    auto* group = cli.add_subcommand("authkem", about);
    group->fallthrough();
    group->require_subcommand(1);
    const auto options = std::make_shared<authkem_options>();

    auto* server = group->add_subcommand("server", about_server);
    server->add_option("--port", options->port, "TCP port; 0: a free one, which is printed")->required()->type_name("P");
    server->add_option("--host", options->host, "address to listen on (0.0.0.0: all)")
        ->type_name("ADDRESS")
        ->capture_default_str();
    add_common(*server, *options);
    server->add_flag("--mutual", options->mutual, "demand a certificate from the client, vouched for by --ca");
    server->add_flag("--echo", options->echo, "send back what comes");
    server->add_flag("--once", options->once, "end after the first connection, whose outcome is the exit code");
    server->footer(examples_server);
    server->callback([options, &context] { context.exit = run_authkem_server(*options, context.json); });

    auto* client = group->add_subcommand("client", about_client);
    client->add_option("--connect", options->connect, "where the server is")->required()->type_name("HOST:PORT");
    add_common(*client, *options);
    client
        ->add_option("--server-name", options->server_name,
                     "the name that the server's certificate must carry; sent as server_name")
        ->type_name("NAME");
    client->add_option("--pdk", options->pdk, "the server's KEM public key, known beforehand (PEM: PUBLIC KEY, or a certificate)")
        ->type_name("FILE");
    client->add_flag("--pdk-required", options->pdk_required,
                     "end the handshake if the server does not take --pdk's key (implied without --ca)");
    client->add_flag("--no-early-auth", options->no_early_auth, "with --pdk, do not send --cert's chain in the first flight");
    client->add_option("--count", options->count, "connect this many times, one after the other")
        ->type_name("N")
        ->check(CLI::Range(1, 1'000'000));
    client->footer(examples_client);
    client->callback([options, &context] { context.exit = run_authkem_client(*options, context.json); });
}

}  // namespace berth::app
