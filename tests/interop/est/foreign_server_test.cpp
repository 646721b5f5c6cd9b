// Our client against a server that is none of ours: nginx, and openssl ca behind it.
#include "common/files.h"
#include "pki/verify.h"
#include "support/onboarding_parties.h"
#include "support/programs.h"
#include "support/spawn.h"

#include <arpa/inet.h>
#include <csignal>
#include <sys/stat.h>
#include <thread>

namespace berth::test {
namespace {

namespace fs = std::filesystem;

uint16_t free_port() {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    EXPECT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size);
    ::close(fd);
    return ntohs(at.sin_port);
}

class ForeignServer : public testing::Test {
protected:
    static void SetUpTestSuite() {
        directory = std::make_unique<temporary_directory>();
        make_ca();
        write("nginx.conf", nginx_conf());
        // "{PLAIN}" is what nginx takes without a password file of its own making; the password is a test's.
        write("users", "device:{PLAIN}secret\n");
        write("password", "secret\n");
        write("wrong-password", "guess\n");
        fs::permissions(at("password"), fs::perms(0600));
        fs::permissions(at("wrong-password"), fs::perms(0600));
        fcgi = spawn({"fcgiwrap", "-s", "unix:" + at("fcgi.sock")}, at("fcgi.log"));
        nginx =
            spawn({"nginx", "-c", at("nginx.conf"), "-p", directory->path().string(), "-e", at("error.log")}, at("nginx.log"));
        ASSERT_GT(fcgi, 0);
        ASSERT_GT(nginx, 0);
        ASSERT_TRUE(answers()) << got(app::read_text(at("nginx.log")));
    }
    static void TearDownTestSuite() {
        for (const pid_t pid : {nginx, fcgi}) {
            if (pid > 0) {
                ::kill(pid, SIGTERM);
                exit_of(pid);
            }
        }
        directory.reset();
    }

