// Files of devices in a store that speaks S3: npm's s3rver as it is. What a device is told of it, what is there then, and what a
// kill, a store that goes away and a wrong secret leave.
#include "../kept/kept_world.h"
#include "azure_js.h"
#include "wire/base64.h"

namespace berth::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* key_id = "BERTHTESTKEY";
constexpr const char* secret = "a secret of this test's alone/+=";
constexpr size_t mebi = size_t{1024} * 1024;

class FileStore : public Kept {
protected:
    void SetUp() override { BERTH_SKIP_WITHOUT_AZURE(); }

    // s3rver, on the port that it had before.
    void start_store(wire::json::object more = {}) {
        more["directory"] = at("s3");
        more["bucket"] = "acme-files";
        more["id"] = key_id;
        more["secret"] = secret;
        more["port"] = port_;
        store.emplace(js_program::start(node_20, "store", more, directory.path()));
        ASSERT_TRUE(eventually([this] { return store->first("listening").has_value(); })) << store->said();
        port_ = static_cast<uint16_t>(store->first("listening")->at("port").as_int64());
    }
    void begin_with(const std::string& more = "", const char* with_secret = secret, const char* scheme = "http") {
        EXPECT_TRUE(app::write_text(at("s3.secret"), fmt::format("{}\n", with_secret)));
        fs::permissions(at("s3.secret"), fs::perms::owner_read | fs::perms::owner_write);
        begin(false, fmt::format("[hub.files]\n[hub.files.s3]\nendpoint = \"{}://{}:{}\"\nbucket = \"acme-files\"\n"
                                 "prefix = \"hub-1/\"\naccess_key_id = \"{}\"\nsecret_file = \"{}\"\n{}"
                                 "[admin]\nlisten = \"127.0.0.1:0\"\n",
                                 scheme, scheme == std::string("http") ? "127.0.0.1" : "localhost", port_, key_id,
                                 at("s3.secret"), more));
    }
    // "BODY STATUS"
    [[nodiscard]] std::string curl(std::vector<std::string> words, const std::string& target) const {
        words.insert(words.begin(), {"-sS", "-w", " %{http_code}", "--cacert", world->server_root().string()});
        words.push_back(target.starts_with("https:") ? target
                                                     : fmt::format("https://localhost:{}{}", world->at("https").port, target));
        return run_program("/usr/bin/curl", words, 90'000, our_libraries()).all();
    }
    [[nodiscard]] std::string ask(const app::hub_world::holder& who, const std::string& target, const std::string& body) const {
        return curl({"--cert", who.chain.string(), "--key", who.key.string(), "-H", "Content-Type: application/json",
                     "--data-binary", body},
                    target);
    }
    struct upload {
        std::string correlation, url;
    };
    [[nodiscard]] upload start(const std::string& name) const {
        const auto answer = ask(holder("dev-1"), "/devices/dev-1/files", wire::to_text(wire::json::object{{"blobName", name}}));
        const auto told = wire::parse_json_object(answer.substr(0, answer.rfind('}') + 1));
        EXPECT_TRUE(told) << answer << said;
        const auto part = [&](const char* of) { return told ? std::string(told->at(of).as_string()) : ""; };
        return {part("correlationId"), fmt::format("https://localhost:{}/{}/{}{}", world->at("https").port, part("containerName"),
                                                   part("blobName"), part("sasToken"))};
    }
    [[nodiscard]] std::string over(const upload& one) const {
        return ask(holder("dev-1"), "/devices/dev-1/files/notifications",
                   wire::to_text(wire::json::object{
                       {"correlationId", one.correlation}, {"isSuccess", true}, {"statusCode", 201}, {"statusDescription", ""}}));
    }
    [[nodiscard]] std::string put(const std::string& url, const std::string& octets) const {
        return curl({"-X", "PUT", "-H", "x-ms-blob-type: BlockBlob", "--data-binary", octets}, url);
    }
    // Blocks "0", "1", ... as large as may be. What lists them.
    std::string put_blocks(const upload& one, const std::string& octets) {
        std::string list = "<BlockList>";
        for (size_t from = 0, n = 0; from < octets.size(); from += 4 * mebi, ++n) {
            const auto id = wire::base64(as_bytes(std::to_string(n)));
            EXPECT_TRUE(app::write_text(at("block"), octets.substr(from, 4 * mebi)));
            EXPECT_THAT(put(one.url + "&comp=block&blockid=" + id, "@" + at("block")), HasSubstr(" 201"));
            list += "<Latest>" + id + "</Latest>";
        }
        return list + "</BlockList>";
    }
    // Not the same anywhere, so that parts in another order are another file.
    static std::string octets_of(size_t many) {
        std::string out(many, '\0');
        uint32_t state = 1;
        for (char& c : out) {
            state = state * 1'664'525U + 1'013'904'223U;
            c = static_cast<char>(state >> 24);
        }
        return out;
    }
    static std::string contents(const fs::path& file) {
        std::ifstream in(file, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    // The objects of a device's that the store has.
    [[nodiscard]] std::vector<std::string> objects(const std::string& device = "dev-1") const {
        std::vector<std::string> out;
        std::error_code none;
        for (auto each = fs::directory_iterator(fs::path(at("s3")) / "acme-files/hub-1" / device, none);
             !none && each != fs::directory_iterator(); each.increment(none)) {
            if (each->path().string().ends_with("._S3rver_object")) {
                out.push_back(contents(each->path()));
            }
        }
        return out;
    }
    [[nodiscard]] bool nothing_here() const {
        std::error_code none;
        const auto kept = world->hub() / "files/kept";
        return !fs::exists(kept / "dev-1", none) || fs::is_empty(kept / "dev-1", none);
    }
    [[nodiscard]] std::string metrics() const {
        return run_program("/usr/bin/curl", {"-sS", fmt::format("http://127.0.0.1:{}/metrics", world->at("admin").port)}).all();
    }

    std::optional<js_program> store;

private:
    int64_t port_ = 0;
};

TEST_F(FileStore, HasWhatDevicesPut) {
    start_store();
    begin_with();
    const auto small = start("logs/small.txt");
    EXPECT_THAT(put(small.url, "hello"), HasSubstr(" 201")) << said;
    EXPECT_EQ(objects(), std::vector<std::string>{"hello"}) << "before it was answered";
    EXPECT_TRUE(nothing_here());
    EXPECT_THAT(curl({"-H", "Range: bytes=1-2"}, small.url), HasSubstr("el 206"));
    EXPECT_THAT(put(small.url, "hello again"), HasSubstr(" 201"));
    EXPECT_TRUE(eventually([this] { return objects() == std::vector<std::string>{"hello again"}; })) << "what it was goes";
    EXPECT_THAT(over(small), HasSubstr(" 204"));
    const auto octets = octets_of(12 * mebi + 5);
    const auto large = start("large.bin");
    const auto list = put_blocks(large, octets);
    EXPECT_THAT(put(large.url + "&comp=blocklist", list), HasSubstr(" 201")) << said;
    EXPECT_THAT(objects(), testing::UnorderedElementsAre("hello again", octets));
    EXPECT_THAT(store->said(), AllOf(HasSubstr("partNumber=2"), Not(HasSubstr("partNumber=3"))));
    EXPECT_THAT(over(large), HasSubstr(" 204"));
    // As with a directory.
    EXPECT_THAT(hub({"file", "list", "--device", "dev-1"}).all(), AllOf(HasSubstr("large.bin"), HasSubstr("logs/small.txt")));
    EXPECT_THAT(hub({"file", "get", "dev-1/large.bin", "--out", at("got")}).all(), HasSubstr("file_in_store"));
    const std::vector<std::string> admin{"--cert", world->admin().chain.string(), "--key", world->admin().key.string()};
    std::string whole;
    for (const char* const range : {"0-8388607", "8388608-"}) {
        auto words = admin;
        words.insert(words.end(), {"-o", at("got"), "-H", fmt::format("Range: bytes={}", range)});
        EXPECT_THAT(curl(words, "/v1/files/dev-1/large.bin"), HasSubstr(" 206"));
        whole += contents(at("got"));
    }
    EXPECT_TRUE(whole == octets);
    EXPECT_EQ(hub({"file", "delete", "dev-1/large.bin"}).exit, 0);
    EXPECT_TRUE(eventually([this] { return objects() == std::vector<std::string>{"hello again"}; }, 60'000));
    EXPECT_TRUE(nothing_here());
    EXPECT_THAT(metrics(), AllOf(HasSubstr(R"(berth_hub_file_store_total{operation="complete",outcome="ok"} 1)"),
                                 HasSubstr(R"(berth_hub_file_store_total{operation="put_part",outcome="ok"} 2)")));
    EXPECT_THAT(said, Not(HasSubstr(secret)));
}

TEST_F(FileStore, SurvivesAKillInMidUpload) {
    start_store({{"stalls", "partNumber=2"}});
    begin_with();
    const auto octets = octets_of(12 * mebi + 5);
    const auto one = start("large.bin");
    const auto list = put_blocks(one, octets);
    EXPECT_TRUE(app::write_text(at("list"), list));
    const pid_t curl_runs = spawn({"/usr/bin/curl", "-sS", "--cacert", world->server_root().string(), "-X", "PUT",
                                   "--data-binary", "@" + at("list"), one.url + "&comp=blocklist"},
                                  at("curl.log"), our_libraries());
    EXPECT_TRUE(eventually([this] { return store->first("stalled").has_value(); })) << store->said() << said;
    const auto brokers = brokers_now();
    ::kill(world->server().pid(), SIGKILL);
    ASSERT_TRUE(eventually([&] { return std::ranges::none_of(brokers, [](pid_t b) { return ::kill(b, 0) == 0; }); }));
    EXPECT_NE(exit_of(curl_runs), 0);
    ASSERT_TRUE(world->restart());
    // The parts that were put go, and the device goes on with its blocks.
    EXPECT_TRUE(eventually([this] { return store->said().find("\"DELETE\"") != std::string::npos; })) << store->said();
    EXPECT_THAT(curl({}, one.url), HasSubstr(" 404"));
    EXPECT_THAT(put(one.url + "&comp=blocklist", list), HasSubstr(" 201")) << said;
    EXPECT_THAT(over(one), HasSubstr(" 204"));
    EXPECT_TRUE(objects() == std::vector<std::string>{octets});
    EXPECT_TRUE(nothing_here());
}

TEST_F(FileStore, LosesNothingWhileItIsAway) {
    start_store();
    begin_with();
    const auto kept = start("kept");
    EXPECT_THAT(put(kept.url, "kept"), HasSubstr(" 201"));
    const auto one = start("large.bin");
    const auto octets = octets_of(5 * mebi);
    const auto list = put_blocks(one, octets);
    store.reset();
    const auto refused =
        AllOf(HasSubstr("<Code>ServerBusy</Code>"), HasSubstr("The store of files cannot be reached"), HasSubstr(" 503"));
    EXPECT_THAT(put(one.url + "&comp=blocklist", list), refused);
    EXPECT_THAT(put(kept.url, "other"), refused);
    EXPECT_THAT(curl({}, kept.url), refused);
    EXPECT_THAT(over(one), HasSubstr(" 400")) << "nothing says that it was put";
    EXPECT_THAT(hub({"file", "list", "--device", "dev-1"}).all(), HasSubstr("kept")) << "the hub serves on";
    EXPECT_TRUE(eventually([this] { return said.find("file_store_failed") != std::string::npos; })) << said;
    EXPECT_THAT(metrics(), HasSubstr(R"(berth_hub_file_store_total{operation="put",outcome="store_unreachable"})"));
    start_store();
    std::string last;
    EXPECT_TRUE(
        eventually([&] { return (last = put(one.url + "&comp=blocklist", list)).find(" 201") != std::string::npos; }, 60'000))
        << last;
    EXPECT_THAT(over(one), HasSubstr(" 204"));
    EXPECT_THAT(curl({}, kept.url), HasSubstr("kept 200"));
    EXPECT_THAT(objects(), testing::UnorderedElementsAre("kept", octets));
    EXPECT_TRUE(nothing_here());
    EXPECT_THAT(metrics(), HasSubstr(R"(berth_hub_file_store_total{operation="put",outcome="ok"} 2)"));
}

TEST_F(FileStore, TellsOfAWrongSecret) {
    start_store();
    begin_with("", "another secret than the store has");
    const auto one = start("a");
    EXPECT_THAT(put(one.url, "x"), AllOf(HasSubstr("SignatureDoesNotMatch"), HasSubstr(" 503")));
    EXPECT_TRUE(objects().empty());
    EXPECT_TRUE(nothing_here());
    const auto check = run_program(std::string(BERTH_BIN_DIR) + "/berthd", {"check", world->config().string()});
    EXPECT_NE(check.exit, 0);
    EXPECT_THAT(check.all(), AllOf(HasSubstr("[hub.files.s3]"), HasSubstr("SignatureDoesNotMatch")));
    EXPECT_THAT(check.all() + said, Not(HasSubstr("another secret than")));
    // Mended, and read again.
    EXPECT_TRUE(app::write_text(at("s3.secret"), secret));
    fs::permissions(at("s3.secret"), fs::perms::owner_read | fs::perms::owner_write);
    const auto good = run_program(std::string(BERTH_BIN_DIR) + "/berthd", {"check", world->config().string()});
    EXPECT_EQ(good.exit, 0) << good.all();
    ::kill(world->server().pid(), SIGHUP);
    std::string last;
    EXPECT_TRUE(eventually([&] { return (last = put(one.url, "x")).find(" 201") != std::string::npos; }, 60'000)) << last << said;
    EXPECT_EQ(objects(), std::vector<std::string>{"x"});
}

TEST_F(FileStore, GoesOnWhereItMayNotRemove) {
    start_store({{"answers", wire::json::array{wire::json::object{
                                 {"method", "DELETE"}, {"status", 403}, {"code", "AccessDenied"}, {"sticks", true}}}}});
    begin_with();
    const auto one = start("a");
    EXPECT_THAT(put(one.url, "first"), HasSubstr(" 201")) << said;
    EXPECT_THAT(put(one.url, "second"), HasSubstr(" 201"));
    EXPECT_TRUE(eventually([this] { return store->first("answered").has_value(); })) << store->said();
    for (const char* const next : {"third", "fourth", "fifth"}) {
        EXPECT_THAT(put(one.url, next), HasSubstr(" 201")) << "it takes others";
    }
    EXPECT_TRUE(eventually([this] { return objects().size() == 2; })) << "others go: " << store->said();
    EXPECT_THAT(objects(), testing::UnorderedElementsAre("first", "fifth"));
    EXPECT_THAT(metrics(), HasSubstr(R"(berth_hub_file_store_total{operation="remove",outcome="store_refused"})"));
    EXPECT_TRUE(eventually([this] { return said.find("file_store_failed") != std::string::npos; })) << "as its log says";
    EXPECT_THAT(said, Not(HasSubstr("file_store_back")));
    store.reset();
    start_store();
    EXPECT_TRUE(eventually([this] { return objects() == std::vector<std::string>{"fifth"}; }, 90'000)) << store->said();
}

TEST_F(FileStore, ForgetsNoPartsThatItMayNotGiveUp) {
    start_store(
        {{"answers",
          wire::json::array{
              wire::json::object{{"method", "PUT"}, {"has", "partNumber=2"}, {"status", 400}, {"code", "EntityTooLarge"}},
              wire::json::object{{"method", "DELETE"}, {"has", "uploadId"}, {"status", 403}, {"code", "AccessDenied"}}}}});
    begin_with();
    const auto one = start("large.bin");
    const auto list = put_blocks(one, octets_of(12 * mebi + 5));
    EXPECT_THAT(put(one.url + "&comp=blocklist", list), AllOf(HasSubstr("EntityTooLarge"), HasSubstr(" 400"))) << "not again";
    const auto refused = R"(berth_hub_file_store_total{operation="give_up_parts",outcome="store_refused"})";
    EXPECT_TRUE(eventually([&] { return metrics().find(refused) != std::string::npos; })) << metrics();
    EXPECT_THAT(put(start("small").url, "x"), HasSubstr(" 201"));
    EXPECT_THAT(metrics(), Not(HasSubstr(R"(operation="remove")"))) << "the object before its parts";
    store.reset();
    start_store({{"answers", wire::json::array{wire::json::object{
                                 {"method", "DELETE"}, {"has", "uploadId"}, {"status", 404}, {"code", "NoSuchUpload"}}}}});
    EXPECT_TRUE(
        eventually([this] { return metrics().find(R"({operation="remove",outcome="ok"} 1)") != std::string::npos; }, 90'000))
        << metrics();
}

TEST_F(FileStore, IsNotShutByAnObjectThatIsGone) {
    // As Amazon's answers whoever may not list the bucket.
    start_store(
        {{"answers", wire::json::array{wire::json::object{{"method", "GET"}, {"status", 403}, {"code", "AccessDenied"}}}}});
    begin_with();
    const auto one = start("a");
    EXPECT_THAT(put(one.url, "x"), HasSubstr(" 201")) << said;
    EXPECT_THAT(curl({}, one.url), AllOf(HasSubstr("AccessDenied"), HasSubstr(" 503")));
    EXPECT_THAT(put(one.url, "y"), HasSubstr(" 201")) << "nor does it rest";
    const auto check = run_program(std::string(BERTH_BIN_DIR) + "/berthd", {"check", world->config().string()});
    EXPECT_EQ(check.exit, 0) << check.all();
}

TEST_F(FileStore, IsNoWebServerThatHasNothing) {
    start_store({{"answers", wire::json::array{wire::json::object{{"status", 404}}}}});
    begin_with();
    const auto check = run_program(std::string(BERTH_BIN_DIR) + "/berthd", {"check", world->config().string()});
    EXPECT_NE(check.exit, 0);
    EXPECT_THAT(check.all(), AllOf(HasSubstr("[hub.files.s3]"), HasSubstr("404")));
    EXPECT_THAT(put(start("a").url, "x"), HasSubstr(" 503")) << said;
}

TEST_F(FileStore, IsJudgedByItsCertificate) {
    // Of the server's own root, which is not among the anchors at first.
    begin(false, "");
    const auto cert = world->directory() / "server.pem", key = world->directory() / "server.key";
    const auto root = world->server_root();
    fs::create_directories(at("tls"));
    for (const auto& [from, to] : {std::pair(cert, "server.pem"), std::pair(key, "server.key"), std::pair(root, "root.pem"),
                                   std::pair(world->admin().chain, "other.pem")}) {
        fs::copy_file(from, fs::path(at("tls")) / to);
    }
    world.reset();
    // Its broker is a moment longer in there.
    EXPECT_TRUE(eventually(
        [this] {
            std::error_code busy;
            fs::remove_all(directory.path() / "world", busy);
            return !busy;
        },
        10'000));
    start_store({{"cert", at("tls/server.pem")}, {"key", at("tls/server.key")}});
    begin_with(fmt::format("anchors = [\"{}\"]\n", at("tls/root.pem")), secret, "https");
    EXPECT_THAT(put(start("a").url, "over TLS"), HasSubstr(" 201")) << said;
    EXPECT_EQ(objects(), std::vector<std::string>{"over TLS"});
    // Another root is nobody's who vouches for it: the world's new one.
    fs::copy_file(world->server_root(), at("tls/root.pem"), fs::copy_options::overwrite_existing);
    ::kill(world->server().pid(), SIGHUP);
    const auto one = start("b");
    std::string last;
    EXPECT_TRUE(eventually([&] { return (last = put(one.url, "x")).find(" 503") != std::string::npos; }, 60'000)) << last << said;
    EXPECT_EQ(objects(), std::vector<std::string>{"over TLS"});
}

TEST_F(FileStore, HasWhatAzuresSdkUploads) {
    start_store();
    begin_with();
    const auto octets = octets_of(20 * mebi + 1);
    EXPECT_TRUE(app::write_text(at("twenty"), octets));
    const auto& who = holder("dev-1");
    auto sdk = js_program::start(node_20, "upload",
                                 {{"host", "localhost"},
                                  {"port", world->at("https").port},
                                  {"deviceId", "dev-1"},
                                  {"cert", who.chain.string()},
                                  {"key", who.key.string()},
                                  {"files", wire::json::array{{{"name", "twenty"}, {"file", at("twenty")}}}},
                                  {"steps", {{"name", "never"}}}},
                                 directory.path(), {"NODE_EXTRA_CA_CERTS=" + world->server_root().string()});
    EXPECT_TRUE(eventually([&] { return sdk.first("notified") || sdk.first("refused"); }, 120'000)) << sdk.said() << said;
    ASSERT_TRUE(sdk.first("notified")) << sdk.said() << said;
    EXPECT_TRUE(objects() == std::vector<std::string>{octets});
    EXPECT_TRUE(nothing_here());
}

}  // namespace
}  // namespace berth::test
