// MQTT over WebSockets at the hub's HTTPS listener: devices that are who they say, and others; whatever else may come there.
#include "hub/carrier/relay_token.h"
#include "hub/mqtt/connect_packet.h"
#include "kept_world.h"
#include "support/mqtt_packets.h"
#include "support/test_pki.h"

#include <sys/un.h>

namespace berth::test {
namespace {

using testing::HasSubstr;

constexpr uint8_t accepted = 0, not_authorised = 5;

class KeptWebsockets : public Kept {
protected:
    [[nodiscard]] websocket_client::files files_of(const std::string& name) const {
        return {world->server_root().string(), holder(name).chain.string(), holder(name).key.string()};
    }
    [[nodiscard]] std::unique_ptr<websocket_client> come(const websocket_client::files& by) const {
        auto out = std::make_unique<websocket_client>(world->at("https").port, by);
        EXPECT_TRUE(out->open());
        return out;
    }
    static bytes connect_as(const std::string& name, std::optional<secret_bytes> password = std::nullopt) {
        hub::connect_packet p;
        p.client_id = name;
        p.keep_alive = 60;
        if (password) {
            p.user_name = name;
            p.password = std::move(password);
        }
        return got(hub::write_connect(p));
    }
    // What the broker says to CONNECT; 255: nothing.
    static uint8_t log_in(websocket_client& c, const std::string& name) {
        c.frame(connect_as(name));
        const auto answer = c.hear();
        return answer && answer->opcode == 2 && answer->payload.size() == 4 && answer->payload[0] == 0x20 ? answer->payload[3]
                                                                                                          : 255;
    }
    bool says(const std::string& what) {
        return eventually([&] { return said.find(what) != std::string::npos; });
    }
    [[nodiscard]] std::string state(const std::string& name) const {
        return std::string(hub({"device", "show", name}).json().at("connectionState").as_string());
    }
    [[nodiscard]] fs::path broker_file(const char* name) const { return world->hub() / "broker" / name; }
    // What the broker says to this CONNECT at the relay's socket, without berthd; 255: nothing.
    [[nodiscard]] uint8_t at_the_socket(const bytes& connect) const {
        const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_un at{};
        at.sun_family = AF_UNIX;
        const auto path = broker_file("relayed").string();
        EXPECT_LT(path.size(), sizeof at.sun_path);
        std::copy(path.begin(), path.end(), std::begin(at.sun_path));
        const timeval patience{20, 0};
        (void)::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at), 0) << path;
        EXPECT_EQ(::send(fd, connect.data(), connect.size(), MSG_NOSIGNAL), static_cast<ssize_t>(connect.size()));
        std::array<uint8_t, 4> answer{};
        const auto octets = ::recv(fd, answer.data(), answer.size(), MSG_WAITALL);
        ::close(fd);
        return octets == 4 && answer[0] == 0x20 ? answer[3] : 255;
    }
    // As berthd makes it.
    [[nodiscard]] secret_bytes token_for(const std::string& name, const std::string& whose) const {
        hub::relay_claims claims;
        crypto::system_random().fill(claims.nonce);
        claims.expires = static_cast<uint64_t>(system_clock().steady() + hub::relay_token_life);
        claims.peer.value = to_bytes(as_bytes("192.0.2.1:4711"));
        claims.client_id.value = to_bytes(as_bytes(name));
        for (const auto& one : got(app::read_chain(holder(whose).chain))) {
            claims.chain.items.emplace_back(one.der());
        }
        const secret_bytes secret(as_bytes(got(app::read_text(broker_file("relay-secret")))));
        return got(hub::seal_relay_token(claims, secret));
    }
};

