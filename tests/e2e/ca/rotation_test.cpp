// A CA's next key: who trusts one generation believes the other.
#include "ca_fixture.h"

namespace berth::test {
namespace {

class Rotation : public CaCommands {
protected:
    void SetUp() override { make_customer(); }
};

TEST_F(Rotation, BothGenerationsOfARootBelieveEachOther) {
    issue("old-leaf", {"--serial", "SN-1"});
    const auto done = must({"ca", "rotate", "--dir", at("ca"), "--name", "z2", "--algorithm", "p384", "--lifetime", "20y"});
    EXPECT_EQ(done.json().at("former").as_string(), "z2.1");
    const std::string old_ca = at("ca/ca.pem");
    must({"ca", "subordinate", "--dir", at("ca"), "--name", "next-ca", "--under", "z2", "--organization", "Birch", "--algorithm",
          "p256"});
    std::string toml = text_of(at("ca/ca.toml"));
    put(at("ca/ca.toml"), toml + "\n[[profile]]\nname = \"next\"\nauthority = \"next-ca\"\nrequires = [\"admin\"]\nsubject = "
                                 "\"serialNumber={serial}\"\nkeys = [\"p256\"]\nlifetime = \"8h\"\n");
    issue("new-leaf", {"--serial", "SN-1"}, "next");
    const std::string new_ca = at("ca/next-ca.pem");
    // Who has both anchors.
    EXPECT_EQ(judge(at("old-leaf.pem"), {"-CAfile", at("ca/z2.anchors.pem"), "-untrusted", old_ca}), "good");
    EXPECT_EQ(judge(at("new-leaf.pem"), {"-CAfile", at("ca/z2.anchors.pem"), "-untrusted", new_ca}), "good");
    // Who has the old one only, and the other way round.
    EXPECT_NE(judge(at("new-leaf.pem"), {"-CAfile", at("ca/z2.1.pem"), "-untrusted", at("ca/ca.pem")}), "good");
    const auto without_root = [](const std::string& chain) { return got(app::read_chain(chain)).front().to_pem(); };
    put(at("to-old"), without_root(new_ca) + text_of(at("ca/z2.new-with-old.pem")));
    EXPECT_EQ(judge(at("new-leaf.pem"), {"-CAfile", at("ca/z2.1.pem"), "-untrusted", at("to-old")}), "good");
    put(at("to-new"), without_root(old_ca) + text_of(at("ca/z2.old-with-new.pem")));
    EXPECT_NE(judge(at("old-leaf.pem"), {"-CAfile", at("ca/z2.pem"), "-untrusted", old_ca}), "good");
    EXPECT_EQ(judge(at("old-leaf.pem"), {"-CAfile", at("ca/z2.pem"), "-untrusted", at("to-new")}), "good");
    // And our own verifier.
    EXPECT_EQ(refused({"ca", "verify", at("new-leaf.pem"), "--trust", at("ca/z2.1.pem"), "--intermediate", new_ca,
                       "--intermediate", at("ca/z2.new-with-old.pem")}),
              "accepted");
    const auto why = berth({"ca", "verify", at("old-leaf.pem"), "--trust", at("ca/z2.pem"), "--intermediate", at("ca/ca.1.pem")});
    EXPECT_NE(why.exit, 0);
    EXPECT_EQ(got(app::read_chain(at("ca/z2.anchors.pem"))).size(), 2U);
    must({"ca", "log", "--dir", at("ca"), "--verify"});
}

TEST_F(Rotation, OfAnIssuingCa) {
    issue("old-leaf", {"--serial", "SN-1"});
    EXPECT_EQ(refused({"ca", "rotate", "--dir", at("ca"), "--name", "ca", "--algorithm", "p256"}), "bad_arguments");
    must({"ca", "rotate", "--dir", at("ca"), "--name", "ca", "--under", "z2", "--algorithm", "mldsa65", "--lifetime", "5y"});
    issue("new-leaf", {"--serial", "SN-1"});
    EXPECT_EQ(judge(at("old-leaf.pem"), {"-CAfile", at("ca/z2.pem"), "-untrusted", at("ca/ca.1.pem")}), "good");
    EXPECT_EQ(judge(at("new-leaf.pem"), {"-CAfile", at("ca/z2.pem"), "-untrusted", at("ca/ca.pem")}), "good");
    // Each generation's lists are its own.
    must({"ca", "revoke", "--dir", at("ca"), "--serial", serial_of(at("old-leaf.pem"))});
    must({"ca", "crl", "--dir", at("ca"), "--name", "ca.1", "--out", at("old.crl")});
    EXPECT_EQ(judge(at("old-leaf.pem"),
                    {"-CAfile", at("ca/z2.pem"), "-untrusted", at("ca/ca.1.pem"), "-crl_check", "-CRLfile", at("old.crl")}),
              "revoked");
    EXPECT_EQ(
        must({"ca", "crl", "--dir", at("ca"), "--name", "ca", "--out", at("new.crl")}).json().at("revoked").to_number<int>(), 0);
    must({"ca", "rotate", "--dir", at("ca"), "--name", "ca", "--under", "z2", "--algorithm", "p256", "--lifetime", "4y"});
    EXPECT_TRUE(std::filesystem::exists(at("ca/ca.2.key")));
}

TEST_F(Rotation, WhatWasInterruptedIsRepeated) {
    // Before anything was renamed: an attempt's key lies about.
    put(at("ca/ca.next.key"), "half a key");
    must({"ca", "rotate", "--dir", at("ca"), "--name", "ca", "--under", "z2", "--algorithm", "p256", "--lifetime", "5y"});
    EXPECT_FALSE(std::filesystem::exists(at("ca/ca.next.key")));
    // Between the two renames.
    const std::string pem = text_of(at("ca/ca.pem"));
    for (const char* part : {".pem", ".key"}) {
        std::filesystem::rename(at(std::string("ca/ca") + part), at(std::string("ca/ca.next") + part));
    }
    must({"ca", "rotate", "--dir", at("ca"), "--name", "ca", "--under", "z2", "--algorithm", "p256", "--lifetime", "5y"});
    EXPECT_EQ(text_of(at("ca/ca.2.pem")), pem) << "the generation that was complete became the former one";
}

}  // namespace
}  // namespace berth::test
