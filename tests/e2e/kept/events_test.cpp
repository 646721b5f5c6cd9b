// What becomes of devices, told to a program over HTTPS, to a file and to a topic: in order, and nothing is lost.
#include "crypto/hash.h"
#include "kept_world.h"
#include "keystore/key_uri.h"
#include "net/http_server.h"
#include "net/loop.h"

#include <atomic>
#include <mutex>

#include <sys/stat.h>

namespace berth::test {
namespace {

using testing::HasSubstr;

constexpr std::string_view secret = "a secret of the receiver's";

// A program that is told of events over HTTPS, and looks at each request.
class receiver {
public:
    // `directory`: where the world's certificates are going to lie.
    explicit receiver(fs::path directory) : directory_(std::move(directory)) {
        auto router = std::make_shared<net::http_router>();
        router->add("POST", "/hook", [this](const net::http_request& r) { return answer(r); });
        using context = result<std::shared_ptr<const net::tls_context>>;
        server_ = got(net::http_server::listen(loop_, {"127.0.0.1", 0}, net::tls_http{[this]() -> context { return tls(); }},
                                               router, system_clock()));
        thread_ = std::thread([this] { loop_.run(); });
    }
    ~receiver() {
        loop_.stop();
        thread_.join();
    }
    [[nodiscard]] uint16_t port() const { return server_->port(); }
    void refuse(bool from_now_on) { refusing_ = from_now_on; }
    uint64_t last() {
        const std::lock_guard held(mutex_);
        return last_;
    }
    std::vector<std::string> complaints() {
        const std::lock_guard held(mutex_);
        return complaints_;
    }
    size_t refused() const { return refused_; }

private:
    result<std::shared_ptr<const net::tls_context>> tls() {
        net::tls_server_config config;
        BERTH_TRY(chain, app::read_chain(directory_ / "server.pem"));
        BERTH_TRY(key, keystore::open_signing_key((directory_ / "server.key").string()));
        config.credentials.push_back({std::move(chain), std::move(key)});
        config.clients = net::tls_server_config::client_certificate::require;
        config.client.possession_only = true;
        return net::tls_context::make(std::move(config), system_clock());
    }
    net::http_response answer(const net::http_request& r) {
        if (refusing_) {
            ++refused_;
            return net::http_response::text(503, "later");
        }
        const std::lock_guard held(mutex_);
        const std::string signature(r.headers.get("Berth-Signature"));
        const auto mark = signature.find(",v1=");
        const std::string text = signature.substr(2, mark - 2) + "." + r.body;
        const auto mac = crypto::hmac(crypto::hash_algorithm::sha256, as_bytes(secret), as_bytes(text));
        if (signature.substr(mark + 4) != to_hex(mac)) {
            complaints_.push_back("signature " + signature);
        }
        if (!r.peer->chain.at(0).subject().empty() && r.peer->chain.at(0).subject().find("admin") == std::string::npos) {
            complaints_.push_back("another client: " + r.peer->chain.at(0).subject());
        }
        const auto body = got(wire::parse_json_object(r.body));
        if (body.at("hub").as_string() != "localhost") {
            complaints_.push_back("another hub");
        }
        for (const auto& one : body.at("events").as_array()) {
            const auto number = static_cast<uint64_t>(one.as_object().at("number").as_int64());
            if (last_ != 0 && number > last_ + 1) {
                complaints_.push_back(fmt::format("{} after {}", number, last_));
            }
            last_ = std::max(last_, number);
        }
        return net::http_response::empty(204);
    }