    static std::string at(const std::string& name) { return (directory->path() / name).string(); }
    static void write(const std::string& name, const std::string& text) { ASSERT_TRUE(app::write_text(at(name), text)); }
    static void openssl(const std::string& words) {
        const auto done =
            run_program("/bin/sh", {"-c", "cd " + directory->path().string() + " && " BERTH_OPENSSL_COMMAND " " + words});
        ASSERT_EQ(done.exit, 0) << words << "\n" << done.all();
    }
    static void make_ca() {
        write("ca.cnf",
              "[ca]\ndefault_ca = c\n[c]\ndir = .\ndatabase = index.txt\nnew_certs_dir = issued\ncertificate = root.pem\n"
              "private_key = root.key\nrand_serial = yes\ndefault_md = sha256\ndefault_days = 30\npolicy = p\ncopy_extensions = "
              "copy\n"
              "unique_subject = no\nx509_extensions = leaf\n[p]\nserialNumber = optional\ncommonName = optional\n"
              "organizationName = optional\n[leaf]\nextendedKeyUsage = clientAuth\n");
        // challengePassword, and id-ecPublicKey with P-256.
        write("attributes.cnf", "asn1 = SEQUENCE:all\n[all]\na = OID:1.2.840.113549.1.9.7\nb = SEQUENCE:key\n"
                                "[key]\noid = OID:1.2.840.10045.2.1\nset = SET:curve\n[curve]\nc = OID:1.2.840.10045.3.1.7\n");
        write("index.txt", "");
        fs::create_directories(at("issued"));
        openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout root.key -out root.pem -days 365 -subj "
                "'/O=Foreign/"
                "CN=Foreign Root' -addext keyUsage=critical,keyCertSign,cRLSign");
        openssl(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -out server.pem -days 30 -subj "
            "'/CN=localhost' -CA root.pem -CAkey root.key -addext subjectAltName=DNS:localhost -addext "
            "extendedKeyUsage=serverAuth -addext basicConstraints=critical,CA:FALSE -addext keyUsage=critical,digitalSignature");
    }
    static std::string nginx_conf() {
        port = free_port();
        return fmt::format(
            "daemon off;\nmaster_process off;\npid {0}/nginx.pid;\nuser root;\nerror_log {0}/error.log;\nevents {{ }}\n"
            "http {{\n access_log off;\n client_body_temp_path {0}/t1; proxy_temp_path {0}/t2; fastcgi_temp_path {0}/t3;\n"
            " uwsgi_temp_path {0}/t4; scgi_temp_path {0}/t5;\n"
            " server {{\n  listen 127.0.0.1:{1} ssl;\n  ssl_certificate server.pem;\n  ssl_certificate_key server.key;\n"
            "  ssl_protocols TLSv1.3;\n  ssl_verify_client optional;\n  ssl_client_certificate root.pem;\n"
            "  fastcgi_param REQUEST_URI $request_uri;\n  fastcgi_param REQUEST_METHOD $request_method;\n"
            "  fastcgi_param CONTENT_LENGTH $content_length;\n  fastcgi_param CONTENT_TYPE $content_type;\n"
            "  fastcgi_param CLIENT_VERIFY $ssl_client_verify;\n  fastcgi_param CA {0};\n  fastcgi_param OPENSSL {2};\n"
            "  fastcgi_param SCRIPT_FILENAME {3};\n"
            "  location /.well-known/est/ {{ fastcgi_pass unix:{0}/fcgi.sock; }}\n"
            "  location /.well-known/est/guarded/ {{ auth_basic \"enrolment\"; auth_basic_user_file users;\n"
            "   fastcgi_pass unix:{0}/fcgi.sock; }}\n"
            " }}\n}}\n",
            directory->path().string(), port, BERTH_OPENSSL_COMMAND, BERTH_EST_CGI);
    }
    static bool answers() {
        for (int i = 0; i < 200; ++i) {
            if (est({"cacerts", "--fingerprint", fingerprint()}).exit == 0) {
                return true;
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
        }
        return false;
    }
    static std::string fingerprint() { return to_hex(got(app::read_certificate(at("root.pem"))).sha256()); }

    static program_result est(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {"--json", "est"});
        arguments.insert(arguments.end(), {"--server", fmt::format("localhost:{}", port)});
        return run_program("berth", arguments);
    }
    static program_result trusting(std::vector<std::string> arguments) {
        arguments.insert(arguments.end(), {"--ca", at("root.pem")});
        return est(std::move(arguments));
    }
    // What was issued leads to the foreign root and is for this name.
    static void expect_issued(const std::string& file, const std::string& cn) {
        const auto leaf = got(app::read_certificate(at(file)));
        EXPECT_EQ(leaf.common_name(), cn);
        EXPECT_TRUE(leaf.check_signature(got(app::read_certificate(at("root.pem")))));
    }

    static inline std::unique_ptr<temporary_directory> directory;
    static inline uint16_t port = 0;
    static inline pid_t nginx = -1, fcgi = -1;
};

TEST_F(ForeignServer, TrustBeginsWithAFingerprintAndGoesOnWithTheRoot) {
    const auto first = est({"cacerts", "--fingerprint", fingerprint(), "--out", at("anchors.pem")});
    ASSERT_EQ(first.exit, 0) << first.all();
    EXPECT_EQ(got(app::read_certificate(at("anchors.pem"))).sha256(), got(app::read_certificate(at("root.pem"))).sha256());
    const auto wrong = est({"cacerts", "--fingerprint", std::string(64, '0')});
    EXPECT_EQ(wrong.error_name(), "fingerprint_unknown") << wrong.all();
    EXPECT_EQ(trusting({"cacerts"}).exit, 0);
    const auto no_ca = est({"csrattrs"});
    EXPECT_EQ(no_ca.exit, 2);
    EXPECT_EQ(no_ca.error_name(), "missing_option");
    const auto other_name = trusting({"csrattrs", "--host", "est.example"});
    EXPECT_EQ(other_name.error_name(), "wrong_server_name") << other_name.all();
}

TEST_F(ForeignServer, SaysWhatItWantsInRequests) {
    const auto wanted = trusting({"csrattrs"});
    ASSERT_EQ(wanted.exit, 0) << wanted.all();
    EXPECT_TRUE(wanted.json().at("channel_binding").as_bool());
    EXPECT_EQ(wanted.json().at("key").as_string(), "1.2.840.10045.2.1");
}

