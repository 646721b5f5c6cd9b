// `berth authkem server` and `client`, the real program on loopback, with certificates made here.
#include "common/process.h"
#include "crypto/random.h"
#include "net/address.h"
#include "pki/private_key_file.h"
#include "pki/profiles.h"
#include "wire/json.h"
#include "wire/pem.h"

#include <fstream>

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

namespace berth::app {

namespace {

using testing::HasSubstr;
using wire::json::object;

constexpr unix_seconds day = 86'400;

struct authority {
    crypto::signing_key key;
    pki::certificate certificate;
    static authority make(const std::string& name) {
        const auto key = crypto::signing_key::generate(crypto::signature_algorithm::mldsa65, crypto::system_random());
        const unix_seconds now = system_clock().now();
        auto root =
            pki::issue_self_signed(pki::root_template("Test", name, {now - day, now + 30 * day}), key, crypto::system_random());
        EXPECT_TRUE(root);
        return {key, *root};
    }
};

// What every test here runs on: roots, a server and a client as files.
struct files {
    std::string directory;
    files() {
        std::string pattern = testing::TempDir() + "berth-authkem-XXXXXX";
        directory = ::mkdtemp(pattern.data());
        const authority root = authority::make("Root");
        const authority other = authority::make("Other");
        write("root.pem", root.certificate.to_pem());
        write("other.pem", other.certificate.to_pem());
        leaf(root, "server", crypto::kem_algorithm::mlkem768, pki::oid_server_auth);
        leaf(root, "client", crypto::kem_algorithm::mlkem768_p256, pki::oid_client_auth);
        leaf(other, "stranger", crypto::kem_algorithm::mlkem768, pki::oid_client_auth);
    }
    ~files() {
        std::error_code ignored;
        std::filesystem::remove_all(directory, ignored);
    }
    [[nodiscard]] std::string at(const std::string& name) const { return directory + '/' + name; }
    void write(const std::string& name, std::string_view text) const {
        EXPECT_TRUE(pki::write_file_atomically(at(name), as_bytes(text), 0600));
    }
    void leaf(const authority& by, const std::string& name, crypto::kem_algorithm alg, std::string_view purpose) const {
        const auto key = crypto::kem_private_key::generate(alg, crypto::system_random());
        const unix_seconds now = system_clock().now();
        pki::certificate_template contents;
        contents.subject.add("CN", name);
        contents.not_before = now - day;
        contents.not_after = now + day;
        contents.key_usage = pki::key_encipherment;
        contents.extended_key_usages = {std::string(purpose)};
        contents.alt_names.dns = {name + ".example"};
        const auto certificate = pki::issue(contents, key.public_key().spki(), by.certificate, by.key, crypto::system_random());
        EXPECT_TRUE(certificate);
        write(name + ".pem", certificate->to_pem());
        write(name + ".pub", wire::to_pem("PUBLIC KEY", key.public_key().spki()));
        EXPECT_TRUE(pki::save_private_key(at(name + ".key"), key));
    }
};

struct ended {
    int exit = -1;
    std::vector<std::string> out;
    std::vector<std::string> err;
    [[nodiscard]] object json(size_t line = 0) const {
        EXPECT_GT(out.size(), line);
        auto parsed = line < out.size() ? wire::parse_json_object(out[line]) : wire::parse_json_object("{}");
        EXPECT_TRUE(parsed) << out[line];
        return parsed.value_or(object());
    }
    [[nodiscard]] std::string error_name() const {
        const object all = json();
        return all.contains("error") ? std::string(all.at("error").as_object().at("name").as_string()) : std::string();
    }
};

child_process start(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "authkem");
    auto made = child_process::start(std::filesystem::path(BERTH_BIN_DIR) / "berth", arguments);
    EXPECT_TRUE(made) << made.error().message;
    return std::move(*made);
}

void collect(child_process& child, ended& into) {
    for (auto& line : child.take_output_lines()) {
        into.out.push_back(std::move(line));
    }
    for (auto& line : child.take_error_lines()) {
        into.err.push_back(std::move(line));
    }
}

ended wait_for(child_process& child) {
    ended out;
    for (int i = 0; i < 300 && !child.exit_code(); ++i) {
        poll_children({&child}, 100);
        collect(child, out);
    }
    poll_children({&child}, 0);
    collect(child, out);
    out.exit = child.exit_code().value_or(-1);
    return out;
}

ended run(std::vector<std::string> arguments) {
    child_process child = start(std::move(arguments));
    return wait_for(child);
}

class authkem_command : public testing::Test {
protected:
    static const files& f() {
        static const files all;
        return all;
    }
    // A server that has said where it listens.
    struct listening {
        child_process process;
        ended said;
        uint16_t port = 0;
        [[nodiscard]] std::string at() const { return fmt::format("127.0.0.1:{}", port); }
        ended wait() {
            ended rest = wait_for(process);
            said.out.insert(said.out.end(), rest.out.begin(), rest.out.end());
            said.err.insert(said.err.end(), rest.err.begin(), rest.err.end());
            said.exit = rest.exit;
            return said;
        }
    };
    static listening serve(std::vector<std::string> more) {
        std::vector<std::string> arguments{"server", "--port", "0", "--json"};
        arguments.insert(arguments.end(), more.begin(), more.end());
        listening s{start(std::move(arguments)), {}, 0};
        for (int i = 0; i < 100 && s.said.out.empty() && !s.process.exit_code(); ++i) {
            poll_children({&s.process}, 100);
            collect(s.process, s.said);
        }
        const object line = s.said.json();
        EXPECT_EQ(line.at("event").as_string(), "listening");
        EXPECT_EQ(line.at("role").as_string(), "authkem");
        s.port = static_cast<uint16_t>(line.at("port").as_int64());
        EXPECT_NE(s.port, 0);
        return s;
    }
    static std::vector<std::string> own(const std::string& name) {
        return {"--cert", f().at(name + ".pem"), "--key", f().at(name + ".key")};
    }
    static std::vector<std::string> join(std::vector<std::string> a, const std::vector<std::string>& b) {
        a.insert(a.end(), b.begin(), b.end());
        return a;
    }
    static listening usual(const std::vector<std::string>& more = {}) {
        return serve(join(join(own("server"), {"--echo", "--once"}), more));
    }
    static ended ask(const listening& s, const std::vector<std::string>& more) {
        return run(join({"client", "--connect", s.at(), "--json"}, more));
    }
    static std::vector<std::string> trusted() { return {"--ca", f().at("root.pem"), "--message", "hello"}; }
};

std::string text(const object& o, const char* key) {
    const auto* v = o.if_contains(key);
    return v && v->is_string() ? std::string(v->as_string()) : v && v->is_null() ? "null" : "?";
}

}  // namespace

