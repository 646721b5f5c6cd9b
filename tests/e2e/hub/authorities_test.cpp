// berth hub ca: a CA registered and proved, by hand with plain openssl and by the command that has its key.
#include "hub_world.h"

#include "setup/hub.h"

namespace berth::test {
namespace {

class HubAuthorities : public HubWorld {
protected:
    // As the command's own words have it done.
    void prove_by_hand(const std::string& ca, const std::string& code) const {
        openssl("req -new -newkey rsa:2048 -nodes -keyout technician.key -subj /CN=" + code + " -out proof.csr");
        openssl("x509 -req -in proof.csr -CA " + ca + ".pem -CAkey " + ca + ".key -days 1 -out proof.pem");
    }
    [[nodiscard]] std::vector<std::string> names() const {
        std::vector<std::string> out;
        for (const auto& line : hub({"ca", "list"}).output) {
            out.push_back(std::string(got(wire::parse_json_object(line)).at("name").as_string()));
        }
        return out;
    }
};

TEST_F(HubAuthorities, InTwoStepsByHand) {
    make_ca("fleet");
    const auto begun = done({"ca", "register", at("fleet.pem")});
    EXPECT_EQ(begun.at("name").as_string(), "fleet");
    EXPECT_EQ(begun.at("state").as_string(), "unverified");
    EXPECT_FALSE(begun.at("lets_in").as_bool());
    const std::string code(begun.at("code").as_string());
    prove_by_hand("fleet", code);
    const auto after = done({"ca", "verify", "fleet", at("proof.pem")});
    EXPECT_EQ(after.at("state").as_string(), "verified");
    EXPECT_TRUE(after.at("lets_in").as_bool());
    EXPECT_EQ(refused({"ca", "verify", "fleet", at("proof.pem")}), "already_verified");
    EXPECT_EQ(refused({"ca", "code", "fleet"}), "already_verified");
    // What a person is told works as it is printed.
    make_ca("second", "ec -pkeyopt ec_paramgen_curve:P-256");
    const auto told = berth({"hub", "ca", "register", at("second.pem"), "--hub", at("hub")});
    EXPECT_THAT(told.all(), testing::HasSubstr("openssl x509 -req -in proof.csr -CA"));
    EXPECT_THAT(told.all(), testing::HasSubstr("berth hub ca verify second proof.pem --hub"));
}

TEST_F(HubAuthorities, InOneStepWhereTheKeyCanBeReached) {
    make_ca("p384", "ec -pkeyopt ec_paramgen_curve:P-384");
    EXPECT_EQ(done({"ca", "register", at("p384.pem"), "--key", at("p384.key")}).at("state").as_string(), "verified");
    make_ca("pq", "ML-DSA-65");
    EXPECT_EQ(done({"ca", "register", at("pq.pem"), "--key", at("pq.key"), "--name", "post-quantum"}).at("state").as_string(),
              "verified");
    // The key of another: neither step is done.
    make_ca("other", "ec -pkeyopt ec_paramgen_curve:P-256");
    EXPECT_EQ(refused({"ca", "register", at("other.pem"), "--key", at("p384.key")}), "issuer_key_mismatch");
    EXPECT_EQ(refused({"ca", "show", "other"}, 1), "unknown_ca");
    EXPECT_EQ(names(), (std::vector<std::string>{"p384", "post-quantum"}));
}

TEST_F(HubAuthorities, ProvedWhereTheKeyIsWithoutAHub) {
    make_ca("fleet", "ec -pkeyopt ec_paramgen_curve:P-256");
    const std::string code(done({"ca", "register", at("fleet.pem")}).at("code").as_string());
    must({"hub", "ca", "prove", at("fleet.pem"), "--key", at("fleet.key"), "--code", code, "--out", at("proof.pem")});
    EXPECT_EQ(done({"ca", "verify", "fleet", at("proof.pem")}).at("state").as_string(), "verified");
}

TEST_F(HubAuthorities, NoProofButTheKeysOwn) {
    make_ca("fleet");
    make_ca("stranger");
    const std::string code(done({"ca", "register", at("fleet.pem")}).at("code").as_string());
    prove_by_hand("stranger", code);
    EXPECT_EQ(refused({"ca", "verify", "fleet", at("proof.pem")}, 1), "wrong_proof");
    prove_by_hand("fleet", "dev1");
    EXPECT_EQ(refused({"ca", "verify", "fleet", at("proof.pem")}, 1), "wrong_proof");
    EXPECT_EQ(refused({"ca", "verify", "fleet", at("fleet.key")}), "private_key_in_file");
    EXPECT_EQ(refused({"ca", "verify", "fleet", at("nothing.pem")}, 3), "file_not_found");
    // Another code: the earlier one is worth nothing.
    const std::string next(done({"ca", "code", "fleet"}).at("name").as_string());
    prove_by_hand("fleet", code);
    EXPECT_EQ(refused({"ca", "verify", "fleet", at("proof.pem")}, 1), "wrong_proof");
    EXPECT_FALSE(done({"ca", "show", "fleet"}).at("lets_in").as_bool());
}

TEST_F(HubAuthorities, RefusesFilesThatAreNone) {
    make_ca("fleet");
    openssl("req -x509 -nodes -days 30 -subj /CN=weak -keyout weak.key -out weak.pem -newkey rsa:1024");
    openssl("req -x509 -nodes -days 30 -subj /CN=leaf -keyout leaf.key -out leaf.pem -newkey rsa:2048 -addext "
            "basicConstraints=critical,CA:FALSE");
    openssl("req -x509 -nodes -not_before 20200101000000Z -not_after 20210101000000Z -subj /CN=old -keyout old.key -out old.pem "
            "-newkey rsa:2048");
    put("both.pem", text("fleet.pem") + text("fleet.key"));
    put("two.pem", text("fleet.pem") + text("fleet.pem"));
    put("nonsense.pem", "nonsense");
    EXPECT_EQ(refused({"ca", "register", at("both.pem")}), "private_key_in_file");
    EXPECT_EQ(refused({"ca", "register", at("fleet.key")}), "private_key_in_file");
    EXPECT_EQ(refused({"ca", "register", at("two.pem")}), "several_certificates");
    EXPECT_EQ(refused({"ca", "register", at("weak.pem")}), "weak_key");
    EXPECT_EQ(refused({"ca", "register", at("leaf.pem")}), "not_a_ca");
    EXPECT_EQ(refused({"ca", "register", at("old.pem")}), "certificate_expired");
    EXPECT_EQ(refused({"ca", "register", at("nonsense.pem")}, 1), "bad_certificate");
    EXPECT_EQ(refused({"ca", "register", at("fleet.pem"), "--name", "a/b"}), "bad_name");
    done({"ca", "register", at("fleet.pem")});
    EXPECT_EQ(refused({"ca", "register", at("fleet.pem"), "--name", "again"}), "ca_exists");
    make_ca("other");
    EXPECT_EQ(refused({"ca", "register", at("other.pem"), "--name", "fleet"}), "ca_name_taken");
    EXPECT_EQ(names(), std::vector<std::string>{"fleet"}) << "and nothing of the others is kept";
    const auto no_hub = berth({"--json", "hub", "ca", "list", "--hub", at("nowhere")});
    EXPECT_EQ(no_hub.error_name(), "file_not_found");
    EXPECT_EQ(berth({"--json", "hub", "init", "--dir", at("hub")}).error_name(), "file_exists");
}

TEST_F(HubAuthorities, AnotherTakesItsPlaceWithOverlap) {
    for (const char* name : {"old", "new", "unproved"}) {
        make_ca(name, "ec -pkeyopt ec_paramgen_curve:P-256");
    }
    done({"ca", "register", at("old.pem"), "--key", at("old.key")});
    done({"ca", "register", at("unproved.pem")});
    EXPECT_EQ(refused({"ca", "replace", "old", "new"}, 1), "unknown_ca");
    EXPECT_EQ(refused({"ca", "replace", "old", "unproved"}), "not_verified");
    EXPECT_EQ(refused({"ca", "replace", "old", "old"}), "same_ca");
    done({"ca", "register", at("new.pem"), "--key", at("new.key")});
    EXPECT_EQ(refused({"ca", "replace", "old", "new", "--overlap", "soon"}), "bad_arguments");
    const auto overlapping = done({"ca", "replace", "old", "new", "--overlap", "2h"});
    EXPECT_TRUE(overlapping.at("lets_in").as_bool());
    EXPECT_TRUE(overlapping.contains("retires"));
    EXPECT_TRUE(done({"ca", "show", "new"}).at("lets_in").as_bool());
    EXPECT_FALSE(done({"ca", "retire", "old", "--never"}).contains("retires"));
    EXPECT_FALSE(done({"ca", "retire", "old", "--in", "now"}).at("lets_in").as_bool());
    EXPECT_EQ(refused({"ca", "retire", "old"}), "bad_arguments");
    EXPECT_EQ(done({"ca", "delete", "old"}).at("cut_off").to_number<int>(), 0);
    EXPECT_EQ(refused({"ca", "delete", "old"}, 1), "unknown_ca");
    // Its name, and its certificate, are free again.
    EXPECT_EQ(done({"ca", "register", at("old.pem")}).at("state").as_string(), "unverified");
}

TEST_F(HubAuthorities, DeletingOneTellsWhomItCutsOff) {
    make_ca("fleet", "ec -pkeyopt ec_paramgen_curve:P-256");
    done({"ca", "register", at("fleet.pem"), "--key", at("fleet.key")});
    done({"device", "add", "dev1"});
    done({"device", "add", "dev2"});
    {
        const auto store = got(app::open_hub_store(at("hub")));
        const auto ca = got(store->find_ca("fleet"));
        ASSERT_TRUE(store->note_login({"dev2", ""}, ca->certificate.sha256(), system_clock().now()));
    }
    const auto r = hub({"ca", "delete", "fleet"});
    EXPECT_EQ(r.error_name(), "would_cut_off");
    EXPECT_THAT(r.all(), testing::HasSubstr("\"count\":\"1\""));
    EXPECT_EQ(done({"ca", "show", "fleet"}).at("logins").to_number<int>(), 1);
    EXPECT_EQ(done({"ca", "delete", "fleet", "--cut-off"}).at("cut_off").to_number<int>(), 1);
}

}  // namespace
}  // namespace berth::test
