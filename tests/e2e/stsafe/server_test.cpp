// berthd's [element], asked by `berth se authenticate --server` with the chip of stsafe-sim, and by strangers.
#include "attestation/element_verifier.h"
#include "keystore/stsafe/authentication.h"
#include "net/http_client.h"
#include "pki/private_key_file.h"
#include "support/programs.h"
#include "support/stsafe_identity.h"
#include "support/stsafe_sim.h"

#include <csignal>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

namespace berth::test {

namespace {

namespace fs = std::filesystem;
namespace st = keystore::stsafe;

class ElementServer : public testing::Test {
protected:
    void SetUp() override {
        write("makers.pem", maker.certificate.to_pem());
        write("web.pem", web.certificate.to_pem());
        const auto key = signature_key("server");
        write("server.pem",
              issue(web, pki::server_template("Test", {"localhost"}, these_days()), key.public_key().spki()).to_pem());
        ASSERT_TRUE(pki::save_private_key(at("server.key"), key));
        configure("");
        const auto check = run_program("berthd", {"--json", "check", at("berthd.toml")});
        ASSERT_EQ(check.exit, 0) << check.all();
        auto child = app::child_process::start(fs::path(BERTH_BIN_DIR) / "berthd", {"--config", at("berthd.toml")});
        ASSERT_TRUE(child) << child.error().message;
        server.emplace(std::move(*child));
        ASSERT_TRUE(says("\"ready\""));
        ASSERT_NE(port, 0);
    }
    [[nodiscard]] std::string at(const std::string& name) const { return (sim.directory() / name).string(); }
    void write(const std::string& name, std::string_view content) const {
        std::ofstream(at(name + ".new"), std::ios::binary) << content;
        fs::rename(at(name + ".new"), at(name));
    }
    void configure(const std::string& more) const {
        write("berthd.toml", "[element]\nlisten = \"127.0.0.1:0\"\nhost = \"localhost\"\nchain = \"server.pem\"\nkey = "
                             "\"file:server.key\"\nmakers = [\"makers.pem\"]\n" +
                                 more);
    }
    // Until a line of standard output or error has `text`; notes the port meanwhile.
    bool says(const std::string& text) {
        const milliseconds until = system_clock().steady() + 20'000;
        while (system_clock().steady() < until && !server->ended()) {
            app::poll_children({&*server}, 50);
            bool said = false;
            for (const auto take : {&app::child_process::take_output_lines, &app::child_process::take_error_lines}) {
                for (const auto& line : ((*server).*take)()) {
                    const auto object = wire::parse_json_object(line);
                    if (object && object->contains("port")) {
                        port = static_cast<uint16_t>(object->at("port").as_int64());
                    }
                    said = said || line.find(text) != std::string::npos;
                    heard += line + "\n";
                }
            }
            if (said) {
                return true;
            }
        }
        ADD_FAILURE() << "never said " << text << ":\n" << heard;
        return false;
    }
    program_result authenticate(std::vector<std::string> more = {}) const {
        more.insert(more.begin(),
                    {"--json", "se", "authenticate", "--chip", "stsafe:device=" + sim.socket(), "--server",
                     fmt::format("127.0.0.1:{}", port), "--server-ca", at("web.pem"), "--server-name", "localhost"});
        return berth(more);
    }
    static void refused(const program_result& r, const std::string& name, int exit) {
        EXPECT_EQ(r.error_name(), name) << r.all();
        EXPECT_EQ(r.exit, exit) << r.all();
    }
    [[nodiscard]] net::http_response ask(net::http_request request) const {
        net::tls_client_config tls;
        tls.server.trust = value_of(pki::trust_store::from_root(web.certificate));
        tls.server.policy = authkem::server_named("localhost");
        tls.server_name = "localhost";
        net::loop loop;
        net::http_client client(loop, {"127.0.0.1", port}, value_of(net::tls_context::make(std::move(tls), system_clock())));
        net::http_response out{0, {}, {}};
        client.send(std::move(request), [&](result<net::http_response> r) {
            EXPECT_TRUE(r) << r.error().message;
            out = r.value_or(out);
            loop.stop();
        });
        loop.run();
        return out;
    }
    [[nodiscard]] net::http_response post(const std::string& target, std::string body = {},
                                          const std::string& type = "application/json") const {
        net::http_request request;
        request.method = "POST";
        request.target = target;
        request.headers.add("Content-Type", type);
        request.body = std::move(body);
        return ask(std::move(request));
    }
    [[nodiscard]] attestation::element_invitation invited() const {
        return value_of(attestation::read_invitation(post("/se/challenge").body));
    }
    [[nodiscard]] std::shared_ptr<st::device> device() const { return value_of(st::open_device(sim.socket())); }