TEST_F(authkem_command, full_handshake_reports_everything_on_both_sides) {
    listening s = usual();
    const ended client = ask(s, trusted());
    const ended server = s.wait();
    ASSERT_EQ(client.exit, 0) << client.out[0];
    ASSERT_EQ(server.exit, 0);
    ASSERT_EQ(client.out.size(), 1U);
    ASSERT_EQ(server.out.size(), 2U);
    const object c = client.json();
    const object r = server.json(1);
    for (const object* o : {&c, &r}) {
        EXPECT_TRUE(o->at("ok").as_bool());
        EXPECT_EQ(text(*o, "suite"), "TLS_AES_256_GCM_SHA384");
        EXPECT_EQ(text(*o, "scheme"), "mlkem768");
        EXPECT_EQ(text(*o, "flow"), "full");
        EXPECT_FALSE(o->at("mutual").as_bool());
        EXPECT_EQ(text(*o, "received"), "hello");
        EXPECT_EQ(text(*o, "alert"), "null");
        EXPECT_EQ(text(*o, "exporter").size(), 64U);
        EXPECT_GT(o->at("handshake_ms").to_number<double>(), 0);
        EXPECT_FALSE(o->contains("error"));
    }
    EXPECT_EQ(text(c, "exporter"), text(r, "exporter"));
    EXPECT_EQ(c.at("octets_sent").to_number<int64_t>(), r.at("octets_received").to_number<int64_t>());
    EXPECT_EQ(r.at("octets_sent").to_number<int64_t>(), c.at("octets_received").to_number<int64_t>());
    EXPECT_EQ(text(c, "peer_state"), "verified");
    const auto& chain = c.at("peer_chain").as_array();
    ASSERT_EQ(chain.size(), 1U);
    EXPECT_EQ(text(chain[0].as_object(), "subject"), "CN=server");
    EXPECT_TRUE(pki::certificate::parse_pem(text(chain[0].as_object(), "pem")));
    EXPECT_TRUE(r.at("peer_chain").as_array().empty());
}

