// A customer's certificate for a device, from the factory on: wherever the device's keys are.
#include "key_world.h"

namespace berth::test {
namespace {

struct place {
    std::string label;
    std::function<bool()> installed;
    std::function<std::vector<std::string>()> identity;  // options of factory make
    std::function<std::string(const std::string&)> key;  // the LDevID's usual place, given the other keys' names
    std::function<std::string()> another;                // another place
    static std::string name(const testing::TestParamInfo<place>& p) { return p.param.label; }
    friend void PrintTo(const place& p, std::ostream* os) { *os << p.label; }
};

class Ldevids : public KeyWorld, public testing::WithParamInterface<place> {
protected:
    void SetUp() override {
        if (!GetParam().installed()) {
            GTEST_SKIP() << "its simulator is not installed; scripts/bootstrap installs it";
        }
        if (GetParam().label == "tpm2") {
            certified_tpm().emplace(true);
            put_makers(*certified_tpm());
        }
        must({"factory", "init", "--dir", at("factory"), "--maker", "Acme", "--algorithm", "mldsa44"});
        must({"masa", "init", "--dir", at("masa"), "--factory", at("factory"), "--host", "localhost"});
        must({"ca", "init", "--dir", at("ca"), "--customer", "Birch", "--algorithm", "p256"});
        std::vector<std::string> options{"factory",  "make",     "--dir", at("factory"), "--masa",
                                         at("masa"), "--serial", "SN-1",  "--out",       at("SN-1")};
        for (const auto& more : GetParam().identity()) {
            options.push_back(more == "makers.pem" ? at(more) : more);
        }
        must(options);
    }
    void TearDown() override {
        for (const char* uri : {"ldevid.pending/ldevid.uri", "ldevid.uri", "p3-sig.uri", "p3.uri"}) {
            if (const auto text = text_of(std::string("SN-1/") + uri); !text.empty() && !text.starts_with("file:")) {
                berth({"key", "delete", text.substr(0, text.find('\n')), "--force"});
            }
        }
    }
    [[nodiscard]] program_result request(const std::string& out, const std::vector<std::string>& more = {}) const {
        return run({"device", "ldevid", "request", "--bundle", at("SN-1"), "--out", at(out)}, more);
    }
    [[nodiscard]] program_result issue(const std::string& from, const std::string& out,
                                       const std::vector<std::string>& more = {}) const {
        return run({"ca", "ldevid", "issue", "--dir", at("ca"), "--request", at(from), "--maker-root", at("factory/z1.pem"),
                    "--out", at(out)},
                   more);
    }
    [[nodiscard]] program_result install(const std::string& grant, const std::vector<std::string>& more = {}) const {
        return run({"device", "ldevid", "install", "--bundle", at("SN-1"), "--grant", at(grant)}, more);
    }
    [[nodiscard]] program_result at_factory(const std::vector<std::string>& more = {}) const {
        return run({"factory", "ldevid", "--dir", at("factory"), "--bundle", at("SN-1"), "--ca", at("ca")}, more);
    }
    static program_result run(std::vector<std::string> what, const std::vector<std::string>& more) {
        what.insert(what.begin(), "--json");
        what.insert(what.end(), more.begin(), more.end());
        return berth(what);
    }
    static void expect_refused(const program_result& r, const std::string& name, int exit) {
        EXPECT_EQ(r.error_name(), name) << r.all();
        EXPECT_EQ(r.exit, exit) << r.all();
    }
    [[nodiscard]] wire::json::object shown() const {
        const auto r = berth({"--json", "device", "show", "--bundle", at("SN-1")});
        EXPECT_EQ(r.exit, 0) << r.all();
        const auto json = r.json();
        const auto* ldevid = json.if_contains("ldevid");
        return ldevid ? ldevid->as_object() : wire::json::object{};
    }
    [[nodiscard]] int openssl(const std::string& arguments) const {
        return exit_of(spawn({"sh", "-c", "cd " + at("") + " && " + BERTH_OPENSSL_COMMAND + " " + arguments}, at("log")));
    }
};

TEST_P(Ldevids, InOneStepAtTheFactory) {
    EXPECT_TRUE(shown().empty());
    const auto made = at_factory();
    ASSERT_EQ(made.exit, 0) << made.all();
    const auto ldevid = shown();
    EXPECT_EQ(ldevid.at("subject").as_string(), "serialNumber=SN-1,CN=SN-1,O=Birch");
    EXPECT_EQ(ldevid.at("key").as_string(), GetParam().key(text_of("SN-1/p3-sig.uri")));
    EXPECT_TRUE(ldevid.at("key_works").as_bool());
    EXPECT_EQ(ldevid.at("in_tpm").as_bool(), GetParam().label == "tpm2") << "which its TPM has shown";
    EXPECT_EQ(text_of("SN-1/ldevid.uri"), std::string(ldevid.at("key").as_string()) + "\n");
    EXPECT_EQ(private_keys("SN-1"), GetParam().label == "software" ? 3U : 0U);
    EXPECT_FALSE(fs::exists(at("SN-1/ldevid.pending")));
    EXPECT_EQ(openssl("verify -CAfile ca/z2.pem -untrusted SN-1/ldevid.pem SN-1/ldevid.pem"), 0) << text_of("log");

    // It is not overwritten unless that is said; then with the same key, unless another place is named.
    const std::string first = text_of("SN-1/ldevid.pem");
    expect_refused(at_factory(), "ldevid_exists", 2);
    EXPECT_EQ(text_of("SN-1/ldevid.pem"), first);
    const auto replaced = at_factory({"--replace"});
    ASSERT_EQ(replaced.exit, 0) << replaced.all();
    EXPECT_NE(text_of("SN-1/ldevid.pem"), first);
    EXPECT_EQ(shown().at("key").as_string(), ldevid.at("key").as_string());
    const std::string another = GetParam().another();
    const auto moved = at_factory({"--replace", "--key", another});
    ASSERT_EQ(moved.exit, 0) << moved.all();
    EXPECT_EQ(shown().at("key").as_string(), another);
    EXPECT_TRUE(shown().at("key_works").as_bool());
    if (GetParam().label == "software") {
        EXPECT_FALSE(fs::exists(at("SN-1/ldevid.key"))) << "the former key is gone";
    } else {
        EXPECT_EQ(berth({"--json", "key", "show", std::string(ldevid.at("key").as_string())}).error_name(), "key_not_found");
    }
    // A reset is the customer's wish to onboard anew, and no loss of what came from the factory.
    must({"device", "reset", "--bundle", at("SN-1")});
    EXPECT_TRUE(shown().at("key_works").as_bool());
    // What files say does not move the cursor of who looks.
    const std::string place = text_of("SN-1/ldevid.uri");
    put("SN-1/ldevid.uri", "file:\x1b]0;x\x07\n");
    std::string toml = text_of("SN-1/device.toml");
    toml.replace(toml.find("model = \""), std::strlen("model = \""), "model = \"\\u001b]0;y\\u0007");
    put("SN-1/device.toml", toml);
    const auto told = berth({"device", "show", "--bundle", at("SN-1")});
    put("SN-1/ldevid.uri", place);
    EXPECT_EQ(told.exit, 0) << told.all();
    EXPECT_NE(told.all().find("]0;x"), std::string::npos) << told.all();
    EXPECT_NE(told.all().find("]0;y"), std::string::npos) << told.all();
    EXPECT_EQ(told.all().find('\x1b'), std::string::npos);
    EXPECT_EQ(told.all().find('\x07'), std::string::npos);
}

TEST_P(Ldevids, ByFiles) {
    const auto asked = request("request");
    ASSERT_EQ(asked.exit, 0) << asked.all();
    ASSERT_EQ(request("request-2").exit, 0);
    EXPECT_EQ(text_of("request"), text_of("request-2")) << "asked twice, the same";
    EXPECT_TRUE(shown().empty());
    // The maker's list, of the CA that issued this device's IDevID.
    const std::string ca = GetParam().label == "software" ? "idevid-ca" : "idevid-ca-classical";
    const std::string other = GetParam().label == "software" ? "idevid-ca-classical" : "idevid-ca";
    for (const auto& each : {ca, other}) {
        must({"factory", "crl", "--dir", at("factory"), "--issuer", each, "--out", at(each + ".crl")});
    }
    expect_refused(issue("request", "never", {"--maker-crl", at(other + ".crl")}), "crl_missing", 2);
    const auto issued = issue("request", "grant", {"--days", "30", "--maker-crl", at(ca + ".crl")});
    ASSERT_EQ(issued.exit, 0) << issued.all();
    EXPECT_EQ(issued.json().at("backend").as_string(), GetParam().label);
    must({"ca", "init", "--dir", at("cedar"), "--customer", "Cedar", "--algorithm", "p256"});
    expect_refused(install("grant", {"--root", at("cedar/z2.pem")}), "unknown_issuer", 1);
    EXPECT_TRUE(shown().empty());
    const auto installed = install("grant", {"--root", at("ca/z2.pem")});
    ASSERT_EQ(installed.exit, 0) << installed.all();
    EXPECT_TRUE(shown().at("key_works").as_bool());
    expect_refused(install("grant"), "no_request", 2);

    // Another key for the same device is the CA's decision.
    ASSERT_EQ(request("again", {"--replace", "--key", GetParam().another()}).exit, 0);
    expect_refused(issue("again", "never"), "ldevid_issued", 1);
    ASSERT_EQ(issue("again", "grant-2", {"--replace"}).exit, 0);
    expect_refused(install("grant"), "wrong_grant", 1);
    ASSERT_EQ(install("grant-2").exit, 0);
    // Revoked by its maker meanwhile.
    must({"factory", "revoke", "SN-1", "--dir", at("factory")});
    must({"factory", "crl", "--dir", at("factory"), "--issuer", ca, "--out", at(ca + ".crl")});
    expect_refused(issue("again", "never", {"--replace", "--maker-crl", at(ca + ".crl")}), "certificate_revoked", 1);
    expect_refused(at_factory({"--replace"}), "certificate_revoked", 1);
    EXPECT_FALSE(fs::exists(at("never")));
}

TEST_P(Ldevids, AreNotIssuedToOthers) {
    ASSERT_EQ(request("request").exit, 0);
    must({"factory", "init", "--dir", at("other"), "--maker", "Other", "--algorithm", "mldsa44"});
    const auto with_root = [&](const std::string& root) {
        return run({"ca", "ldevid", "issue", "--dir", at("ca"), "--request", at("request"), "--maker-root", at(root), "--out",
                    at("never")},
                   {});
    };
    expect_refused(with_root("other/z1.pem"), "unknown_issuer", 1);
    expect_refused(with_root("ca/z2.pem"), "bad_maker_root", 2);
    std::string changed = text_of("request");
    char& letter = changed[changed.size() - 100];
    letter = letter == 'A' ? 'B' : 'A';
    std::ofstream(at("changed")) << changed;
    EXPECT_EQ(issue("changed", "never").exit, 1);
    expect_refused(issue("SN-1/z3.pem", "never"), "bad_message", 2);
    EXPECT_FALSE(fs::exists(at("never")));
    EXPECT_FALSE(fs::exists(at("ca/ldevids.jsonl")));
}

TEST_P(Ldevids, AreInTheTpmThatSaysSo) {
    ASSERT_EQ(request("request").exit, 0);
    const auto asked = issue("request", "challenge", {"--residency"});
    if (GetParam().label != "tpm2") {
        expect_refused(asked, "tpm_claim_missing", 1);
        return;
    }
    ASSERT_EQ(asked.exit, 0) << asked.all();
    const auto answer = [&](const char* challenge, const char* out) {
        return run({"device", "ldevid", "answer", "--bundle", at("SN-1"), "--challenge", at(challenge), "--out", at(out)}, {});
    };
    ASSERT_EQ(issue("request", "challenge-2", {"--residency"}).exit, 0);
    EXPECT_EQ(text_of("challenge"), text_of("challenge-2")) << "the answer to the first may be on its way";
    ASSERT_EQ(answer("challenge", "answer").exit, 0);
    const auto issued = issue("answer", "grant");
    ASSERT_EQ(issued.exit, 0) << issued.all();
    EXPECT_TRUE(issued.json().at("in_tpm").as_bool());
    expect_refused(issue("answer", "never"), "wrong_answer", 1);
    ASSERT_EQ(install("grant").exit, 0);
    EXPECT_TRUE(shown().at("in_tpm").as_bool());
    expect_refused(answer("challenge", "never"), "no_request", 2);
    EXPECT_FALSE(fs::exists(at("never")));
}

TEST_P(Ldevids, APlaceThatIsTaken) {
    const std::string usual = GetParam().key(text_of("SN-1/p3-sig.uri"));
    const std::string taken = usual.starts_with("file:") ? "file:" + at("SN-1/ldevid.key") : usual;
    must({"key", "generate", taken, "--alg", "p256", "--out", at("before.pub")});
    expect_refused(at_factory(), "key_exists", 2);
    EXPECT_EQ(berth({"--json", "key", "show", taken}).json().at("public_key").as_string(), text_of("before.pub"));
    EXPECT_FALSE(fs::exists(at("SN-1/ldevid.pem")));
    const auto elsewhere = at_factory({"--key", GetParam().another()});
    EXPECT_EQ(elsewhere.exit, 0) << elsewhere.all();
    must({"key", "delete", taken});
    // The IDevID's own key is nobody's place, and nothing advises to delete it.
    const auto own =
        at_factory({"--replace", "--key",
                    usual.starts_with("file:") ? "file:p3-sig.pem"
                                               : text_of("SN-1/p3-sig.uri").substr(0, text_of("SN-1/p3-sig.uri").find('\n'))});
    expect_refused(own, "bad_order", 2);
    EXPECT_EQ(own.all().find("key delete"), std::string::npos) << own.all();
}

// A device that was never onboarded: all that the registrar knows of it is what its CA has told it.
class LdevidRecords : public KeyWorld {};

TEST_F(LdevidRecords, AreRevokedByTheRegistrar) {
    must({"factory", "init", "--dir", at("factory"), "--maker", "Acme", "--algorithm", "mldsa44"});
    must({"masa", "init", "--dir", at("masa"), "--factory", at("factory"), "--host", "localhost"});
    must({"ca", "init", "--dir", at("ca"), "--customer", "Birch", "--algorithm", "p256"});
    must({"registrar", "init", "--dir", at("registrar"), "--ca", at("ca"), "--host", "localhost", "--maker-root",
          at("factory/z1.pem"), "--masa", "127.0.0.1:1"});
    must({"factory", "make", "--dir", at("factory"), "--masa", at("masa"), "--serial", "SN-1", "--out", at("SN-1")});
    must({"device", "ldevid", "request", "--bundle", at("SN-1"), "--out", at("request")});
    const auto revoke = [this](const std::string& serial) {
        return berth({"--json", "registrar", "revoke", serial, "--dir", at("registrar"), "--maker-root", at("factory/z1.pem")});
    };
    EXPECT_EQ(revoke("SN-1").error_name(), "unknown_device");
    // A registrar that is none: nothing goes out of the house that could not be revoked there.
    const std::vector<std::string> issue{"--json", "ca",        "ldevid",      "issue",        "--dir",
                                         at("ca"), "--request", at("request"), "--maker-root", at("factory/z1.pem"),
                                         "--out",  at("grant"), "--records"};
    auto nowhere = issue;
    nowhere.push_back(at("masa"));
    EXPECT_NE(berth(nowhere).exit, 0);
    EXPECT_FALSE(fs::exists(at("grant")));
    auto told = issue;
    told.push_back(at("registrar"));
    must(told);
    must({"device", "ldevid", "install", "--bundle", at("SN-1"), "--grant", at("grant"), "--root", at("ca/z2.pem")});
    EXPECT_EQ(revoke("SN-2").error_name(), "unknown_device");
    const auto revoked = revoke("SN-1");
    EXPECT_EQ(revoked.json().at("revoked").as_int64(), 1) << revoked.all();
    EXPECT_EQ(revoke("SN-1").json().at("revoked").as_int64(), 0);
}

INSTANTIATE_TEST_SUITE_P(Every, Ldevids,
                         testing::Values(place{.label = "software",
                                               .installed = [] { return true; },
                                               .identity = [] { return std::vector<std::string>(); },
                                               .key = [](const std::string&) { return std::string("file:ldevid.key"); },
                                               .another = [] { return std::string("file:second.key"); }},
                                         place{.label = "tpm2",
                                               .installed = swtpm::installed,
                                               .identity =
                                                   [] {
                                                       return std::vector<std::string>{
                                                           "--backend",    "tpm2",
                                                           "--p3",         in_certified_tpm("0x81020002;seed=p3.seed"),
                                                           "--p3-sig",     in_certified_tpm("0x81020000"),
                                                           "--tpm-makers", "makers.pem"};
                                                   },
                                               .key = [](const std::string&) { return in_certified_tpm("0x81000002"); },
                                               .another = [] { return in_certified_tpm("0x81000005"); }},
                                         place{.label = "stsafe",
                                               .installed = [] { return true; },
                                               .identity =
                                                   [] {
                                                       return std::vector<std::string>{"--backend", "stsafe",
                                                                                       "--p3",      in_element("slot=2"),
                                                                                       "--p3-sig",  in_element("slot=1")};
                                                   },
                                               .key = [](const std::string&) { return in_element("slot=3"); },
                                               .another = [] { return in_element("slot=4"); }}),
                         place::name);

}  // namespace
}  // namespace berth::test