    fs::path directory_;
    net::loop loop_;
    std::unique_ptr<net::http_server> server_;
    std::thread thread_;
    std::atomic<bool> refusing_ = false;
    std::atomic<size_t> refused_ = 0;
    std::mutex mutex_;
    uint64_t last_ = 0;
    std::vector<std::string> complaints_;
};

class Told : public Kept {
protected:
    // Numbers that the lines of a file have, whose order is looked at; each of them parses, but for half ones.
    std::set<uint64_t> numbers(const std::string& name) {
        std::set<uint64_t> out;
        std::istringstream lines(text(name));
        for (std::string line; std::getline(lines, line);) {
            const auto read = wire::parse_json_object(line);
            if (read) {
                const auto number = static_cast<uint64_t>(read->at("number").as_int64());
                EXPECT_TRUE(out.empty() || number <= *out.rbegin() + 1) << name << ": " << number << " after " << *out.rbegin();
                out.insert(number);
            }
        }
        return out;
    }
    // Its brokers go with it.
    void kill_all() {
        const pid_t berthd = world->server().pid();
        std::ifstream in(fmt::format("/proc/{0}/task/{0}/children", berthd));
        std::vector<pid_t> brokers;
        for (pid_t one = 0; in >> one;) {
            brokers.push_back(one);
        }
        ::kill(berthd, SIGKILL);
        EXPECT_TRUE(eventually([&] {
            return world->server().ended() && std::ranges::all_of(brokers, [](pid_t one) { return ::kill(one, 0) != 0; });
        }));
    }
    uint64_t newest() const {
        uint64_t out = 0;
        for (const auto& line : hub({"events"}).output) {
            if (const auto read = wire::parse_json_object(line); read && read->contains("number")) {
                out = static_cast<uint64_t>(read->at("number").as_int64());
            }
        }
        return out;
    }
    void import(const std::string& prefix, int count) {
        std::string table = "deviceId\n";
        for (int i = 0; i < count; ++i) {
            table += fmt::format("{}-{}\n", prefix, i);
        }
        ASSERT_TRUE(app::write_text(at("table.csv"), table));
        const auto r = hub({"device", "import", at("table.csv")});
        ASSERT_EQ(r.exit, 0) << r.all();
    }
    std::string sinks(uint16_t port) {
        EXPECT_TRUE(app::write_text(at("secret"), std::string(secret) + "\n"));
        fs::permissions(at("secret"), fs::perms::owner_read | fs::perms::owner_write);
        return fmt::format(R"(
[[hub.events]]
name = "crm"
webhook = "https://localhost:{}/hook"
anchors = ["server-root.pem"]
chain = "admin.pem"
key = "file:admin.key"
secret_file = "{}"
batch = 10

[[hub.events]]
name = "lines"
file = "{}"

[[hub.events]]
name = "bus"
topic = "berth/events"

[admin]
listen = "127.0.0.1:0"
)",
                           port, at("secret"), at("events.jsonl"));
    }
};

TEST_F(Told, NothingIsLostOnTheWay) {
    receiver there(directory.path() / "world");
    begin(false, sinks(there.port()));
    const uint64_t before = newest();
    pid_t ear = spawn({"/usr/bin/stdbuf", "-o0", "/usr/bin/mosquitto_sub", "--unix", world->local_socket().string(), "-i", "ear",
                       "-t", "berth/events", "-q", "1", "-d"},
                      at("heard"), our_libraries());
    ASSERT_TRUE(eventually([this] { return text("heard").find("SUBACK") != std::string::npos; })) << text("heard");
    // While one sink takes nothing the others go on, and it has it all later.
    there.refuse(true);
    EXPECT_EQ(hub({"device", "add", "ev-1"}).exit, 0);
    EXPECT_EQ(hub({"device", "delete", "ev-1"}).exit, 0);
    ASSERT_TRUE(eventually([&] { return numbers("events.jsonl").contains(before + 2); })) << text("events.jsonl") << said;
    EXPECT_THAT(text("events.jsonl"), HasSubstr(R"("opType":"createDeviceIdentity")"));
    EXPECT_THAT(text("events.jsonl"), HasSubstr(R"("opType":"deleteDeviceIdentity")"));
    EXPECT_FALSE(numbers("events.jsonl").contains(before)) << "what was before the sink is not told";
    EXPECT_TRUE(eventually([&] { return text("heard").find(R"("event":"deleted","deviceId":"ev-1")") != std::string::npos; }))
        << text("heard") << said;
    EXPECT_TRUE(eventually([&] { return there.refused() >= 2; }));
    EXPECT_EQ(there.last(), 0U);
    EXPECT_TRUE(eventually([this] { return said.find("\"events_not_taken\"") != std::string::npos; })) << said;
    ::kill(ear, SIGKILL);
    (void)exit_of(ear);
    // berthd is killed while it tells, more than once.
    there.refuse(false);
    import("many", 2'000);
    for (const uint64_t some : {300U, 900U}) {
        ASSERT_TRUE(eventually([&] { return there.last() >= before + some; })) << there.last();
        kill_all();
        EXPECT_EQ(hub({"device", "add", fmt::format("meanwhile-{}", some)}).exit, 0);
        const auto again = world->restart();
        ASSERT_TRUE(again) << again.error().message;
    }
    const uint64_t all = newest();
    EXPECT_EQ(all, before + 2 + 2'000 + 2);
    EXPECT_TRUE(eventually([&] { return there.last() == all; }, 60'000)) << there.last() << said;
    EXPECT_THAT(there.complaints(), testing::IsEmpty());
    EXPECT_TRUE(eventually([&] { return numbers("events.jsonl").size() == all - before; })) << numbers("events.jsonl").size();
    const auto metrics = [this] {
        return run_program("/usr/bin/curl", {"-sS", fmt::format("http://127.0.0.1:{}/metrics", world->at("admin").port)}).all();
    };
    EXPECT_TRUE(eventually([&] {
        const auto now = metrics();
        return now.find(R"(berth_hub_events_behind{sink="crm"} 0)") != std::string::npos &&
               now.find(R"(berth_hub_events_behind{sink="bus"} 0)") != std::string::npos;
    })) << metrics();
    EXPECT_THAT(metrics(), HasSubstr(R"(berth_hub_events_delivered_total{sink="lines"})"));
}

TEST_F(Told, AFileMayBeMovedAway) {
    begin(false, fmt::format("[[hub.events]]\nname = \"lines\"\nfile = \"{}\"\nfrom_start = true\n", at("events.jsonl")));
    const uint64_t first = newest();
    ASSERT_TRUE(eventually([&] { return numbers("events.jsonl").size() == first; })) << text("events.jsonl");
    fs::rename(at("events.jsonl"), at("events.1"));
    ::kill(world->server().pid(), SIGHUP);
    ASSERT_TRUE(eventually([&] {
        EXPECT_EQ(hub({"device", "add", fmt::format("x-{}", newest())}).exit, 0);
        return fs::exists(at("events.jsonl"));
    })) << said;
    const uint64_t last = newest();
    ASSERT_TRUE(eventually([&] { return numbers("events.jsonl").contains(last); })) << said;
    // Half a line, as of a berthd that ended in its midst, is no part of the next.
    std::ofstream(at("events.jsonl"), std::ios::app) << R"({"number":)";
    ::kill(world->server().pid(), SIGHUP);
    ASSERT_TRUE(eventually([&] {
        EXPECT_EQ(hub({"device", "add", fmt::format("y-{}", newest())}).exit, 0);
        return text("events.jsonl").ends_with("\n");
    }));
    const uint64_t end = newest();
    ASSERT_TRUE(eventually([&] { return numbers("events.jsonl").contains(end); })) << text("events.jsonl");
    auto both = numbers("events.1");
    both.merge(numbers("events.jsonl"));
    EXPECT_EQ(both.size(), end);
}

TEST_F(Told, TheCommandGoesOn) {
    begin();
    const pid_t following = spawn(
        {(fs::path(BERTH_BIN_DIR) / "berth").string(), "--json", "hub", "events", "--follow", "--hub", world->hub().string()},
        at("followed"), our_libraries());
    EXPECT_EQ(hub({"device", "add", "late"}).exit, 0);
    EXPECT_TRUE(eventually([this] { return text("followed").find(R"("deviceId":"late")") != std::string::npos; }))
        << text("followed");
    ::kill(following, SIGKILL);
    (void)exit_of(following);
}

TEST_F(Told, MistakesAreToldBeforeAnythingStarts) {
    begin();
    const auto refused = [this](const std::string& table) {
        EXPECT_TRUE(app::write_text(world->directory() / "wrong.toml",
                                    got(app::read_text(world->config())) + "[[hub.events]]\nname = \"a\"\n" + table));
        const auto r =
            run_program(fs::path(BERTH_BIN_DIR) / "berthd", {"--json", "check", (world->directory() / "wrong.toml").string()});
        EXPECT_NE(r.exit, 0) << table;
        return r.all();
    };
    EXPECT_THAT(refused(""), HasSubstr("give one of them"));
    EXPECT_THAT(refused("file = \"x\"\ntopic = \"y\"\n"), HasSubstr("give one of them"));
    EXPECT_THAT(refused("file = \"nowhere/x\"\n"), HasSubstr("file_not_found"));
    ASSERT_EQ(::mkfifo(at("pipe").c_str(), 0600), 0);
    EXPECT_THAT(refused("file = \"" + at("pipe") + "\"\n"), HasSubstr("no_regular_file"));
    EXPECT_THAT(refused("webhook = \"http://example.com/\"\n"), HasSubstr("HTTPS"));
    EXPECT_THAT(refused("webhook = \"https://example.com/\"\n"), HasSubstr("anchors"));
    EXPECT_THAT(refused("topic = \"devices/dev-1/messages/devicebound/\"\n"), HasSubstr("topic"));
    EXPECT_THAT(refused("file = \"x\"\nnothing = 1\n"), HasSubstr("nothing"));
    EXPECT_THAT(refused("file = \"x\"\n[[hub.events]]\nname = \"a\"\nfile = \"y\"\n"), HasSubstr("two"));
    EXPECT_TRUE(app::write_text(at("short"), "short"));
    fs::permissions(at("short"), fs::perms::owner_read);
    EXPECT_THAT(refused("webhook = \"http://localhost:1/\"\nsecret_file = \"" + at("short") + "\"\n"), HasSubstr("bad_secret"));
    fs::permissions(at("short"), fs::perms::owner_read | fs::perms::group_read);
    EXPECT_THAT(refused("webhook = \"http://localhost:1/\"\nsecret_file = \"" + at("short") + "\"\n"),
                HasSubstr("unsafe_permissions"));
}

}  // namespace
}  // namespace berth::test
