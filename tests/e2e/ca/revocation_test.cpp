// Revocation as plain openssl sees it: lists, deltas, shards, OCSP.
#include "ca_fixture.h"

namespace berth::test {
namespace {

class Revocation : public CaCommands {
protected:
    void make(const std::string& settings = {}, const std::string& algorithm = "p256") {
        make_customer(algorithm);
        profile_without_maker(settings.empty() ? "" : "\n[[authority]]\nname = \"ca\"\n" + settings);
    }
    void revoke(const std::vector<std::string>& what) {
        std::vector<std::string> all{"ca", "revoke", "--dir", at("ca")};
        all.insert(all.end(), what.begin(), what.end());
        must(all);
    }
    std::string list(const std::string& name, const std::vector<std::string>& more = {}) {
        std::vector<std::string> all{"ca", "crl", "--dir", at("ca"), "--name", "ca", "--out", at(name)};
        all.insert(all.end(), more.begin(), more.end());
        must(all);
        return at(name);
    }
    std::string judged(const std::string& leaf, const std::vector<std::string>& lists,
                       const std::vector<std::string>& more = {}) {
        std::vector<std::string> options{"-CAfile", at("ca/z2.pem"), "-untrusted", at("ca/ca.pem"), "-crl_check"};
        for (const auto& l : lists) {
            options.insert(options.end(), {"-CRLfile", l});
        }
        options.insert(options.end(), more.begin(), more.end());
        return judge(leaf, options);
    }
    // What plain `openssl ocsp` reads in our answer to its own request.
    std::string asked(const std::string& leaf, const std::vector<std::string>& request_options = {}) {
        std::vector<std::string> ask{"ocsp", "-issuer", at("ca/ca.pem"), "-cert", leaf, "-reqout", at("request.der")};
        ask.insert(ask.begin() + 1, request_options.begin(), request_options.end());
        EXPECT_EQ(openssl(ask), 0) << log();
        must({"ca", "ocsp", "--dir", at("ca"), "--name", "ca", "--request", at("request.der"), "--out", at("answer.der")});
        std::vector<std::string> read{"ocsp",    "-issuer",         at("ca/ca.pem"), "-cert",          leaf,
                                      "-reqin",  at("request.der"), "-respin",       at("answer.der"), "-no_nonce",
                                      "-CAfile", at("ca/z2.pem"),   "-verify_other", at("ca/ca.pem")};
        // The hash of the certificate's name must be the same, or openssl finds no answer in the answer.
        if (std::find(request_options.begin(), request_options.end(), "-sha256") != request_options.end()) {
            read.insert(read.begin() + 1, "-sha256");
        }
        const int exit = openssl(read);
        const std::string said = log();
        if (exit != 0 || said.find("Response verify OK") == std::string::npos) {
            return said;
        }
        for (const char* state : {": good", ": revoked", ": unknown"}) {
            if (said.find(state) != std::string::npos) {
                return std::string(state).substr(2) +
                       (said.find("WARNING") == std::string::npos ? "" : " with a warning: " + said);
            }
        }
        return said;
    }
};

TEST_F(Revocation, ListsByEveryWayToRevoke) {
    make();
    for (const auto& [name, batch] : {std::pair("one", ""), {"two", "lot"}, {"three", ""}, {"four", ""}, {"five", ""}}) {
        issue(name, batch[0] == '\0' ? std::vector<std::string>{"--serial", name}
                                     : std::vector<std::string>{"--serial", name, "--batch", batch});
    }
    const std::string before = list("before.crl");
    for (const char* name : {"one", "two", "three", "four", "five"}) {
        EXPECT_EQ(judged(at(std::string(name) + ".pem"), {before}), "good") << name;
    }
    revoke({"--serial", serial_of(at("one.pem")), "--reason", "key-compromise"});
    revoke({"--batch", "lot"});
    revoke({"--device", "three", "--reason", "cessation_of_operation"});
    revoke({"--epoch", "four", "--reason", "superseded"});
    const std::string after = list("after.crl");
    for (const char* name : {"one", "two", "three", "four"}) {
        EXPECT_EQ(judged(at(std::string(name) + ".pem"), {after}), "revoked") << name;
    }
    EXPECT_EQ(judged(at("five.pem"), {after}), "good");
    ASSERT_EQ(openssl({"crl", "-in", after, "-noout", "-text"}), 0);
    for (const char* text : {"Key Compromise", "Cessation Of Operation", "Superseded", "X509v3 CRL Number"}) {
        EXPECT_THAT(log(), testing::HasSubstr(text));
    }
    issue("four-again", {"--serial", "four"});
    EXPECT_EQ(judged(at("four-again.pem"), {list("again.crl")}), "good") << "of the next epoch";
    EXPECT_EQ(refused({"ca", "issue", "--dir", at("ca"), "--profile", "operational", "--csr", request("gone"), "--serial",
                       "three", "--out", at("gone.pem")}),
              "requester_withdrawn");
    EXPECT_EQ(refused({"ca", "revoke", "--dir", at("ca"), "--serial", "ff"}), "unknown_certificate");
    EXPECT_EQ(refused({"ca", "revoke", "--dir", at("ca"), "--device", "nobody"}), "unknown_device");
    EXPECT_EQ(refused({"ca", "revoke", "--dir", at("ca"), "--device", "five", "--batch", "x"}), "bad_arguments");
    EXPECT_FALSE(must({"ca", "revoke", "--dir", at("ca"), "--serial", serial_of(at("one.pem"))}).json().at("revoked").as_bool());
}

TEST_F(Revocation, OfAllThatAMakersCaVouchedFor) {
    make();
    must({"ca", "init", "--dir", at("maker"), "--organization", "Acme", "--hierarchy", "maker", "--algorithm", "p256"});
    must({"ca", "issue", "--dir", at("maker"), "--profile", "idevid", "--csr", request("idevid"), "--serial", "SN-9", "--out",
          at("idevid.pem")});
    issue("leaf", {"--identity", at("idevid.pem"), "--anchor", at("maker/z1.pem")});
    issue("other", {"--serial", "SN-10"});
    revoke({"--issuer", at("maker/idevid-ca.pem"), "--reason", "ca_compromise"});
    const std::string after = list("after.crl");
    EXPECT_EQ(judged(at("leaf.pem"), {after}), "revoked");
    EXPECT_EQ(judged(at("other.pem"), {after}), "good");
    EXPECT_EQ(refused({"ca", "issue", "--dir", at("ca"), "--profile", "operational", "--csr", request("again"), "--identity",
                       at("idevid.pem"), "--anchor", at("maker/z1.pem"), "--out", at("again.pem")}),
              "requester_withdrawn");
}

TEST_F(Revocation, ASerialAloneReachesWhateverItGot) {
    make();
    must({"ca", "init", "--dir", at("maker"), "--organization", "Acme", "--hierarchy", "maker", "--algorithm", "p256"});
    must({"ca", "issue", "--dir", at("maker"), "--profile", "idevid", "--csr", request("idevid"), "--serial", "SN-9", "--out",
          at("idevid.pem")});
    issue("of-maker", {"--identity", at("idevid.pem"), "--anchor", at("maker/z1.pem")});
    issue("of-nobody", {"--serial", "SN-9"});
    revoke({"--epoch", "SN-9"});
    const std::string first = list("first.crl");
    EXPECT_EQ(judged(at("of-maker.pem"), {first}), "revoked");
    EXPECT_EQ(judged(at("of-nobody.pem"), {first}), "revoked");
    issue("of-maker-2", {"--identity", at("idevid.pem"), "--anchor", at("maker/z1.pem")});
    issue("of-nobody-2", {"--serial", "SN-9"});
    revoke({"--device", "SN-9", "--maker-root", at("maker/z1.pem")});
    EXPECT_EQ(judged(at("of-maker-2.pem"), {list("second.crl")}), "revoked");
    EXPECT_EQ(judged(at("of-nobody-2.pem"), {at("second.crl")}), "good");
    revoke({"--device", "SN-9"});
    EXPECT_EQ(judged(at("of-nobody-2.pem"), {list("third.crl")}), "revoked");
    for (const auto& identity :
         {std::vector<std::string>{"--serial", "SN-9"}, {"--identity", at("idevid.pem"), "--anchor", at("maker/z1.pem")}}) {
        std::vector<std::string> again{"ca",          "issue", "--dir",         at("ca"), "--profile",
                                       "operational", "--csr", request("late"), "--out",  at("late.pem")};
        again.insert(again.end(), identity.begin(), identity.end());
        EXPECT_EQ(refused(again), "requester_withdrawn");
    }
}

TEST_F(Revocation, DeltasAsOpensslUsesThem) {
    make("crl_url = \"http://ca.example/ca.crl\"\ndelta_url = \"http://ca.example/ca.delta.crl\"\n");
    issue("leaf", {"--serial", "SN-1"});
    const std::string complete = list("complete.crl");
    revoke({"--serial", serial_of(at("leaf.pem"))});
    const std::string delta = list("delta.crl", {"--delta"});
    EXPECT_EQ(judged(at("leaf.pem"), {complete}), "good");
    EXPECT_EQ(judged(at("leaf.pem"), {complete, delta}, {"-extended_crl", "-use_deltas"}), "revoked") << log();
    EXPECT_EQ(judged(at("leaf.pem"), {list("next.crl")}), "revoked");
    EXPECT_EQ(refused({"ca", "verify", at("leaf.pem"), "--trust", at("ca/z2.pem"), "--intermediate", at("ca/ca.pem"), "--crl",
                       complete, "--crl", delta}),
              "certificate_revoked");
}

TEST_F(Revocation, ShardsAsOpensslUsesThem) {
    make("crl_url = \"http://ca.example/ca-{shard}.crl\"\nshard_size = 2\n");
    for (const char* name : {"a", "b", "c"}) {
        issue(name, {"--serial", name});
        revoke({"--serial", serial_of(at(std::string(name) + ".pem"))});
    }
    must({"ca", "crl", "--dir", at("ca"), "--name", "ca", "--shards", "--out", at("shards")});
    EXPECT_EQ(judged(at("a.pem"), {at("shards/ca.0.crl")}, {"-extended_crl"}), "revoked") << log();
    EXPECT_EQ(judged(at("c.pem"), {at("shards/ca.1.crl")}, {"-extended_crl"}), "revoked") << log();
    EXPECT_THAT(judged(at("c.pem"), {at("shards/ca.0.crl")}, {"-extended_crl"}), testing::HasSubstr("different CRL scope"))
        << "a list of another point";
    ASSERT_EQ(openssl({"crl", "-in", at("shards/ca.0.crl"), "-noout", "-text"}), 0);
    EXPECT_THAT(log(), testing::HasSubstr("http://ca.example/ca-0.crl"));
}

TEST_F(Revocation, DerForAddressesAndNothingElseOverwritten) {
    make();
    list("list.der", {"--der"});
    ASSERT_EQ(openssl({"crl", "-inform", "DER", "-in", at("list.der"), "-noout", "-CAfile", at("ca/ca.pem"), "-verify"}), 0)
        << log();
    const auto again = must({"ca", "crl", "--dir", at("ca"), "--name", "ca", "--out", at("list.der"), "--der"});
    EXPECT_EQ(again.json().at("number").to_number<int>(), 2);
    put(at("precious"), "mine\n");
    EXPECT_EQ(refused({"ca", "crl", "--dir", at("ca"), "--name", "ca", "--out", at("precious")}), "file_exists");
    EXPECT_EQ(text_of(at("precious")), "mine\n");
}

TEST_F(Revocation, OcspByTheCaItself) {
    make();
    issue("leaf", {"--serial", "SN-1"});
    EXPECT_EQ(asked(at("leaf.pem")), "good");
    EXPECT_EQ(asked(at("leaf.pem"), {"-sha256"}), "good");
    EXPECT_THAT(asked(at("leaf.pem"), {"-no_nonce"}), testing::HasSubstr("good")) << "RFC 5019's clients";
    revoke({"--epoch", "SN-1", "--reason", "superseded"});
    EXPECT_EQ(asked(at("leaf.pem")), "revoked");
}

TEST_F(Revocation, OcspByWhomItHasAppointed) {
    for (const char* algorithm : {"p256", "p384", "mldsa65"}) {
        SCOPED_TRACE(algorithm);
        std::filesystem::remove_all(at("ca"));
        std::filesystem::remove(at("leaf.pem"));
        make({}, algorithm);
        must({"ca", "responder", "--dir", at("ca"), "--name", "ca"});
        issue("leaf", {"--serial", "SN-1"});
        EXPECT_EQ(asked(at("leaf.pem")), "good");
        revoke({"--serial", serial_of(at("leaf.pem")), "--reason", "key_compromise"});
        EXPECT_EQ(asked(at("leaf.pem")), "revoked");
        ASSERT_EQ(openssl({"x509", "-in", at("ca/ca-ocsp.pem"), "-noout", "-text"}), 0);
        EXPECT_THAT(log(), testing::HasSubstr("OCSP Signing"));
        EXPECT_THAT(log(), testing::HasSubstr("OCSP No Check"));
        must({"ca", "responder", "--dir", at("ca"), "--name", "ca"});
        EXPECT_EQ(asked(at("leaf.pem")), "revoked") << "with a renewed certificate";
    }
}

TEST_F(Revocation, OcspSignedBeforehand) {
    make();
    issue("leaf", {"--serial", "SN-1"});
    must({"ca", "ocsp", "--dir", at("ca"), "--name", "ca", "--serial", serial_of(at("leaf.pem")), "--lifetime", "2d", "--out",
          at("answer.der")});
    EXPECT_EQ(openssl({"ocsp", "-issuer", at("ca/ca.pem"), "-cert", at("leaf.pem"), "-no_nonce", "-respin", at("answer.der"),
                       "-CAfile", at("ca/z2.pem"), "-verify_other", at("ca/ca.pem")}),
              0);
    EXPECT_THAT(log(), testing::HasSubstr("leaf.pem: good"));
    const std::vector<std::string> verify{
        "ca",     "verify",        at("leaf.pem"), "--trust", at("ca/z2.pem"), "--intermediate", at("ca/ca.pem"),
        "--ocsp", at("answer.der")};
    EXPECT_EQ(refused(verify), "accepted");
    revoke({"--serial", serial_of(at("leaf.pem"))});
    must({"ca", "ocsp", "--dir", at("ca"), "--name", "ca", "--serial", serial_of(at("leaf.pem")), "--out", at("answer.der")});
    EXPECT_EQ(refused(verify), "certificate_revoked");
    put(at("answer.der"), "nonsense");
    EXPECT_EQ(refused(verify), "bad_ocsp_response");
}

// The other way round: answers of openssl's responder, judged by us.
TEST_F(Revocation, OpensslsAnswers) {
    make();
    issue("leaf", {"--serial", "SN-1"});
    const std::string serial = serial_of(at("leaf.pem"));
    const auto answered = [&](const std::string& index_line) {
        put(at("index.txt"), index_line);
        EXPECT_EQ(openssl({"ocsp", "-issuer", at("ca/ca.pem"), "-cert", at("leaf.pem"), "-reqout", at("request.der")}), 0);
        EXPECT_EQ(openssl({"ocsp", "-index", at("index.txt"), "-CA", at("ca/ca.pem"), "-rsigner", at("ca/ca.pem"), "-rkey",
                           at("ca/ca.key"), "-reqin", at("request.der"), "-respout", at("answer.der"), "-ndays", "2"}),
                  0)
            << log();
        return refused({"ca", "verify", at("leaf.pem"), "--trust", at("ca/z2.pem"), "--intermediate", at("ca/ca.pem"), "--ocsp",
                        at("answer.der")});
    };
    std::string upper = serial;
    std::ranges::transform(upper, upper.begin(), [](char c) { return c >= 'a' && c <= 'f' ? static_cast<char>(c - 32) : c; });
    EXPECT_EQ(answered("V\t301231235959Z\t\t" + upper + "\tunknown\t/CN=leaf\n"), "accepted") << log();
    EXPECT_EQ(answered("R\t301231235959Z\t250101000000Z,keyCompromise\t" + upper + "\tunknown\t/CN=leaf\n"),
              "certificate_revoked");
    EXPECT_EQ(answered("V\t301231235959Z\t\t01\tunknown\t/CN=other\n"), "certificate_unknown");
}

}  // namespace
}  // namespace berth::test
