// What a registered CA has revoked, by the lists that the openssl command makes: refused, and cut off.
#include "broker_world.h"

namespace berth::test {
namespace {

class BrokerLists : public BrokerWorld {
protected:
    void SetUp() override {
        BrokerWorld::SetUp();
        begin("fleet");
        for (const char* name : {"dev1", "dev2"}) {
            done({"device", "add", name});
            certify(name, name);
        }
    }
    // The books of a CA as `openssl ca` keeps them.
    void begin(const std::string& ca, const std::string& days = "30") const {
        put(ca + ".index", "");
        put(ca + ".number", "01\n");
        put(ca + ".cnf",
            fmt::format("[ca]\ndefault_ca = it\n[it]\ndatabase = {0}.index\ncrlnumber = {0}.number\ndefault_md = sha256\n"
                        "default_crl_days = {1}\ncrl_extensions = ext\n[ext]\nauthorityKeyIdentifier = keyid\n",
                        ca, days));
    }
    void revoke(const std::string& file, const std::string& ca = "fleet") const {
        openssl("ca -config " + ca + ".cnf -cert " + ca + ".pem -keyfile " + ca + ".key -revoke " + file + ".pem");
    }
    // FILE, the CA's next list.
    void publish(const std::string& file, const std::string& ca = "fleet") const {
        openssl("ca -config " + ca + ".cnf -cert " + ca + ".pem -keyfile " + ca + ".key -gencrl -out " + file);
    }
};

TEST_F(BrokerLists, WhoIsOnItIsCutOffAndRefused) {
    start();
    publish("first.crl");
    EXPECT_EQ(done({"ca", "crl", "fleet", at("first.crl")}).at("crl").at("revoked").to_number<int>(), 0);
    const pid_t one = stay("dev1", "dev1"), other = stay("dev2", "dev2");
    revoke("dev1");
    publish("second.crl");
    size_t from = log().size();
    done({"ca", "crl", "fleet", at("second.crl")});
    EXPECT_TRUE(eventually([&] { return says("\"session_cut\"", from); })) << log();
    EXPECT_TRUE(says("\"reason\":\"certificate_revoked\"", from)) << log();
    from = log().size();
    EXPECT_EQ(connect("dev1", "dev1"), "tls");
    EXPECT_TRUE(says("\"reason\":\"certificate_revoked\"", from)) << log();
    EXPECT_FALSE(says("\"client_id\":\"dev2\",\"reason\"")) << "the other one stays";
    EXPECT_EQ(::kill(other, 0), 0);
    // In DER, as web servers have them; and the same again changes nothing.
    openssl("crl -in second.crl -outform DER -out second.der");
    done({"ca", "crl", "fleet", at("second.der")});
    EXPECT_EQ(done({"ca", "show", "fleet"}).at("crl").at("number").to_number<int>(), 2);
    end(one);
    end(other);
    // Without a list nobody is revoked.
    done({"ca", "crl", "fleet", "--forget"});
    EXPECT_TRUE(eventually([this] { return connect("dev1", "dev1") == "in"; })) << log();
    EXPECT_EQ(refused({"ca", "crl", "fleet", "--forget"}), "crl_missing");
}

TEST_F(BrokerLists, OnlyTheNewestOfTheCaItself) {
    publish("first.crl");
    publish("second.crl");
    done({"ca", "crl", "fleet", at("second.crl")});
    EXPECT_EQ(refused({"ca", "crl", "fleet", at("first.crl")}), "crl_older");
    // Another CA's, also where it has the same name.
    openssl("req -x509 -nodes -days 30 -subj /CN=fleet -keyout twin.key -out twin.pem -newkey " + ec);
    begin("twin");
    publish("twin.crl", "twin");
    EXPECT_EQ(refused({"ca", "crl", "fleet", at("twin.crl")}), "unknown_crl_issuer");
    make_ca("other", ec);
    begin("other");
    publish("other.crl", "other");
    EXPECT_EQ(refused({"ca", "crl", "fleet", at("other.crl")}), "unknown_crl_issuer");
    // Neither what is none, nor what has run out: it would let nobody in.
    put("nothing", "");
    EXPECT_EQ(refused({"ca", "crl", "fleet", at("nothing")}), "bad_crl");
    EXPECT_EQ(refused({"ca", "crl", "fleet", at("fleet.pem")}), "bad_pem");
    EXPECT_EQ(refused({"ca", "crl", "nobody", at("second.crl")}, 1), "unknown_ca");
    openssl("ca -config fleet.cnf -cert fleet.pem -keyfile fleet.key -gencrl -crl_lastupdate 20250101000000Z -crl_nextupdate "
            "20250201000000Z -out old.crl");
    EXPECT_EQ(refused({"ca", "crl", "fleet", at("old.crl")}), "crl_expired");
    openssl("ca -config fleet.cnf -cert fleet.pem -keyfile fleet.key -gencrl -crl_lastupdate 20990101000000Z -crl_nextupdate "
            "20990201000000Z -out early.crl");
    EXPECT_EQ(refused({"ca", "crl", "fleet", at("early.crl")}), "crl_not_yet_valid");
    EXPECT_EQ(done({"ca", "show", "fleet"}).at("crl").at("number").to_number<int>(), 2) << "the one that was there stays";
}

// Company -> factory -> two technicians: one is revoked by the factory, of which the hub knows nothing but what is handed in.
TEST_F(BrokerLists, ASignerOnTheWayIsRevoked) {
    const auto signer = [this](const std::string& name, const std::string& above, int path_length) {
        put("signer.cnf", fmt::format("basicConstraints=critical,CA:TRUE,pathlen:{}\nkeyUsage=critical,keyCertSign,cRLSign\n"
                                      "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n",
                                      path_length));
        openssl("req -new -nodes -subj /CN=" + name + " -keyout " + name + ".key -out " + name + ".csr -newkey " + ec);
        openssl("x509 -req -in " + name + ".csr -CA " + above + ".pem -CAkey " + above +
                ".key -days 7 -extfile signer.cnf -out " + name + ".pem");
    };
    signer("factory", "fleet", 1);
    signer("technician", "factory", 0);
    signer("other", "factory", 0);
    certify("dev1", "dev1", "technician");
    certify("dev2", "dev2", "other");
    put("dev1.pem", text("dev1.pem") + text("technician.pem") + text("factory.pem"));
    put("dev2.pem", text("dev2.pem") + text("other.pem") + text("factory.pem"));
    start();
    const pid_t one = stay("dev1", "dev1"), two = stay("dev2", "dev2");
    begin("factory");
    revoke("technician", "factory");
    publish("factory.crl", "factory");
    EXPECT_EQ(refused({"ca", "crl", "fleet", at("factory.crl")}), "unknown_crl_issuer") << "it is not the registered CA's";
    EXPECT_EQ(refused({"ca", "crl", "fleet", at("factory.crl"), "--signer", at("technician.pem")}), "not_below");
    size_t from = log().size();
    const auto told = done({"ca", "crl", "fleet", at("factory.crl"), "--signer", at("factory.pem")});
    EXPECT_EQ(told.at("crl").at("revoked").to_number<int>(), 1);
    EXPECT_TRUE(eventually([&] { return says("\"session_cut\"", from); })) << log();
    EXPECT_TRUE(says("\"reason\":\"certificate_revoked\"", from)) << log();
    from = log().size();
    EXPECT_EQ(connect("dev1", "dev1"), "tls");
    EXPECT_TRUE(says("\"reason\":\"certificate_revoked\"", from)) << log();
    EXPECT_FALSE(says("\"client_id\":\"dev2\",\"reason\"")) << "the other technician's device stays";
    EXPECT_EQ(::kill(two, 0), 0);
    EXPECT_EQ(connect("dev2", "dev2"), "in") << "and comes again";
    EXPECT_EQ(done({"ca", "show", "fleet"}).at("signers").as_array().size(), 1U);
    end(one);
    end(two);
    done({"ca", "crl", "fleet", "--signer", at("factory.pem"), "--forget"});
    EXPECT_TRUE(eventually([this] { return connect("dev1", "dev1") == "in"; })) << log();
}

TEST_F(BrokerLists, AThumbprintDoesNotAskWhoHasSigned) {
    start();
    done({"device", "set", "dev1", "--certificate", at("dev1.pem")});
    const pid_t one = stay("dev1", "dev1");
    const pid_t other = stay("dev2", "dev2");
    revoke("dev1");
    revoke("dev2");
    publish("list.crl");
    const size_t from = log().size();
    done({"ca", "crl", "fleet", at("list.crl")});
    EXPECT_TRUE(eventually([&] { return says("\"session_cut\"", from); })) << log();
    EXPECT_FALSE(says("\"client_id\":\"dev1\",\"reason\"", from)) << "the registry names this very certificate";
    EXPECT_EQ(connect("dev1", "dev1"), "in");
    end(one);
    end(other);
}

}  // namespace
}  // namespace berth::test
