// Whom a CA has revoked, by what its OCSP responder says: openssl's, and that of a CA of Berth's.
#include "kept_world.h"
#include "support/free_port.h"

namespace berth::test {
namespace {

using testing::HasSubstr;

class AskedByOcsp : public Kept {
protected:
    void openssl(const std::string& words) const {
        const auto r = run_program(
            "/bin/sh", {"-c", fmt::format("cd {} && {} {}", directory.path().string(), BERTH_OPENSSL_COMMAND, words)});
        ASSERT_EQ(r.exit, 0) << words << "\n" << r.all();
    }
    void must(const program_result& r) const { ASSERT_EQ(r.exit, 0) << r.all(); }
    // A CA of openssl's, its books, and its registration.
    void make_ca() {
        ASSERT_TRUE(app::write_text(at("own.index"), ""));
        ASSERT_TRUE(app::write_text(at("own.serial"), "1000\n"));
        ASSERT_TRUE(app::write_text(at("own.cnf"),
                                    "[ca]\ndefault_ca = it\n[it]\ndatabase = own.index\nserial = own.serial\nnew_certs_dir = .\n"
                                    "default_md = sha256\ndefault_days = 7\npolicy = any\n[any]\ncommonName = supplied\n"));
        openssl(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=own -keyout own.key -out own.pem");
        must(hub({"ca", "register", at("own.pem"), "--key", at("own.key")}));
    }
    void request(const std::string& name) const {
        openssl(fmt::format(
            "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN={0} -keyout {0}.key -out {0}.csr", name));
    }
    void certify(const std::string& name) {
        request(name);
        openssl(fmt::format("ca -batch -config own.cnf -cert own.pem -keyfile own.key -in {0}.csr -out {0}.pem -notext", name));
        must(hub({"device", "add", name}));
    }
    void start_responder() {
        if (port_ == 0) {
            port_ = free_port();
        }
        responder_ = spawn({BERTH_OPENSSL_COMMAND, "ocsp", "-index", at("own.index"), "-port", std::to_string(port_), "-rsigner",
                            at("own.pem"), "-rkey", at("own.key"), "-CA", at("own.pem"), "-ndays", "1"},
                           at("responder.log"));
        ASSERT_TRUE(eventually([this] { return text("responder.log").find("waiting for OCSP client") != std::string::npos; }))
            << text("responder.log");
    }
    void stop_responder() {
        if (responder_ > 0) {
            ::kill(responder_, SIGKILL);
            (void)exit_of(std::exchange(responder_, -1));
        }
    }
    ~AskedByOcsp() override {
        stop_responder();
        for (const pid_t one : standing_) {
            ::kill(one, SIGKILL);
            (void)exit_of(one);
        }
    }
    [[nodiscard]] std::string url() const { return fmt::format("http://127.0.0.1:{}/", port_); }
    [[nodiscard]] std::vector<std::string> client_of(const std::string& program, const std::string& name,
                                                     const std::vector<std::string>& more) const {
        std::vector<std::string> out{"/usr/bin/" + program,
                                     "-h",
                                     "localhost",
                                     "-p",
                                     std::to_string(world->at("mqtt").port),
                                     "--cafile",
                                     world->server_root().string(),
                                     "--cert",
                                     at(name + ".pem"),
                                     "--key",
                                     at(name + ".key"),
                                     "-i",
                                     name};
        out.insert(out.end(), more.begin(), more.end());
        return out;
    }
    bool comes_in(const std::string& name) {
        const auto words =
            client_of("mosquitto_pub", name, {"-q", "1", "-t", "devices/" + name + "/messages/events/", "-m", "x"});
        const bool in = run_program(words.front(), {words.begin() + 1, words.end()}, 20'000, our_libraries()).exit == 0;
        listen(10);
        return in;
    }
    void stand(const std::string& name) {
        auto words = client_of("mosquitto_sub", name, {"-t", "$iothub/methods/POST/#", "-d", "-k", "30"});
        words.insert(words.begin(), {"/usr/bin/stdbuf", "-o0"});
        standing_.push_back(spawn(words, at(name + ".log"), our_libraries()));
        ASSERT_TRUE(eventually([&] { return text(name + ".log").find("SUBACK") != std::string::npos; }))
            << text(name + ".log") << said;
    }
    [[nodiscard]] std::string metrics() const {
        return run_program("/usr/bin/curl", {"-sS", fmt::format("http://127.0.0.1:{}/metrics", world->at("admin").port)}).all();
    }
    bool hears(const std::string& what) {
        return eventually([&] { return said.find(what) != std::string::npos; });
    }

private:
    uint16_t port_ = 0;
    pid_t responder_ = -1;
    std::vector<pid_t> standing_;
};

TEST_F(AskedByOcsp, WhoIsRevokedIsCutOffAndStaysOut) {
    begin(false, "[admin]\nlisten = \"127.0.0.1:0\"\n");
    make_ca();
    for (const char* const name : {"o-1", "o-2"}) {
        certify(name);
    }
    start_responder();
    must(hub({"ca", "ocsp", "own", "--responder", url(), "--refresh", "1"}));
    EXPECT_THAT(hub({"ca", "show", "own"}).all(), HasSubstr(R"("ocsp":{"responder":"http://127.0.0.1:)"));
    stand("o-1");
    stand("o-2");
    openssl("ca -config own.cnf -cert own.pem -keyfile own.key -revoke o-1.pem -crl_reason keyCompromise");
    ASSERT_TRUE(hears("\"session_cut\"")) << said << text("responder.log");
    EXPECT_THAT(said, HasSubstr("\"client_id\":\"o-1\",\"reason\":\"certificate_revoked\""));
    EXPECT_TRUE(hears("key_compromise")) << said;
    EXPECT_EQ(said.find("\"client_id\":\"o-2\",\"reason\""), std::string::npos) << "the other one stays";
    EXPECT_FALSE(comes_in("o-1"));
    EXPECT_TRUE(comes_in("o-2"));
    // For good is for good, whether the responder can be asked or not.
    stop_responder();
    EXPECT_FALSE(comes_in("o-1"));
    EXPECT_TRUE(comes_in("o-2"));
    EXPECT_THAT(metrics(), HasSubstr(R"(berth_hub_ocsp_answers_total{outcome="revoked"})"));
    // Nobody asks any more.
    must(hub({"ca", "ocsp", "own", "--off"}));
    EXPECT_TRUE(eventually([this] { return comes_in("o-1"); })) << said;
}

TEST_F(AskedByOcsp, WhereItIsRequiredNobodyComesInOfWhomNothingIsKnown) {
    begin(false, "[admin]\nlisten = \"127.0.0.1:0\"\n");
    make_ca();
    certify("o-1");
    certify("o-2");
    start_responder();
    stop_responder();
    must(hub({"ca", "ocsp", "own", "--responder", url(), "--required", "--refresh", "1"}));
    ASSERT_TRUE(eventually([this] { return !comes_in("o-1"); })) << "the rule has reached the broker";
    EXPECT_TRUE(hears("\"reason\":\"revocation_unknown\"")) << said;
    EXPECT_FALSE(comes_in("o-1")) << "the responder cannot be asked";
    start_responder();
    EXPECT_TRUE(eventually([this] { return comes_in("o-1"); })) << "the device tries again, and is in" << said;
    // One that the CA does not know is not good.
    openssl("x509 -req -in o-2.csr -CA own.pem -CAkey own.key -set_serial 77 -days 7 -out o-2.pem");
    EXPECT_FALSE(comes_in("o-2"));
    EXPECT_TRUE(eventually([this] {
        return metrics().find(R"(berth_hub_ocsp_answers_total{outcome="unknown"})") != std::string::npos;
    })) << metrics();
    EXPECT_FALSE(comes_in("o-2"));
    must(hub({"ca", "ocsp", "own", "--responder", url(), "--refresh", "1"}));
    EXPECT_TRUE(eventually([this] { return comes_in("o-2"); })) << "where it is not required, what is not known is no reason";
}

TEST_F(AskedByOcsp, AReloadEndsNoSessionOfWhomNothingIsKnown) {
    begin(false, "[admin]\nlisten = \"127.0.0.1:0\"\n");
    make_ca();
    certify("o-1");
    certify("o-2");
    start_responder();
    stop_responder();
    stand("o-1");
    must(hub({"ca", "ocsp", "own", "--responder", url(), "--required", "--refresh", "1"}));
    ASSERT_TRUE(eventually([this] { return !comes_in("o-2"); })) << "the rule has reached the broker";
    const size_t from = said.size();
    // The broker reads its certificate again when the file is another one.
    const auto server = (world->directory() / "server.pem").string();
    ASSERT_TRUE(app::write_text(server, got(app::read_text(server)) + "\n"));
    ::kill(world->server().pid(), SIGHUP);
    EXPECT_TRUE(eventually([&] { return said.find("\"client_id\":\"o-1\"", from) != std::string::npos; })) << said;
    EXPECT_EQ(said.find("\"serial\":\"1000\",\"reason\"", from), std::string::npos) << said.substr(from);
    EXPECT_FALSE(comes_in("o-2"));
}

TEST_F(AskedByOcsp, OfACaOfBerthsAtTheAddressThatItsCertificatesName) {
    const auto berth_ca = [this](std::vector<std::string> words) {
        words.insert(words.begin(), {"--json", "ca"});
        words.insert(words.end(), {"--dir", at("ca")});
        must(berth(words));
    };
    berth_ca({"init", "--customer", "Birch", "--hierarchy", "customer", "--algorithm", "p256"});
    const uint16_t port = free_port();
    auto toml = got(app::read_text(at("ca/ca.toml")));
    const auto in_place_of = [&toml](const std::string& what, const std::string& with) {
        for (size_t found; (found = toml.find(what)) != std::string::npos;) {
            toml.replace(found, what.size(), with);
        }
    };
    in_place_of("names_maker = true\n", "");
    in_place_of("subject = \"O=Birch,serialNumber={serial}\"", "subject = \"O=Birch,CN={name}\"");
    toml += fmt::format("\n[[authority]]\nname = \"ca\"\nocsp_url = \"http://127.0.0.1:{}/ocsp\"\n", port);
    ASSERT_TRUE(app::write_text(at("ca/ca.toml"), toml));
    begin(false, fmt::format("[publish]\nlisten = \"127.0.0.1:{}\"\ndirectory = \"{}\"\n", port, at("ca")));
    openssl("x509 -in ca/ca.pem -out issuing.pem");
    must(hub({"ca", "register", at("issuing.pem"), "--key", at("ca/ca.key")}));
    openssl("req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj / -keyout o-b.key -out o-b.csr");
    berth_ca(
        {"issue", "--profile", "operational", "--csr", at("o-b.csr"), "--who", "o-b", "--serial", "o-b", "--out", at("o-b.pem")});
    must(hub({"device", "add", "o-b"}));
    must(hub({"ca", "ocsp", "issuing", "--responder", "from-certificate", "--required", "--refresh", "1"}));
    EXPECT_TRUE(eventually([this] { return comes_in("o-b"); })) << said;
    stand("o-b");
    const auto leaf = got(app::read_chain(at("o-b.pem"))).front();
    berth_ca({"revoke", "--serial", leaf.serial_hex(), "--reason", "key_compromise"});
    ASSERT_TRUE(hears("\"session_cut\"")) << said;
    EXPECT_THAT(said, HasSubstr("\"reason\":\"certificate_revoked\""));
    EXPECT_FALSE(comes_in("o-b"));
}

TEST_F(AskedByOcsp, MistakesAreTold) {
    begin();
    make_ca();
    const auto refused = [this](const std::vector<std::string>& more) {
        std::vector<std::string> words{"ca", "ocsp", "own"};
        words.insert(words.end(), more.begin(), more.end());
        const auto r = hub(words);
        return r.exit == 0 ? "accepted" : r.error_name();
    };
    EXPECT_EQ(refused({}), "bad_arguments");
    EXPECT_EQ(refused({"--responder", "https://x/"}), "bad_ocsp_responder");
    EXPECT_EQ(refused({"--responder", "http://"}), "bad_ocsp_responder");
    EXPECT_EQ(refused({"--responder", "http://x/", "--refresh", "0"}), "bad_ocsp_refresh");
    EXPECT_EQ(refused({"--responder", "http://x/"}), "accepted");
    EXPECT_EQ(hub({"ca", "ocsp", "nobody", "--off"}).error_name(), "unknown_ca");
}

}  // namespace
}  // namespace berth::test
