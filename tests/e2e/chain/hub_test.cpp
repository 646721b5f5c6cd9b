// Devices of a supply chain at a hub that knows its first signer alone.
#include "chain_parties.h"

namespace berth::test {
namespace {

class ChainHub : public ChainParties<BrokerWorld> {
protected:
    void SetUp() override {
        BrokerWorld::SetUp();
        begin_company();
        join("factory-y", "company-x", {"--path-length", "1", "--permit", "factory-y.example"});
        join("technician-z", "factory-y");
        join("technician-a", "factory-y");
        done({"ca", "register", signer_of("company-x"), "--name", "company-x", "--key", at("company-x/signer.key")});
        for (const std::string& name : {one, two, three, four}) {
            add(name);
        }
        sign("technician-z", one);
        sign("technician-a", two);
    }
    void add(const std::string& name) const {
        done({"device", "add", name});
        openssl("req -new -nodes -subj /CN=" + name + " -keyout " + name + ".key -out " + name + ".csr -newkey " + ec);
    }
    void sign(const std::string& party, const std::string& name) const {
        did({"sign", "--dir", at(party), at(name + ".csr"), "--device", "--into", at(name + ".pem")});
    }
    void hand_in(const std::string& party) { done({"ca", "crl", "company-x", at(party + ".crl"), "--signer", signer_of(party)}); }
    // `party` ends `whom` and the hub is told.
    void revoke(const std::string& party, const std::string& whom) {
        did({"revoke", "--dir", at(party), whom, "--reason", "key_compromise", "--out", at(party + ".crl")});
        hand_in(party);
    }
    // Why the broker has ended the device's session, since then; empty: it has not.
    [[nodiscard]] std::string cut(const std::string& name, size_t from) const {
        const std::string all = log().substr(from), head = "\"client_id\":\"" + name + "\",\"reason\":\"";
        for (size_t at = 0; (at = all.find("\"session_cut\"", at)) != all.npos; ++at) {
            const std::string line = all.substr(at, all.find('\n', at) - at);
            if (const size_t found = line.find(head); found != line.npos) {
                const size_t begin = found + head.size();
                return line.substr(begin, line.find('"', begin) - begin);
            }
        }
        return "";
    }
    // Why the last one was not let in.
    [[nodiscard]] std::string refusal(const std::string& file, const std::string& name) const {
        const size_t from = log().size();
        const std::string outcome = connect(file, name);
        if (outcome == "in") {
            return outcome;
        }
        const std::string head = "\"reason\":\"";
        const std::string all = log().substr(from);
        const size_t found = all.find(head);
        return found == all.npos ? outcome + ", and no reason"
                                 : all.substr(found + head.size(), all.find('"', found + head.size()) - found - head.size());
    }

