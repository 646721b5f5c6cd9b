// The identity service as a device has it: its configuration, its socket, and what it reads from a bundle.
#include "device/identity_holdings.h"
#include "device/identity_server.h"

#include "common/files.h"
#include "keystore/software.h"
#include "libberth-identity/client.h"
#include "pki/private_key_file.h"
#include "support/onboarding_parties.h"
#include "support/test_pki.h"
#include "wire/base64.h"

#include <thread>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

namespace berth::app {
namespace {

using namespace berth::test;
namespace fs = std::filesystem;

identity_config config_of(const std::string& text) {
    return value_of(parse_identity_config(text, "/etc/berth/identity.toml"));
}

std::string why_not(const std::string& text) {
    const auto read = parse_identity_config(text, "identity.toml");
    EXPECT_FALSE(read);
    return read ? "" : read.error().message;
}

TEST(IdentityConfig, TellsWhoMayDoWhat) {
    const auto config = config_of("socket = \"run/identity.sock\"\nmode = \"0660\"\n"
                                  "[[principal]]\nname = \"telemetry\"\nuid = 1000\nidentities = [\"device\"]\nmay = [\"sign\"]\n"
                                  "[[principal]]\nname = \"root\"\nuser = \"root\"\nidentities = [\"ldevid\"]\n");
    EXPECT_EQ(config.socket, "/etc/berth/run/identity.sock");
    EXPECT_EQ(config.mode, 0660U);
    ASSERT_EQ(config.principals.size(), 2U);
    EXPECT_EQ(config.principals[0].uid, 1000U);
    EXPECT_TRUE(config.principals[0].may_use(identity::key_use::sign));
    EXPECT_EQ(config.principals[1].uid, 0U);
    EXPECT_TRUE(config.principals[1].may.empty()) << "reading is all that is given by itself";
}

TEST(IdentityConfig, MistakesAreToldWithTheirLines) {
    const std::string head = "socket = \"s\"\n[[principal]]\nname = \"a\"\nidentities = [\"device\"]\n";
    EXPECT_NE(why_not(head).find("needs either \"user\""), std::string::npos);
    EXPECT_NE(why_not(head + "uid = 1\nuser = \"root\"\n").find("needs either \"user\""), std::string::npos);
    EXPECT_NE(why_not(head + "user = \"nobody-of-that-name\"\n").find("has no user"), std::string::npos);
    EXPECT_NE(why_not(head + "uid = -1\n").find("identity.toml:5"), std::string::npos);
    EXPECT_NE(why_not(head + "uid = 4294967295\n").find("uid"), std::string::npos);
    EXPECT_NE(why_not(head + "uid = 1\nmay = [\"export\"]\n").find("sign, decapsulate"), std::string::npos);
    EXPECT_NE(why_not(head + "uid = 1\ncan = [\"sign\"]\n").find("can"), std::string::npos);
    EXPECT_NE(why_not("mode = \"0999\"\n" + head + "uid = 1\n").find("octal"), std::string::npos);
    EXPECT_NE(why_not("socket = \"s\"\n").find("principal"), std::string::npos);
    EXPECT_NE(
        why_not(head + "uid = 1\n[[principal]]\nname = \"b\"\nuid = 1\nidentities = [\"device\"]\n").find("one user is one"),
        std::string::npos);
}

// A bundle with one credential installed, as far as the service looks at it.
class Identities : public testing::Test {
protected:
    Identities() : root_(test::make_root("customer")), holdings_(bundle_) {
        bundle_.directory = directory_.path();
        bundle_.identity.serial = "SN-1";
        bundle_.model = "M1";
        fs::create_directories(directory_.path() / "installed");
        install("device", signature_key("device"));
        EXPECT_TRUE(write_text(installed("domain-root.pem"), root_.certificate.to_pem()));
    }
    [[nodiscard]] fs::path installed(const std::string& name) const { return directory_.path() / "installed" / name; }
    void install(const std::string& name, const crypto::signing_key& key) {
        const auto leaf = test::issue(root_, pki::client_template("Test", name, usual), key.public_key().spki());
        ASSERT_TRUE(write_text(installed(name + ".pem"), leaf.to_pem()));
        fs::remove(installed(name + ".key"));
        ASSERT_TRUE(pki::save_private_key(installed(name + ".key").string(), key));
    }
    // Serves until the end of the test, this process's user being "telemetry".
    void serve(const std::string& may = "[\"sign\"]") {
        const auto config =
            value_of(parse_identity_config(fmt::format("socket = \"s\"\n[[principal]]\nname = \"telemetry\"\nuid = {}\n"
                                                       "identities = [\"device\", \"later\"]\nmay = {}\n",
                                                       ::getuid(), may),
                                           directory_.path() / "identity.toml"));
        server_ = value_of(identity_server::start(loop_, config, holdings_, system_clock()));
        thread_ = std::thread([this] { loop_.run(); });
    }
    void TearDown() override {
        loop_.stop();
        if (thread_.joinable()) {
            thread_.join();
        }
    }
    [[nodiscard]] std::string socket() const { return (directory_.path() / "s").string(); }
    [[nodiscard]] identity_client client() const { return identity_client(socket()); }
    [[nodiscard]] net::http_response post(const std::string& target, std::string body) const {
        net::http_request request;
        request.method = "POST";
        request.target = target;
        request.body = std::move(body);
        return value_of(net::local_http_client(socket()).ask(request));
    }

