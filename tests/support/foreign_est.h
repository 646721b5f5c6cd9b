// An EST server that is none of ours: nginx, and openssl ca behind it (est.cgi).
#pragma once

#include "common/files.h"
#include "support/free_port.h"
#include "support/onboarding_parties.h"
#include "support/programs.h"
#include "support/spawn.h"

#include <csignal>
#include <thread>

namespace berth::test {

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
        std::filesystem::permissions(at("password"), std::filesystem::perms(0600));
        std::filesystem::permissions(at("wrong-password"), std::filesystem::perms(0600));
        fcgi = spawn({"/usr/sbin/fcgiwrap", "-s", "unix:" + at("fcgi.sock")}, at("fcgi.log"));
        ASSERT_GT(fcgi, 0);
        start_nginx();
    }
    static void start_nginx() {
        nginx = spawn({"/usr/sbin/nginx", "-c", at("nginx.conf"), "-p", directory->path().string(), "-e", at("error.log")},
                      at("nginx.log"));
        ASSERT_GT(nginx, 0);
        ASSERT_TRUE(answers()) << got(app::read_text(at("nginx.log")));
    }
    static void stop_nginx() {
        ::kill(nginx, SIGTERM);
        exit_of(std::exchange(nginx, -1));
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
        std::filesystem::create_directories(at("issued"));
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

}  // namespace berth::test