    stsafe_sim sim;
    authority maker = make_chip_maker("maker", these_days());
    authority web = make_root("web", crypto::signature_algorithm::ecdsa_p256_sha256, these_days());
    std::optional<app::child_process> server;
    uint16_t port = 0;
    std::string heard;
};

TEST_F(ElementServer, SaysWhoIsGenuine) {
    const auto certificate = give_identity(*device(), maker, "device 1", these_days());
    const auto good = authenticate();
    ASSERT_EQ(good.exit, 0) << good.all();
    EXPECT_EQ(good.json().at("fingerprint").as_string(), to_hex(certificate.sha256()));
    EXPECT_TRUE(says("element_authenticated"));
    // A clone, a stranger's chip, no chip's.
    const auto other = test::signature_key("another key");
    ASSERT_TRUE(
        st::write_octets(*device(), 0, 0, certificate_for(maker, "device 2", other.public_key().spki(), these_days()).der()));
    refused(authenticate(), "element_signature_invalid", 1);
    give_identity(*device(), make_chip_maker("stranger", these_days()), "device 3", these_days());
    refused(authenticate(), "unknown_issuer", 1);
    EXPECT_TRUE(says("element_refused"));
}

TEST_F(ElementServer, TakesAnAnswerOnce) {
    const auto certificate = give_identity(*device(), maker, "device 1", these_days());
    const auto invitation = invited();
    const bytes signature =
        value_of(st::sign_as_element(*device(), 0, certificate, attestation::element_message("localhost", invitation.challenge)));
    const std::string answer =
        wire::to_text(to_json(attestation::element_answer{invitation.challenge, {certificate}, signature}));
    EXPECT_EQ(post("/se/authenticate", answer).status, 200U);
    const auto again = post("/se/authenticate", answer);
    EXPECT_EQ(again.status, 403U);
    EXPECT_NE(again.body.find("unknown_challenge"), std::string::npos) << again.body;
    // What was signed for somebody else.
    const auto next = invited();
    const bytes relayed =
        value_of(st::sign_as_element(*device(), 0, certificate, attestation::element_message("evil.example", next.challenge)));
    const auto r =
        post("/se/authenticate", wire::to_text(to_json(attestation::element_answer{next.challenge, {certificate}, relayed})));
    EXPECT_EQ(r.status, 403U);
    EXPECT_NE(r.body.find("element_signature_invalid"), std::string::npos) << r.body;
}

TEST_F(ElementServer, RefusesWhatItDoesNotKnow) {
    EXPECT_EQ(post("/se/authenticate", "{}").status, 400U);
    EXPECT_EQ(post("/se/authenticate", "{}", "text/plain").status, 415U);
    EXPECT_EQ(post("/se/authenticate", std::string(attestation::most_answer_octets + 1, ' ')).status, 413U);
    EXPECT_EQ(post("/se/challenge", "x").status, 413U);
    EXPECT_EQ(post("/elsewhere").status, 404U);
    net::http_request get;
    get.target = "/se/challenge";
    EXPECT_EQ(ask(std::move(get)).status, 405U);
    // Asking takes nothing from anybody; who answers wrongly too often waits.
    for (int i = 0; i < 80; ++i) {
        ASSERT_EQ(post("/se/challenge").status, 200U);
    }
    const auto certificate = certificate_for(maker, "device", signature_key("device").public_key().spki(), these_days());
    unsigned last = 0;
    for (int i = 0; i < 40 && last != 429; ++i) {
        last = post("/se/authenticate", wire::to_text(to_json(attestation::element_answer{bytes(32), {certificate}, bytes(70)})))
                   .status;
    }
    EXPECT_EQ(last, 429U);
    EXPECT_EQ(post("/se/challenge").status, 429U);
}

TEST_F(ElementServer, ServersAreNotBelievedWithoutProof) {
    give_identity(*device(), maker, "device 1", these_days());
    write("other.pem", make_root("other", crypto::signature_algorithm::ecdsa_p256_sha256, these_days()).certificate.to_pem());
    const auto at_server = fmt::format("127.0.0.1:{}", port);
    const auto ask_as = [&](const std::string& roots, const std::string& name) {
        return berth({"--json", "se", "authenticate", "--chip", "stsafe:device=" + sim.socket(), "--server", at_server,
                      "--server-ca", at(roots), "--server-name", name});
    };
    EXPECT_EQ(ask_as("web.pem", "localhost").exit, 0);
    EXPECT_EQ(ask_as("other.pem", "localhost").exit, 1);
    EXPECT_EQ(ask_as("web.pem", "elsewhere.example").exit, 1);
    refused(berth({"--json", "se", "authenticate", "--server", at_server}), "missing_option", 2);
}

TEST_F(ElementServer, WhoWasRevokedIsRefusedWithoutARestart) {
    const auto certificate = give_identity(*device(), maker, "device 1", these_days());
    const auto list = [&](uint64_t number, std::vector<pki::revoked_entry> revoked) {
        write("list.pem", value_of(pki::issue_crl({.number = number,
                                                   .this_update = system_clock().now() - 10,
                                                   .next_update = system_clock().now() + day,
                                                   .revoked = std::move(revoked)},
                                                  maker.certificate, maker.key))
                              .to_pem());
    };
    list(1, {});
    configure("crls = [\"list.pem\"]\n");
    ::kill(server->pid(), SIGHUP);
    ASSERT_TRUE(says("\"reloaded\""));
    EXPECT_EQ(authenticate().exit, 0);
    configure("crls = [\"list.pem\"]\nrevocation = \"crl\"\n");
    ::kill(server->pid(), SIGHUP);
    ASSERT_TRUE(says("\"reloaded\""));
    EXPECT_EQ(authenticate().exit, 0) << "its maker has a list";
    list(2, {{.serial = certificate.serial(), .revoked_at = system_clock().now() - 5}});
    ASSERT_TRUE(says("lists_read"));
    refused(authenticate(), "certificate_revoked", 1);
    // And a mistake changes nothing.
    configure("crls = [\"nothing.pem\"]\n");
    ::kill(server->pid(), SIGHUP);
    ASSERT_TRUE(says("reload_refused"));
    refused(authenticate(), "certificate_revoked", 1);
}

TEST_F(ElementServer, CheckFindsWhatIsWrong) {
    const auto check = [&](const std::string& from, const std::string& to) {
        std::ifstream in(at("berthd.toml"));
        std::string toml(std::istreambuf_iterator<char>(in), {});
        toml.replace(toml.find(from), from.size(), to);
        write("changed.toml", toml);
        return run_program("berthd", {"--json", "check", at("changed.toml")});
    };
    refused(check("host = \"localhost\"", "host = \"another.example\""), "bad_profile", 2);
    refused(check("makers.pem", "server.pem"), "bad_anchor", 2);
    std::ifstream own(at("server.pem"));
    const std::string one(std::istreambuf_iterator<char>(own), {});
    write("twice.pem", one + one);
    refused(check("chain = \"server.pem\"", "chain = \"twice.pem\""), "bad_chain", 2);
    refused(check("server.key", "nothing.key"), "file_not_found", 3);
    refused(check("makers =", "maker ="), "bad_config", 2);
}

}  // namespace

}  // namespace berth::test
