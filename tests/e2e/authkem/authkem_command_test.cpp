// `berth authkem server` and `client`: every flow, suite and scheme, and every mistake of usage.
#include "support.h"

#include <fstream>

#include <sys/stat.h>

namespace berth::test {
namespace {

using testing::HasSubstr;

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

TEST_F(authkem_command, every_scheme_for_either_end_and_predistributed) {
    for (const crypto::kem_algorithm alg : crypto::all_kem_algorithms) {
        const std::string scheme(crypto::name_of(alg));
        SCOPED_TRACE(scheme);
        const authority by = authority::make("Root of " + scheme);
        f().write(scheme + "-root.pem", by.certificate.to_pem());
        f().leaf(by, scheme + "-server", alg, pki::oid_server_auth);
        f().leaf(by, scheme + "-client", alg, pki::oid_client_auth);
        const std::vector<std::string> only{"--ca", f().at(scheme + "-root.pem"), "--scheme", scheme};
        for (const bool pdk : {false, true}) {
            listening s = serve(join(join(own(scheme + "-server"), only), {"--mutual", "--echo", "--once"}));
            std::vector<std::string> client_says = join(join(own(scheme + "-client"), only), {"--message", "hello"});
            if (pdk) {
                client_says = join(client_says, {"--pdk", f().at(scheme + "-server.pub"), "--pdk-required"});
            }
            const ended client = ask(s, client_says);
            const ended served = s.wait();
            EXPECT_EQ(client.exit, 0);
            EXPECT_EQ(served.exit, 0);
            for (const object& o : {client.json(), served.json(1)}) {
                EXPECT_EQ(text(o, "scheme"), scheme);
                EXPECT_EQ(text(o, "flow"), pdk ? "pdk" : "full");
                EXPECT_TRUE(o.at("mutual").as_bool());
                EXPECT_EQ(text(o, "received"), "hello");
            }
            EXPECT_EQ(text(client.json(), "exporter"), text(served.json(1), "exporter"));
        }
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
        EXPECT_THAT(all, HasSubstr("Exit code"));
    }
}

}  // namespace
}  // namespace berth::test
