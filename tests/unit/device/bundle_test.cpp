// A bundle whose files do not belong together is refused when it is opened, and the file is named.
#include "device/bundle.h"

#include "common/files.h"
#include "support/onboarding_parties.h"
#include "wire/pem.h"

#include <fstream>

namespace berth::test {
namespace {

namespace fs = std::filesystem;

class Bundle : public testing::Test {
protected:
    static void SetUpTestSuite() {
        directory = std::make_unique<temporary_directory>();
        for (const char* maker : {"acme", "other"}) {
            ASSERT_TRUE(app::factory_init(directory->path() / maker, {maker, crypto::signature_algorithm::ecdsa_p256_sha256},
                                          time(), crypto::system_random()));
            const auto key = crypto::kem_private_key::generate(crypto::kem_algorithm::mlkem768, crypto::system_random());
            app::device_order order;
            order.serial = "SN-1";
            ASSERT_TRUE(app::factory_make(directory->path() / maker, device(maker), order,
                                          wire::to_pem("PUBLIC KEY", key.public_key().spki()), time(), crypto::system_random()));
        }
    }
    static void TearDownTestSuite() { directory.reset(); }
    // Long ago: certificates of these makers are expired by any clock of today.
    static const clock& time() {
        static manual_clock then{100'000'000};
        return then;
    }
    static fs::path device(const std::string& maker) { return directory->path() / (maker + "-device"); }

    // Acme's device with these files of the other maker's.
    static result<app::device_bundle> with(const std::vector<const char*>& foreign) {
        const fs::path mixed = directory->path() / "mixed";
        fs::remove_all(mixed);
        fs::copy(device("acme"), mixed);
        for (const char* file : foreign) {
            fs::copy_file(device("other") / file, mixed / file, fs::copy_options::overwrite_existing);
        }
        return app::device_bundle::open(mixed);
    }
    static void expect_bad(const result<app::device_bundle>& opened, const std::string& text) {
        ASSERT_FALSE(opened) << text;
        EXPECT_EQ(opened.error().name, "bad_bundle") << opened.error().message;
        EXPECT_EQ(opened.error().category, error_category::usage);
        EXPECT_THAT(opened.error().message, testing::HasSubstr(text));
    }

