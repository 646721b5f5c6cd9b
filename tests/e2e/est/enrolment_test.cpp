// berthd's [est], asked by `berth est`: each identity stands on the one before, and nobody gets another's.
#include "est_world.h"
#include "keystore/key_uri.h"
#include "store/sqlite/database.h"

#include <fstream>

namespace berth::test {
namespace {

namespace fs = std::filesystem;

class Enrolment : public EstServer {};

TEST_F(Enrolment, FromTheMakersCertificateToTheOneForToday) {
    const auto ldevid = est("enrol", "", as("SN-1", new_key("ldevid", "SN-1")));
    ASSERT_EQ(ldevid.exit, 0) << ldevid.all();
    EXPECT_EQ(leaf("ldevid").subject(), "serialNumber=SN-1,O=Birch");
    EXPECT_TRUE(leaf("ldevid").check_signature(got(app::read_chain(at("ca/ldevid-ca.pem"))).front()));

    // "Issuance gated based on trusting prior identity root of trust."
    const auto skipped = est("enrol", "device-id", as("SN-1", new_key("skipped", "SN-1")));
    EXPECT_EQ(skipped.exit, 1);
    EXPECT_EQ(skipped.error_name(), "refused") << skipped.all();
    EXPECT_EQ(skipped.json().at("error").as_object().at("params").as_object().at("status").as_string(), "403");
    // He showed who he is, so he is told what it takes; the log has it of everybody.
    EXPECT_NE(skipped.all().find("at the label device-id"), std::string::npos) << skipped.all();
    EXPECT_NE(skipped.all().find("it takes a certificate (ldevid), or a certificate (operational)"), std::string::npos)
        << skipped.all();
    EXPECT_TRUE(says("\"needed\":\"a certificate (ldevid), or a certificate (operational)\""));
    const auto backwards = est("enrol", "slow", as("ldevid", new_key("backwards", "SN-1")));
    EXPECT_EQ(backwards.error_name(), "refused") << "an LDevID is no IDevID: " << backwards.all();

    const auto device_id = est("enrol", "device-id", as("ldevid", new_key("device-id", "SN-1")));
    ASSERT_EQ(device_id.exit, 0) << device_id.all();
    EXPECT_TRUE(leaf("device-id").check_signature(got(app::read_chain(at("ca/ca.pem"))).front()));

    const auto renewed = est("reenrol", "device-id", as("device-id", {"--out", at("renewed.pem")}));
    ASSERT_EQ(renewed.exit, 0) << renewed.all();
    EXPECT_TRUE(same_octets(leaf("renewed").spki(), leaf("device-id").spki()));
    EXPECT_NE(leaf("renewed").serial_hex(), leaf("device-id").serial_hex());
    const auto rekeyed = est("reenrol", "device-id", as("device-id", new_key("rekeyed", "")));
    ASSERT_EQ(rekeyed.exit, 0) << rekeyed.all();
    EXPECT_FALSE(same_octets(leaf("rekeyed").spki(), leaf("device-id").spki()));
    EXPECT_EQ(leaf("rekeyed").subject(), leaf("device-id").subject());

    const auto log = must({"ca", "log", "--dir", at("ca"), "--device", "SN-1"});
    EXPECT_NE(log.all().find("\"proofs\":\"idevid\""), std::string::npos) << log.all();
    EXPECT_NE(log.all().find("\"proofs\":\"operational\""), std::string::npos);
    must({"ca", "log", "--dir", at("ca"), "--verify"});
}

TEST_F(Enrolment, NobodyGetsAnothersName) {
    const auto other = est("enrol", "", as("SN-2", new_key("thief", "SN-3")));
    EXPECT_EQ(other.error_name(), "refused") << other.all();
    ASSERT_EQ(est("enrol", "", as("SN-2", new_key("own", "SN-2"))).exit, 0);
    const auto renewed = est("reenrol", "", as("SN-2", {"--new-key", at("own.key"), "--subject", "serialNumber=SN-3"}));
    EXPECT_EQ(renewed.error_name(), "refused") << renewed.all();
    const auto more = est("enrol", "", as("SN-2", new_key("server-name", "SN-2", {"--dns", "gateway.example"})));
    EXPECT_EQ(more.error_name(), "refused") << "a name that the identity does not have: " << more.all();
    const auto clone = est("enrol", "", as("clone", new_key("cloned", "SN-9")));
    EXPECT_EQ(clone.error_name(), "refused") << clone.all();
    EXPECT_NE(clone.all().find("not trusted here"), std::string::npos) << clone.all();
    const auto nobody = est("enrol", "", new_key("nobody", "SN-1"));
    EXPECT_EQ(nobody.exit, 1) << nobody.all();
    const auto unknown = est("enrol", "slow", new_key("unknown", "SN-1"));
    EXPECT_EQ(unknown.error_name(), "refused") << unknown.all();
    EXPECT_EQ(unknown.all().find("idevid"), std::string::npos) << "strangers are not told what opens the door: " << unknown.all();
}

TEST_F(Enrolment, WhereNobodyAnswersIsTold) {
    const auto gone = berth({"--json", "est", "cacerts", "--server", "localhost:1", "--ca", at("web.pem")});
    EXPECT_EQ(gone.error_name(), "connect_failed") << gone.all();
    EXPECT_EQ(gone.exit, 3) << gone.all();
    EXPECT_NE(gone.all().find("localhost:1: the connection was not made"), std::string::npos) << gone.all();
    EXPECT_NE(gone.all().find("is an EST server running there"), std::string::npos) << gone.all();
    EXPECT_EQ(gone.json().at("error").as_object().at("params").as_object().at("server").as_string(), "localhost:1");
    const auto nameless = berth({"--json", "est", "cacerts", "--server", "nobody.invalid:8085", "--ca", at("web.pem")});
    EXPECT_EQ(nameless.error_name(), "connect_failed") << nameless.all();
    EXPECT_NE(nameless.all().find("nobody.invalid:8085: "), std::string::npos) << nameless.all();
}

TEST_F(Enrolment, RevokedIdentitiesGetNothing) {
    ASSERT_EQ(est("enrol", "", as("SN-3", new_key("short-lived", "SN-3"))).exit, 0);
    ASSERT_EQ(est("enrol", "device-id", as("short-lived", new_key("before", "SN-3"))).exit, 0);
    must({"ca", "revoke", "--dir", at("ca"), "--name", "ldevid-ca", "--serial", leaf("short-lived").serial_hex()});
    const auto after = est("enrol", "device-id", as("short-lived", new_key("after", "SN-3")));
    EXPECT_EQ(after.error_name(), "refused") << after.all();
    EXPECT_NE(after.all().find("revoked"), std::string::npos) << after.all();
    // A new epoch ends all at once.
    ASSERT_EQ(est("enrol", "", as("SN-3", new_key("second-life", "SN-3"))).exit, 0);
    must({"ca", "revoke", "--dir", at("ca"), "--epoch", "SN-3", "--maker-root", at("z1.pem")});
    const auto late = est("enrol", "device-id", as("second-life", new_key("late", "SN-3")));
    EXPECT_EQ(late.error_name(), "refused") << late.all();
}

// A maker's issuing CA is compromised: nothing that was got with its certificates counts any more, however often renewed.
TEST_F(Enrolment, AMakersIssuingCaReachesWhatWasRenewed) {
    const unix_seconds now = system_clock().now();
    const pki::validity these_days{now - day, now + 100 * day};
    const auto maker = make_root("maker", crypto::signature_algorithm::ecdsa_p256_sha256, these_days);
    const auto lot =
        make_ca(maker, pki::issuing_ca_template("Test", "lot", these_days), crypto::signature_algorithm::ecdsa_p256_sha256);
    const auto key = signature_key("idevid SN-30");
    const auto idevid =
        test::issue(lot, pki::idevid_signature_template("Test", "SN-30", std::nullopt, these_days), key.public_key().spki());
    keep("SN-30", idevid, key);
    write("SN-30.pem", idevid.to_pem() + lot.certificate.to_pem());
    write("lot-ca.pem", lot.certificate.to_pem());
    ASSERT_EQ(est("enrol", "", as("SN-30", new_key("30-ldevid", "SN-30"))).exit, 0);
    ASSERT_EQ(est("enrol", "device-id", as("30-ldevid", new_key("30-id", "SN-30"))).exit, 0);
    ASSERT_EQ(est("reenrol", "device-id", as("30-id", new_key("30-next", ""))).exit, 0);
    ASSERT_EQ(est("enrol", "", as("SN-2", new_key("2-ldevid", "SN-2"))).exit, 0);

    must({"ca", "revoke", "--dir", at("ca"), "--issuer", at("lot-ca.pem"), "--reason", "ca_compromise"});
    for (const char* name : {"30-ldevid", "30-id", "30-next"}) {
        const auto after = est("enrol", "device-id", as(name, new_key(std::string("after-") + name, "SN-30")));
        EXPECT_EQ(after.error_name(), "refused") << after.all();
        EXPECT_NE(after.all().find("revoked"), std::string::npos) << after.all();
    }
    for (const auto& [ca, name] : {std::pair("ldevid-ca", "30-ldevid"), {"ca", "30-id"}, {"ca", "30-next"}}) {
        must({"ca", "crl", "--dir", at("ca"), "--name", ca, "--out", at(std::string(name) + ".crl")});
        const auto list = openssl({"verify", "-CAfile", at("ca/z2.pem"), "-untrusted", at("ca/" + std::string(ca) + ".pem"),
                                   "-CRLfile", at(std::string(name) + ".crl"), "-crl_check", at(std::string(name) + ".pem")});
        EXPECT_NE(list.all().find("certificate revoked"), std::string::npos) << list.all();
        must({"ca", "ocsp", "--dir", at("ca"), "--name", ca, "--serial", leaf(name).serial_hex(), "--out", at("answer.der")});
        const auto said = openssl({"ocsp", "-issuer", at("ca/" + std::string(ca) + ".pem"), "-cert",
                                   at(std::string(name) + ".pem"), "-respin", at("answer.der"), "-no_nonce", "-CAfile",
                                   at("ca/z2.pem"), "-verify_other", at("ca/" + std::string(ca) + ".pem")});
        EXPECT_NE(said.all().find(": revoked"), std::string::npos) << said.all();
    }
    EXPECT_EQ(est("enrol", "device-id", as("2-ldevid", new_key("2-id", "SN-2"))).exit, 0) << "another's device";
    must({"ca", "log", "--dir", at("ca"), "--verify"});
}

TEST_F(Enrolment, KemAndPostQuantumKeys) {
    const auto mldsa = est("enrol", "", as("SN-1", new_key("mldsa", "SN-1", {}, "mldsa65")));
    EXPECT_EQ(mldsa.exit, 0) << mldsa.all();
    // RFC 9883: the signature key of the same subject vouches.
    const auto kem = est("enrol", "kem", as("SN-1", new_key("kem", "SN-1", {"--subject", "O=Test"}, "mlkem768_p256")));
    ASSERT_EQ(kem.exit, 0) << kem.all();
    EXPECT_TRUE(leaf("kem").is_kem());
    const auto wrong = est("enrol", "kem", as("SN-1", new_key("not-kem", "SN-1", {"--subject", "O=Test"}, "p256")));
    EXPECT_EQ(wrong.error_name(), "refused") << wrong.all();
}

TEST_F(Enrolment, OverAuthkem) {
    const auto done = est("enrol", "", as("SN-1-kem", new_key("by-kem", "SN-1", {"--authkem"})), "authkem");
    ASSERT_EQ(done.exit, 0) << done.all();
    EXPECT_EQ(leaf("by-kem").subject(), "serialNumber=SN-1,O=Birch");
    const auto bound =
        est("enrol", "bound", as("SN-1-kem", new_key("by-kem-bound", "SN-1", {"--authkem", "--binding", "always"})), "authkem");
    EXPECT_EQ(bound.exit, 0) << bound.all();
}

TEST_F(Enrolment, RequestsAreBoundToTheirConnection) {
    const auto without = est("enrol", "bound", as("SN-1", new_key("unbound", "SN-1", {"--binding", "never"})));
    EXPECT_EQ(without.error_name(), "refused") << without.all();
    EXPECT_EQ(est("enrol", "bound", as("SN-1", new_key("bound", "SN-1", {"--binding", "always"}))).exit, 0);
    const auto old =
        est("enrol", "bound", as("SN-1", new_key("bound12", "SN-1", {"--binding", "always", "--tls12"})), "https-tls12");
    EXPECT_EQ(old.exit, 0) << old.all();
    const auto wants = est("csrattrs", "bound", as("SN-1"));
    EXPECT_TRUE(wants.json().at("channel_binding").as_bool()) << wants.all();
}

TEST_F(Enrolment, ATokenIsForOneDeviceOnce) {
    must({"est", "token", "--dir", at("ca"), "--serial", "SN-5", "--profile", "token", "--out", at("token")});
    const auto other = est("enrol", "token", new_key("other", "SN-6", {"--token-file", at("token")}));
    EXPECT_EQ(other.error_name(), "refused") << other.all();
    const auto first = est("enrol", "token", new_key("first", "SN-5", {"--token-file", at("token")}));
    ASSERT_EQ(first.exit, 0) << "the refusal has not used it up: " << first.all();
    const auto second = est("enrol", "token", new_key("second", "SN-5", {"--token-file", at("token")}));
    EXPECT_EQ(second.error_name(), "refused") << second.all();
    EXPECT_NE(second.all().find("the token was used"), std::string::npos) << "not that a password is wanted: " << second.all();
    const auto stranger = run_program("berth", {"--json", "est", "cacerts", "--server", "localhost:1", "--fingerprint",
                                                std::string(64, '0'), "--token-file", at("token")});
    EXPECT_EQ(stranger.error_name(), "bad_arguments") << "nobody has vouched for that server yet: " << stranger.all();
    secret_file("made-up", "c29tZXRoaW5nIG1hZGUgdXA");
    EXPECT_NE(est("enrol", "token", new_key("third", "SN-5", {"--token-file", at("made-up")})).exit, 0);
}

TEST_F(Enrolment, ALinesHeaderCountsBesideItsIdevidOnly) {
    const auto with = [](const std::string& file) {
        return std::vector<std::string>{"--header", "X-Line-Secret", "--header-file", at(file)};
    };
    EXPECT_EQ(est("enrol", "line", as("SN-1", new_key("line-1", "SN-1", with("header")))).exit, 0);
    EXPECT_EQ(est("enrol", "line", as("SN-1", new_key("line-2", "SN-1", with("wrong-header")))).error_name(), "refused");
    EXPECT_EQ(est("enrol", "line", as("SN-1", new_key("line-3", "SN-1"))).error_name(), "refused");
    EXPECT_NE(est("enrol", "line", new_key("line-4", "SN-1", with("header"))).exit, 0) << "and no certificate";
}

TEST_F(Enrolment, SomebodyDecides) {
    const auto asked = est("enrol", "slow", as("SN-1", new_key("slow", "SN-1")));
    EXPECT_EQ(asked.exit, 1);
    EXPECT_EQ(asked.error_name(), "approval_pending") << asked.all();
    const auto waiting = must({"est", "waiting", "--dir", at("ca")});
    const std::string request(waiting.json().at("request").as_string());
    must({"est", "approve", request.substr(0, 12), "--dir", at("ca"), "--by", "Ines"});
    const std::vector<std::string> again{"--new-key", at("slow.key"), "--subject", "serialNumber=SN-1", "--out", at("slow.pem")};
    const auto issued = est("enrol", "slow", as("SN-1", again));
    ASSERT_EQ(issued.exit, 0) << issued.all();
    const auto first = leaf("slow");
    // The answer may have been lost.
    const auto once_more = est("enrol", "slow", as("SN-1", again));
    ASSERT_EQ(once_more.exit, 0) << once_more.all();
    EXPECT_EQ(leaf("slow"), first) << "approved once is issued once";

    EXPECT_EQ(est("enrol", "slow", as("SN-2", new_key("denied", "SN-2"))).error_name(), "approval_pending");
    const auto second = must({"est", "waiting", "--dir", at("ca")});
    must({"est", "deny", std::string(second.json().at("request").as_string()), "--dir", at("ca")});
    const auto denied = est("enrol", "slow", as("SN-2", {"--new-key", at("denied.key"), "--subject", "serialNumber=SN-2"}));
    EXPECT_EQ(denied.error_name(), "refused") << denied.all();
    EXPECT_NE(denied.all().find("denied"), std::string::npos);
    EXPECT_EQ(run_program("berth", {"--json", "est", "approve", "00", "--dir", at("ca")}).error_name(), "unknown_request");
}

TEST_F(Enrolment, KeysAreMadeWhereTheLabelSaysSo) {
    const std::vector<std::string> who{"--user", "SN-7", "--password-file", at("password"), "--subject", "serialNumber=SN-7"};
    auto with = who;
    with.insert(with.end(), {"--key-out", at("made.key"), "--out", at("made.pem")});
    const auto made = est("serverkeygen", "password", with);
    ASSERT_EQ(made.exit, 0) << made.all();
    EXPECT_EQ(fs::status(at("made.key")).permissions() & fs::perms(0777), fs::perms(0600));
    const auto key = got(keystore::open_signing_key("file:" + at("made.key")));
    EXPECT_TRUE(same_octets(key->public_key().spki(), leaf("made").spki()));
    EXPECT_NE(est("serverkeygen", "password", with).exit, 0) << "a key that is there is not overwritten";
    EXPECT_TRUE(same_octets(got(keystore::open_signing_key("file:" + at("made.key")))->public_key().spki(), leaf("made").spki()));
    const auto not_there = est("serverkeygen", "", as("SN-1", {"--subject", "serialNumber=SN-1", "--key-out", at("x.key")}));
    EXPECT_NE(not_there.exit, 0) << not_there.all();
    EXPECT_FALSE(fs::exists(at("x.key")));
}

TEST_F(Enrolment, ConfigurationsAreReadAnewAndMistakesRefused) {
    std::string text = got(app::read_text(at("berthd.toml")));
    write("berthd.toml", text + "[[est.label]]\nlabel = \"fresh\"\nprofile = \"ldevid\"\n");
    ::kill(server->pid(), SIGHUP);
    ASSERT_TRUE(says("\"reloaded\""));
    EXPECT_EQ(est("enrol", "fresh", as("SN-1", new_key("fresh", "SN-1"))).exit, 0);
    // What others write to the records afterwards is seen.
    must({"ca", "revoke", "--dir", at("ca"), "--name", "ldevid-ca", "--serial", leaf("fresh").serial_hex()});
    const auto revoked = est("enrol", "device-id", as("fresh", new_key("after-fresh", "SN-1")));
    EXPECT_NE(revoked.all().find("revoked"), std::string::npos) << revoked.all();
    write("berthd.toml", text + "[[est.label]]\nlabel = \"fresh\"\nprofile = \"nothing\"\n");
    ::kill(server->pid(), SIGHUP);
    ASSERT_TRUE(says("reload_refused"));
    EXPECT_EQ(est("csrattrs", "fresh", as("SN-1")).exit, 0) << "the former configuration stays";
    const auto wrong = run_program("berthd", {"--json", "check", at("berthd.toml")});
    EXPECT_EQ(wrong.exit, 2);
    EXPECT_EQ(wrong.error_name(), "unknown_profile") << wrong.all();
    write("berthd.toml", text);
}

// docs/est.md: "SIGHUP does not look through ca.db again, which was done at start". A page that nothing needs is damaged while
// berthd serves: who looks at every page finds it.
TEST_F(Enrolment, AReloadDoesNotLookThroughTheRecordsAgain) {
    const std::string file = at("ca/ca.db");
    int64_t pages = 0;
    {
        const auto db = got(store::database::open(file, {}, 0, store::opening::again));
        const auto count = [&] {
            auto query = got(db->prepare("PRAGMA page_count"));
            EXPECT_TRUE(got(query.step()));
            return query.integer(0);
        };
        pages = count();
        ASSERT_TRUE(
            db->execute("CREATE TABLE filler (x BLOB); INSERT INTO filler WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
                        "SELECT i + 1 FROM n WHERE i < 400) SELECT randomblob(1000) FROM n; PRAGMA wal_checkpoint(FULL)"));
        ASSERT_GT(count(), pages + 50);
    }
    constexpr size_t page = 4096;
    std::fstream raw(file, std::ios::in | std::ios::out | std::ios::binary);
    const auto at_page = static_cast<std::streamoff>((static_cast<size_t>(pages) + 40) * page);
    std::string whole(page, '\0');
    raw.seekg(at_page);
    ASSERT_TRUE(raw.read(whole.data(), page));
    const auto put = [&](const std::string& octets) {
        raw.seekp(at_page);
        raw.write(octets.data(), page).flush();
        ASSERT_TRUE(raw.good());
    };
    put(std::string(page, 'x'));
    EXPECT_EQ(run_program("berthd", {"--json", "check", at("berthd.toml")}).error_name(), "corrupt_store")
        << "who looks finds it";
    ::kill(server->pid(), SIGHUP);
    EXPECT_TRUE(says("\"reloaded\""));
    put(whole);
    const auto db = got(store::database::open(file, {}, 0, store::opening::existing));
    EXPECT_TRUE(db->execute("DROP TABLE filler"));
}

}  // namespace
}  // namespace berth::test
