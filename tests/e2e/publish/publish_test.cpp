// berthd's [publish], asked by curl and by plain openssl.
#include "../ca/ca_fixture.h"

#include "net/http.h"
#include "pki/crl_scope.h"
#include "pki/ocsp.h"
#include "wire/base64.h"

#include <csignal>

namespace berth::test {
namespace {

class Publish : public CaCommands {
protected:
    // The addresses that certificates name are the publisher's own: it begins, and then ca.toml is written.
    void begin(const std::string& settings = {}, const std::string& more = {}) {
        make_customer();
        write_config(more);
        const auto check = run_program("berthd", {"--json", "check", at("berthd.toml")});
        ASSERT_EQ(check.exit, 0) << check.all();
        auto child = app::child_process::start(std::filesystem::path(BERTH_BIN_DIR) / "berthd", {"--config", at("berthd.toml")});
        ASSERT_TRUE(child) << child.error().message;
        server_ = std::make_unique<app::child_process>(std::move(*child));
        ASSERT_TRUE(says("\"ready\"")) << "berthd did not begin";
        const auto base = text_of(at("ca/ca.toml"));
        std::string own = settings.empty() ? "crl_url = \"{}/ca.crl\"\n" : settings;
        own += "ocsp_url = \"{}/ocsp\"\nissuer_url = \"{}/ca.cer\"\n";
        for (size_t found; (found = own.find("{}")) != std::string::npos;) {
            own.replace(found, 2, url(""));
        }
        put(at("ca/ca.toml"), base + "\n[[authority]]\nname = \"ca\"\n" + own);
        reload();
    }
    void write_config(const std::string& more) {
        put(at("berthd.toml"), "[publish]\nlisten = \"127.0.0.1:0\"\ndirectory = \"ca\"\n" + more);
    }
    void reload(const std::string& expected = "\"reloaded\"") {
        ::kill(server_->pid(), SIGHUP);
        ASSERT_TRUE(says(expected));
    }
    // Whether it says so, on either of its outputs; notes the port meanwhile.
    bool says(const std::string& text, milliseconds most = 20'000) {
        const milliseconds until = system_clock().steady() + most;
        while (system_clock().steady() < until && !server_->ended()) {
            app::poll_children({&*server_}, 50);
            bool said = false;
            for (auto lines : {server_->take_output_lines(), server_->take_error_lines()}) {
                for (const auto& line : lines) {
                    const auto object = wire::parse_json_object(line);
                    if (object && object->contains("port")) {
                        port_ = object->at("port").to_number<uint16_t>();
                    }
                    said = said || line.find(text) != std::string::npos;
                }
            }
            if (said) {
                return true;
            }
        }
        return false;
    }
    [[nodiscard]] std::string url(const std::string& path) const { return fmt::format("http://127.0.0.1:{}{}", port_, path); }
    // Its status; the body is in `body`, the header in `header`.
    std::string curl(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(),
                         {"-sS", "-o", at("body"), "-D", at("header"), "-w", "%{http_code}", "--max-time", "20"});
        std::filesystem::remove(at("body"));
        const auto out = run_program("/usr/bin/curl", arguments);
        return out.output.empty() ? out.all() : out.output.back();
    }
    [[nodiscard]] std::string body() const { return text_of(at("body")); }
    [[nodiscard]] std::string header(const std::string& name) const {
        const std::string text = text_of(at("header"));
        const size_t found = text.find("\n" + name + ": ");
        return found == std::string::npos
                   ? ""
                   : text.substr(found + name.size() + 3, text.find('\r', found) - found - name.size() - 3);
    }
    pki::crl list_at(const std::string& path) {
        EXPECT_EQ(curl({url(path)}), "200") << path;
        return got(pki::crl::parse(as_bytes(body())));
    }
    // What is made once a second is there soon.
    template <class F>
    static bool soon(F&& holds) {
        const milliseconds until = system_clock().steady() + 20'000;
        while (system_clock().steady() < until) {
            if (holds()) {
                return true;
            }
            ::usleep(50'000);
        }
        return false;
    }
    void revoke(const std::vector<std::string>& what) {
        std::vector<std::string> all{"ca", "revoke", "--dir", at("ca")};
        all.insert(all.end(), what.begin(), what.end());
        must(all);
    }
    // "good", "revoked", "unknown", or what openssl said.
    std::string asked(const std::string& leaf, const std::vector<std::string>& more = {}) {
        std::vector<std::string> ask{"ocsp",       "-issuer", at("ca/ca.pem"), "-cert",         leaf,           "-url",
                                     url("/ocsp"), "-CAfile", at("ca/z2.pem"), "-verify_other", at("ca/ca.pem")};
        ask.insert(ask.end(), more.begin(), more.end());
        const int exit = openssl(ask);
        const std::string said = log();
        for (const char* state : {": good", ": revoked", ": unknown"}) {
            if (exit == 0 && said.find("Response verify OK") != std::string::npos && said.find(state) != std::string::npos) {
                return std::string(state).substr(2);
            }
        }
        return said;
    }
    bytes query(const pki::certificate& about, std::optional<bytes> nonce = {}) {
        const auto issuer = got(app::read_chain(at("ca/ca.pem"))).front();
        return got(pki::build_ocsp_query({{pki::make_ocsp_id(about.serial(), issuer, pki::ocsp_hash::sha1)}, std::move(nonce)}));
    }
    std::string post(bytes_view octets, const std::string& type = "application/ocsp-request") {
        put(at("query.der"), std::string(as_text(octets)));
        return curl({"-H", "Content-Type: " + type, "--data-binary", "@" + at("query.der"), url("/ocsp")});
    }
    std::string get(bytes_view octets) { return curl({url("/ocsp/" + net::percent_encode(wire::base64(octets)))}); }

    std::unique_ptr<app::child_process> server_;
    uint16_t port_ = 0;
};

TEST_F(Publish, ListsAreMadeAtOnceAndReadByOpenssl) {
    begin();
    const std::string leaf = issue("leaf", {"--serial", "SN-1"});
    const auto before = list_at("/ca.crl");
    EXPECT_EQ(header("Content-Type"), "application/pkix-crl");
    EXPECT_EQ(header("Cache-Control"), "max-age=60, public, no-transform, must-revalidate");
    EXPECT_THAT(header("Expires"), testing::HasSubstr("GMT"));
    const std::string tag = header("ETag");
    EXPECT_EQ(curl({"-H", "If-None-Match: " + tag, url("/ca.crl")}), "304");
    EXPECT_EQ(curl({"-I", url("/ca.crl")}), "200");
    const std::vector<std::string> download{"-CAfile",       at("ca/z2.pem"), "-untrusted",
                                            at("ca/ca.pem"), "-crl_check",    "-crl_download"};
    EXPECT_EQ(judge(leaf, download), "good") << "fetched from where the certificate says";
    revoke({"--serial", serial_of(leaf)});
    EXPECT_TRUE(soon([&] { return list_at("/ca.crl").number() > before.number(); }));
    EXPECT_EQ(judge(leaf, download), "revoked");
    EXPECT_GT(list_at("/ca.crl").number(), before.number());
    EXPECT_EQ(curl({"-H", "If-None-Match: " + tag, url("/ca.crl")}), "200");
    // Of the others, too, where ca.toml says nothing.
    EXPECT_TRUE(list_at("/z2.crl").check_signature(got(app::read_certificate(at("ca/z2.pem")))));
    EXPECT_EQ(curl({url("/ca.cer")}), "200");
    EXPECT_EQ(body(), as_text(got(app::read_chain(at("ca/ca.pem"))).front().der()));
    EXPECT_EQ(header("Content-Type"), "application/pkix-cert");
}

TEST_F(Publish, ShardsAndDeltas) {
    begin("crl_url = \"{}/ca-{shard}.crl\"\ndelta_url = \"{}/ca-{shard}.delta.crl\"\nshard_size = 1\n");
    const std::string first = issue("first", {"--serial", "SN-1"}), second = issue("second", {"--serial", "SN-2"});
    EXPECT_TRUE(soon([&] { return curl({url("/ca-1.delta.crl")}) == "200"; })) << "each shard has one of its own";
    const auto complete = list_at("/ca-1.crl");
    revoke({"--serial", serial_of(second)});
    const auto serial = got(app::read_certificate(second)).serial();
    EXPECT_TRUE(soon([&] { return list_at("/ca-1.delta.crl").find(serial).has_value(); }));
    EXPECT_TRUE(pki::continues(list_at("/ca-1.delta.crl"), complete));
    EXPECT_TRUE(list_at("/ca-0.delta.crl").revoked().empty());
    for (const char* path : {"/ca-7.crl", "/ca-01.crl", "/ca-.crl", "/ca-99999999999.crl", "/ca--1.crl", "/ca.crl",
                             "/../ca/ca.key", "/ca.key", "/ca.db", "/ca.toml", "/"}) {
        EXPECT_EQ(curl({"--path-as-is", url(path)}), "404") << path;
    }
}

TEST_F(Publish, OcspByPostAsOpensslAsks) {
    begin();
    const std::string leaf = issue("leaf", {"--serial", "SN-1"});
    EXPECT_EQ(asked(leaf), "good");
    EXPECT_THAT(log(), testing::Not(testing::HasSubstr("WARNING"))) << "its nonce is in the answer";
    EXPECT_EQ(asked(leaf, {"-no_nonce"}), "good");
    revoke({"--epoch", "SN-1"});
    EXPECT_EQ(asked(leaf, {"-no_nonce"}), "revoked") << "at once, whatever was signed before";
    EXPECT_EQ(asked(leaf), "revoked");
    // Whom the CA has appointed answers after a reload.
    must({"ca", "responder", "--dir", at("ca"), "--name", "ca"});
    reload();
    EXPECT_EQ(asked(leaf), "revoked") << log();
    const auto said = text_of(at("openssl.log"));
    ASSERT_EQ(openssl({"ocsp", "-issuer", at("ca/ca.pem"), "-cert", leaf, "-url", url("/ocsp"), "-CAfile", at("ca/z2.pem"),
                       "-verify_other", at("ca/ca.pem"), "-resp_text"}),
              0);
    EXPECT_THAT(log(), testing::HasSubstr("OCSP Signing"));
}

TEST_F(Publish, OcspByGetMayBeKept) {
    begin("", "answer_lifetime = 600\nmax_age = 30\n");
    const auto leaf = got(app::read_certificate(issue("leaf", {"--serial", "SN-1"})));
    const auto issuer = got(app::read_chain(at("ca/ca.pem"))).front();
    const auto judged = [&](const std::optional<bytes>& nonce = {}, unix_seconds later = 0) {
        pki::ocsp_policy policy{pki::validity_instants::at(system_clock().now() + later)};
        policy.nonce = nonce;
        policy.nonce_required = nonce.has_value();
        const auto answer = pki::verify_ocsp_response(as_bytes(body()), leaf, issuer, policy);
        return answer ? std::string(to_string(answer->state)) : answer.error().name;
    };
    ASSERT_EQ(get(query(leaf)), "200");
    EXPECT_EQ(header("Content-Type"), "application/ocsp-response");
    EXPECT_EQ(header("Cache-Control"), "max-age=30, public, no-transform, must-revalidate");
    EXPECT_THAT(header("Expires"), testing::HasSubstr("GMT"));
    EXPECT_THAT(header("Last-Modified"), testing::HasSubstr("GMT"));
    EXPECT_EQ(judged(), "good");
    const std::string kept = body();
    ASSERT_EQ(get(query(leaf)), "200");
    EXPECT_EQ(body(), kept) << "signed once";
    EXPECT_EQ(judged({}, 600 + 301), "ocsp_expired") << "and not taken when its time is over";
    ASSERT_EQ(get(query(leaf, bytes(16, 7))), "200");
    EXPECT_EQ(header("Cache-Control"), "no-store");
    EXPECT_EQ(judged(bytes(16, 7)), "good");
    EXPECT_EQ(judged(bytes(16, 8)), "ocsp_replayed");
    // As RFC 6960 A.1 has it, and as clients that encode nothing send it.
    EXPECT_EQ(curl({url("/ocsp/" + wire::base64(query(leaf)))}), "200");
    EXPECT_EQ(body(), kept);
    revoke({"--serial", leaf.serial_hex()});
    ASSERT_EQ(get(query(leaf)), "200");
    EXPECT_EQ(judged(), "revoked");
}

TEST_F(Publish, WhatIsNoQueryIsRefused) {
    begin();
    const auto leaf = got(app::read_certificate(issue("leaf", {"--serial", "SN-1"})));
    const auto said = [&] {
        const auto issuer = got(app::read_chain(at("ca/ca.pem"))).front();
        const auto judged = pki::verify_ocsp_response(as_bytes(body()), leaf, issuer, {});
        return judged ? "accepted" : judged.error().params.back().second;
    };
    EXPECT_EQ(post(query(leaf), "text/plain"), "415");
    EXPECT_EQ(post(bytes(20, 0xff)), "200");
    EXPECT_EQ(said(), "malformed_request");
    EXPECT_EQ(post(bytes(9'000, 0x30)), "413");
    EXPECT_EQ(curl({url("/ocsp/%%%")}), "400");
    EXPECT_EQ(curl({url("/ocsp/AAAA" + std::string(20'000, 'A'))}), "431");
    EXPECT_EQ(get(bytes(20, 0xff)), "200");
    EXPECT_EQ(said(), "malformed_request");
    EXPECT_EQ(curl({"-X", "DELETE", url("/ca.crl")}), "405");
    EXPECT_EQ(curl({"-X", "POST", "-d", "x", url("/ca.crl")}), "404") << "read-only";
    // Of another's certificates nothing is said.
    const auto root = got(app::read_certificate(at("ca/z2.pem")));
    must({"ca", "root", "--dir", at("other"), "--name", "other", "--organization", "Other", "--algorithm", "p256"});
    const auto other = got(app::read_certificate(at("other/other.pem")));
    EXPECT_EQ(post(got(pki::build_ocsp_query({{pki::make_ocsp_id(leaf.serial(), other)}}))), "200");
    EXPECT_EQ(said(), "unauthorized");
    // It serves on.
    EXPECT_EQ(asked(at("leaf.pem")), "good");
}

TEST_F(Publish, ConfigurationsAreReadAnewAndMistakesRefused) {
    begin();
    write_config("list_lifetime = 120\n");
    reload();
    EXPECT_TRUE(soon([&] {
        const auto list = list_at("/ca.crl");
        return list.next_update() - list.this_update() == 120;
    }));
    write_config("authorities = [\"nobody\"]\n");
    reload("reload_refused");
    EXPECT_EQ(curl({url("/ca.crl")}), "200") << "the former configuration stays";
    const auto wrong = run_program("berthd", {"--json", "check", at("berthd.toml")});
    EXPECT_EQ(wrong.error_name(), "unknown_authority") << wrong.all();
    write_config("authorities = [\"z2\"]\n");
    reload();
    EXPECT_EQ(curl({url("/ca.crl")}), "404");
    EXPECT_EQ(curl({url("/z2.cer")}), "200");
    // Two CAs with one address.
    put(at("ca/ca.toml"), text_of(at("ca/ca.toml")) + "\n[[authority]]\nname = \"z2\"\ncrl_url = \"" + url("/ca.crl") + "\"\n");
    write_config("");
    reload("reload_refused");
}

}  // namespace
}  // namespace berth::test
