// What `berth ca issue` grants and refuses of requests that openssl has made.
#include "ca_fixture.h"
#include "pki/kem_csr.h"
#include "support/test_pki.h"

namespace berth::test {
namespace {

class Issuing : public CaCommands {
protected:
    void SetUp() override { make_customer(); }
    std::string tried(const std::string& csr, const std::vector<std::string>& more = {},
                      const std::string& profile = "operational") {
        std::vector<std::string> all{"ca",    "issue", "--dir", at("ca"),      "--profile", profile,
                                     "--csr", csr,     "--out", at("out.pem"), "--serial",  "SN-1"};
        all.insert(all.end(), more.begin(), more.end());
        return refused(all);
    }
};

TEST_F(Issuing, WhatOpensslTakes) {
    issue("leaf", {"--serial", "SN-1", "--batch", "lot 7"});
    EXPECT_EQ(judge(at("leaf.pem"),
                    {"-CAfile", at("ca/z2.pem"), "-untrusted", at("ca/ca.pem"), "-purpose", "sslclient", "-x509_strict"}),
              "good");
    ASSERT_EQ(openssl({"x509", "-in", at("leaf.pem"), "-noout", "-subject", "-ext", "extendedKeyUsage,keyUsage"}), 0);
    EXPECT_THAT(log(), testing::HasSubstr("serialNumber=SN-1"));
    EXPECT_THAT(log(), testing::HasSubstr("TLS Web Client Authentication"));
    const auto entry = must({"ca", "log", "--dir", at("ca"), "--device", "SN-1"}).json();
    EXPECT_EQ(entry.at("batch").as_string(), "lot 7");
    EXPECT_EQ(entry.at("proofs").as_string(), "admin");
    EXPECT_EQ(entry.at("status").as_string(), "good");
    EXPECT_EQ(std::string(entry.at("serial").as_string()).size(), 32U);
}

TEST_F(Issuing, RequestsAreHonouredOrRefused) {
    EXPECT_EQ(tried(request("own", "/O=Birch/serialNumber=SN-1")), "accepted");
    std::filesystem::remove(at("out.pem"));
    EXPECT_EQ(tried(request("a", "/serialNumber=SN-2")), "request_refused") << "another's identity";
    EXPECT_EQ(tried(request("b", "/CN=admin")), "request_refused");
    EXPECT_EQ(tried(request("c", "/", {"-addext", "subjectAltName=DNS:plant.example"})), "request_refused");
    EXPECT_EQ(tried(request("d", "/", {"-addext", "subjectAltName=IP:127.0.0.1"})), "request_refused") << "names of other kinds";
    EXPECT_EQ(tried(request("e", "/", {"-addext", "basicConstraints=critical,CA:TRUE"})), "request_refused");
    EXPECT_EQ(tried(request("f", "/", {"-addext", "keyUsage=keyCertSign"})), "request_refused");
    EXPECT_EQ(tried(request("g", "/", {"-addext", "extendedKeyUsage=serverAuth"})), "request_refused");
    EXPECT_EQ(tried(request("h", "/", {"-addext", "1.2.3.4.5=ASN1:NULL"})), "request_refused") << "what nobody knows";
    EXPECT_EQ(tried(request("i", "/", {"-addext", "certificatePolicies=1.2.3"})), "request_refused");
    EXPECT_FALSE(std::filesystem::exists(at("out.pem")));
    EXPECT_EQ(tried(request("j", "/",
                            {"-addext", "extendedKeyUsage=clientAuth", "-addext", "keyUsage=digitalSignature", "-addext",
                             "basicConstraints=CA:FALSE"})),
              "accepted");
}

// RFC 9883: a KEM key cannot sign, and the signature key of the same device says that it is its own.
TEST_F(Issuing, KemKeysThatASignatureKeyVouchesFor) {
    profile_without_maker("\n[[profile]]\nname = \"kem\"\nauthority = \"ca\"\nrequires = [\"admin\"]\nsubject = "
                          "\"O=Test,serialNumber={serial}\"\nkeys = [\"mlkem768_p256\"]\nlifetime = \"8h\"\n");
    const unix_seconds now = system_clock().now();
    const pki::validity these_days{now - day, now + 100 * day};
    const auto maker = make_root("maker", crypto::signature_algorithm::ecdsa_p256_sha256, these_days);
    const auto key = signature_key("idevid");
    const auto idevid =
        test::issue(maker, pki::idevid_signature_template("Test", "SN-1", std::nullopt, these_days), key.public_key().spki());
    put(at("z1.pem"), maker.certificate.to_pem());
    put(at("idevid.pem"), idevid.to_pem());
    const auto names = got(pki::names_of(idevid));
    pki::csr_template contents;
    contents.subject = names.subject;
    contents.alt_names = names.alt_names;
    const auto asking = [&](const std::string& name, bool carry) {
        const auto der = got(pki::build_kem_csr(contents, kem_key("kem").public_key(), idevid, key, carry));
        put(at(name), std::string(as_text(der)));
        return at(name);
    };
    const auto certify = [&](const std::string& csr, std::vector<std::string> more) {
        std::filesystem::remove(at("out.pem"));
        more.insert(more.begin(), {"ca", "issue", "--dir", at("ca"), "--profile", "kem", "--csr", csr, "--out", at("out.pem")});
        return refused(more);
    };
    const std::string whole = asking("whole.csr", true);
    EXPECT_EQ(certify(whole, {"--serial", "SN-1"}), "bad_arguments") << "whose word is believed?";
    EXPECT_EQ(certify(whole, {"--anchor", at("ca/z2.pem")}), "unknown_issuer");
    EXPECT_EQ(certify(whole, {"--serial", "SN-2", "--anchor", at("z1.pem")}), "signer_of_another");
    EXPECT_FALSE(std::filesystem::exists(at("out.pem")));
    EXPECT_EQ(certify(whole, {"--anchor", at("z1.pem")}), "accepted");
    EXPECT_TRUE(got(app::read_chain(at("out.pem"))).front().is_kem());
    EXPECT_EQ(must({"ca", "log", "--dir", at("ca"), "--device", "SN-1"}).json().at("profile").as_string(), "kem");
    // A statement that only names its certificate needs that certificate here.
    const std::string named = asking("named.csr", false);
    EXPECT_EQ(certify(named, {"--anchor", at("z1.pem")}), "signer_unknown");
    EXPECT_EQ(certify(named, {"--anchor", at("z1.pem"), "--identity", at("idevid.pem")}), "accepted");
    std::string der = text_of(whole);
    der.back() = static_cast<char>(der.back() ^ 1);
    put(at("forged.csr"), der);
    EXPECT_EQ(certify(at("forged.csr"), {"--anchor", at("z1.pem")}), "bad_signature");
}

TEST_F(Issuing, RequestsThatAreNone) {
    const std::string csr = request("leaf");
    ASSERT_EQ(openssl({"req", "-in", csr, "-outform", "DER", "-out", at("leaf.der")}), 0);
    std::string der = text_of(at("leaf.der"));
    der.back() = static_cast<char>(der.back() ^ 1);
    put(at("forged.der"), der);
    EXPECT_EQ(tried(at("forged.der")), "bad_signature");
    put(at("none"), "hello");
    EXPECT_EQ(tried(at("none")), "bad_csr");
    put(at("large"), std::string(1 << 20, '0'));
    EXPECT_EQ(tried(at("large")), "bad_csr");
    ASSERT_EQ(
        openssl({"req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/", "-keyout", at("rsa.key"), "-out", at("rsa.csr")}),
        0);
    EXPECT_EQ(tried(at("rsa.csr")), "unsupported_key_algorithm");
    EXPECT_EQ(tried(csr, {}, "opertional"), "unknown_profile");
    EXPECT_EQ(tried(at("leaf.der")), "accepted");
}

TEST_F(Issuing, GatesHold) {
    const std::string csr = request("leaf");
    put(at("ca/ca.toml"), "[[profile]]\nname = \"gated\"\nrequires = [\"idevid+secret\", \"endorsement\"]\nsubject = "
                          "\"serialNumber={serial}\"\nkeys = [\"p256\"]\nlifetime = \"8h\"\n");
    EXPECT_EQ(tried(csr, {}, "gated"), "not_entitled");
}

TEST_F(Issuing, OnTheIdentityOfADevice) {
    must({"ca", "init", "--dir", at("maker"), "--organization", "Acme", "--hierarchy", "maker", "--algorithm", "p256"});
    must({"ca", "issue", "--dir", at("maker"), "--profile", "idevid", "--csr", request("idevid"), "--serial", "SN-9", "--out",
          at("idevid.pem")});
    EXPECT_EQ(judge(at("idevid.pem"), {"-CAfile", at("maker/z1.pem"), "-untrusted", at("maker/idevid-ca.pem")}), "good");
    must({"ca", "init", "--dir", at("own"), "--customer", "Cedar", "--hierarchy", "customer", "--algorithm", "p256"});
    const std::vector<std::string> command{"ca",     "issue",          "--dir",           at("own"),    "--profile",
                                           "ldevid", "--csr",          request("ldevid"), "--identity", at("idevid.pem"),
                                           "--out",  at("ldevid.pem"), "--anchor"};
    auto wrong = command;
    wrong.push_back(at("own/z2.pem"));
    EXPECT_EQ(refused(wrong), "unknown_issuer");
    auto right = command;
    right.push_back(at("maker/z1.pem"));
    must(right);
    const auto shown = must({"ca", "inspect", at("ldevid.pem")}).json();
    EXPECT_EQ(shown.at("device").as_string(), "SN-9");
    EXPECT_EQ(shown.at("epoch").to_number<int>(), 0);
    EXPECT_THAT(std::string(shown.at("names").as_array().at(0).as_string()), testing::HasSubstr("urn:berth:maker:"));
}

// An IDevID that claims to be another maker's: what it leads to counts.
TEST_F(Issuing, AMakerSpeaksOfItsOwnDevicesAlone) {
    const unix_seconds now = system_clock().now();
    const pki::validity these_days{now - day, now + 100 * day};
    const auto maker = make_root("maker", crypto::signature_algorithm::ecdsa_p256_sha256, these_days);
    const auto another = make_root("another", crypto::signature_algorithm::ecdsa_p256_sha256).certificate.spki_sha256();
    const auto claims = pki::operational_template("Test", "SN-8", another, pki::credential_kind::signature, these_days);
    put(at("claims.pem"), test::issue(maker, claims, signature_key("SN-8").public_key().spki()).to_pem());
    put(at("maker.pem"), maker.certificate.to_pem());
    must({"ca", "init", "--dir", at("own"), "--customer", "Cedar", "--hierarchy", "customer", "--algorithm", "p256"});
    const auto names_of = [&](const std::string& file) {
        return wire::to_text(must({"ca", "inspect", file}).json().at("names"));
    };
    must({"ca", "issue", "--dir", at("own"), "--profile", "ldevid", "--csr", request("ldevid"), "--identity", at("claims.pem"),
          "--anchor", at("maker.pem"), "--out", at("ldevid.pem")});
    EXPECT_THAT(names_of(at("ldevid.pem")), testing::HasSubstr(to_hex(maker.certificate.spki_sha256())));
    EXPECT_THAT(names_of(at("ldevid.pem")), testing::Not(testing::HasSubstr(to_hex(another))));
    // The owner's own certificate names the maker, and is believed.
    must({"ca", "issue", "--dir", at("own"), "--profile", "operational", "--csr", request("today"), "--identity",
          at("ldevid.pem"), "--anchor", at("own/z2.pem"), "--out", at("today.pem")});
    EXPECT_THAT(names_of(at("today.pem")), testing::HasSubstr(to_hex(maker.certificate.spki_sha256())));
}

TEST_F(Issuing, MistakesInTheFileAreToldWithTheirLine) {
    const std::string good =
        "[[profile]]\nname = \"p\"\nrequires = [\"admin\"]\nsubject = \"CN={name}\"\nkeys = [\"p256\"]\nlifetime = \"8h\"\n";
    const auto judged = [&](const std::string& toml) {
        put(at("ca/ca.toml"), toml);
        const auto out = berth({"--json", "ca", "log", "--dir", at("ca"), "--verify"});
        return out.exit == 0 ? std::string("accepted")
                             : std::string(out.json().at("error").as_object().at("message").as_string());
    };
    EXPECT_EQ(judged(good), "accepted");
    for (const auto& [toml, what] : {
             std::pair(good + "lifetme = \"8h\"\n", ":7: \"lifetme\" is not a key of [profile]; is \"lifetime\" meant?"),
             {good + "extended_key_usages = [\"clientAuht\"]\n", "is no OID"},
             {good + "usages = [\"sign\"]\n", "\"sign\" in \"usages\" is none of digitalSignature"},
             {good + good, "two profiles \"p\""},
             {good + "[[authority]]\nname = \"ca\"\nshard_size = -1\n", ":9: \"shard_size\" must be a number"},
             {"[[profile]]\nname = \"p\"\nsubject = \"CN={name}\"\nkeys = [\"p256\"]\nlifetime = \"8h\"\n", "nobody is given"},
             {"[[profile]]\nname = \"p\"\nrequires = [\"idevd\"]\nsubject = \"CN=x\"\nkeys = [\"p256\"]\nlifetime = \"8h\"\n",
              "\"idevd\" in \"requires\""},
             {"[[profile]]\nname = \"p\"\nrequires = [\"admin\"]\nsubject = \"CN={nme}\"\nkeys = [\"p256\"]\nlifetime = \"8h\"\n",
              "{nme}"},
             {"[[profile]]\nname = \"p\"\nrequires = [\"admin\"]\nsubject = \"CN=x\"\nkeys = [\"rsa\"]\nlifetime = \"8h\"\n",
              "\"rsa\" in \"keys\""},
             {"[[profile]]\nname = \"p\"\nrequires = [\"admin\"]\nsubject = \"CN=x\"\nkeys = [\"p256\"]\nlifetime = \"soon\"\n",
              "no lifetime"},
             {"[[profile]]\nname = \"p\"\nrequires = [\"admin\"]\nsubject = \"CN=x\"\nkeys = [\"p256\"]\nlifetime = \"8h\"\nca = "
              "true\n",
              "keyCertSign"},
         }) {
        EXPECT_THAT(judged(toml), testing::HasSubstr(what));
        EXPECT_THAT(judged(toml), testing::HasSubstr("ca.toml:")) << toml;
    }
}

}  // namespace
}  // namespace berth::test
