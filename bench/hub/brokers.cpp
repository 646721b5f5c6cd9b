#include "hub/brokers.h"

#include "broker/broker_process.h"
#include "broker/mosquitto_conf.h"
#include "common/files.h"
#include "crypto/random.h"
#include "setup/hub.h"
#include "store/sqlite/provisioning_store.h"
#include "wire/json.h"

#include <fstream>
#include <thread>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace berth::hub::bench {

namespace fs = std::filesystem;
using steady = std::chrono::steady_clock;

namespace {

// libssl's own for whoever sets nothing else: no tickets, the one group.
constexpr const char* openssl_conf = R"(openssl_conf = all
[all]
ssl_conf = ssl
[ssl]
system_default = defaults
[defaults]
Groups = X25519MLKEM768
Ciphersuites = TLS_AES_256_GCM_SHA384
Options = -SessionTicket
NumTickets = 0
)";

sockaddr_in loopback(uint16_t port) {
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    out.sin_port = htons(port);
    return out;
}

}  // namespace

uint16_t free_port() {
    const int s = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at = loopback(0);
    socklen_t size = sizeof at;
    if (s < 0 || ::bind(s, reinterpret_cast<const sockaddr*>(&at), size) != 0 ||
        ::getsockname(s, reinterpret_cast<sockaddr*>(&at), &size) != 0) {
        must(fail(error_category::environment, "bench_failed", "no port is free"));
    }
    ::close(s);
    return ntohs(at.sin_port);
}

bool takes_connections(uint16_t port) {
    const int s = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in at = loopback(port);
    const bool out = ::connect(s, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0;
    ::close(s);
    return out;
}

app::child_process start_quietly(const fs::path& program, const std::vector<std::string>& arguments, const fs::path& in,
                                 const std::vector<std::string>& environment) {
    std::vector<std::string> words{"-c", R"(cd "$1" && shift && exec "$@" >out 2>log)", "sh", in.string(), program.string()};
    words.insert(words.end(), arguments.begin(), arguments.end());
    return got(app::child_process::start("/bin/sh", words, environment));
}

namespace {

std::string without_plugin(const std::string& conf, const fs::path& anchors) {
    std::istringstream in(conf);
    std::string out;
    for (std::string line; std::getline(in, line);) {
        if (line == "allow_anonymous false") {
            line = "allow_anonymous true";
        }
        if (!line.starts_with("plugin")) {
            out += line + "\n";
        }
    }
    // A subscriber gets everything, however far behind it is: without this it is told nothing of what is dropped.
    return "max_queued_messages 0\nmax_queued_bytes 0\n" + out + "cafile " + anchors.string() + "\n";
}

}  // namespace

broker broker::start(const world& in, const fs::path& hub) {
    static int number = 0;
    app::broker_settings s;
    s.hub = hub;
    s.directory = in.file(fmt::format("broker-{}", ++number));
    s.listen = {"127.0.0.1", free_port()};
    s.chain = in.file("server.pem");
    s.key = in.file("server.key");
    s.groups = "X25519MLKEM768";
    s.as_root = ::geteuid() == 0;
    const auto program = got(app::find_broker({}));
    s.plugin = program.plugin;
    must(app::make_directory(s.directory, 0700));
    const std::string conf = got(app::mosquitto_conf(s));
    must(app::write_text(s.configuration(), hub.empty() ? without_plugin(conf, in.file("fleet.pem")) : conf));
    must(app::write_text(in.file("openssl.cnf"), openssl_conf));
    auto environment = program.environment;
    environment.push_back("OPENSSL_CONF=" + in.file("openssl.cnf").string());
    if (!hub.empty()) {
        environment.push_back("LD_PRELOAD=" + program.tap.string());  // as berthd does
    }
    const auto began = steady::now();
    auto process = start_quietly(program.mosquitto, {"-c", s.configuration().string()}, s.directory, environment);
    const auto took = [began] { return std::chrono::duration<double>(steady::now() - began).count(); };
    while (!takes_connections(s.listen.port)) {
        if (process.ended() || took() > 120) {
            must(fail(error_category::environment, "bench_failed",
                      "a broker did not begin: " + got(app::read_text(s.directory / "log"))));
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return {std::move(process), s.listen.port, took()};
}

broker broker::with_plugin(const world& in, const fs::path& hub) {
    return start(in, hub);
}
broker broker::alone(const world& in) {
    return start(in, {});
}

namespace {

app::child_process start_service(const world& in, const fs::path& hub, const std::string& more) {
    must(app::write_text(in.file("admins.pem"), in.root.to_pem()));
    must(app::write_text(in.file("berthd.toml"),
                         fmt::format(R"([log]
level = "warning"

[hub]
directory = "{}"
listen = "127.0.0.1:0"
host = "localhost"
chain = "server.pem"
key = "file:server.key"
admins = ["admins.pem"]

[hub.mqtt]
listen = "127.0.0.1:0"
chain = "server.pem"
key = "server.key"
pq_only = true

[hub.provisioning]
id_scope = "{}"
listen = "127.0.0.1:0"
retry_after = 1

[hub.files]

[[hub.admin]]
name = "{}"
rights = ["serviceConnect"]
{})",
                                     hub.string(), whole_service::scope, whole_service::administrator, more)));
    auto store = got(app::open_hub_store(hub));
    store::sqlite_provisioning_store records(*store);
    registry::enrolment_settings all;
    all.attestation.primary_ca = "fleet";
    auto& random = crypto::system_random();
    const unix_seconds now = system_clock().now();
    must(records.add(registry::make_enrolment(registry::enrolment_kind::group, "fleet", all, random, now)));
    registry::linked_hub here;
    here.host = "localhost";
    here.local = true;
    here.added = now;
    must(records.add_hub(here));
    store.reset();
    return start_quietly(got(app::sibling_program("berthd")), {"--config", in.file("berthd.toml").string()}, in.directory(), {});
}

}  // namespace

whole_service::whole_service(const world& in, const fs::path& hub, const std::string& more)
    : said_(in.file("out")), process_(start_service(in, hub, more)) {
    // The shell makes it.
    const auto until = steady::now() + std::chrono::seconds(60);
    while (!fs::exists(said_) || got(app::read_text(said_)).find("\"ready\"") == std::string::npos) {
        if (process_.ended() || steady::now() > until) {
            must(fail(error_category::environment, "bench_failed",
                      "berthd did not begin: " + got(app::read_text(in.file("log")))));
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
}

uint16_t whole_service::port(const std::string& name) const {
    std::istringstream in(got(app::read_text(said_)));
    for (std::string line; std::getline(in, line);) {
        const auto event = wire::parse_json_object(line);
        if (event && wire::text_member(*event, "event").value_or("") == "listening" &&
            wire::text_member(*event, "name").value_or("") == name) {
            return static_cast<uint16_t>(got(wire::integer_member(*event, "port")));
        }
    }
    must(fail(error_category::environment, "bench_failed", "berthd does not listen for " + name));
    return 0;
}

}  // namespace berth::hub::bench
