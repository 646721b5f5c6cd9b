// Where the keys of signers lie, and the counters of devices: files, a TPM, a token, a secure element.
#include "shop.h"
#include "support/softhsm.h"
#include "support/stsafe_sim.h"
#include "support/swtpm.h"

namespace berth::test {
namespace {

class FirmwareKeys : public Shop {
protected:
    // A root of one signer with two keys: ML-DSA in a file, and ECDSA where `uri` says. A package signed by both, published in
    // `name`.
    static void shop_of(const std::string& name, const std::string& uri, bool make = true) {
        if (make) {
            done({"key", "generate", uri, "--alg", "p256"});
        }
        done({"jose", "public", "--key", uri, "--out", at(name + "-es.pub")});
        done({"firmware", "root", "init", "--repository", "gw", "--signer",
              "carol=" + at("alice.pub") + "," + at(name + "-es.pub"), "--signer", "online=" + at("online.pub"), "--root",
              "carol", "--release", "carol", "--list", "online", "--out", at(name + "-root.json")});
        write_file(at(name + ".image"), "image of " + name);
        done({"firmware", "pack", "--repository", "gw", "--vendor", "Acme", "--class", "gw-1", "--seq", "1", "--release", "1",
              "--security-counter", "2", "--component", "rootfs=" + at(name + ".image"), "--out", at(name + "-1")});
        done({"firmware", "sign", "--in", at(name + "-root.json"), "--key", at("alice.jwk"), "--key", uri});
        done({"firmware", "sign", "--in", at(name + "-1"), "--key", at("alice.jwk")});
        const std::vector<std::string> publishing{"--root", at(name + "-root.json"), "--package", at(name + "-1")};
        EXPECT_EQ(try_publish(name, publishing).error_name(), "too_few_signers") << "half a signer";
        fs::remove_all(at("www/" + name));
        done({"firmware", "sign", "--in", at(name + "-1"), "--key", uri});
        const auto published = try_publish(name, publishing);
        ASSERT_EQ(published.exit, 0) << published.all();
    }
    static program_result install(const std::string& name, std::vector<std::string> more, const std::string& word = "install") {
        std::vector<std::string> words{"--json",  "firmware",         word, "--state", at(name + ".state"),
                                       "--slots", at(name + ".slots")};
        if (word == "install") {
            words.insert(words.end(),
                         {"--repository", url(name), "--root", at(name + "-root.json"), "--vendor", "Acme", "--class", "gw-1"});
        }
        words.insert(words.end(), more.begin(), more.end());
        return run_program("berth", words);
    }
};

TEST_F(FirmwareKeys, ATokenSigns) {
    BERTH_NEEDS_SOFTHSM();
    softhsm hsm;
    hsm.add_token("berth");
    shop_of("hsm", hsm.uri("berth", "object=signer"));
    const auto r = install("hsm", {});
    EXPECT_EQ(r.exit, 0) << r.all();
}

TEST_F(FirmwareKeys, ATpmSignsAndCounts) {
    BERTH_NEEDS_SWTPM();
    const swtpm chip;
    const auto tcti = ";tcti=" + chip.tcti();
    shop_of("tpm", "tpm2:0x81020009" + tcti);
    const auto made = run_program("berth", {"--json", "firmware", "counter", "--make", "tpm2:0x01800100" + tcti});
    ASSERT_EQ(made.exit, 0) << made.all();
    const std::string counter(made.json().at("counter").as_string());
    EXPECT_EQ(run_program("berth", {"--json", "firmware", "counter", "--make", "tpm2:0x01800100" + tcti}).error_name(),
              "nv_exists");
    const auto r = install("tpm", {"--counter", counter});
    ASSERT_EQ(r.exit, 0) << r.all();
    ASSERT_EQ(run_program("berth", {"firmware", "boot", "--slots", at("tpm.slots")}).exit, 0);
    const auto confirmed = install("tpm", {"--counter", counter}, "confirm");
    ASSERT_EQ(confirmed.exit, 0) << confirmed.all();
    EXPECT_EQ(confirmed.json().at("security_counter").to_number<int>(), 2);
    // Whoever puts the directory back to what it was has not put back the chip.
    fs::remove_all(at("tpm.state"));
    fs::remove_all(at("tpm.slots"));
    done({"firmware", "pack", "--repository", "gw", "--vendor", "Acme", "--class", "gw-1", "--seq", "9", "--release", "9",
          "--security-counter", "1", "--component", "rootfs=" + at("tpm.image"), "--out", at("tpm-9")});
    done({"firmware", "sign", "--in", at("tpm-9"), "--key", at("alice.jwk"), "--key", "tpm2:0x81020009" + tcti});
    ASSERT_EQ(try_publish("tpm", {"--package", at("tpm-9")}).exit, 0);
    EXPECT_EQ(refusal(install("tpm", {"--counter", counter})), "security_rollback");
    EXPECT_EQ(refusal(install("tpm", {"--counter", "tpm2:0x01800100" + tcti})), "bad_counter") << "no base";
    EXPECT_EQ(refusal(install("tpm", {"--counter", "tpm2:0x01800101;base=1" + tcti})), "nv_not_found");
    EXPECT_EQ(refusal(install("tpm", {"--counter", "tpm2:0x01800100;base=99999" + tcti})), "counter_fell");
}

TEST_F(FirmwareKeys, ASecureElementVerifiesAndCounts) {
    const stsafe_sim sim;
    const auto chip = "stsafe:device=" + sim.socket();
    done({"key", "generate", "file:" + at("se.pem"), "--alg", "p256"});
    openssl("pkey -in se.pem -pubout -out se-pub.pem");
    shop_of("se", "file:" + at("se.pem"), false);
    done({"se", "firmware", "trust", "--key", "4", "--from", at("se-pub.pem"), "--for-ever", "--chip", chip});
    const std::vector<std::string> element{"--element", chip,        "--element-key",
                                           "4",         "--counter", "stsafe:zone=5;base=500000;device=" + sim.socket()};
    const auto verified = run_program("berth", {"--json", "firmware", "verify", "--root", at("se-root.json"), "--in", at("se-1"),
                                                "--element", chip, "--element-key", "4"});
    EXPECT_EQ(verified.exit, 0) << verified.all();
    const auto r = install("se", element);
    ASSERT_EQ(r.exit, 0) << r.all();
    ASSERT_EQ(run_program("berth", {"firmware", "boot", "--slots", at("se.slots")}).exit, 0);
    const auto confirmed = install("se", {element[4], element[5]}, "confirm");
    ASSERT_EQ(confirmed.exit, 0) << confirmed.all();
    EXPECT_EQ(confirmed.json().at("security_counter").to_number<int>(), 2);

    // Signed as the root wants it, and not by whom the chip knows.
    done({"key", "generate", "file:" + at("other.pem"), "--alg", "p256"});
    shop_of("se2", "file:" + at("other.pem"), false);
    EXPECT_EQ(refusal(install("se2", {"--element", chip, "--element-key", "4"})), "element_signature_missing");
    EXPECT_EQ(refusal(install("se2", {"--element", chip, "--element-key", "7"})), "key_not_found");
}

}  // namespace
}  // namespace berth::test
