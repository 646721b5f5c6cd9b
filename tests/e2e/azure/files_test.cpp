// Azure's device SDK uploads files, with storage's SDK inside it, both unmodified; by ECDSA, and by nothing but post-quantum
// cryptography.
#include "../kept/kept_world.h"
#include "azure_kinds.h"

#include <set>

namespace berth::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class AzureFiles : public Kept, public testing::WithParamInterface<azure_kind> {
protected:
    void SetUp() override {
        BERTH_SKIP_WITHOUT_AZURE();
        begin(GetParam().post_quantum, "[hub.files]\n");
    }
    js_program upload(const std::string& device, const std::string& whose, wire::json::object more) {
        const auto& who = holder(whose);
        more["host"] = "localhost";
        more["port"] = world->at("https").port;
        more["deviceId"] = device;
        more["cert"] = who.chain.string();
        more["key"] = who.key.string();
        // Storage's part takes no CA from its caller.
        return js_program::start(GetParam().node, "upload", more, directory.path(),
                                 {"NODE_EXTRA_CA_CERTS=" + world->server_root().string()});
    }
    [[nodiscard]] std::string operators(const std::string& path) const {
        return run_program("/usr/bin/curl",
                           {"-sS", "--cacert", world->server_root().string(), "--cert", world->admin().chain.string(), "--key",
                            world->admin().key.string(), fmt::format("https://localhost:{}{}", world->at("https").port, path)},
                           30'000, our_libraries())
            .all();
    }
    static std::string contents(const fs::path& file) {
        std::ifstream in(file, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    // Not the same anywhere, so that blocks in another order are another file.
    std::string make_file(const std::string& name, size_t octets) const {
        std::string out(octets, '\0');
        uint32_t state = 1;
        for (char& c : out) {
            state = state * 1'664'525U + 1'013'904'223U;
            c = static_cast<char>(state >> 24);
        }
        EXPECT_TRUE(app::write_text(at(name), out));
        return out;
    }
};

TEST_P(AzureFiles, AreUploadedAsTheyAre) {
    constexpr size_t large = size_t{20} * 1024 * 1024 + 1;
    const auto twenty = make_file("twenty", large), one = make_file("one", 1);
    auto sdk = upload("dev-1", "dev-1",
                      {{"files", wire::json::array{{{"name", "logs/one.bin"}, {"file", at("one")}},
                                                   {{"name", "twenty"}, {"file", at("twenty")}}}},
                       {"steps", {{"name", "never"}}}});
    EXPECT_TRUE(eventually([&] { return sdk.first("notified") || sdk.first("refused"); }, 120'000)) << sdk.said() << said;
    ASSERT_TRUE(sdk.first("notified")) << sdk.said() << said;
    EXPECT_THAT(sdk.said(), HasSubstr(std::string("\"openssl\":\"") + GetParam().node.openssl));
    EXPECT_THAT(sdk.said(), AllOf(HasSubstr(R"("name":"twenty","octets":20971521)"), HasSubstr(R"("blobName":"dev-1/never")")));
    const auto kept = world->hub() / "files/kept/dev-1";
    // By what they are, since on the disk nothing is called as its device calls it.
    std::set<std::string> there;
    for (const auto& each : fs::directory_iterator(kept)) {
        there.insert(contents(each.path()));
    }
    EXPECT_TRUE(there.contains(twenty));
    EXPECT_TRUE(there.contains(one));
    EXPECT_TRUE(eventually([this] { return fs::is_empty(world->hub() / "files/staged"); }));
    // A notice for each that came, and none of the one that did not.
    const auto notices = "/messages/serviceBound/filenotifications";
    EXPECT_THAT(operators(notices), HasSubstr(R"("blobName":"dev-1/logs/one.bin")"));
    EXPECT_THAT(operators(notices), AllOf(HasSubstr(R"("blobName":"dev-1/twenty")"), HasSubstr("20971521")));
    EXPECT_EQ(operators(notices), "");
}

TEST_P(AzureFiles, NotUnderAnothersName) {
    make_file("one", 1);
    auto sdk = upload("dev-2", "dev-1", {{"files", wire::json::array{{{"name", "mine"}, {"file", at("one")}}}}});
    EXPECT_TRUE(eventually([&] { return sdk.first("uploaded") || sdk.first("refused"); }, 60'000)) << sdk.said() << said;
    const auto why = sdk.first("refused");
    ASSERT_TRUE(why) << sdk.said();
    EXPECT_THAT(sdk.said(), AllOf(HasSubstr("\"name\":\"BlobSasError\""), HasSubstr("Unauthorized")));
    EXPECT_FALSE(fs::exists(world->hub() / "files/kept/dev-2"));
}

INSTANTIATE_TEST_SUITE_P(By, AzureFiles, testing::ValuesIn(azure_kinds), name_of_kind);

}  // namespace
}  // namespace berth::test
