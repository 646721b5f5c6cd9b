// A device whose TPM was cleared: its IDevID comes back, its KEM key does not, and the factory certifies a new one.
#include "key_world.h"

namespace berth::test {
namespace {

class Recovery : public KeyWorld {
protected:
    void SetUp() override {
        BERTH_NEEDS_SWTPM();
        serve("mldsa44");
        certified_tpm().emplace(true);
        put_makers(*certified_tpm());
        const std::vector<std::string> options{"--backend",    "tpm2",
                                               "--p3",         in_certified_tpm("0x81020002;seed=p3.seed"),
                                               "--p3-sig",     in_certified_tpm("0x81020000"),
                                               "--tpm-makers", at("makers.pem"),
                                               "--credential", "device=p256@" + in_certified_tpm("0x81000003"),
                                               "--credential", "device-pq=mldsa65"};
        const auto made = berth(order("SN-1", options));
        ASSERT_EQ(made.exit, 0) << made.all();
        former = text_of("SN-1/z3.pem");
    }
    void clear() const { ASSERT_EQ(certified_tpm()->tool("tpm2_clear -c p"), 0) << certified_tpm()->log(); }

    [[nodiscard]] program_result recover(const std::vector<std::string>& more = {}) const {
        return device({"recover", "--bundle", at("SN-1")}, more);
    }
    [[nodiscard]] static program_result device(std::vector<std::string> what, const std::vector<std::string>& more) {
        std::vector<std::string> all{"--json", "device"};
        all.insert(all.end(), what.begin(), what.end());
        all.insert(all.end(), more.begin(), more.end());
        return berth(all);
    }
    [[nodiscard]] program_result reissue(const std::vector<std::string>& more) const {
        std::vector<std::string> all{"--json", "factory",  "reissue",      "--dir",         at("factory"),
                                     "--masa", at("masa"), "--tpm-makers", at("makers.pem")};
        all.insert(all.end(), more.begin(), more.end());
        return berth(all);
    }
    // From request to challenge; the files are NAME.request and NAME.challenge.
    void ask(const std::string& name) const {
        const auto asked = recover({"--out", at(name + ".request")});
        ASSERT_EQ(asked.exit, 0) << asked.all();
        const auto challenged = reissue({"--request", at(name + ".request"), "--out", at(name + ".challenge")});
        ASSERT_EQ(challenged.exit, 0) << challenged.all();
        EXPECT_FALSE(challenged.json().at("granted").as_bool());
    }
    static void expect_refused(const program_result& r, const std::string& name, int exit) {
        EXPECT_EQ(r.error_name(), name) << r.all();
        EXPECT_EQ(r.exit, exit) << r.all();
    }
    static std::vector<std::string> texts(const wire::json::value& list) {
        std::vector<std::string> out;
        for (const auto& item : list.as_array()) {
            out.emplace_back(item.as_string());
        }
        return out;
    }
    std::string former;
};

TEST_F(Recovery, ByFilesAndOnboardedAgain) {
    onboard("SN-1");
    const std::vector<std::string> ldevid{"--json",   "factory",  "ldevid", "--dir", at("factory"),
                                          "--bundle", at("SN-1"), "--ca",   at("ca")};
    must(ldevid);
    const std::string identity = text_of("SN-1/z3-sig.pem");
    ASSERT_NO_FATAL_FAILURE(clear());
    EXPECT_EQ(berth({"--json", "device", "onboard", "--bundle", at("SN-1")}).error_name(), "key_not_found");

    const auto asked = recover({"--out", at("request")});
    ASSERT_EQ(asked.exit, 0) << asked.all();
    EXPECT_EQ(texts(asked.json().at("restored")), (std::vector<std::string>{"0x81020000", "0x81020001", "0x81020002"}));
    EXPECT_EQ(texts(asked.json().at("lost")), (std::vector<std::string>{"p3.seed", "installed/device", "ldevid"}));
    EXPECT_TRUE(asked.json().at("nv_certificate").as_bool());
    EXPECT_FALSE(asked.json().at("recovered").as_bool());
    EXPECT_FALSE(fs::exists(at("SN-1/installed"))) << "half of it could not be used any more";
    EXPECT_EQ(text_of("SN-1/z3.pem"), former) << "nothing is replaced before there is another";

    // Said twice, the same: the factory may have an answer to the first already.
    const auto twice = recover({"--out", at("request")});
    ASSERT_EQ(twice.exit, 0) << twice.all();
    ASSERT_NO_FATAL_FAILURE(must({"factory", "reissue", "--dir", at("factory"), "--masa", at("masa"), "--tpm-makers",
                                  at("makers.pem"), "--request", at("request"), "--out", at("challenge")}));
    const auto answered = recover({"--reply", at("challenge"), "--out", at("answer")});
    ASSERT_EQ(answered.exit, 0) << answered.all();
    // Nor does the request, given once more meanwhile, make that answer worthless.
    ASSERT_EQ(reissue({"--request", at("request"), "--out", at("challenge-2")}).exit, 0);
    EXPECT_EQ(text_of("challenge"), text_of("challenge-2"));
    const auto granted = reissue({"--request", at("answer"), "--out", at("grant")});
    ASSERT_EQ(granted.exit, 0) << granted.all();
    EXPECT_TRUE(granted.json().at("granted").as_bool());
    EXPECT_EQ(granted.json().at("superseded").as_int64(), 2) << "the KEM key's and the attestation key's";
    // The request again gives the same certificate: the first copy of it was lost.
    const auto once_more = reissue({"--request", at("request"), "--out", at("grant-2")});
    ASSERT_EQ(once_more.exit, 0) << once_more.all();
    EXPECT_EQ(text_of("grant"), text_of("grant-2"));
    EXPECT_EQ(once_more.json().at("superseded").as_int64(), 0);
    expect_refused(reissue({"--request", at("answer"), "--out", at("grant-3")}), "wrong_answer", 1);

    ASSERT_NO_FATAL_FAILURE(must({"device", "recover", "--bundle", at("SN-1"), "--reply", at("grant")}));
    EXPECT_NE(text_of("SN-1/z3.pem"), former);
    EXPECT_EQ(text_of("SN-1/z3-sig.pem"), identity);
    EXPECT_FALSE(fs::exists(at("SN-1/recovery")));
    EXPECT_EQ(private_keys("SN-1"), 0U);
    const auto fine = recover();
    ASSERT_EQ(fine.exit, 0) << fine.all();
    EXPECT_TRUE(fine.json().at("recovered").as_bool());
    EXPECT_TRUE(fine.json().at("lost").as_array().empty());

    const auto again = berth({"--json", "device", "onboard", "--bundle", at("SN-1")});
    EXPECT_EQ(again.exit, 0) << again.all() << registrar->errors() << masa->errors();
    EXPECT_FALSE(again.json().at("already_onboarded").as_bool());
    EXPECT_TRUE(fs::exists(at("SN-1/installed/device.uri")));

    // Its customer's CA certifies the new key if it is told to: it was another before.
    EXPECT_EQ(berth(ldevid).error_name(), "ldevid_issued");
    auto replaced = ldevid;
    replaced.emplace_back("--replace");
    must(replaced);

    // The MASA's log tells of it, and a list of the former certificate.
    const auto log = berth({"--json", "masa", "log", "show", "--masa", at("masa"), "--serial", "SN-1"});
    EXPECT_EQ(std::ranges::count_if(log.output, [](const auto& line) { return line.find("\"reissued\"") != std::string::npos; }),
              1);
    const auto list = berth({"--json", "factory", "crl", "--dir", at("factory"), "--out", at("devices.crl")});
    EXPECT_EQ(list.json().at("revoked").as_int64(), 1) << list.all();
    // It is not a second device of its name, nor is it gone from the factory's records.
    const auto revoked = berth({"--json", "factory", "revoke", "SN-1", "--dir", at("factory")});
    EXPECT_EQ(revoked.json().at("revoked").as_int64(), 3) << "its IDevID and the new certificates: " << revoked.all();
    EXPECT_EQ(revoked.json().at("revoked_before").as_int64(), 2);
}

TEST_F(Recovery, InOneStepAtTheFactory) {
    EXPECT_TRUE(reissue({"--bundle", at("SN-1")}).json().at("recovered").as_bool()) << "nothing was lost";
    EXPECT_EQ(text_of("SN-1/z3.pem"), former);
    for (int i = 0; i < 2; ++i) {
        ASSERT_NO_FATAL_FAILURE(clear());
        const auto done = reissue({"--bundle", at("SN-1")});
        ASSERT_EQ(done.exit, 0) << done.all();
        EXPECT_TRUE(done.json().at("recovered").as_bool());
        EXPECT_EQ(done.json().at("superseded").as_int64(), 2);
        EXPECT_NE(text_of("SN-1/z3.pem"), std::exchange(former, text_of("SN-1/z3.pem")));
    }
    // The registrar has never seen it: what its CA has certified is revoked all the same.
    must({"factory", "ldevid", "--dir", at("factory"), "--bundle", at("SN-1"), "--ca", at("ca"), "--records", at("registrar")});
    const auto revoked =
        berth({"--json", "registrar", "revoke", "SN-1", "--dir", at("registrar"), "--maker-root", at("factory/z1.pem")});
    EXPECT_EQ(revoked.json().at("revoked").as_int64(), 1) << revoked.all();
    onboard("SN-1");
}

TEST_F(Recovery, NotInAnotherTpm) {
    const swtpm another(true);
    for (const char* name : {"p3", "p3-sig"}) {
        std::string uri = text_of(std::string("SN-1/") + name + ".uri");
        uri.replace(uri.find(certified_tpm()->tcti()), certified_tpm()->tcti().size(), another.tcti());
        std::ofstream(at(std::string("SN-1/") + name + ".uri")) << uri;
    }
    expect_refused(recover(), "tpm_wrong_tpm", 3);
    expect_refused(reissue({"--bundle", at("SN-1")}), "tpm_wrong_tpm", 3);
    EXPECT_EQ(berth({"--json", "key", "show", "tpm2:0x81020000;tcti=" + another.tcti()}).error_name(), "key_not_found")
        << "nothing was made in it";
}

TEST_F(Recovery, NotWithAnotherEndorsementSeed) {
    ASSERT_EQ(certified_tpm()->tool("tpm2_changeeps"), 0) << certified_tpm()->log();
    expect_refused(recover(), "endorsement_seed_changed", 3);
}

TEST_F(Recovery, NotWithAnothersCertificateInNv) {
    ASSERT_NO_FATAL_FAILURE(clear());
    // Who has the platform's authorization can do it.
    const swtpm& tpm = *certified_tpm();
    must({"ca", "init", "--dir", at("small"), "--customer", "Small", "--algorithm", "p256"});
    ASSERT_EQ(exit_of(spawn({"sh", "-c",
                             fmt::format("{} x509 -in {} -outform DER -out {}", BERTH_OPENSSL_COMMAND, at("small/z2.pem"),
                                         (tpm.directory() / "another.der").string())},
                            at("log"))),
              0);
    ASSERT_EQ(tpm.tool("tpm2_nvundefine -C p 0x01c90000"), 0) << tpm.log();
    const auto none = recover();
    ASSERT_EQ(none.exit, 0) << none.all();
    EXPECT_FALSE(none.json().at("nv_certificate").as_bool());
    ASSERT_EQ(
        tpm.tool(fmt::format("tpm2_nvdefine -C p -s {} -a \"ppwrite|ppread|ownerread|authread|no_da|platformcreate\" 0x01c90000",
                             fs::file_size(tpm.directory() / "another.der"))),
        0)
        << tpm.log();
    ASSERT_EQ(tpm.tool("tpm2_nvwrite -C p -i another.der 0x01c90000"), 0) << tpm.log();
    expect_refused(recover(), "nv_other_device", 3);
}

TEST_F(Recovery, NotOverAKeyOfSomethingElse) {
    ASSERT_NO_FATAL_FAILURE(clear());
    const swtpm& tpm = *certified_tpm();
    ASSERT_EQ(tpm.tool("tpm2_createprimary -C o -G ecc -c other.ctx"), 0) << tpm.log();
    ASSERT_EQ(tpm.tool("tpm2_evictcontrol -C o -c other.ctx 0x81020002"), 0) << tpm.log();
    ASSERT_EQ(tpm.tool("tpm2_flushcontext -t"), 0) << tpm.log();  // the tools leave it in its few slots
    const auto refused = recover();
    EXPECT_EQ(refused.error_name(), "nv_exists") << refused.all();
    ASSERT_EQ(tpm.tool("tpm2_evictcontrol -C o -c 0x81020002"), 0) << tpm.log();
    const auto then = recover();
    EXPECT_EQ(then.exit, 0) << then.all();
}

TEST_F(Recovery, WhatIsNotTheDevicesIsNotTaken) {
    ASSERT_NO_FATAL_FAILURE(clear());
    ASSERT_NO_FATAL_FAILURE(ask("first"));
    // A request that was changed on its way.
    std::string changed = text_of("first.request");
    char& letter = changed[changed.size() / 2];
    letter = letter == 'A' ? 'B' : 'A';
    std::ofstream(at("changed")) << changed;
    EXPECT_EQ(reissue({"--request", at("changed"), "--out", at("never")}).exit, 1);
    expect_refused(reissue({"--request", at("first.challenge"), "--out", at("never")}), "bad_message", 2);
    // An answer that was changed on its way.
    ASSERT_EQ(recover({"--reply", at("first.challenge"), "--out", at("old.answer")}).exit, 0);
    std::string answer = text_of("old.answer");
    char& octet = answer[answer.size() / 2];
    octet = octet == 'A' ? 'B' : 'A';
    std::ofstream(at("changed.answer")) << answer;
    EXPECT_EQ(reissue({"--request", at("changed.answer"), "--out", at("never")}).exit, 1);
    // The request once more is asked the same: an answer may be on its way.
    ASSERT_NO_FATAL_FAILURE(must({"factory", "reissue", "--dir", at("factory"), "--masa", at("masa"), "--tpm-makers",
                                  at("makers.pem"), "--request", at("first.request"), "--out", at("second.challenge")}));
    EXPECT_EQ(text_of("first.challenge"), text_of("second.challenge"));
    // Another clearing: what was asked for before is of no use.
    ASSERT_NO_FATAL_FAILURE(clear());
    ASSERT_NO_FATAL_FAILURE(ask("later"));
    expect_refused(recover({"--reply", at("second.challenge")}), "wrong_challenge", 1);
    ASSERT_EQ(recover({"--reply", at("later.challenge"), "--out", at("later.answer")}).exit, 0);
    // Revoked while the answer was on its way.
    ASSERT_NO_FATAL_FAILURE(must({"factory", "revoke", "SN-1", "--dir", at("factory"), "--reason", "key_compromise"}));
    expect_refused(reissue({"--request", at("later.answer"), "--out", at("never")}), "certificate_revoked", 1);
    expect_refused(reissue({"--request", at("later.request"), "--out", at("never")}), "certificate_revoked", 1);
    EXPECT_FALSE(fs::exists(at("never")));
    EXPECT_EQ(text_of("SN-1/z3.pem"), former);
}

TEST_F(Recovery, AnotherFactoryOrMasaGivesNothing) {
    ASSERT_NO_FATAL_FAILURE(clear());
    ASSERT_EQ(recover({"--out", at("request")}).exit, 0);
    must({"factory", "init", "--dir", at("other"), "--maker", "Other", "--algorithm", "mldsa44"});
    must({"masa", "init", "--dir", at("other-masa"), "--factory", at("other"), "--host", "localhost"});
    const auto at_other = [&](const char* made_by, const char* known_to, const std::string& makers) {
        return berth({"--json", "factory", "reissue", "--dir", at(made_by), "--masa", at(known_to), "--tpm-makers", makers,
                      "--request", at("request"), "--out", at("never")});
    };
    expect_refused(at_other("other", "masa", at("makers.pem")), "unknown_issuer", 1);
    expect_refused(at_other("factory", "other-masa", at("makers.pem")), "unknown_device", 2);
    expect_refused(at_other("factory", "masa", at("factory/z1.pem")), "unknown_issuer", 1);
    must({"ownership", "revoke", "SN-1", "--masa", at("masa")});
    expect_refused(at_other("factory", "masa", at("makers.pem")), "revoked", 2);
    EXPECT_FALSE(fs::exists(at("never")));
}

TEST_F(Recovery, IsForTpms) {
    const auto made = berth(order("SN-2", {}));
    ASSERT_EQ(made.exit, 0) << made.all();
    expect_refused(device({"recover", "--bundle", at("SN-2")}, {}), "not_in_tpm", 2);
    expect_refused(device({"recover", "--bundle", at("SN-1"), "--reply", at("SN-1/z3.pem")}, {}), "bad_message", 2);
    expect_refused(reissue({}), "bad_arguments", 2);
}

}  // namespace
}  // namespace berth::test
