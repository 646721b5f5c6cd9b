// What waits while berthd's line to its broker is down.
#include "hub_server/unsaid_packets.h"

#include "support/test_pki.h"

namespace berth::test {
namespace {

using app::unsaid_packets;
using hub::line_seen_packet;
using kind = hub::line_seen_packet::kind;

void keep(unsaid_packets& in, uint64_t connection, kind what, uint16_t number = 0) {
    line_seen_packet one;
    one.connection = connection;
    one.what = what;
    one.number = number;
    in.keep(std::move(one));
}

// "1:s7 ": of connection 1, packet 7 was sent.
std::string all_of(unsaid_packets& in) {
    std::string out;
    for (const auto& one : in.take()) {
        const char what = one.what == kind::sent ? 's' : one.what == kind::acknowledged ? 'a' : 'c';
        out += std::to_string(one.connection) + ":" + what + std::to_string(one.number) + " ";
    }
    return out;
}

TEST(UnsaidPackets, AreSaidOnceAndInOrder) {
    unsaid_packets waiting;
    EXPECT_EQ(all_of(waiting), "");
    keep(waiting, 2, kind::sent, 7);
    keep(waiting, 2, kind::sent, 8);
    keep(waiting, 1, kind::acknowledged, 3);
    keep(waiting, 2, kind::acknowledged, 7);
    EXPECT_EQ(all_of(waiting), "1:a3 2:s7 2:s8 2:a7 ");
    EXPECT_EQ(all_of(waiting), "");
}

TEST(UnsaidPackets, OfAConnectionThatIsOverItsEndAlone) {
    unsaid_packets waiting;
    keep(waiting, 1, kind::sent, 7);
    keep(waiting, 2, kind::sent, 9);
    keep(waiting, 1, kind::acknowledged, 7);
    keep(waiting, 1, kind::closed);
    EXPECT_EQ(all_of(waiting), "1:c0 2:s9 ");
}

TEST(UnsaidPackets, SoManyAndNoMore) {
    unsaid_packets waiting;
    keep(waiting, 1, kind::sent, 1);
    keep(waiting, 1, kind::sent, 2);
    for (uint64_t i = 2; i < unsaid_packets::most; ++i) {
        keep(waiting, i, kind::sent, 1);
    }
    keep(waiting, 5, kind::acknowledged, 1);
    auto all = waiting.take();
    ASSERT_EQ(all.size(), unsaid_packets::most - 1) << "the oldest connection's two went for the last one";
    EXPECT_EQ(all.front().connection, 2U);
    EXPECT_EQ(all.back().connection, unsaid_packets::most - 1);
    // What was taken counts no more.
    for (uint64_t i = 1; i <= unsaid_packets::most; ++i) {
        keep(waiting, i, kind::closed);
    }
    EXPECT_EQ(waiting.take().size(), unsaid_packets::most);
}

}  // namespace
}  // namespace berth::test