TEST_F(KeptWebsockets, ADeviceSendsAndAsks) {
    begin();
    listen_to_all();
    auto c = come(files_of("dev-1"));
    // Frames need not be packets.
    const auto connect = connect_as("dev-1");
    c->frame(bytes_view(connect).first(5), 0x02);
    c->frame({}, 0x00);
    c->frame(bytes_view(connect).subspan(5), 0x80);
    auto answer = c->hear();
    ASSERT_TRUE(answer);
    EXPECT_EQ(to_hex(answer->payload), "20020000");
    const auto sent = concat({mqtt_publish("devices/dev-1/messages/events/a=1", "over wss"),
                              mqtt_publish("devices/dev-2/messages/events/", "not mine"), mqtt_subscribe("$iothub/twin/res/#")});
    c->frame(sent);
    EXPECT_TRUE(eventually([this] {
        return text("heard").find("devices/dev-1/messages/events/a=1 over wss") != std::string::npos;
    })) << text("heard");
    c->frame(mqtt_publish("$iothub/twin/GET/?$rid=1", ""));
    std::string heard;
    while (heard.find("$iothub/twin/res/200/?$rid=1") == std::string::npos) {
        answer = c->hear();
        ASSERT_TRUE(answer) << heard << said;
        ASSERT_EQ(answer->opcode, 2) << heard;
        heard += as_text(answer->payload);
    }
    EXPECT_EQ(text("heard").find("not mine"), std::string::npos);
    EXPECT_TRUE(eventually([this] { return state("dev-1") == "Connected"; }));
    c->frame({}, 0x89);
    while (answer->opcode != 10) {
        answer = c->hear();
        ASSERT_TRUE(answer);
    }
    c->frame(bytes{0xe0, 0});  // DISCONNECT
    EXPECT_EQ(c->close_code(), 1000);
    EXPECT_TRUE(eventually([this] { return state("dev-1") == "Disconnected"; }));
    EXPECT_TRUE(says(R"("peer":"127.0.0.1:)")) << said;
}

TEST_F(KeptWebsockets, WhoIsNotLetInOverTlsIsNotLetInHere) {
    begin();
    const auto refused = [&](const websocket_client::files& by, const std::string& name, const std::string& reason) {
        said.clear();
        auto c = come(by);
        EXPECT_EQ(log_in(*c, name), not_authorised) << reason;
        EXPECT_EQ(c->close_code(), 1000);
        EXPECT_TRUE(says("\"reason\":\"" + reason + "\"")) << said;
        EXPECT_EQ(said.find("\"event\":\"login\""), std::string::npos) << said;
    };
    refused(files_of("dev-2"), "dev-1", "name_mismatch");
    refused(files_of("dev-1"), "nobody", "unknown_identity");
    refused({world->server_root().string(), "", ""}, "dev-1", "no_certificate");
    refused({world->server_root().string(), world->admin().chain.string(), world->admin().key.string()}, "dev-1", "unknown_ca");
    EXPECT_EQ(hub({"device", "disable", "dev-1"}).exit, 0);
    refused(files_of("dev-1"), "dev-1", "disabled");
}

TEST_F(KeptWebsockets, WhoIsDisabledIsCut) {
    begin();
    auto c = come(files_of("dev-1"));
    auto other = come(files_of("dev-2"));
    ASSERT_EQ(log_in(*c, "dev-1"), accepted) << said;
    ASSERT_EQ(log_in(*other, "dev-2"), accepted) << said;
    EXPECT_EQ(hub({"device", "disable", "dev-1"}).exit, 0);
    EXPECT_EQ(c->close_code(), 1000);
    EXPECT_TRUE(says("session_cut")) << said;
    other->frame(bytes{0xc0, 0});  // PINGREQ
    const auto answer = other->hear();
    ASSERT_TRUE(answer);
    EXPECT_EQ(to_hex(answer->payload), "d000");
}

TEST_F(KeptWebsockets, ATokenOfBerthdsIsGoodOnceAndThereAlone) {
    begin();
    EXPECT_EQ(at_the_socket(connect_as("dev-1")), not_authorised) << "nobody comes there by himself";
    EXPECT_EQ(at_the_socket(connect_as("dev-1", secret_bytes(as_bytes("SharedAccessSignature sr=x&sig=x&se=1")))),
              not_authorised);
    const auto token = token_for("dev-1", "dev-1");
    EXPECT_EQ(at_the_socket(connect_as("dev-2", token)), not_authorised) << "it is for another";
    const auto another = token_for("dev-1", "dev-1");
    EXPECT_EQ(at_the_socket(connect_as("dev-1", another)), accepted);
    EXPECT_EQ(at_the_socket(connect_as("dev-1", another)), not_authorised) << "it was used";
    EXPECT_TRUE(says("was used before")) << said;
    EXPECT_TRUE(says(R"("peer":"192.0.2.1:4711")")) << said;
    EXPECT_EQ(at_the_socket(connect_as("dev-1", token_for("dev-1", "dev-2"))), not_authorised) << "the chain is another's";
    // At the brokers' own listener it is no more than a wrong password.
    const std::string fresh(as_text(token_for("dev-1", "dev-1").reveal()));
    const auto tls =
        client("mosquitto_pub", "dev-2", {"-t", "devices/dev-1/messages/events/", "-m", "x", "-u", "dev-1", "-P", fresh});
    auto words = tls;
    *std::ranges::find(words, "dev-2") = "dev-1";
    EXPECT_NE(run_program(words.front(), {words.begin() + 1, words.end()}, 20'000, our_libraries()).exit, 0);
    EXPECT_TRUE(says("name_mismatch")) << said;
    // Of another broker's time it counts for nothing.
    const auto before = token_for("dev-1", "dev-1");
    const auto secret = got(app::read_text(broker_file("relay-secret")));
    std::ifstream children(fmt::format("/proc/{0}/task/{0}/children", world->server().pid()));
    for (pid_t one = 0; children >> one;) {
        ::kill(one, SIGKILL);
    }
    ASSERT_TRUE(eventually([&] { return got(app::read_text(broker_file("relay-secret"))) != secret; }));
    ASSERT_TRUE(eventually([&] { return publish("dev-2", "devices/dev-2/messages/events/", {"-m", "x"}).exit == 0; })) << said;
    EXPECT_EQ(at_the_socket(connect_as("dev-1", before)), not_authorised);
}

TEST_F(KeptWebsockets, WhatIsNotMqttIsToldSo) {
    begin();
    const auto by = files_of("dev-1");
    const auto told = [&](const std::function<void(websocket_client&)>& what) {
        auto c = come(by);
        what(*c);
        return c->close_code();
    };
    EXPECT_EQ(told([](auto& c) { c.frame(as_bytes("text"), 0x81); }), 1003);
    EXPECT_EQ(told([](auto& c) { c.frame(as_bytes("GET / HTTP/1.1\r\n\r\n")); }), 1002);
    EXPECT_EQ(told([](auto& c) { c.frame(mqtt_publish("a", "b")); }), 1002) << "not before CONNECT";
    EXPECT_EQ(told([](auto& c) { c.frame(bytes{0x10, 0xff, 0xff, 0xff, 0x7f}); }), 1009);
    EXPECT_EQ(told([](auto& c) { c.frame(bytes(2'000'000, 0x10)); }), 1009);
    EXPECT_EQ(told([](auto& c) { c.send(bytes{0x82, 0x01, 0x10}); }), 1002) << "not masked";
    EXPECT_EQ(told([](auto& c) {
                  auto old = connect_as("dev-1");
                  old[8] = 3;
                  c.frame(old);
              }),
              1002)
        << "another MQTT";
    EXPECT_EQ(told([](auto& c) { c.frame(bytes{0x03, 0xe8}, 0x88); }), 1000) << "closed before anything was said";
    // After CONNECT what is no MQTT is the broker's to refuse.
    EXPECT_EQ(told([](auto& c) {
                  EXPECT_EQ(log_in(c, "dev-1"), accepted);
                  c.frame(bytes(64, 0xff));
              }),
              1000);
    auto c = come(by);
    EXPECT_EQ(log_in(*c, "dev-1"), accepted) << "and the next one is served\n" << said;
}

TEST_F(KeptWebsockets, HandshakesThatAreNoneAreToldWhatToDo) {
    begin();
    const auto head = [&](const std::string& more, const std::string& subprotocol = "mqtt",
                          const std::string& path = "/$iothub/websocket") {
        websocket_client c(world->at("https").port, files_of("dev-1"));
        return c.ask(more, subprotocol, path).substr(0, 12);
    };
    EXPECT_EQ(head(""), "HTTP/1.1 101");
    EXPECT_EQ(head("", "AMQPWSB10"), "HTTP/1.1 501");
    EXPECT_EQ(head("", "amqp"), "HTTP/1.1 501");
    EXPECT_EQ(head("", "amqp, mqtt"), "HTTP/1.1 101");
    EXPECT_EQ(head("", "chat"), "HTTP/1.1 400");
    EXPECT_EQ(head("Content-Length: 0\r\n"), "HTTP/1.1 400");
    EXPECT_EQ(head("Transfer-Encoding: chunked\r\n"), "HTTP/1.1 400");
    EXPECT_EQ(head("Origin: https://evil.example\r\n"), "HTTP/1.1 403");
    EXPECT_EQ(head("Origin: null\r\n"), "HTTP/1.1 403");
    EXPECT_EQ(head("Origin: https://localhost\r\n"), "HTTP/1.1 101");
    EXPECT_EQ(head("", "mqtt", "/$iothub/websockets"), "HTTP/1.1 401")
        << "as of all else: who is nobody is not told what there is";
    const auto plain = run_program("/usr/bin/curl",
                                   {"-s", "--cacert", world->server_root().string(), "-w", " %{http_code}",
                                    fmt::format("https://localhost:{}/$iothub/websocket", world->at("https").port)},
                                   20'000, our_libraries());
    EXPECT_THAT(plain.all(), testing::AllOf(HasSubstr("426"), HasSubstr("upgrade_required")));
}

TEST_F(KeptWebsockets, AReaderThatTakesNothingIsCutAndNobodyElse) {
    begin(false, "[hub.websockets]\nslow = 1\nmost_per_address = 2\n");
    auto slow = come(files_of("dev-1"));
    auto other = come(files_of("dev-2"));
    ASSERT_EQ(log_in(*slow, "dev-1"), accepted);
    ASSERT_EQ(log_in(*other, "dev-2"), accepted);
    EXPECT_EQ(websocket_client(world->at("https").port, files_of("dev-1")).ask().substr(0, 12), "HTTP/1.1 503")
        << "two are enough";
    ASSERT_TRUE(eventually([this] { return state("dev-1") == "Connected"; }));
    slow->frame(mqtt_subscribe("devices/dev-1/messages/devicebound/#"));
    ASSERT_EQ(to_hex(slow->hear()->payload), "9003000800");
    ASSERT_TRUE(app::write_text(at("large"), std::string(200'000, 'x')));
    // More than sockets keep.
    ASSERT_TRUE(eventually(
        [&] {
            for (int i = 0; i < 10; ++i) {
                EXPECT_EQ(run_program("/usr/bin/mosquitto_pub",
                                      {"--unix", world->local_socket().string(), "-t", "devices/dev-1/messages/devicebound/x",
                                       "-f", at("large")},
                                      20'000, our_libraries())
                              .exit,
                          0);
            }
            return state("dev-1") == "Disconnected";
        },
        60'000))
        << said;
    other->frame(bytes{0xc0, 0});
    const auto answer = other->hear();
    ASSERT_TRUE(answer);
    EXPECT_EQ(to_hex(answer->payload), "d000");
    auto again = come(files_of("dev-1"));
    EXPECT_EQ(log_in(*again, "dev-1"), accepted) << "its place is free\n" << said;
}

TEST_F(KeptWebsockets, ABrokerThatWasKilledIsComeBackTo) {
    begin();
    auto c = come(files_of("dev-1"));
    ASSERT_EQ(log_in(*c, "dev-1"), accepted);
    std::ifstream children(fmt::format("/proc/{0}/task/{0}/children", world->server().pid()));
    for (pid_t one = 0; children >> one;) {
        ::kill(one, SIGKILL);
    }
    EXPECT_EQ(c->close_code(), 1000);
    // Until it is up, one is told to come again.
    std::unique_ptr<websocket_client> next;
    EXPECT_TRUE(eventually([&] {
        next = std::make_unique<websocket_client>(world->at("https").port, files_of("dev-1"));
        const auto answer = next->ask().substr(0, 12);
        EXPECT_THAT(answer, testing::AnyOf("HTTP/1.1 101", "HTTP/1.1 503"));
        return answer == "HTTP/1.1 101" && log_in(*next, "dev-1") == accepted;
    })) << said;
}

TEST_F(KeptWebsockets, ABrokerThatReadsItsCertificateAgainDropsNobody) {
    begin();
    listen_to_all();
    auto c = come(files_of("dev-1"));
    ASSERT_EQ(log_in(*c, "dev-1"), accepted);
    {
        // Its session waits for it.
        auto gone = come(files_of("dev-2"));
        hub::connect_packet p;
        p.client_id = "dev-2";
        p.clean = false;
        gone->frame(got(hub::write_connect(p)));
        ASSERT_TRUE(gone->hear());
    }
    ASSERT_TRUE(eventually([this] { return state("dev-1") == "Connected" && state("dev-2") == "Disconnected"; }));
    std::ifstream children(fmt::format("/proc/{0}/task/{0}/children", world->server().pid()));
    for (pid_t one = 0; children >> one;) {
        ::kill(one, SIGHUP);
    }
    // Turns of the broker's loop.
    for (int i = 0; i < 3; ++i) {
        c->frame(bytes{0xc0, 0});
        const auto answer = c->hear();
        ASSERT_TRUE(answer);
        EXPECT_EQ(to_hex(answer->payload), "d000");
    }
    c->frame(mqtt_publish("devices/dev-1/messages/events/", "still there"));
    EXPECT_TRUE(eventually([this] { return text("heard").find("still there") != std::string::npos; })) << text("heard") << said;
    auto again = come(files_of("dev-2"));
    EXPECT_EQ(log_in(*again, "dev-2"), accepted) << said;
    EXPECT_EQ(hub({"device", "disable", "dev-1"}).exit, 0);
    EXPECT_EQ(c->close_code(), 1000) << "and it is judged as before";
}

TEST_F(KeptWebsockets, AlsoWithNothingButPostQuantumCryptography) {
    begin(true);
    auto c = come(files_of("dev-1"));
    EXPECT_EQ(log_in(*c, "dev-1"), accepted) << said;
    auto other = come(files_of("dev-2"));
    EXPECT_EQ(log_in(*other, "dev-1"), not_authorised);
}

}  // namespace
}  // namespace berth::test