TEST_F(authkem_command, mutual_handshake_under_every_suite) {
    for (const std::string suite : {"TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"}) {
        listening s = usual({"--mutual", "--ca", f().at("root.pem"), "--padding", "64"});
        const ended client =
            ask(s, join(join(trusted(), own("client")), {"--suite", suite, "--key-update", "--server-name", "server.example"}));
        const ended server = s.wait();
        EXPECT_EQ(client.exit, 0);
        EXPECT_EQ(text(client.json(), "suite"), suite);
        EXPECT_TRUE(client.json().at("mutual").as_bool());
        EXPECT_TRUE(server.json(1).at("mutual").as_bool());
        EXPECT_EQ(text(client.json(), "received"), "hello");
        EXPECT_EQ(text(server.json(1), "server_name"), "server.example");
        EXPECT_EQ(text(server.json(1).at("peer_chain").as_array().at(0).as_object(), "subject"), "CN=client");
    }
}

TEST_F(authkem_command, predistributed_key_from_a_public_key_or_a_certificate) {
    for (const char* key : {"server.pub", "server.pem"}) {
        listening s = usual({"--mutual", "--ca", f().at("root.pem")});
        // Without --ca: nothing but the key vouches for the server.
        const ended client = ask(s, join(own("client"), {"--pdk", f().at(key), "--message", "hello"}));
        const ended server = s.wait();
        EXPECT_EQ(client.exit, 0);
        EXPECT_EQ(text(client.json(), "flow"), "pdk");
        EXPECT_EQ(text(server.json(1), "flow"), "pdk");
        EXPECT_TRUE(client.json().at("mutual").as_bool());
        EXPECT_EQ(text(client.json(), "peer_state"), "predistributed");
        EXPECT_TRUE(client.json().at("peer_chain").as_array().empty());
        EXPECT_EQ(text(client.json(), "exporter"), text(server.json(1), "exporter"));
    }
}

TEST_F(authkem_command, predistributed_key_serves_a_server_without_certificate) {
    listening s = serve({"--key", f().at("server.key"), "--once"});
    const ended client = ask(s, {"--pdk", f().at("server.pub")});
    EXPECT_EQ(client.exit, 0);
    EXPECT_EQ(text(client.json(), "flow"), "pdk");
    EXPECT_EQ(s.wait().exit, 0);
}

TEST_F(authkem_command, predistributed_key_refused) {
    listening s = usual();
    const ended client = ask(s, join(trusted(), {"--pdk", f().at("client.pub")}));
    const ended server = s.wait();
    EXPECT_EQ(client.exit, 0);
    EXPECT_EQ(text(client.json(), "flow"), "pdk_refused");
    EXPECT_EQ(text(server.json(1), "flow"), "pdk_refused");
    EXPECT_EQ(text(client.json(), "peer_state"), "verified");

    listening again = usual();
    const ended fatal = ask(again, join(trusted(), {"--pdk", f().at("client.pub"), "--pdk-required"}));
    EXPECT_EQ(fatal.exit, 1);
    EXPECT_FALSE(fatal.json().at("ok").as_bool());
    EXPECT_EQ(text(fatal.json(), "alert"), "handshake_failure");
    EXPECT_EQ(again.wait().exit, 1);
}

