// A hub whose broker is Mosquitto with our plugin, and clients that are Mosquitto's own.
#pragma once

#include "../hub/hub_world.h"
#include "support/free_port.h"
#include "support/spawn.h"

#include <csignal>
#include <thread>

namespace berth::test {

class BrokerWorld : public HubWorld {
protected:
    void SetUp() override {
        make_ca("server", server_key);
        openssl("req -new -nodes -subj /CN=localhost -keyout broker.key -out broker.csr -newkey " + server_key);
        openssl("x509 -req -in broker.csr -CA server.pem -CAkey server.key -days 7 -out broker.pem -extfile " + extensions());
        make_ca("fleet", ec);
        done({"ca", "register", at("fleet.pem"), "--key", at("fleet.key")});
    }
    void TearDown() override { stop(); }

    // What the test has to say to the broker's configuration besides.
    void start(const std::string& more = "") {
        port = free_port();
        put("mosquitto.conf", fmt::format(R"(user root
per_listener_settings false
allow_anonymous false
set_tcp_nodelay true
persistence false
plugin {}/berth-broker-plugin.so
plugin_opt_hub {}
plugin_opt_local_socket {}
{}
listener 0 {}
listener {} 127.0.0.1
certfile {}
keyfile {}
max_qos 1
require_certificate {}
tls_version tlsv1.3
)",
                                          BERTH_BIN_DIR, at("hub"), at("local"), more, at("local"), port, at("broker.pem"),
                                          at("broker.key"), require_certificate));
        const size_t from = log().size();  // of one that was there before
        broker = spawn({"/usr/sbin/mosquitto", "-c", at("mosquitto.conf")}, at("broker.log"), libraries());
        ASSERT_TRUE(eventually([&] { return says("\"gate_open\"", from) && says(" running", from); })) << log();
    }
    void stop() {
        if (broker > 0) {
            ::kill(broker, SIGTERM);
            (void)exit_of(std::exchange(broker, -1));
        }
    }
    // Mosquitto must run on the OpenSSL that we run on.
    static std::vector<std::string> libraries() {
        const fs::path command(BERTH_OPENSSL_COMMAND);
        return command.is_absolute()
                   ? std::vector<std::string>{"LD_LIBRARY_PATH=" + (command.parent_path().parent_path() / "lib").string()}
                   : std::vector<std::string>{};
    }
    [[nodiscard]] std::string log() const { return fs::exists(at("broker.log")) ? text("broker.log") : ""; }
    [[nodiscard]] bool says(const std::string& what, size_t from = 0) const {
        return log().find(what, from) != std::string::npos;
    }
    template <class F>
    static bool eventually(F&& holds, milliseconds most = 10'000) {
        const milliseconds until = system_clock().steady() + most;
        while (!holds()) {
            if (system_clock().steady() > until) {
                return holds();
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        return true;
    }

    // A certificate for a client: FILE.pem (with what is above it) and FILE.key.
    void certify(const std::string& file, const std::string& name, const std::string& ca = "fleet",
                 const std::string& key = ec) const {
        openssl("req -new -nodes -subj '/CN=" + name + "' -keyout " + file + ".key -out " + file + ".csr -newkey " + key);
        openssl("x509 -req -in " + file + ".csr -CA " + ca + ".pem -CAkey " + ca + ".key -days 7 -out " + file + ".pem");
    }
    [[nodiscard]] std::vector<std::string> client(const std::string& program, const std::string& file, const std::string& id,
                                                  const std::vector<std::string>& more) const {
        std::vector<std::string> out{"/usr/bin/" + program,
                                     "-h",
                                     "localhost",
                                     "-p",
                                     std::to_string(port),
                                     "--cafile",
                                     at("server.pem"),
                                     "--cert",
                                     at(file + ".pem"),
                                     "--key",
                                     at(file + ".key"),
                                     "-i",
                                     id};
        out.insert(out.end(), more.begin(), more.end());
        return out;
    }
    // "in", "refused" (CONNACK 5), "tls" (no handshake), else what it said.
    [[nodiscard]] std::string connect(const std::string& file, const std::string& id, const std::string& topic = "",
                                      const std::vector<std::string>& more = {}) const {
        auto words = client("mosquitto_pub", file, id,
                            {"-q", "1", "-m", "hello", "-t", topic.empty() ? "devices/" + id + "/messages/events/" : topic});
        words.insert(words.end(), more.begin(), more.end());
        const auto r = run_program(words.front(), {words.begin() + 1, words.end()}, 20'000, libraries());
        if (r.exit == 0) {
            return "in";
        }
        if (r.all().find("not authorised") != std::string::npos) {
            return "refused";
        }
        // The alert comes when the client takes the handshake for over.
        const bool cut = r.all().find("TLS") != std::string::npos || r.all().find("Protocol error") != std::string::npos ||
                         r.all().find("connection was lost") != std::string::npos;
        return cut ? "tls" : r.all() + std::to_string(r.exit);
    }
    // A session that stands, and says in the broker's log when it is in.
    pid_t stay(const std::string& file, const std::string& id) {
        const size_t from = log().size();
        const pid_t out =
            spawn(client("mosquitto_sub", file, id, {"-q", "1", "-t", "$iothub/twin/res/#"}), at("sub.log"), libraries());
        EXPECT_TRUE(eventually([&] { return says("\"login\"", from) && says(id, from); })) << log();
        return out;
    }
    static void end(pid_t one) {
        ::kill(one, SIGKILL);
        (void)exit_of(one);
    }
    // A program of this machine that hears everything.
    pid_t listen_to_all() {
        const pid_t out = spawn({"/usr/bin/mosquitto_sub", "--unix", at("local"), "-i", "listener", "-t", "devices/#", "-t",
                                 "$iothub/#", "-v", "-F", "%t %p"},
                                at("heard"), libraries());
        EXPECT_TRUE(eventually([this] { return says("as listener"); })) << log();
        return out;
    }
    [[nodiscard]] std::string heard() const { return fs::exists(at("heard")) ? text("heard") : ""; }

    static inline const std::string ec = "ec -pkeyopt ec_paramgen_curve:P-256";
    bool require_certificate = true;
    std::string server_key = ec;  // of the broker's CA and certificate; before SetUp()
    uint16_t port = 0;
    pid_t broker = -1;

private:
    [[nodiscard]] std::string extensions() const {
        put("san.cnf", "subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\n");
        return "san.cnf";
    }
};

}  // namespace berth::test
