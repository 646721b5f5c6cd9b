// A TPM behind the TPM2 Access Broker & Resource Manager, as on machines whose kernel has none of its own, or which share it.
#include "key_world.h"

namespace berth::test {
namespace {

class ResourceManager : public KeyWorld {
protected:
    void SetUp() override {
        BERTH_NEEDS_SWTPM();
        if (std::system("command -v tpm2-abrmd dbus-run-session >/dev/null 2>&1") != 0) {
            GTEST_SKIP() << "tpm2-abrmd is not installed; scripts/bootstrap installs it";
        }
    }
    // What the script prints, on a message bus of its own with a broker of this TPM.
    [[nodiscard]] std::string run(const std::string& script) const {
        put("script", R"(set -e
cd )" + directory.path().string() +
                          R"(
tpm2-abrmd --session --allow-root --tcti )" +
                          tpm.tcti() + R"( >broker.log 2>&1 &
broker=$!
trap 'kill $broker' EXIT
export BERTH_TPM2_TCTI=tabrmd:bus_name=com.intel.tss2.Tabrmd,bus_type=session
berth=)" + BERTH_BIN_DIR +
                          R"(/berth
n=0
until dbus-send --session --dest=com.intel.tss2.Tabrmd --print-reply / org.freedesktop.DBus.Peer.Ping >/dev/null 2>&1; do
    n=$((n + 1)); [ $n -lt 100 ] || { cat broker.log; exit 1; }
    sleep 0.1
done
)" + script);
        const int code = exit_of(spawn({"dbus-run-session", "--", "sh", at("script")}, at("log")));
        EXPECT_EQ(code, 0) << text_of("log");
        return text_of("log");
    }
    swtpm tpm;
};

TEST_F(ResourceManager, KeysAreMadeUsedAndFoundAgain) {
    put("message", "text");
    const std::string told = run(R"(
$berth key generate tpm2:0x81020000 --alg p256 --out signing.pub
$berth key generate "tpm2:0x81020002;seed=p3.seed" --alg mlkem768_p256 --out before.pub
$berth key show "tpm2:0x81020002;seed=p3.seed" --out after.pub
cmp before.pub after.pub
$berth key sign tpm2:0x81020000 --in message --out signature
)" + std::string(BERTH_OPENSSL_COMMAND) +
                                 R"( dgst -sha256 -verify signing.pub -signature signature message
$berth key seal tpm2:0x81020000 --in message --out sealed
$berth key unseal tpm2:0x81020000 --in sealed --out message.again
cmp message message.again
$berth key attest tpm2:0x81020000 --nonce 00 >/dev/null
)");
    EXPECT_NE(told.find("Verified OK"), std::string::npos) << told;
}

// Without one the TPM's three places for loaded objects would be full after as many commands that leave something behind.
TEST_F(ResourceManager, AndWithoutOneNothingIsLeftInTheTpm) {
    put("message", "text");
    for (int i = 0; i < 5; ++i) {
        const std::string tcti = ";tcti=" + tpm.tcti();
        const std::string seed = at("p3.seed");
        if (i == 0) {
            must({"key", "generate", "tpm2:0x81020000" + tcti, "--alg", "p256"});
            must({"key", "generate", "tpm2:0x81020002;seed=" + seed + tcti, "--alg", "mlkem768_p256"});
        }
        must({"key", "show", "tpm2:0x81020002;seed=" + seed + tcti});
        must({"key", "sign", "tpm2:0x81020000" + tcti, "--in", at("message"), "--out", at("signature")});
        must({"key", "seal", "tpm2:0x81020000" + tcti, "--in", at("message"), "--out", at("sealed")});
        must({"key", "attest", "tpm2:0x81020000" + tcti, "--nonce", "00"});
    }
    ASSERT_EQ(tpm.tool("tpm2_getcap handles-transient > transient"), 0) << tpm.log();
    ASSERT_EQ(tpm.tool("tpm2_getcap handles-loaded-session > sessions"), 0) << tpm.log();
    EXPECT_EQ(tpm.read("transient"), "");
    EXPECT_EQ(tpm.read("sessions"), "");
}

}  // namespace
}  // namespace berth::test