TEST_F(ForeignServer, EnrolsAndRenewsWithTheSameKeyAndWithAnother) {
    const auto enrolled =
        trusting({"enrol", "--new-key", at("one.key"), "--alg", "p256", "--subject", "CN=device-1", "--out", at("one.pem")});
    ASSERT_EQ(enrolled.exit, 0) << enrolled.all();
    expect_issued("one.pem", "device-1");

    const auto without = trusting({"reenrol", "--new-key", at("one.key"), "--subject", "CN=device-1"});
    EXPECT_EQ(without.error_name(), "refused") << without.all();
    EXPECT_NE(without.all().find("a certificate is needed"), std::string::npos) << "the server's own words: " << without.all();

    const auto renewed = trusting({"reenrol", "--cert", at("one.pem"), "--key", at("one.key"), "--out", at("two.pem")});
    ASSERT_EQ(renewed.exit, 0) << renewed.all();
    expect_issued("two.pem", "device-1");
    const auto before = got(app::read_certificate(at("one.pem")));
    const auto after = got(app::read_certificate(at("two.pem")));
    EXPECT_TRUE(same_octets(before.spki(), after.spki()));
    EXPECT_NE(before.serial_hex(), after.serial_hex());

    const auto rekeyed = trusting({"reenrol", "--cert", at("two.pem"), "--key", at("one.key"), "--new-key", at("three.key"),
                                   "--alg", "p256", "--out", at("three.pem")});
    ASSERT_EQ(rekeyed.exit, 0) << rekeyed.all();
    expect_issued("three.pem", "device-1");
    EXPECT_FALSE(same_octets(before.spki(), got(app::read_certificate(at("three.pem"))).spki()));
}

TEST_F(ForeignServer, WaitsForApproval) {
    fs::remove(at("asked"));
    const std::vector<std::string> how{"enrol", "--label",   "slow",           "--new-key", at("slow.key"), "--alg",
                                       "p256",  "--subject", "CN=slow-device", "--out",     at("slow.pem")};
    const auto told = trusting(how);
    EXPECT_EQ(told.exit, 1) << told.all();
    EXPECT_EQ(told.error_name(), "approval_pending");
    EXPECT_NE(told.all().find("an operator decides"), std::string::npos) << told.all();
    // The key is there now; with it the same is asked again.
    const auto later = trusting(
        {"enrol", "--label", "slow", "--new-key", at("slow.key"), "--subject", "CN=slow-device", "--out", at("slow.pem")});
    ASSERT_EQ(later.exit, 0) << later.all();
    expect_issued("slow.pem", "slow-device");
    fs::remove(at("asked"));
    const auto waited =
        trusting({"enrol", "--label", "slow", "--new-key", at("slow.key"), "--subject", "CN=slow-device", "--wait", "20"});
    EXPECT_EQ(waited.exit, 0) << waited.all();
}

TEST_F(ForeignServer, APasswordIsSentWhenItIsAskedFor) {
    const std::vector<std::string> how{"enrol", "--label", "guarded", "--new-key", at("guarded.key"), "--subject", "CN=guarded"};
    const auto with = [&](std::vector<std::string> more) {
        auto all = how;
        all.insert(all.end(), more.begin(), more.end());
        return trusting(all);
    };
    EXPECT_EQ(with({"--alg", "p256"}).error_name(), "password_wanted");
    EXPECT_EQ(with({"--user", "device", "--password-file", at("wrong-password")}).error_name(), "password_wanted");
    const auto done = with({"--user", "device", "--password-file", at("password")});
    EXPECT_EQ(done.exit, 0) << done.all();
}

TEST_F(ForeignServer, WhatItDoesNotOfferIsToldSo) {
    const auto made = trusting({"serverkeygen", "--subject", "CN=x", "--key-out", at("made.key")});
    EXPECT_EQ(made.error_name(), "not_offered") << made.all();
    EXPECT_FALSE(fs::exists(at("made.key")));
}

}  // namespace
}  // namespace berth::test
