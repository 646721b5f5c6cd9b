// Exit codes say who can do something: 1 the other side has refused, 3 the network or the disk has.
#include "support/small_world.h"
#include "wire/pem.h"

namespace berth::test {
namespace {

namespace fs = std::filesystem;

class Categories : public small_world {
protected:
    static void SetUpTestSuite() { begin({"Birch"}); }
    static void expect(const program_result& r, const std::string& name, const std::string& category, int exit) {
        ASSERT_EQ(r.error_name(), name) << r.all();
        EXPECT_EQ(r.json().at("error").as_object().at("category").as_string(), category) << r.all();
        EXPECT_EQ(r.exit, exit) << r.all();
    }
};

TEST_F(Categories, TheDevicesOwnDisk) {
    const auto bundle = make("C-1", "Birch");
    fs::create_directories(bundle / "time" / "in-the-way");
    expect(onboard(bundle), "install_failed", "environment", 3);
    EXPECT_FALSE(fs::exists(bundle / "installed"));
    EXPECT_EQ(run_program("berth-agent", {"--bundle", bundle.string(), "--once"}).exit, 3);
}

TEST_F(Categories, ARefusalOfTheMasa) {
    const auto bundle = got(world->make_device(world->order_for("C-2", "Birch"), ""));
    expect(onboard(bundle), "not_assigned", "peer", 1);
    EXPECT_EQ(run_program("berth-agent", {"--bundle", bundle.string(), "--once"}).exit, 1);
}

// The log is whole; the key that was named is another's.
TEST_F(Categories, AKeyThatIsNotTheLogs) {
    ASSERT_EQ(onboard(make("C-5", "Birch")).exit, 0);
    ASSERT_TRUE(world->restart("masa"));  // which signs a checkpoint when it ends
    const auto key = crypto::signing_key::generate(crypto::signature_algorithm::mldsa65, crypto::system_random());
    const auto file = (directory->path() / "other.pub").string();
    ASSERT_TRUE(app::write_text(file, wire::to_pem("PUBLIC KEY", key.public_key().spki())));
    const std::vector<std::string> verify{"--json", "masa", "log", "verify", "--masa", world->masa().string()};
    auto with_key = verify;
    with_key.insert(with_key.end(), {"--key", file});
    const auto r = berth(with_key);
    expect(r, "bad_signature", "usage", 2);
    EXPECT_THAT(r.all(), testing::HasSubstr("other.pub"));
    const auto whole = berth(verify);
    EXPECT_EQ(whole.exit, 0) << whole.all();
    EXPECT_GE(whole.json().at("checkpoints").to_number<int>(), 1);
    // Its own key does not fit any more: the checkpoints and it are at odds.
    fs::copy_file(file, world->masa() / "audit.pub", fs::copy_options::overwrite_existing);
    expect(berth(verify), "bad_signature", "environment", 3);
}

TEST_F(Categories, NetworkThatIsNotThere) {
    const auto through = make("C-3", "Birch");
    auto order = world->order_for("C-4", "Birch");
    order.direct = true;
    const auto direct = make(std::move(order), "Birch");
    world->signal("masa", SIGKILL);
    ASSERT_TRUE(hear("Birch", "kk1_lost"));
    expect(onboard(through), "masa_unreachable", "environment", 3);
    EXPECT_EQ(run_program("berth-agent", {"--bundle", through.string(), "--once"}).exit, 3);
    EXPECT_EQ(onboard(direct).exit, 3);
    const auto release = berth({"--json", "registrar", "release", "C-3", "--to", "Cedar", "--wait", "2", "--dir",
                                world->customer("Birch").registrar.string(), "--maker-root", (through / "z1.pem").string()});
    expect(release, "masa_unreachable", "environment", 3);
    EXPECT_FALSE(fs::exists(through / "installed"));
    ASSERT_TRUE(world->restart("masa"));
}

// The last one: Birch is no customer any more.
TEST_F(Categories, ARegistrarThatTheMasaDoesNotKnowIsToldWhatToDo) {
    ASSERT_EQ(berth({"customer", "remove", "Birch", "--masa", world->masa().string()}).exit, 0);
    ASSERT_TRUE(world->restart("Birch"));
    EXPECT_TRUE(hear("Birch", "kk1_lost", "is the customer registered there (berth customer register)?"));
}

}  // namespace
}  // namespace berth::test
