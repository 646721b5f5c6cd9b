// A supply chain by the commands of its parties, judged by the openssl command.
#include "chain_parties.h"

namespace berth::test {
namespace {

class ChainFiles : public testing::Test {
protected:
    [[nodiscard]] std::string at(const std::string& name) const { return (directory.path() / name).string(); }
    [[nodiscard]] std::string text(const std::string& name) const { return got(app::read_text(at(name))); }
    [[nodiscard]] program_result try_openssl(const std::string& words) const {
        return run_program("/bin/sh", {"-c", "cd " + directory.path().string() + " && " BERTH_OPENSSL_COMMAND " " + words});
    }
    void openssl(const std::string& words) const {
        const auto r = try_openssl(words);
        ASSERT_EQ(r.exit, 0) << words << "\n" << r.all();
    }

    temporary_directory directory;
};

class ChainCommands : public ChainParties<ChainFiles> {
protected:
    void request(const std::string& file, const std::string& name) const {
        openssl("req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=" + name + " -keyout " + file +
                ".key -out " + file + ".csr");
    }
    // What openssl says of the first certificate of the file, all others being untrusted.
    [[nodiscard]] std::string verify(const std::string& file, const std::string& more = "") const {
        const auto r =
            try_openssl("verify -purpose sslclient -CAfile company-x/signer.pem " + more + " -untrusted " + file + " " + file);
        return r.exit == 0 ? "OK" : r.all();
    }
    std::vector<wire::json::object> all_of(std::vector<std::string> arguments, int exit = 0) const {
        const auto r = chain(std::move(arguments));
        EXPECT_EQ(r.exit, exit) << r.all();
        std::vector<wire::json::object> out;
        for (const auto& line : r.output) {
            auto one = got(wire::parse_json_object(line));
            if (one.contains("subject")) {
                out.push_back(std::move(one));
            }
        }
        return out;
    }
};

TEST_F(ChainCommands, TheLastOneSignsAndPutsTheChainIn) {
    begin_company();
    join("factory-y", "company-x", {"--path-length", "1", "--permit", "factory-y.example", "--lifetime", "5y"});
    join("technician-z", "factory-y", {"--lifetime", "1y"});
    request("widget-1", "widget-1.factory-y.example");
    const auto made = did({"sign", "--dir", at("technician-z"), at("widget-1.csr"), "--device", "--into", at("widget-1.pem")});
    EXPECT_EQ(made.at("certificates").to_number<int>(), 3);
    EXPECT_EQ(verify("widget-1.pem"), "OK");
    EXPECT_EQ(verify("widget-1.pem", "-x509_strict"), "OK");
    const auto technician = try_openssl("x509 -in technician-z/signer.pem -noout -ext basicConstraints").all();
    EXPECT_NE(technician.find("CA:TRUE, pathlen:0"), std::string::npos) << technician;
    const auto factory = try_openssl("x509 -in factory-y/signer.pem -noout -ext basicConstraints,nameConstraints").all();
    EXPECT_NE(factory.find("CA:TRUE, pathlen:1"), std::string::npos) << factory;
    EXPECT_NE(factory.find("DNS:factory-y.example"), std::string::npos) << factory;
    // Nobody's key has left its place.
    for (const char* party : {"company-x", "factory-y", "technician-z"}) {
        EXPECT_TRUE(fs::exists(at(std::string(party) + "/signer.key")));
    }
    EXPECT_EQ(text("technician-z.answer").find("PRIVATE"), std::string::npos);
    EXPECT_EQ(text("widget-1.pem").find("PRIVATE"), std::string::npos);

    const auto drawn =
        all_of({"show", at("company-x"), at("factory-y"), at("technician-z"), "--root", at("company-x/signer.pem")});
    ASSERT_EQ(drawn.size(), 4U);
    EXPECT_EQ(drawn.back().at("kind").as_string(), "device");
    EXPECT_FALSE(drawn.back().at("signed_at").is_null());
    EXPECT_TRUE(drawn.back().at("wrong").is_null());
    const auto plain = berth({"chain", "show", at("company-x"), at("factory-y"), at("technician-z")});
    EXPECT_EQ(plain.exit, 0);
    EXPECT_NE(plain.all().find("      └─ CN=widget-1.factory-y.example"), std::string::npos) << plain.all();
    EXPECT_EQ(all_of({"devices", at("technician-z"), "--signer", signer_of("factory-y")}).size(), 1U);
    EXPECT_EQ(all_of({"show", "--root", at("company-x/signer.pem"), at("widget-1.pem")}).size(), 3U) << "options come first, too";
}

TEST_F(ChainCommands, EverySignerSignsTheDevice) {
    begin_company();
    join("factory-y", "company-x", {"--path-length", "1"});
    join("technician-z", "factory-y");
    request("widget-1", "widget-1");
    did({"sign", "--dir", at("factory-y"), at("widget-1.csr"), "--device", "--into", at("widget-1.pem")});
    EXPECT_EQ(verify("widget-1.pem"), "OK") << "it can log in before the technician has seen it";
    did({"sign", "--dir", at("technician-z"), at("widget-1.csr"), "--device", "--into", at("widget-1.pem")});
    EXPECT_EQ(got(app::read_chain(at("widget-1.pem"))).size(), 4U);
    EXPECT_EQ(verify("widget-1.pem"), "OK");
    did({"bundle", at("widget-1.pem"), "--out", at("sent.pem")});
    EXPECT_EQ(got(app::read_chain(at("sent.pem"))).size(), 3U);
    EXPECT_EQ(verify("sent.pem"), "OK");
    did({"bundle", at("widget-1.pem"), "--by", signer_of("factory-y"), "--out", at("by-factory.pem")});
    EXPECT_EQ(got(app::read_chain(at("by-factory.pem"))).size(), 2U);
    EXPECT_EQ(verify("by-factory.pem"), "OK");
    // The device that somebody signs elsewhere gets it by hand; another one's is not taken.
    request("widget-2", "widget-2");
    did({"sign", "--dir", at("technician-z"), at("widget-2.csr"), "--device", "--out", at("widget-2.answer")});
    EXPECT_EQ(did_not({"insert", at("widget-1.pem"), at("widget-2.answer")}), "other_device");
    did({"insert", at("widget-2.pem"), at("widget-2.answer")});
    EXPECT_EQ(verify("widget-2.pem"), "OK");
    EXPECT_EQ(did_not({"sign", "--dir", at("factory-y"), at("widget-2.csr"), "--device", "--into", at("widget-1.pem")}),
              "other_device");
    EXPECT_EQ(all_of({"show", at("widget-1.pem"), at("widget-2.pem"), "--root", at("company-x/signer.pem")}).size(), 5U);
}

TEST_F(ChainCommands, WhatCouldNotStandIsRefusedAndNotSigned) {
    begin_company();
    join("factory-y", "company-x", {"--path-length", "1", "--permit", "factory-y.example"});
    join("technician-z", "factory-y");
    request("helper", "helper");
    const std::vector<std::string> below{"sign",     "--dir", at("technician-z"), at("helper.csr"),
                                         "--signer", "--out", at("helper.pem")};
    EXPECT_EQ(did_not(below), "path_too_long");
    const auto told = chain(below);
    EXPECT_NE(told.all().find("--path-length"), std::string::npos) << "what to do: " << told.all();
    EXPECT_EQ(did_not({"sign", "--dir", at("factory-y"), at("helper.csr"), "--signer", "--path-length", "1", "--out",
                       at("helper.pem")}),
              "path_too_long");
    EXPECT_EQ(did_not({"sign", "--dir", at("factory-y"), at("helper.csr"), "--signer", "--permit", "other.example", "--out",
                       at("helper.pem")}),
              "name_constraint_violated");
    EXPECT_EQ(did_not({"sign", "--dir", at("technician-z"), at("helper.csr"), "--device", "--name", "w.other.example", "--into",
                       at("helper.pem")}),
              "name_constraint_violated");
    EXPECT_EQ(did_not({"sign", "--dir", at("technician-z"), at("helper.csr"), "--device", "--name", "w.factory-y.example",
                       "--lifetime", "6y", "--into", at("helper.pem")}),
              "issuer_expires_first");
    EXPECT_FALSE(fs::exists(at("helper.pem")));
    EXPECT_TRUE(all_of({"devices", at("technician-z"), "--signer", signer_of("technician-z")}).empty());
    EXPECT_EQ(did_not({"sign", "--dir", at("factory-y"), at("helper.csr"), "--out", at("helper.pem")}), "bad_arguments");
}

// Who has a signer's key and another tool is bound by no refusal of ours: his signers are not taken, and what he has signed is
// told.
TEST_F(ChainCommands, WhatOpensslHasSignedAgainstTheLimitsIsFound) {
    begin_company();
    join("factory-y", "company-x", {"--path-length", "1", "--permit", "factory-y.example"});
    join("technician-z", "factory-y");
    ASSERT_TRUE(app::write_text(at("signer.cnf"), "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"
                                                  "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"));
    const std::string by_technician = " -CA technician-z/signer.pem -CAkey technician-z/signer.key -days 7 ";
    did({"request", "--dir", at("helper"), "--organization", "Helper", "--out", at("helper.csr")});
    openssl("x509 -req -in helper.csr -extfile signer.cnf -out helper.pem" + by_technician);
    ASSERT_TRUE(app::write_text(at("helper.answer"), text("helper.pem") + text("technician-z.answer")));
    EXPECT_EQ(did_not({"accept", "--dir", at("helper"), at("helper.answer")}, 1), "path_too_long");
    EXPECT_FALSE(fs::exists(at("helper/signer.pem")));
    request("pump-1", "pump-1");
    openssl("x509 -req -in pump-1.csr -out pump-1.pem" + by_technician);
    std::vector<std::string> wrong;
    for (const auto& one : all_of({"show", at("helper.answer"), at("pump-1.pem")}, 1)) {
        if (!one.at("wrong").is_null()) {
            wrong.push_back(std::string(one.at("subject").as_string()) + " " + std::string(one.at("wrong").as_string()));
        }
    }
    EXPECT_THAT(wrong, testing::UnorderedElementsAre("CN=Helper,O=Helper path_too_long", "CN=pump-1 name_constraint_violated"));
}

TEST_F(ChainCommands, OpensslFindsWhoeverIsBelowARevokedSigner) {
    begin_company();
    join("factory-y", "company-x", {"--path-length", "1"});
    join("technician-z", "factory-y");
    join("technician-a", "factory-y");
    for (const auto& [file, by] : {std::pair("one", "technician-z"), std::pair("two", "technician-a")}) {
        request(file, file);
        did({"sign", "--dir", at(by), at(std::string(file) + ".csr"), "--device", "--into", at(std::string(file) + ".pem")});
    }
    did({"crl", "--dir", at("company-x"), "--out", at("company-x.crl")});
    did({"crl", "--dir", at("technician-z"), "--out", at("technician-z.crl")});
    did({"crl", "--dir", at("technician-a"), "--out", at("technician-a.crl")});
    const auto list = did({"revoke", "--dir", at("factory-y"), signer_of("technician-z"), "--reason", "key_compromise", "--out",
                           at("factory-y.crl")});
    EXPECT_EQ(list.at("revoked").to_number<int>(), 1);
    const std::string lists = "-crl_check_all -CRLfile company-x.crl -CRLfile factory-y.crl -CRLfile technician-z.crl -CRLfile "
                              "technician-a.crl";
    EXPECT_NE(verify("one.pem", lists).find("certificate revoked"), std::string::npos);
    EXPECT_EQ(verify("two.pem", lists), "OK");
    EXPECT_EQ(did_not({"revoke", "--dir", at("company-x"), signer_of("technician-z"), "--out", at("x.crl")}),
              "unknown_certificate");
    // Drawn with the list, and without it out of the factory's records.
    const auto r =
        chain({"show", at("one.pem"), at("two.pem"), "--root", at("company-x/signer.pem"), "--crl", at("factory-y.crl")});
    EXPECT_EQ(r.exit, 1);
    EXPECT_EQ(last_error(r), "chain_broken");
    EXPECT_EQ(did_not({"show", at("company-x"), at("factory-y")}, 1), "chain_broken");
}

TEST_F(ChainCommands, PostQuantumKeysAndAJournal) {
    did({"init", "--dir", at("company-x"), "--organization", "Company-X", "--algorithm", "mldsa65"});
    join("factory-y", "company-x", {"--path-length", "1"}, {"--algorithm", "mldsa44"});
    join("technician-z", "factory-y");
    openssl("req -new -newkey mldsa44 -nodes -subj /CN=widget-1 -keyout widget-1.key -out widget-1.csr");
    did({"sign", "--dir", at("technician-z"), at("widget-1.csr"), "--device", "--into", at("widget-1.pem")});
    EXPECT_EQ(verify("widget-1.pem"), "OK");
    const auto steps = chain({"journal", "--dir", at("factory-y")});
    EXPECT_EQ(steps.exit, 0);
    ASSERT_EQ(steps.output.size(), 4U) << "requested, accepted, signed, and the hash of it all";
    std::string journal = text("factory-y/journal.jsonl");
    journal.replace(journal.find("technician-z"), 12, "technician-q");
    ASSERT_TRUE(app::write_text(at("factory-y/journal.jsonl"), journal));
    // The last line's hash is nowhere in the file; whoever has kept it finds this.
    const auto changed = chain({"journal", "--dir", at("factory-y")});
    EXPECT_NE(changed.output.back(), steps.output.back());
    journal.erase(0, journal.find('\n') + 1);
    ASSERT_TRUE(app::write_text(at("factory-y/journal.jsonl"), journal));
    EXPECT_EQ(did_not({"journal", "--dir", at("factory-y")}), "journal_altered");
    EXPECT_EQ(did_not({"show", at("factory-y")}), "journal_altered");
}

}  // namespace
}  // namespace berth::test