    static std::unique_ptr<temporary_directory> directory;
};
std::unique_ptr<temporary_directory> Bundle::directory;

TEST_F(Bundle, IsOpenedWhateverTheTimeIs) {
    const auto opened = with({});
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_EQ(opened->z3.size(), 2u);
}

TEST_F(Bundle, ARootOfAnotherMakerIsRefused) {
    expect_bad(with({"z1.pem"}), "z3.pem does not lead to z1.pem");
    const auto opened = with({"z1.pem"});
    EXPECT_THAT(opened.error().message, testing::HasSubstr("copy the bundle once more"));
    expect_bad(with({"z3-sig.pem", "p3-sig.pem"}), "z3-sig.pem does not lead to z1.pem");
}

TEST_F(Bundle, AKeyOfAnotherCertificateIsRefused) {
    expect_bad(with({"p3.pem"}), "p3 is not the key of z3.pem");
    expect_bad(with({"p3-sig.pem"}), "p3-sig is not the key of z3-sig.pem");
}

TEST_F(Bundle, ALeafIsNoRoot) {
    const fs::path mixed = directory->path() / "leaf";
    fs::copy(device("acme"), mixed);
    fs::copy_file(device("acme") / "z3.pem", mixed / "z1.pem", fs::copy_options::overwrite_existing);
    expect_bad(app::device_bundle::open(mixed), "z1.pem is not a maker's root");
}

TEST_F(Bundle, AMasaHasKemKeys) {
    const fs::path mixed = directory->path() / "signs";
    fs::copy(device("acme"), mixed);
    const auto key = crypto::signing_key::generate(crypto::signature_algorithm::ecdsa_p256_sha256, crypto::system_random());
    ASSERT_TRUE(app::write_text(mixed / "masa-kem.pem", wire::to_pem("PUBLIC KEY", key.public_key().spki())));
    expect_bad(app::device_bundle::open(mixed), "masa-kem.pem must hold KEM keys");
}

TEST_F(Bundle, ASignatureKeyThatIsElsewhereKeepsItFromNothing) {
    const fs::path bare = directory->path() / "elsewhere";
    fs::copy(device("acme"), bare);
    fs::remove(bare / "p3-sig.pem");
    EXPECT_TRUE(app::device_bundle::open(bare)) << "not there";
    ASSERT_TRUE(app::write_text(bare / "p3-sig.uri", "tpm2:0x81000001\n"));
    const auto opened = app::device_bundle::open(bare);
    EXPECT_TRUE(opened) << opened.error().message;
}

TEST_F(Bundle, MayHaveNoSignatureKey) {
    const fs::path bare = directory->path() / "bare";
    fs::copy(device("acme"), bare);
    fs::remove(bare / "z3-sig.pem");
    fs::remove(bare / "p3-sig.pem");
    EXPECT_TRUE(app::device_bundle::open(bare));
}

// Credentials whose keys are at places of their own; here these are files, so that one can look at them.
class PlacedKeys : public Bundle {
protected:
    // Acme's device with one credential; the error's name, or "accepted".
    std::string open_with(const std::string& algorithm, const std::string& uri) {
        fs::remove_all(place);
        fs::copy(device("acme"), place);
        std::string toml = got(app::read_text(place / "device.toml"));
        toml = toml.substr(0, toml.find("[[credential]]"));
        toml += fmt::format("[[credential]]\nname = \"x\"\nalgorithm = \"{}\"\nkey = \"{}\"\n", algorithm, uri);
        std::ofstream(place / "device.toml") << toml;
        auto opened = app::device_bundle::open(place);
        if (!opened) {
            return opened.error().name;
        }
        bundle = std::move(*opened);
        return "accepted";
    }
    [[nodiscard]] bytes pending_key(const std::string& registrar) const {
        const auto keys = got(bundle.pending_keys(registrar, crypto::system_random()));
        return to_bytes(keys.front().spki());
    }
    const fs::path place = directory->path() / "placed";
    app::device_bundle bundle;
};

TEST_F(PlacedKeys, ArePlacedWhereSuchKeysAreMade) {
    EXPECT_EQ(open_with("p256", "stsafe:slot=3"), "accepted") << "no chip is asked before a key is needed";
    EXPECT_EQ(open_with("mldsa65", "stsafe:slot=3"), "bad_config");
    EXPECT_EQ(open_with("mlkem768", "tpm2:0x81000002;seed=x"), "bad_config");
    EXPECT_EQ(open_with("p256", "https://example.com/key"), "bad_config");
}

TEST_F(PlacedKeys, AreOnePerRegistrarAndDeletedWithIt) {
    ASSERT_EQ(open_with("mlkem768_p256", "file:own.pem"), "accepted");
    const bytes first = pending_key("one");
    EXPECT_EQ(got(app::read_text(place / "pending" / "x.uri")), "file:own.pem\n");
    EXPECT_TRUE(fs::exists(place / "own.pem"));
    EXPECT_EQ(pending_key("one"), first);
    EXPECT_NE(pending_key("another"), first);
    bundle.drop_pending_keys();
    EXPECT_FALSE(fs::exists(place / "own.pem"));
    EXPECT_FALSE(fs::exists(place / "pending"));
}

// Nobody is told to delete what the device is known by.
TEST_F(PlacedKeys, InThePlaceOfItsOwnKey) {
    for (const char* name : {"p3.pem", "p3-sig.pem"}) {
        ASSERT_EQ(open_with(name == std::string_view("p3.pem") ? "mlkem768_p256" : "p256", std::string("file:") + name),
                  "accepted");
        const auto refused = bundle.pending_keys("one", crypto::system_random());
        ASSERT_FALSE(refused) << name;
        EXPECT_EQ(refused.error().name, "key_exists") << refused.error().message;
        EXPECT_THAT(refused.error().message, testing::HasSubstr("own key"));
        EXPECT_THAT(refused.error().message, testing::Not(testing::HasSubstr("delete")));
    }
}

// Who only looks at a device needs none of its keys.
TEST_F(PlacedKeys, AreNotNeededToLook) {
    fs::remove_all(place);
    fs::copy(device("acme"), place);
    fs::remove(place / "p3.pem");
    ASSERT_TRUE(app::write_text(place / "p3.uri", "tpm2:0x81020002;seed=p3.seed;tcti=nowhere\n"));
    EXPECT_FALSE(app::device_bundle::open(place));
    const auto seen = app::device_bundle::look(place);
    ASSERT_TRUE(seen) << seen.error().message;
    EXPECT_EQ(seen->p3, nullptr);
    EXPECT_EQ(seen->p3_uri, "tpm2:0x81020002;seed=p3.seed;tcti=nowhere");
    fs::copy_file(device("other") / "z3.pem", place / "z3.pem", fs::copy_options::overwrite_existing);
    EXPECT_FALSE(app::device_bundle::look(place)) << "what is no device's is told all the same";
}

TEST_F(PlacedKeys, OfOthersAndThoseInstalledStay) {
    ASSERT_EQ(open_with("p256", "file:own.pem"), "accepted");
    const bytes first = pending_key("one");
    fs::create_directory(place / "installed");
    fs::copy_file(place / "pending" / "x.uri", place / "installed" / "x.uri");
    bundle.drop_pending_keys();
    EXPECT_FALSE(fs::exists(place / "pending"));
    EXPECT_TRUE(fs::exists(place / "own.pem")) << "it is installed";

    const auto refused = bundle.pending_keys("one", crypto::system_random());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().name, "key_exists");
    bundle.drop_pending_keys();
    EXPECT_TRUE(fs::exists(place / "own.pem"));

    EXPECT_TRUE(bundle.delete_chip_keys(place / "installed"));
    EXPECT_FALSE(fs::exists(place / "own.pem"));
    EXPECT_TRUE(bundle.delete_chip_keys(place / "installed")) << "what is gone is gone";
    EXPECT_NE(pending_key("one"), first);
}

}  // namespace
}  // namespace berth::test
