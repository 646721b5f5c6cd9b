// What order.toml may say, and where it says what it may not.
#include "setup/lot_order.h"

#include "common/files.h"
#include "support/onboarding_parties.h"

namespace berth::test {
namespace {

const std::string digest(64, 'a');

class Order : public testing::Test {
protected:
    result<app::lot_order> read(const std::string& text) {
        const auto file = directory.path() / "order.toml";
        EXPECT_TRUE(app::write_text(file, text));
        return app::read_lot_order(file);
    }
    void expect_bad(const std::string& more, const std::string& line) {
        const auto order = read("name = \"o\"\nmodel = \"m\"\n" + more);
        ASSERT_FALSE(order) << more;
        EXPECT_EQ(order.error().name, "bad_config") << order.error().message;
        EXPECT_NE(order.error().message.find("order.toml:" + line + ":"), std::string::npos) << order.error().message;
    }
    temporary_directory directory;
};

TEST_F(Order, SaysAllOfADevice) {
    const auto order = got(read("name = \"March\"\nmodel = \"gw-1\"\nfirmware = \"1.2.0\"\nbackend = \"stsafe\"\n"
                                "registrars = [\"r.example:8443\"]\nimage = \"sha256:" +
                                digest + "\"\n[pcrs]\n0 = \"" + digest + "\"\n7 = \"" + digest +
                                "\"\n[[credential]]\nname = \"device\"\nalgorithm = \"p256\"\nkey = \"stsafe:slot=3\"\n"
                                "[settings]\ninterval = 60\n[settings.net]\nnames = [\"a\", \"b\"]\non = true\nfactor = 0.5\n"));
    EXPECT_EQ(order.backend, "stsafe");
    EXPECT_EQ(order.device.p3_sig_uri, "stsafe:slot=1");
    EXPECT_EQ(order.device.registrars, std::vector<std::string>{"r.example:8443"});
    ASSERT_EQ(order.device.credentials.size(), 1U);
    EXPECT_EQ(order.device.credentials[0].second, "p256@stsafe:slot=3");
    EXPECT_EQ(order.configuration(), R"({"order":"March","image":"sha256:)" + digest + R"(","pcrs":{"sha256":{"0":")" + digest +
                                         R"(","7":")" + digest +
                                         R"("}},"settings":{"interval":60,"net":{"factor":5E-1,"names":["a","b"],"on":true}}})");
    ASSERT_EQ(order.files().size(), 1U);
    EXPECT_EQ(order.files()[0].first, "order.json");
}

TEST_F(Order, ToldWithItsLine) {
    const auto missing = read("name = \"o\"\n");
    EXPECT_EQ(missing.error().name, "bad_config") << "a device has a model";
    EXPECT_EQ(missing.error().message.find(":1:"), std::string::npos) << "which no line lacks";
    const auto quoting = read("name = \"o\"\nmodel = \"m\"\nquote_pcrs = [0]\n");
    EXPECT_EQ(quoting.error().message.find("--"), std::string::npos) << "a file has no options: " << quoting.error().message;
    expect_bad("colour = \"red\"\n", "3");
    expect_bad("image = \"sha256:12\"\n", "3");
    expect_bad("backend = \"tpm\"\n", "3");
    expect_bad("\nkem = \"rsa\"\n", "4");
    expect_bad("[pcrs]\n24 = \"" + digest + "\"\n", "4");
    expect_bad("[pcrs]\n7 = \"12\"\n", "4");
    expect_bad("[settings]\nat = 2026-11-22\n", "4");
    expect_bad("[settings]\nx = nan\n", "4");
    expect_bad("[customer]\nname = \"Birch\"\n", "3");
    expect_bad("[[credential]]\nname = \"device\"\nalgorithm = \"rsa\"\n", "3");
    expect_bad("backend = \"tpm2\"\nquote_pcrs = [24]\n", "4");
    expect_bad("backend = \"stsafe\"\nquote_pcrs = [0]\n", "4");
    expect_bad("backend = \"stsafe\"\np3_sig = \"tpm2:0x81020000\"\n", "4");
    expect_bad("p3 = \"pkcs11:token=x;object=y?module-path=/tmp/x.so\"\n", "3");
    EXPECT_TRUE(read("name = \"o\"\nmodel = \"m\"\nbackend = \"stsafe\"\np3 = \"stsafe:slot=2;device=/dev/i2c-2\"\np3_sig = "
                     "\"stsafe:slot=3;device=/dev/i2c-2\"\n"))
        << "at the factory, which bus it is is its own business";
    EXPECT_EQ(got(read("name = \"o\"\nmodel = \"m\"\nbackend = \"tpm2\"\nquote_pcrs = [7, 0]\n")).device.quoted,
              (std::vector<uint8_t>{0, 7}));
}

// What could only fail once keys are made, and then for good.
TEST_F(Order, PutsNoTwoKeysInOnePlace) {
    const auto credential = [](const std::string& name, const std::string& key) {
        return "[[credential]]\nname = \"" + name + "\"\nalgorithm = \"p256\"\nkey = \"" + key + "\"\n";
    };
    const auto in_tpm = [&](const std::string& key) { return "backend = \"tpm2\"\n" + credential("device", key); };
    for (const char* handle : {"0x81020000", "0x81020001", "0x81020002", "0x81020000;tcti=device:/dev/tpmrm0"}) {
        expect_bad(in_tpm(std::string("tpm2:") + handle), "4");
    }
    EXPECT_TRUE(read("name = \"o\"\nmodel = \"m\"\n" + in_tpm("tpm2:0x81000003")));
    expect_bad("backend = \"stsafe\"\n" + credential("device", "stsafe:slot=1"), "4");
    expect_bad("backend = \"stsafe\"\n" + credential("device", "stsafe:slot=3;zone=2"), "4");
    expect_bad("backend = \"stsafe\"\n" + credential("device", "stsafe:slot=0"), "4");
    expect_bad("backend = \"stsafe\"\n" + credential("device", "stsafe:slot=3") + credential("cloud", "stsafe:slot=3"), "4");
    expect_bad(credential("device", "file:p3.pem"), "3");
    expect_bad("backend = \"stsafe\"\np3 = \"stsafe:slot=1\"\n", "4");
    expect_bad("backend = \"stsafe\"\np3 = \"stsafe:slot=0\"\n", "4");
}

TEST_F(Order, SaysNoMoreThanAMasaTells) {
    EXPECT_EQ(read("name = \"o\"\nmodel = \"m\"\n[settings]\nx = \"" + std::string(16'384, 'x') + "\"\n").error().name,
              "too_large");
}

TEST_F(Order, NamesACustomersRoot) {
    const auto none = read("name = \"o\"\nmodel = \"m\"\n[customer]\nname = \"Birch\"\nroot = \"z2.pem\"\n");
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().name, "file_not_found");
}

}  // namespace
}  // namespace berth::test
