// What a manufacturer's operator changes in the MASA's records, and what devices then see.
#include "store/sqlite/masa_store.h"
#include "support/small_world.h"

namespace berth::test {
namespace {

namespace fs = std::filesystem;

class Records : public small_world {
protected:
    static void SetUpTestSuite() { begin({"Birch"}); }

    static program_result with_masa(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), "--json");
        arguments.insert(arguments.end(), {"--masa", world->masa().string()});
        return berth(arguments);
    }
    static std::string addresses() {
        const auto listed = with_masa({"customer", "list"});
        EXPECT_EQ(listed.exit, 0) << listed.all();
        return wire::to_text(listed.json().at("registrars"));
    }
};

TEST_F(Records, RendezvousTellsTheAddressesThatWereSetLast) {
    const std::string kk2 = world->customer("Birch").kk2.text();
    const auto set = with_masa({"customer", "registrars", "Birch", "127.0.0.1:9"});
    ASSERT_EQ(set.exit, 0) << set.all();
    EXPECT_EQ(addresses(), R"(["127.0.0.1:9"])");
    auto order = world->order_for("A-1", "Birch");
    order.registrars.clear();
    order.discovery = {"rendezvous"};
    const auto bundle = make(order, "Birch");
    EXPECT_NE(berth({"--json", "device", "onboard", "--bundle", bundle.string()}).exit, 0) << "nobody listens there";
    EXPECT_FALSE(fs::exists(bundle / "installed"));

    ASSERT_EQ(with_masa({"customer", "registrars", "Birch", "127.0.0.1:9", kk2}).exit, 0);
    const auto done = onboard(bundle);
    EXPECT_EQ(done.exit, 0) << done.all();
}

TEST_F(Records, AddressesThatAreNoneAndCustomersThatAreNotThereChangeNothing) {
    const auto before = addresses();
    const auto nonsense = with_masa({"customer", "registrars", "Birch", "no port"});
    EXPECT_EQ(nonsense.exit, 2);
    EXPECT_EQ(nonsense.error_name(), "bad_arguments");
    EXPECT_EQ(with_masa({"customer", "registrars", "Birch"}).error_name(), "bad_arguments") << "addresses, or --none";
    const auto nobody = with_masa({"customer", "registrars", "Cedar", "127.0.0.1:9"});
    EXPECT_EQ(nobody.exit, 2);
    EXPECT_EQ(nobody.error_name(), "unknown_customer");
    EXPECT_EQ(addresses(), before);
}

TEST_F(Records, ManufacturersConfigurationReachesTheDevice) {
    const auto bundle = make("A-2", "Birch");
    const fs::path file = directory->path() / "a-2.json";
    ASSERT_TRUE(app::write_text(file, R"({"service":"https://acme.example","ring":2})"));
    const auto set = with_masa({"ownership", "configure", "A-2", file.string()});
    ASSERT_EQ(set.exit, 0) << set.all();
    const auto done = onboard(bundle);
    ASSERT_EQ(done.exit, 0) << done.all();
    EXPECT_EQ(got(app::read_text(bundle / "installed" / "manufacturer.json")), got(app::read_text(file)));

    ASSERT_EQ(berth({"device", "reset", "--bundle", bundle.string()}).exit, 0);
    ASSERT_EQ(with_masa({"ownership", "configure", "A-2", "--clear"}).exit, 0);
    ASSERT_EQ(onboard(bundle).exit, 0);
    EXPECT_FALSE(fs::exists(bundle / "installed" / "manufacturer.json"));
}

TEST_F(Records, ConfigurationThatIsNoneChangesNothing) {
    const auto bundle = make("A-3", "Birch");
    const auto stored = [] {
        auto store = got(store::sqlite_masa_store::open((world->masa() / "masa.db").string()));
        return got(store->find_serial("A-3")).front().configuration;
    };
    const fs::path file = directory->path() / "a-3.json";
    ASSERT_TRUE(app::write_text(file, R"({"a":1})"));
    ASSERT_EQ(with_masa({"ownership", "configure", "A-3", file.string()}).exit, 0);
    for (const auto& [text, name] : {std::pair(std::string("[1]"), "bad_json"),
                                     {R"({"a":1,"a":2})", "duplicate_json_member"},
                                     {R"({"a":")" + std::string(16384, 'x') + "\"}", "too_large"}}) {
        ASSERT_TRUE(app::write_text(file, text));
        const auto refused = with_masa({"ownership", "configure", "A-3", file.string()});
        EXPECT_EQ(refused.exit, 2) << refused.all();
        EXPECT_EQ(refused.error_name(), name);
    }
    EXPECT_EQ(with_masa({"ownership", "configure", "A-3", (directory->path() / "none").string()}).error_name(), "file_not_found");
    EXPECT_EQ(with_masa({"ownership", "configure", "A-3"}).error_name(), "bad_arguments") << "a file, or --clear";
    EXPECT_EQ(with_masa({"ownership", "configure", "A-4", file.string()}).error_name(), "unknown_device");
    EXPECT_EQ(stored(), R"({"a":1})");
}

TEST_F(Records, LogIsVerifiedByTheCheckpointsKeyAlone) {
    const auto wrong = with_masa({"masa", "log", "verify", "--key", (world->factory() / "z1.pem").string()});
    EXPECT_EQ(wrong.exit, 2);
    EXPECT_EQ(wrong.error_name(), "bad_pem") << wrong.all();
    EXPECT_THAT(wrong.all(), testing::HasSubstr("audit.pub"));
    EXPECT_EQ(with_masa({"masa", "log", "verify"}).exit, 0);
}

}  // namespace
}  // namespace berth::test
