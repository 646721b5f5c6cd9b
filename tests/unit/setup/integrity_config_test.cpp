// What devices' platform registers must hold, and which of them a device quotes, as the files say it.
#include "common/files.h"
#include "device/config_toml.h"
#include "roles/config.h"
#include "support/onboarding_parties.h"

#include <gmock/gmock.h>

namespace berth::test {
namespace {

const std::string value(64, 'a');
const std::string another = std::string(63, '0') + "F";

class IntegrityConfig : public testing::Test {
protected:
    result<app::daemon_config> read(const std::string& tables) const {
        const auto file = directory.path() / "berthd.toml";
        EXPECT_TRUE(app::write_text(file, "[registrar]\nlisten = \"127.0.0.1:0\"\nchain = \"z4.pem\"\nkey = \"file:z4.key\"\n"
                                          "domain_root = \"z2.pem\"\nstore = \"r.db\"\n"
                                          "[[registrar.maker]]\nroot = \"z1.pem\"\nmasa = \"localhost:1\"\n" +
                                              tables + "[ca]\nchain = \"ca.pem\"\nkey = \"file:ca.key\"\n"));
        return app::read_config(file);
    }
    std::string complaint(const std::string& body) const {
        const auto config = read("[[registrar.integrity]]\n" + body + "\n");
        return config ? "none" : config.error().message;
    }
    temporary_directory directory;
};

TEST_F(IntegrityConfig, IsNothingUnlessItSaysSo) {
    EXPECT_TRUE(got(read("")).registrar->integrity.empty());
}

TEST_F(IntegrityConfig, HasValuesForRegisters) {
    const auto config =
        got(read("[[registrar.integrity]]\nmodel = \"valve-3\"\npcrs = { 0 = \"" + value + "\", 23 = [\"" + value + "\", \"" +
                 another + "\"] }\n[[registrar.integrity]]\n[registrar.integrity.pcrs]\n7 = \"" + another + "\"\n"));
    ASSERT_EQ(config.registrar->integrity.size(), 2u);
    const auto& first = config.registrar->integrity[0];
    EXPECT_EQ(first.model, "valve-3");
    ASSERT_EQ(first.registers.size(), 2u);
    ASSERT_EQ(first.registers.at(0).size(), 1u);
    EXPECT_EQ(to_hex(first.registers.at(0).front()), value);
    ASSERT_EQ(first.registers.at(23).size(), 2u);
    EXPECT_EQ(first.registers.at(23)[1].back(), 0x0f);
    const auto& second = config.registrar->integrity[1];
    EXPECT_EQ(second.model, "");
    EXPECT_EQ(second.registers.size(), 1u);
    EXPECT_TRUE(second.registers.contains(7));
}

TEST_F(IntegrityConfig, EachMistakeIsTold) {
    using testing::HasSubstr;
    const std::string good = "pcrs = { 0 = \"" + value + "\" }";
    EXPECT_EQ(complaint(good), "none");
    EXPECT_THAT(complaint(""), HasSubstr("[registrar.integrity] needs \"pcrs\""));
    EXPECT_THAT(complaint("pcrs = {}"), HasSubstr("names a register at least"));
    EXPECT_THAT(complaint("pcrs = \"x\""), HasSubstr("\"pcrs\" must be a table"));
    EXPECT_THAT(complaint("pcrs = { 24 = \"" + value + "\" }"),
                HasSubstr("\"24\" is not the number of a platform register, 0 to 23"));
    EXPECT_THAT(complaint("pcrs = { 07 = \"" + value + "\" }"), HasSubstr("\"07\" is not the number"));
    EXPECT_THAT(complaint("pcrs = { x = \"" + value + "\" }"), HasSubstr("\"x\" is not the number"));
    EXPECT_THAT(complaint("pcrs = { 0 = \"aa\" }"), HasSubstr("platform register 0: a value in the SHA-256 bank has 64"));
    EXPECT_THAT(complaint("pcrs = { 0 = [] }"), HasSubstr("\"0\" of \"pcrs\" must be a string, or a list of strings"));
    EXPECT_THAT(complaint("pcrs = { 0 = [ 1 ] }"), HasSubstr("must be a string, or a list of strings"));
    EXPECT_THAT(complaint("model = \"\"\n" + good), HasSubstr("without it the table is for devices of every model"));
    EXPECT_THAT(complaint("modle = \"valve-3\"\n" + good), HasSubstr("is \"model\" meant?"));
}

TEST_F(IntegrityConfig, ADeviceQuotesWhatItsFileNames) {
    const auto quoted = [](const std::string& table) -> std::string {
        app::device_bundle bundle;
        const auto done = app::parse_device_toml("serial = \"SN-1\"\nmodel = \"m\"\n" + table +
                                                     "[[credential]]\nname = \"device\"\nalgorithm = \"p256\"\n",
                                                 "/device.toml", bundle);
        return done ? fmt::format("{}", fmt::join(bundle.quoted, " ")) : done.error().message;
    };
    EXPECT_EQ(quoted(""), "");
    EXPECT_EQ(quoted("[quote]\npcrs = [7, 0, 2]\n"), "0 2 7");
    using testing::HasSubstr;
    EXPECT_THAT(quoted("[quote]\n"), HasSubstr("[quote] needs \"pcrs\""));
    EXPECT_THAT(quoted("[quote]\npcrs = []\n"), HasSubstr("\"pcrs\" must be a list of numbers from 0 to 23"));
    EXPECT_THAT(quoted("[quote]\npcrs = [24]\n"), HasSubstr("a list of numbers from 0 to 23, each once"));
    EXPECT_THAT(quoted("[quote]\npcrs = [1, 1]\n"), HasSubstr("each once"));
    EXPECT_THAT(quoted("[quote]\npcrs = [\"0\"]\n"), HasSubstr("each once"));
}

}  // namespace
}  // namespace berth::test