TEST_F(authkem_command, wrong_root_is_refused_and_both_say_so) {
    listening s = usual();
    const ended client = ask(s, {"--ca", f().at("other.pem")});
    const ended server = s.wait();
    EXPECT_EQ(client.exit, 1);
    EXPECT_EQ(server.exit, 1);
    EXPECT_FALSE(client.json().at("ok").as_bool());
    EXPECT_EQ(client.error_name(), "unknown_issuer");
    EXPECT_EQ(text(client.json(), "alert"), "unknown_ca");
    EXPECT_EQ(text(client.json(), "alert_from"), "us");
    EXPECT_EQ(text(client.json(), "exporter"), "null");
    EXPECT_EQ(text(client.json(), "flow"), "null");
    EXPECT_EQ(text(server.json(1), "alert"), "unknown_ca");
    EXPECT_EQ(text(server.json(1), "alert_from"), "peer");
    EXPECT_GT(server.json(1).at("octets_received").to_number<int64_t>(), 1000);
}

TEST_F(authkem_command, provisional_acceptance_judges_nothing_but_possession) {
    listening s = usual();
    const ended client = ask(s, {"--provisional"});
    EXPECT_EQ(client.exit, 0);
    EXPECT_EQ(text(client.json(), "peer_state"), "possession_only");
    EXPECT_EQ(client.json().at("peer_chain").as_array().size(), 1U);
    s.wait();
}

TEST_F(authkem_command, client_without_or_with_a_strangers_certificate_is_refused) {
    listening s = usual({"--mutual", "--ca", f().at("root.pem")});
    const ended bare = ask(s, trusted());
    EXPECT_EQ(bare.exit, 1);
    EXPECT_EQ(text(bare.json(), "alert"), "certificate_required");
    EXPECT_EQ(s.wait().exit, 1);

    listening t = usual({"--mutual", "--ca", f().at("root.pem")});
    const ended stranger = ask(t, join(trusted(), own("stranger")));
    EXPECT_EQ(stranger.exit, 1);
    EXPECT_EQ(text(stranger.json(), "alert"), "unknown_ca");
    EXPECT_EQ(t.wait().exit, 1);
}

TEST_F(authkem_command, names_and_protocols_are_checked_when_asked_for) {
    listening s = usual();
    const ended wrong_name = ask(s, join(trusted(), {"--server-name", "elsewhere.example"}));
    EXPECT_EQ(wrong_name.exit, 1);
    EXPECT_EQ(wrong_name.error_name(), "wrong_server_name");
    s.wait();

    listening t = usual({"--alpn", "kk2/1", "--alpn", "kk3/1"});
    const ended agreed = ask(t, join(trusted(), {"--alpn", "kk3/1"}));
    EXPECT_EQ(agreed.exit, 0);
    EXPECT_EQ(text(agreed.json(), "alpn"), "kk3/1");
    t.wait();

    listening u = usual({"--alpn", "kk2/1"});
    const ended none = ask(u, join(trusted(), {"--alpn", "other"}));
    EXPECT_EQ(none.exit, 1);
    EXPECT_EQ(text(none.json(), "alert"), "no_application_protocol");
    u.wait();
}

TEST_F(authkem_command, scheme_that_is_not_accepted_fails_the_handshake) {
    listening s = usual();
    const ended client = ask(s, join(trusted(), {"--scheme", "mlkem1024"}));
    EXPECT_EQ(client.exit, 1);
    EXPECT_EQ(text(client.json(), "alert"), "handshake_failure");
    s.wait();
}