    const std::string one = "w1.factory-y.example", two = "w2.factory-y.example", three = "w3.factory-y.example",
                      four = "w4.factory-y.example";
};

// Two devices of one technician and one of the other are in, and one that the factory has signed itself.
TEST_F(ChainHub, ATechnicianIsRevokedAndItsDevicesAloneAreCutOff) {
    sign("factory-y", three);
    sign("technician-z", four);
    add("w5.factory-y.example");
    sign("technician-z", "w5.factory-y.example");
    start();
    std::vector<pid_t> sessions;
    for (const std::string& name : {one, four, two, three}) {
        sessions.push_back(stay(name, name));
    }
    size_t from = log().size();
    revoke("factory-y", signer_of("technician-z"));
    EXPECT_TRUE(eventually([&] { return !cut(one, from).empty() && !cut(four, from).empty(); })) << log();
    EXPECT_EQ(cut(one, from), "certificate_revoked");
    EXPECT_EQ(cut(four, from), "certificate_revoked");
    // None of his gets in again, nor one that was never here, nor one that he signs from now on.
    put("technician.pem", text("technician-z/signer.pem"));
    put("technician.key", text("technician-z/signer.key"));
    certify("late", two, "technician");
    put("late.pem", text("late.pem") + text("technician-z.answer"));
    EXPECT_EQ(refusal(one, one), "certificate_revoked");
    EXPECT_EQ(refusal(four, four), "certificate_revoked");
    EXPECT_EQ(refusal("w5.factory-y.example", "w5.factory-y.example"), "certificate_revoked");
    EXPECT_EQ(refusal("late", two), "certificate_revoked");
    // The broker has looked at all sessions by then, and cut no others.
    EXPECT_EQ(cut(two, from), "") << log();
    EXPECT_EQ(cut(three, from), "") << log();
    EXPECT_EQ(::kill(sessions[2], 0), 0);
    EXPECT_EQ(::kill(sessions[3], 0), 0);
    EXPECT_EQ(connect(two, two), "in");
    EXPECT_EQ(connect(three, three), "in");
    // The factory signs the device itself: it comes in by that, though the technician's certificate is still in its file.
    sign("factory-y", one);
    EXPECT_EQ(connect(one, one), "in");
    for (const pid_t session : sessions) {
        end(session);
    }
}

// The company revokes a factory: all below it are cut off, at whatever distance, and those of another factory are not.
TEST_F(ChainHub, AFactoryIsRevokedWithItsTechnicians) {
    join("factory-b", "company-x");
    sign("factory-y", three);
    sign("factory-b", four);
    start();
    std::vector<pid_t> sessions;
    for (const std::string& name : {one, two, three, four}) {
        sessions.push_back(stay(name, name));
    }
    const size_t from = log().size();
    did({"revoke", "--dir", at("company-x"), signer_of("factory-y"), "--out", at("company-x.crl")});
    // The same command as for those below: the company's own certificate is the registered one.
    done({"ca", "crl", "company-x", at("company-x.crl"), "--signer", signer_of("company-x")});
    EXPECT_TRUE(eventually([&] { return !cut(one, from).empty() && !cut(two, from).empty() && !cut(three, from).empty(); }))
        << log();
    for (const std::string& name : {one, two, three}) {
        EXPECT_EQ(cut(name, from), "certificate_revoked") << name;
        EXPECT_EQ(refusal(name, name), "certificate_revoked") << name;
    }
    EXPECT_EQ(cut(four, from), "") << log();
    EXPECT_EQ(connect(four, four), "in");
    for (const pid_t session : sessions) {
        end(session);
    }
}

// Signed anew for the same key: the former certificate goes with the present one.
TEST_F(ChainHub, ATechnicianThatWasSignedTwiceHasNoWayAround) {
    did({"sign", "--dir", at("factory-y"), at("technician-z.csr"), "--signer", "--out", at("again.pem")});
    put("around.pem",
        text(one + ".pem").substr(0, text(one + ".pem").find("-----END CERTIFICATE-----") + 26) + text("again.pem"));
    put("around.key", text(one + ".key"));
    start();
    EXPECT_EQ(connect("around", one), "in");
    revoke("factory-y", signer_of("technician-z"));
    EXPECT_TRUE(eventually([&] { return refusal(one, one) == "certificate_revoked"; })) << log();
    EXPECT_EQ(refusal("around", one), "certificate_revoked");
}

TEST_F(ChainHub, EverySignersCertificateLetsTheDeviceIn) {
    start();
    sign("factory-y", three);
    EXPECT_EQ(connect(three, three), "in");
    sign("technician-z", three);
    EXPECT_EQ(connect(three, three), "in") << "by the technician's, the factory's being sent along";
    for (const auto& [file, by] : {std::pair("by-factory", "factory-y"), std::pair("by-technician", "technician-z")}) {
        did({"bundle", at(three + ".pem"), "--by", signer_of(by), "--out", at(std::string(file) + ".pem")});
        put(std::string(file) + ".key", text(three + ".key"));
        EXPECT_EQ(connect(file, three), "in") << file;
    }
    // One device is revoked by who has signed it; its other certificate counts still.
    did({"revoke", "--dir", at("technician-z"), at("by-technician.pem"), "--out", at("technician-z.crl")});
    hand_in("technician-z");
    EXPECT_TRUE(eventually([this] { return connect("by-technician", three) == "tls"; })) << log();
    EXPECT_EQ(connect("by-factory", three), "in");
    EXPECT_EQ(connect(one, one), "in") << "of the same technician";
}

// Signers that use another tool than ours get past its refusals, and not past the hub.
class ChainForged : public ChainHub {
protected:
    void SetUp() override {
        ChainHub::SetUp();
        put("signer.cnf", "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n"
                          "authorityKeyIdentifier=keyid\n");
        start();
    }
    // FILE.pem and FILE.key of a CA below the party, by `openssl x509 -req`.
    void forge_signer(const std::string& file, const std::string& party, const std::string& limits = "",
                      const std::string& times = "-days 7") const {
        put(file + ".cnf", text("signer.cnf") + limits);
        openssl("req -new -nodes -subj /O=Forged/CN=" + file + " -keyout " + file + ".key -out " + file + ".csr -newkey " + ec);
        openssl("x509 -req -in " + file + ".csr -CA " + party + "/signer.pem -CAkey " + party + "/signer.key " + times +
                " -extfile " + file + ".cnf -out " + file + ".pem");
    }
    // A certificate below CA.pem, and with it `above`.
    void forge_device(const std::string& file, const std::string& subject, const std::string& ca, const std::string& above,
                      const std::string& extensions = "extendedKeyUsage=clientAuth\n") const {
        put(file + ".cnf", extensions);
        openssl("req -new -nodes -subj " + subject + " -keyout " + file + ".key -out " + file + ".csr -newkey " + ec);
        openssl("x509 -req -in " + file + ".csr -CA " + ca + ".pem -CAkey " + ca + ".key -days 5 -extfile " + file +
                ".cnf -out " + file + ".pem");
        put(file + ".pem", text(file + ".pem") + above);
    }
    void forge_by_technician(const std::string& file, const std::string& name, const std::string& extensions) const {
        put("technician.pem", text("technician-z/signer.pem"));
        put("technician.key", text("technician-z/signer.key"));
        forge_device(file, "/CN=" + name, "technician", text("technician-z.answer"), extensions);
    }
};

TEST_F(ChainForged, OneSignerMoreThanAllowed) {
    forge_signer("helper", "technician-z");
    forge_device("long", "/CN=" + one, "helper", text("helper.pem") + text("technician-z.answer"));
    EXPECT_EQ(refusal("long", one), "path_too_long");
}

// RFC 5280 4.2.1.9 does not count it, and neither does openssl.
TEST_F(ChainForged, OneSignerMoreOfHisOwnName) {
    openssl("req -new -nodes -subj /O=technician-z/CN=technician-z -keyout second.key -newkey " + ec + " -out second.csr");
    openssl(
        "x509 -req -in second.csr -CA technician-z/signer.pem -CAkey technician-z/signer.key -days 7 -extfile signer.cnf -out "
        "second.pem");
    const auto chain_file = text("second.pem") + text("technician-z.answer");
    ASSERT_TRUE(got(app::read_chain(at("second.pem"))).front().is_self_issued()) << "the subject of the party has changed";
    forge_device("long", "/CN=" + one, "second", chain_file);
    openssl("verify -purpose sslclient -CAfile company-x/signer.pem -untrusted long.pem long.pem");
    EXPECT_EQ(refusal("long", one), "path_too_long");
    EXPECT_EQ(did_not({"show", at("long.pem"), "--root", at("company-x/signer.pem")}, 1), "chain_broken");
}

// It could be taken for the list of another CA of that name, which nobody may have registered yet.
TEST_F(ChainForged, AListThatDoesNotNameItsKey) {
    put("index.txt", "");
    put("number", "01\n");
    put("ca.cnf", "[ca]\ndefault_ca=own\n[own]\ndatabase=index.txt\ncrlnumber=number\n");
    openssl("ca -gencrl -config ca.cnf -cert factory-y/signer.pem -keyfile factory-y/signer.key -md sha256 -crldays 1 -out "
            "nameless.crl");
    EXPECT_EQ(refused({"ca", "crl", "company-x", at("nameless.crl"), "--signer", signer_of("factory-y")}), "crl_ambiguous");
}

TEST_F(ChainForged, NamesThatWereNotLeftToHim) {
    const std::string plain = "extendedKeyUsage=clientAuth\n";
    for (const std::string name : {"w1.other.example", "pump-1", "factory-y.example.evil"}) {
        done({"device", "add", name});
        forge_by_technician("foreign", name, plain);
        EXPECT_EQ(refusal("foreign", name), "name_constraint_violated") << name;
        // Libraries do not look at the common name where there is a dNSName.
        forge_by_technician("foreign", name, plain + "subjectAltName=DNS:w1.factory-y.example\n");
        EXPECT_EQ(refusal("foreign", name), "name_constraint_violated") << name << " beside a name that is left to him";
    }
    forge_by_technician("right", one, plain + "subjectAltName=DNS:w1.factory-y.example\n");
    EXPECT_EQ(refusal("right", one), "in");
    forge_by_technician("right", one, plain + "subjectAltName=DNS:w1.other.example\n");
    EXPECT_EQ(refusal("right", one), "name_constraint_violated");
}

// RFC 5280 4.2.1.10: those for directory names bind the subject itself.
TEST_F(ChainForged, DirectoryNames) {
    done({"device", "add", "pump-1"});
    forge_signer("forged", "company-x", "nameConstraints=critical,permitted;dirName:there\n[there]\nO=Forged\n");
    forge_device("inside", "/O=Forged/CN=pump-1", "forged", text("forged.pem"));
    EXPECT_EQ(refusal("inside", "pump-1"), "in");
    forge_device("outside", "/O=Other/CN=pump-1", "forged", text("forged.pem"));
    EXPECT_EQ(refusal("outside", "pump-1"), "name_constraint_violated");
}

TEST_F(ChainForged, ASignerWhoseTimeIsOver) {
    forge_signer("former", "company-x", "", "-not_before 20250101000000Z -not_after 20250201000000Z");
    forge_device("late", "/CN=" + one, "former", text("former.pem"));
    EXPECT_EQ(refusal("late", one), "certificate_expired");
}

TEST_F(ChainForged, OfAnotherCompanyOfThatName) {
    openssl("req -x509 -nodes -days 30 -subj /O=Company-X/CN=Company-X -keyout other.key -out other.pem -newkey " + ec);
    forge_device("stranger", "/CN=" + one, "other", text("other.pem"));
    EXPECT_EQ(refusal("stranger", one), "unknown_ca");
}

}  // namespace
}  // namespace berth::test
