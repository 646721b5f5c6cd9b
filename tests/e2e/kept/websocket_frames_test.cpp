// Frames at the hub's WebSockets that break the rules, or keep them and mean no good: each is told so and cut, and who is beside
// them is served.
#include "kept_world.h"
#include "support/mqtt_packets.h"

namespace berth::test {
namespace {

class WebsocketFrames : public Kept {
protected:
    [[nodiscard]] websocket_client::files files_of(const std::string& name) const {
        return {world->server_root().string(), holder(name).chain.string(), holder(name).key.string()};
    }
    [[nodiscard]] std::unique_ptr<websocket_client> come() const {
        auto out = std::make_unique<websocket_client>(world->at("https").port, files_of("dev-1"));
        EXPECT_TRUE(out->open());
        return out;
    }
    static int log_in(websocket_client& c, const std::string& name) {
        c.frame(mqtt_connect(name));
        const auto answer = c.hear();
        return answer && answer->opcode == 2 && answer->payload.size() == 4 ? answer->payload[3] : 255;
    }
    // Its other broker may be on its way out still, and have its port.
    void start_again() {
        ASSERT_TRUE(eventually([this] { return world->restart().has_value(); })) << said;
    }
    static bytes masked(std::initializer_list<uint8_t> head, size_t payload = 0) {
        bytes out(head);
        out.resize(out.size() + 4 + payload);  // masked by zeros
        return out;
    }
};

TEST_F(WebsocketFrames, ThatBreakARuleEndTheConnection) {
    begin();
    mqtt_by_hand other(world->at("https").port, files_of("dev-2"), true);
    ASSERT_EQ(other.log_in(mqtt_connect("dev-2")), 0) << said;
    const std::vector<std::pair<std::string, bytes>> protocol_errors{
        {"a reserved bit", masked({0xc2, 0x80})},
        {"an unknown opcode", masked({0x83, 0x80})},
        {"an unknown control opcode", masked({0x8b, 0x80})},
        {"a ping in pieces", masked({0x09, 0x80})},
        {"a ping of 126 octets", masked({0x89, 0x80 | 126, 0, 126}, 126)},
        {"a piece of nothing", masked({0x80, 0x80})},
        {"a message within a message", concat({masked({0x02, 0x80}), masked({0x82, 0x80})})},
        {"a length longer than it need be", masked({0x82, 0x80 | 126, 0, 5}, 5)},
        {"a length of 64 bits with the first one set", masked({0x82, 0x80 | 127, 0x80, 0, 0, 0, 0, 0, 0, 1}, 1)},
        {"a reason of one octet", masked({0x88, 0x81}, 1)},
    };
    for (const bool logged_in : {false, true}) {
        for (const auto& [what, octets] : protocol_errors) {
            auto c = come();
            if (logged_in) {
                ASSERT_EQ(log_in(*c, "dev-1"), 0) << said;
            }
            c->send(octets);
            EXPECT_EQ(c->close_code(), 1002) << what;
        }
        // More than a message may have: it is not waited for.
        for (const bytes& octets : {masked({0x82, 0x80 | 127, 0, 0, 0, 0, 0, 0x10, 0, 1}),
                                    masked({0x82, 0x80 | 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})}) {
            auto c = come();
            if (logged_in) {
                ASSERT_EQ(log_in(*c, "dev-1"), 0) << said;
            }
            c->send(octets);
            EXPECT_EQ(c->close_code(), 1009);
        }
    }
    EXPECT_TRUE(other.is_there()) << said;
}

// What was sent is answered, once at least, while another device is served; and the one who floods is not cut for it.
TEST_F(WebsocketFrames, AFloodOfPingsKeepsNobodyElseWaiting) {
    begin();
    auto floods = come();
    ASSERT_EQ(log_in(*floods, "dev-1"), 0) << said;
    mqtt_by_hand other(world->at("https").port, files_of("dev-2"), true);
    ASSERT_EQ(other.log_in(mqtt_connect("dev-2")), 0) << said;
    bytes pings;
    for (int i = 0; i < 2'000; ++i) {
        append(pings, masked({0x89, 0x80 | 125}, 125));
    }
    // 25 MB and 200,000 pings, of which no pong is read before the end.
    for (int i = 0; i < 100; ++i) {
        floods->send(pings);
        if (i % 10 == 0) {
            ASSERT_TRUE(other.is_there()) << said;
        }
    }
    const bytes last{'l', 'a', 's', 't'};
    floods->frame(last, 0x89);
    size_t pongs = 0;
    for (auto frame = floods->hear(); frame && frame->payload != last; frame = floods->hear()) {
        ASSERT_EQ(frame->opcode, 10);
        ++pongs;
    }
    EXPECT_LE(pongs, 200'000U);
    floods->frame(bytes{0xc0, 0});
    const auto answer = floods->hear();
    ASSERT_TRUE(answer) << said;
    EXPECT_EQ(to_hex(answer->payload), "d000");
}

// CONNECT must be there in time, whatever else is sent.
TEST_F(WebsocketFrames, WhoDoesNotLogInIsCut) {
    begin(false, "[hub.websockets]\nconnect = 2\n");
    auto silent = come(), pings = come(), half = come(), pieces = come();
    pings->frame(as_bytes("ping"), 0x89);
    half->frame(bytes_view(mqtt_connect("dev-1")).first(5));
    pieces->frame({}, 0x02);
    for (int i = 0; i < 1'000; ++i) {
        pieces->frame({}, 0x00);  // of nothing
    }
    for (auto* one : {silent.get(), pings.get(), half.get(), pieces.get()}) {
        EXPECT_EQ(one->close_code(), 1008);
    }
    auto c = come();
    ASSERT_EQ(log_in(*c, "dev-1"), 0) << "and who is in may be silent\n" << said;
    auto late = come();
    EXPECT_EQ(late->close_code(), 1008);
    c->frame(bytes{0xc0, 0});
    EXPECT_TRUE(c->hear());
}

// A module that has a certificate, which Azure's SDK for Node.js has no way to show.
TEST_F(WebsocketFrames, AModuleComesByItsCertificate) {
    begin();
    listen_to_all();
    mqtt_by_hand module(world->at("https").port, files_of("dev-1/mod-1"), true);
    ASSERT_EQ(module.log_in(mqtt_connect("dev-1/mod-1")), 0) << said;
    ASSERT_TRUE(module.subscribe("$iothub/twin/res/#"));
    ASSERT_TRUE(module.subscribe("$iothub/twin/PATCH/properties/desired/#"));
    ASSERT_TRUE(module.subscribe("$iothub/methods/POST/#"));
    EXPECT_FALSE(module.subscribe("devices/dev-1/messages/devicebound/#")) << "its device's";
    EXPECT_TRUE(module.publish("devices/dev-1/messages/events/", "as its device"));
    EXPECT_TRUE(module.publish("devices/dev-1/modules/mod-1/messages/events/a=1", "its own"));
    EXPECT_TRUE(eventually([this] { return text("heard").find("mod-1/messages/events/a=1 its own") != std::string::npos; }))
        << text("heard") << said;
    EXPECT_EQ(text("heard").find("as its device"), std::string::npos);
    module.send(mqtt_publish("$iothub/twin/PATCH/properties/reported/?$rid=1", R"({"firmware":"1"})", 0));
    auto told = module.next(3);
    ASSERT_TRUE(told) << said;
    EXPECT_EQ(told->topic(), "$iothub/twin/res/204/?$rid=1&$version=2");
    EXPECT_EQ(hub({"twin", "set", "dev-1/mod-1", "--desired", R"({"rate":5})"}).exit, 0);
    told = module.next(3);
    ASSERT_TRUE(told) << said;
    EXPECT_EQ(told->payload(), R"({"rate":5,"$version":2})");
    // It is called, and answers.
    const pid_t call = spawn({fs::path(BERTH_BIN_DIR) / "berth", "--json", "hub", "method", "call", "dev-1/mod-1", "reboot",
                              "--hub", world->hub().string()},
                             at("call"));
    told = module.next(3);
    ASSERT_TRUE(told) << said << text("call");
    EXPECT_THAT(told->topic(), testing::StartsWith("$iothub/methods/POST/reboot/?$rid="));
    const std::string number = told->topic().substr(told->topic().find("$rid="));
    EXPECT_TRUE(module.publish("$iothub/methods/res/201/?" + number, R"("soon")"));
    EXPECT_EQ(exit_of(call), 0);
    EXPECT_THAT(text("call"), testing::HasSubstr(R"({"status":201,"payload":"soon"})"));
    // Nobody else has its name by the same way, and it goes with its device.
    mqtt_by_hand device(world->at("https").port, files_of("dev-1"), true),
        stranger(world->at("https").port, files_of("dev-2"), true);
    EXPECT_EQ(device.log_in(mqtt_connect("dev-1/mod-1")), 5);
    EXPECT_EQ(stranger.log_in(mqtt_connect("dev-1/mod-1")), 5);
    EXPECT_TRUE(module.is_there());
    EXPECT_EQ(hub({"device", "disable", "dev-1"}).exit, 0);
    EXPECT_TRUE(module.was_ended());
    EXPECT_TRUE(eventually([this] { return said.find("\"device_disabled\"") != std::string::npos; })) << said;
}

// Whoever was told that a message is kept finds it kept, though the broker, or berthd, or one after the other, was killed while
// acknowledgements came.
TEST_F(WebsocketFrames, WhatWasAcknowledgedOutlivesBrokerAndBerthd) {
    begin(false, fmt::format("[[hub.telemetry]]\nname = \"archive\"\nfile = \"{}\"\n", at("archive")));
    ASSERT_TRUE(world->keep_ports());
    std::vector<std::string> acknowledged;
    int sent = 0;
    const auto send_until_cut = [&](const std::function<void()>& kill) {
        std::unique_ptr<mqtt_by_hand> c;
        // While the broker is not up, one is told to come again.
        ASSERT_TRUE(eventually([&] {
            if (!websocket_client(world->at("https").port, files_of("dev-1")).open()) {
                return false;
            }
            c = std::make_unique<mqtt_by_hand>(world->at("https").port, files_of("dev-1"), true);
            return c->log_in(mqtt_connect("dev-1")) == 0;
        })) << said;
        // Several on their way at any time, so that the kill finds some of them half done.
        std::map<int, std::string> under_way;
        size_t told = 0;
        for (uint16_t number = 1; number < 10'000; ++number) {
            const std::string name = std::to_string(++sent);
            under_way[number] = name;
            c->send(mqtt_publish("devices/dev-1/messages/events/n=" + name, "x", number));
            if (under_way.size() < 20) {
                continue;
            }
            const auto answer = c->next(4);
            if (!answer) {
                break;
            }
            acknowledged.push_back(under_way[answer->number()]);
            under_way.erase(answer->number());
            if (++told == 50) {
                kill();
            }
        }
        // What was on its way to us.
        while (const auto answer = c->next(4)) {
            acknowledged.push_back(under_way[answer->number()]);
        }
        EXPECT_GE(told, 50U);
        EXPECT_FALSE(under_way.empty());
    };
    send_until_cut([this] {
        const auto brokers = brokers_now();
        ASSERT_FALSE(brokers.empty());
        for (const pid_t each : brokers) {
            ::kill(each, SIGKILL);
        }
    });
    send_until_cut([this] { ::kill(world->server().pid(), SIGKILL); });
    start_again();
    send_until_cut([this] {
        for (const pid_t each : brokers_now()) {
            ::kill(each, SIGKILL);
        }
        ::kill(world->server().pid(), SIGKILL);
    });
    start_again();
    std::set<std::string> kept;
    ASSERT_TRUE(eventually([&] {
        kept.clear();
        std::istringstream lines(text("archive"));
        for (std::string line; std::getline(lines, line);) {
            if (const auto read = wire::parse_json_object(line)) {
                kept.insert(std::string(read->at("properties").at("n").as_string()));
            }
        }
        return std::ranges::all_of(acknowledged, [&](const auto& one) { return kept.contains(one); });
    })) << acknowledged.size()
        << " acknowledged, " << kept.size() << " kept\n"
        << said;
    EXPECT_GE(acknowledged.size(), 150U);
}

}  // namespace
}  // namespace berth::test