TEST_F(authkem_command, key_log_is_private_or_refused) {
    const std::string log = f().at("secrets.log");
    listening s = usual();
    ASSERT_EQ(ask(s, join(trusted(), {"--keylog", log})).exit, 0);
    s.wait();
    struct stat about{};
    ASSERT_EQ(::stat(log.c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 0777, 0600U);
    std::ifstream in(log);
    const std::string all((std::istreambuf_iterator<char>(in)), {});
    for (const char* name : {"HS 1 ", "SSs 1 ", "c_ap 1 ", "s_ap 1 ", "exporter_master 1 "}) {
        EXPECT_THAT(all, HasSubstr(name));
    }
    ASSERT_EQ(::chmod(log.c_str(), 0644), 0);
    const ended refused = run(join({"client", "--connect", "127.0.0.1:1", "--json", "--keylog", log}, trusted()));
    EXPECT_EQ(refused.exit, 2);
    EXPECT_EQ(refused.error_name(), "unsafe_permissions");
    // A link that somebody laid out is not followed.
    const std::string link = f().at("link.log");
    ASSERT_EQ(::symlink(f().at("elsewhere").c_str(), link.c_str()), 0);
    EXPECT_EQ(run(join({"client", "--connect", "127.0.0.1:1", "--json", "--keylog", link}, trusted())).exit, 3);
    // No abbreviation and no environment variable turns it on.
    EXPECT_EQ(run(join({"client", "--connect", "127.0.0.1:1", "--keyl", log}, trusted())).exit, 2);
}

TEST_F(authkem_command, mistakes_of_usage_and_of_the_environment_have_their_exit_codes) {
    const auto client = [](std::vector<std::string> more) {
        return run(join({"client", "--json", "--connect", "127.0.0.1:1"}, more));
    };
    EXPECT_EQ(run({"client"}).exit, 2);
    EXPECT_EQ(run({"server"}).exit, 2);
    EXPECT_EQ(run({}).exit, 2);
    EXPECT_EQ(client({}).error_name(), "missing_option");
    EXPECT_EQ(client({"--ca", f().at("root.pem"), "--cert", f().at("client.pem")}).error_name(), "missing_option");
    EXPECT_EQ(client({"--ca", f().at("nowhere.pem")}).error_name(), "file_not_found");
    EXPECT_EQ(client({"--ca", f().at("root.pem"), "--suite", "TLS_NULL"}).error_name(), "unknown_suite");
    EXPECT_EQ(client({"--ca", f().at("root.pem"), "--scheme", "rsa"}).error_name(), "unknown_scheme");
    EXPECT_EQ(run({"client", "--json", "--connect", "nonsense", "--ca", f().at("root.pem")}).error_name(), "bad_address");
    const ended mismatch = client({"--ca", f().at("root.pem"), "--cert", f().at("client.pem"), "--key", f().at("server.key")});
    EXPECT_EQ(mismatch.error_name(), "credential_key_mismatch");
    EXPECT_EQ(mismatch.exit, 2);
    const ended nobody = client({"--ca", f().at("root.pem")});
    EXPECT_EQ(nobody.exit, 3);
    EXPECT_EQ(nobody.error_name(), "connect_failed");
    // On a terminal: a sentence, and the name in brackets.
    const ended people = run({"client", "--connect", "127.0.0.1:1", "--ca", f().at("root.pem")});
    ASSERT_EQ(people.err.size(), 1U);
    EXPECT_THAT(people.err[0], HasSubstr("[connect_failed]"));
    EXPECT_TRUE(people.out.empty());
}

TEST_F(authkem_command, server_serves_many_until_it_is_told_to_end) {
    listening s = serve(join(own("server"), {"--echo"}));
    const ended many = run(join({"client", "--connect", s.at(), "--json", "--count", "5"}, trusted()));
    EXPECT_EQ(many.exit, 0);
    EXPECT_EQ(many.out.size(), 5U);
    EXPECT_EQ(run({"client", "--connect", s.at(), "--json", "--ca", f().at("other.pem")}).exit, 1);
    const ended people = run(join({"client", "--connect", s.at()}, trusted()));
    EXPECT_EQ(people.exit, 0);
    EXPECT_THAT(people.out.at(0), HasSubstr("full handshake"));
    s.process.terminate();
    const ended server = s.wait();
    EXPECT_EQ(server.exit, 0);
    EXPECT_EQ(server.out.size(), 1U + 5 + 1 + 1);
}

TEST_F(authkem_command, help_has_examples) {
    for (const char* side : {"server", "client"}) {
        const ended help = run({side, "--help"});
        EXPECT_EQ(help.exit, 0);
        std::string all;
        for (const auto& line : help.out) {
            all += line + "\n";
        }
        EXPECT_THAT(all, HasSubstr("Examples:"));
        EXPECT_THAT(all, HasSubstr("--keylog"));
        EXPECT_THAT(all, HasSubstr("Exit status"));
    }
}

}  // namespace berth::app
