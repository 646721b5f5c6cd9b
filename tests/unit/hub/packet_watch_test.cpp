// What goes by on a connection of MQTT: framed whatever pieces it comes in.
#include "hub/mqtt/packet_watch.h"

#include <gtest/gtest.h>

namespace berth::test {
namespace {

using hub::packet_watch;
using direction = packet_watch::direction;

bytes packet(uint8_t first, std::string_view body) {
    bytes out{first};
    size_t left = body.size();
    do {
        out.push_back(static_cast<uint8_t>((left & 0x7f) | (left > 0x7f ? 0x80 : 0)));
        left >>= 7;
    } while (left > 0);
    out.insert(out.end(), body.begin(), body.end());
    return out;
}

std::string text(std::string_view topic) {
    std::string out{static_cast<char>(topic.size() >> 8), static_cast<char>(topic.size() & 0xff)};
    return out.append(topic);
}

std::string number(uint16_t n) {
    return {static_cast<char>(n >> 8), static_cast<char>(n & 0xff)};
}

bytes publish(std::string_view topic, uint16_t n, std::string_view payload, uint8_t flags = 0x02) {
    return packet(static_cast<uint8_t>(0x30 | flags), text(topic) + ((flags & 6) != 0 ? number(n) : "") + std::string(payload));
}

void append(bytes& to, const bytes& some) {
    to.insert(to.end(), some.begin(), some.end());
}

// "7 a/b" or "7!135": all that is told of `all` in pieces of `size`.
std::vector<std::string> told(packet_watch& watch, bytes_view all, size_t size) {
    std::vector<std::string> out;
    while (!all.empty()) {
        bytes_view piece = all.first(std::min(size, all.size()));
        all = all.subspan(piece.size());
        while (const auto seen = watch.next(piece)) {
            out.push_back(std::to_string(seen->number) + (seen->topic.empty() ? "" : " " + std::string(seen->topic)) +
                          (seen->reason != 0 ? "!" + std::to_string(seen->reason) : ""));
        }
        EXPECT_TRUE(piece.empty());
    }
    return out;
}

TEST(PacketWatch, MessagesInAllPieces) {
    bytes all = packet(0x20, std::string(2, '\0'));  // CONNACK
    append(all, publish("a/b", 7, "payload"));
    append(all, publish("of/qos/0", 0, std::string(300, 'x'), 0));
    append(all, packet(0xd0, ""));  // PINGRESP
    append(all, publish("", 8, ""));
    append(all, publish(std::string(1'000, 't'), 0xfffe, std::string(70'000, 'p'), 0x0a));  // again (DUP)
    append(all, publish("last", 9, ""));
    const std::vector<std::string> expected{"7 a/b", "8", "65534 " + std::string(1'000, 't'), "9 last"};
    for (const size_t size : {size_t{1}, size_t{2}, size_t{3}, size_t{5}, size_t{64}, size_t{1'024}, all.size()}) {
        packet_watch watch(direction::to_client);
        EXPECT_EQ(told(watch, all, size), expected) << size;
        EXPECT_FALSE(watch.is_lost());
    }
}

TEST(PacketWatch, AcknowledgementsInAllPieces) {
    bytes all = packet(0x10, std::string(200, 'c'));
    append(all, packet(0x40, number(1)));
    append(all, publish("telemetry", 2, std::string(4'000, 'x')));
    append(all, packet(0x40, number(3) + std::string(1, '\x87')));          // MQTT 5: not authorised
    append(all, packet(0x40, number(4) + std::string("\x10\x03\x1f", 3)));  // with properties
    append(all, packet(0xc0, ""));
    append(all, packet(0x40, number(5)));
    for (size_t size = 1; size <= all.size(); size += size < 8 ? 1 : 97) {
        packet_watch watch(direction::from_client);
        EXPECT_EQ(told(watch, all, size), (std::vector<std::string>{"1", "3!135", "4!16", "5"})) << size;
    }
}

TEST(PacketWatch, OneDirectionTellsNothingOfTheOther) {
    packet_watch out(direction::to_client), in(direction::from_client);
    EXPECT_TRUE(told(out, packet(0x40, number(1)), 100).empty());
    EXPECT_TRUE(told(in, publish("a", 1, "x"), 100).empty());
}

// A length that is none, or a topic that is longer than its packet: nothing is told any more, whatever comes.
TEST(PacketWatch, WhatIsNoMqttIsLookedAtNoMore) {
    const bytes good = publish("a", 1, "x");
    const auto lost = [&good](bytes bad) {
        for (const size_t size : {size_t{1}, size_t{100}}) {
            packet_watch watch(direction::to_client);
            EXPECT_TRUE(told(watch, bad, size).empty());
            EXPECT_TRUE(watch.is_lost());
            EXPECT_TRUE(told(watch, good, 100).empty());
        }
    };
    lost({0x32, 0xff, 0xff, 0xff, 0xff, 0x01});
    lost({0x32, 0x00});
    lost({0x32, 0x01});
    lost(packet(0x32, text("a")));                                           // no packet identifier
    lost(packet(0x32, std::string("\xff\xff", 2) + std::string(100, 'a')));  // a topic of 65 535
    packet_watch in(direction::from_client);
    EXPECT_TRUE(told(in, bytes{0x40, 0x01, 0x00}, 100).empty());
    EXPECT_TRUE(in.is_lost());
    // The longest that there is: 268 435 455 octets to come, and nothing is kept of them.
    packet_watch longest(direction::to_client);
    EXPECT_TRUE(told(longest, bytes{0x30, 0xff, 0xff, 0xff, 0x7f}, 2).empty());
    EXPECT_TRUE(told(longest, good, 100).empty());
    EXPECT_FALSE(longest.is_lost());
}

}  // namespace
}  // namespace berth::test
