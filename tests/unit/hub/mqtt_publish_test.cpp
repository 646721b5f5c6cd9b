// Publishing to a broker of the same machine: the octets that MQTT 3.1.1 wants, and the answers that it gives.
#include "hub/events/mqtt_publish.h"
#include "support/onboarding_parties.h"
#include "support/test_pki.h"

namespace berth::test {
namespace {

using namespace hub;

TEST(mqtt_publish, packets_are_those_of_the_specification) {
    EXPECT_EQ(got(connect_packet("ab")), (bytes{0x10, 14, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0, 0, 2, 'a', 'b'}));
    EXPECT_EQ(got(publish_packet("t", "hi", 0x0102)), (bytes{0x32, 7, 0, 1, 't', 1, 2, 'h', 'i'}));
    EXPECT_EQ(disconnect_packet(), (bytes{0xe0, 0}));
}

TEST(mqtt_publish, lengths_have_as_many_octets_as_they_need) {
    // 2.2.3: 5 octets are not the payload's.
    const auto front = [](size_t payload) {
        const auto packet = got(publish_packet("t", std::string(payload, 'x'), 1));
        return bytes(packet.begin() + 1, packet.begin() + 5);
    };
    EXPECT_EQ(front(122).front(), 127);
    EXPECT_EQ(front(123), (bytes{0x80, 1, 0, 1}));
    EXPECT_EQ(front(16'378), (bytes{0xff, 0x7f, 0, 1}));
    EXPECT_EQ(front(16'379), (bytes{0x80, 0x80, 1, 0}));
    EXPECT_EQ(name_of_error(publish_packet(std::string(65'536, 't'), "", 1)), "too_large");
}

TEST(mqtt_publish, answers_come_in_any_pieces) {
    const bytes all{0x20, 2, 0, 0, 0x40, 2, 0, 1, 0x40, 2, 1, 2};
    for (size_t cut = 0; cut <= all.size(); ++cut) {
        publish_answers answers;
        ASSERT_TRUE(answers.feed(bytes_view(all).first(cut)));
        ASSERT_TRUE(answers.feed(bytes_view(all).subspan(cut)));
        EXPECT_TRUE(answers.connected());
        EXPECT_EQ(answers.taken(), (std::set<uint16_t>{1, 0x102}));
    }
}

TEST(mqtt_publish, what_nobody_waits_for_is_an_error) {
    const auto said = [](const bytes& octets) { return name_of_error(publish_answers().feed(octets)); };
    EXPECT_EQ(said({0x20, 2, 0, 5}), "mqtt_refused");
    EXPECT_EQ(said({0x40, 2, 0, 1}), "mqtt_malformed") << "before CONNACK";
    EXPECT_EQ(said({0x20, 2, 0, 0, 0x20, 2, 0, 0}), "mqtt_malformed");
    EXPECT_EQ(said({0x20, 3, 0, 0, 0}), "mqtt_malformed");
    EXPECT_EQ(said({0x30, 2, 0, 0}), "mqtt_malformed");
}

}  // namespace
}  // namespace berth::test