    temporary_directory directory_;
    test::authority root_;
    device_bundle bundle_;
    identity_holdings holdings_;
    net::loop loop_;
    std::unique_ptr<identity_server> server_;
    std::thread thread_;
};

TEST_F(Identities, AreReadAndUsedOverTheSocket) {
    serve();
    const auto list = value_of(wire::parse_json_object(value_of(client().list())));
    EXPECT_EQ(list.at("principal").as_string(), "telemetry");
    ASSERT_EQ(list.at("identities").as_array().size(), 2U);
    EXPECT_EQ(list.at("identities").as_array()[0].as_object().at("algorithm").as_string(), "ecdsa_p256_sha256");
    EXPECT_EQ(list.at("identities").as_array()[1].as_object().at("error").as_string(), "no_such_identity");
    EXPECT_EQ(value_of(client().trust()), root_.certificate.to_pem());
    EXPECT_EQ(value_of(client().certificate("device")), value_of(read_text(installed("device.pem"))));
    const auto device = value_of(wire::parse_json_object(value_of(client().device())));
    EXPECT_EQ(device.at("serial").as_string(), "SN-1");
    EXPECT_TRUE(device.at("customer").is_null());
    const auto signature = value_of(client().sign("device", as_bytes("message")));
    EXPECT_TRUE(signature_key("device").public_key().verify(as_bytes("message"), signature.reveal()));
}

TEST_F(Identities, ARenewedOneShowsAtTheNextUse) {
    serve();
    ASSERT_TRUE(client().sign("device", as_bytes("message")));
    install("device", signature_key("renewed"));
    const auto signature = value_of(client().sign("device", as_bytes("message")));
    EXPECT_TRUE(signature_key("renewed").public_key().verify(as_bytes("message"), signature.reveal()));
    install("later", signature_key("later"));
    EXPECT_TRUE(client().sign("later", as_bytes("message")));
}

TEST_F(Identities, AKeyThatIsNotTheCertificatesIsNotUsed) {
    fs::remove(installed("device.key"));
    ASSERT_TRUE(pki::save_private_key(installed("device.key").string(), signature_key("another")));
    serve();
    EXPECT_EQ(name_of_error(client().sign("device", as_bytes("message"))), "key_mismatch");
}

TEST_F(Identities, RefusalsReachTheAskerByTheirNames) {
    serve();
    EXPECT_EQ(name_of_error(client().sign("ldevid", as_bytes("message"))), "not_allowed");
    EXPECT_EQ(name_of_error(client().decapsulate("device", as_bytes("enc"))), "not_allowed");
    EXPECT_EQ(name_of_error(client().certificate("../../etc/passwd")), "not_allowed");
    EXPECT_EQ(name_of_error(client().certificate("later")), "no_such_identity");
    EXPECT_EQ(name_of_error(client().sign("device", bytes(identity::most_message_octets + 1))), "too_large");
    EXPECT_EQ(name_of_error(client().sign("device", bytes(10'000'000))), "too_large");
}

TEST_F(Identities, MisshapenRequestsAreRefused) {
    serve();
    for (const auto* body : {"", "{", "[]", "{\"message\":1}", "{\"message\":\"%%\"}",
                             "{\"message\":\"AA==\",\"message\":\"AA==\"}", "{\"message\":\"AA==\",\"hash\":\"sha256\"}"}) {
        EXPECT_EQ(post("/v1/identities/device/sign", body).status, 400U) << body;
    }
    EXPECT_EQ(post("/v1/identities/device/export", "{}").status, 404U);
    EXPECT_EQ(post("/v1/identities/device", "").status, 405U);
    EXPECT_EQ(post("/v1/identities//sign", "{}").status, 404U);
    EXPECT_EQ(post("/v1/identities/device/sign", "{\"message\":\"AA==\"}").headers.get("cache-control"), "no-store");
}

TEST_F(Identities, OthersThanThePrincipalsGetNothing) {
    const auto config = value_of(parse_identity_config(
        fmt::format("socket = \"s\"\n[[principal]]\nname = \"telemetry\"\nuid = {}\nidentities = [\"device\"]\n", ::getuid() + 1),
        directory_.path() / "identity.toml"));
    server_ = value_of(identity_server::start(loop_, config, holdings_, system_clock()));
    thread_ = std::thread([this] { loop_.run(); });
    for (const auto& refused : {client().list(), client().trust(), client().device(), client().certificate("device")}) {
        EXPECT_EQ(name_of_error(refused), "not_allowed");
    }
    EXPECT_EQ(post("/v1/identities/device/sign", "not even JSON").status, 403U) << "before the request is looked at";
}

TEST_F(Identities, TheSocketIsOnesOwn) {
    {
        // Left behind by a process that was killed: nobody listens.
        const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
        sockaddr_un at{};
        at.sun_family = AF_UNIX;
        std::snprintf(at.sun_path, sizeof at.sun_path, "%s", socket().c_str());
        ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
        ::close(fd);
    }
    serve();
    struct stat s{};
    ASSERT_EQ(::stat(socket().c_str(), &s), 0);
    EXPECT_EQ(s.st_mode & 0777U, 0666U);
    const auto other =
        net::http_server::listen_local(loop_, socket(), 0600, std::make_shared<net::http_router>(), system_clock());
    EXPECT_EQ(name_of_error(other), "listen_failed") << "it is served already";
    EXPECT_TRUE(client().list()) << "and goes on being";
    const auto file = installed("device.pem").string();
    EXPECT_EQ(
        name_of_error(net::http_server::listen_local(loop_, file, 0600, std::make_shared<net::http_router>(), system_clock())),
        "bad_address")
        << "no file is taken away";
    EXPECT_TRUE(fs::exists(file));
    EXPECT_EQ(name_of_error(net::http_server::listen_local(loop_, std::string(200, 'x'), 0600,
                                                           std::make_shared<net::http_router>(), system_clock())),
              "bad_address");
    loop_.stop();
    thread_.join();
    server_.reset();
    EXPECT_FALSE(fs::exists(socket())) << "it goes with its server";
    EXPECT_EQ(name_of_error(client().list()), "connect_failed");
}

}  // namespace
}  // namespace berth::app
