// What a peer that is who it says may still not do: fill memory, the log, or the places that others need.
#include "onboarding/errors.h"
#include "onboarding/messages/authorization_request.h"
#include "onboarding/messages/error.h"
#include "onboarding/messages/frame.h"
#include "onboarding/messages/pending.h"
#include "onboarding/messages/release.h"
#include "onboarding/messages/session_open.h"
#include "support/onboarding_parties.h"

namespace berth::test {
namespace {

using namespace onboarding;

class Limits : public testing::Test {
protected:
    Limits() : birch(p.add_customer("Birch")) {}

    // The names of the errors in frames of KK1 or KK2.
    static std::vector<std::string> errors_in(const bytes& octets) {
        std::vector<std::string> out;
        frame_reader reader(frame_reader::server_limit);
        reader.feed(octets);
        for (auto next = reader.next(); next && *next; next = reader.next()) {
            if ((*next)->is(message_type::error)) {
                out.emplace_back(wire::decode<error_message>((*next)->body.view())->name.text());
            }
        }
        return out;
    }

    parties p;
    customer_party& birch;
};

TEST(FrameReader, KeepsNoMoreThanWhatWaits) {
    frame_reader reader(frame_reader::server_limit);
    const bytes one = *to_frame(message_type::error, 1, to_message(refusal("abandoned")));
    bytes stream;
    size_t frames = 0;
    // Writes that never end where a frame ends.
    for (int i = 0; i < 100'000; ++i) {
        append(stream, one);
        reader.feed(bytes_view(stream).first(stream.size() - 1));
        stream = {stream.back()};
        for (auto next = reader.next(); next && *next; next = reader.next()) {
            ++frames;
        }
    }
    EXPECT_EQ(frames, 99'999u);
    EXPECT_LT(reader.held(), 64 * one.size());
}

TEST_F(Limits, TheSameRequestAgainAtOnceIsTooMany) {
    const auto d = p.make_device("SN-1", "Birch");
    birch.settings.manual_approval = true;
    onboarding_scene s(p, d, birch);
    bytes request;
    s.tamper = [&](leg l, bytes octets) {
        frame_reader reader(frame_reader::server_limit);
        reader.feed(l == leg::device_to_registrar ? bytes_view(octets) : bytes_view());
        for (auto next = reader.next(); next && *next; next = reader.next()) {
            if ((*next)->is(message_type::authorization_request)) {
                request = *wire::encode(**next);
            }
        }
        return octets;
    };
    s.start();
    s.run();
    ASSERT_FALSE(request.empty());
    ASSERT_TRUE(s.registrar->awaits_approval());
    p.clock.advance(1'000);
    s.registrar->receive(request);  // as a device does after `pending`
    EXPECT_FALSE(s.registrar->closing());
    s.registrar->receive(request);
    EXPECT_EQ(s.registrar_error(), "too_many_requests");
    EXPECT_TRUE(birch.store->certificates_of(d.identity)->empty());
}

TEST_F(Limits, ARefusalThatIsRepeatedStandsInTheLogOnce) {
    const auto d = p.make_device("SN-1", "Birch");
    onboarding_scene s(p, d, birch);
    s.start();
    s.run();
    ASSERT_TRUE(s.accepted);
    const session_open open{d.identity.device_root_spki, serial_field(std::string_view("SN-1")), d.z3.front().sha256()};
    const auto before = p.audit_outcomes(d).size();
    for (int i = 0; i < 50; ++i) {
        const auto again = p.masa->decide(kk1_peer{birch.z4}, open, *s.device->kk3_id(), as_bytes("another BI2"));
        ASSERT_FALSE(again);
        EXPECT_EQ(again.error().name, "kk3_reused");
    }
    EXPECT_EQ(p.audit_outcomes(d).size(), before + 1);
}

TEST_F(Limits, RefusalsOfWhomIsNotTheOwnerStandInTheLogOnce) {
    p.add_customer("Cedar");
    const auto d = p.make_device("SN-1", "Cedar");
    onboarding_scene s(p, d, birch);
    s.start();
    s.run();
    ASSERT_EQ(s.device_error(), "not_assigned");
    const auto before = p.audit_outcomes(d);
    EXPECT_THAT(before, testing::Contains("refused assigned_elsewhere"));
    // The KK3 still waits; the same request comes on one session after the other, and so do releases.
    frame_reader reader(frame_reader::server_limit);
    reader.feed(s.recorded[leg::registrar_to_masa]);
    masa_link link(*p.masa, kk1_peer{birch.z4});
    const session_open open{d.identity.device_root_spki, serial_field(std::string_view("SN-1")), d.z3.front().sha256()};
    for (auto next = reader.next(); next && *next; next = reader.next()) {
        if (!(*next)->is(message_type::authorization_request)) {
            continue;
        }
        for (uint32_t number = 1; number <= 20; ++number) {
            ASSERT_TRUE(link.receive(*to_frame(message_type::session_open, number, open)));
            frame again = **next;
            again.session = number;
            ASSERT_TRUE(link.receive(*wire::encode(again)));
            ASSERT_TRUE(link.receive(*to_frame(message_type::release, 1000 + number,
                                               release{d.identity.device_root_spki, serial_field(std::string_view("SN-1")),
                                                       name_field(std::string_view("Birch"))})));
        }
    }
    const auto said = errors_in(link.take_output());
    EXPECT_EQ(std::ranges::count(said, "not_assigned"), 20);
    EXPECT_EQ(std::ranges::count(said, "not_owner"), 20);
    auto expected = before;
    expected.push_back("release not_owner");
    EXPECT_EQ(p.audit_outcomes(d), expected);
}

TEST_F(Limits, RequestsOnOneSessionAreCounted) {
    masa_link link(*p.masa, kk1_peer{birch.z4});
    const session_open open{p.maker_root.spki_sha256(), serial_field(std::string_view("SN-1")), {}};
    ASSERT_TRUE(link.receive(*to_frame(message_type::session_open, 1, open)));
    const bytes request =
        *to_frame(message_type::authorization_request, 1, authorization_request{{}, wire::opaque<1, 1024>(bytes{1})});
    for (unsigned i = 0; i < masa_link::most_requests; ++i) {
        ASSERT_TRUE(link.receive(request));
    }
    EXPECT_EQ(link.open_sessions(), 1u);
    (void)link.take_output();
    ASSERT_TRUE(link.receive(request));
    EXPECT_EQ(link.open_sessions(), 0u);
    EXPECT_THAT(errors_in(link.take_output()), testing::ElementsAre("too_many_requests"));
}

TEST_F(Limits, RepeatingARequestDoesNotProlongTheLookForItsKk3) {
    masa_link link(*p.masa, kk1_peer{birch.z4});
    const session_open open{p.maker_root.spki_sha256(), serial_field(std::string_view("SN-1")), {}};
    ASSERT_TRUE(link.receive(*to_frame(message_type::session_open, 1, open)));
    const bytes request =
        *to_frame(message_type::authorization_request, 1, authorization_request{{}, wire::opaque<1, 1024>(bytes{1})});
    for (int i = 0; i < 12 && link.open_sessions() > 0; ++i) {
        ASSERT_TRUE(link.receive(request));
        p.clock.advance(1'000);
        ASSERT_TRUE(link.tick());
    }
    EXPECT_THAT(errors_in(link.take_output()), testing::ElementsAre("unknown_kk3"));
}

TEST_F(Limits, ASessionThatItsRegistrarForgotIsEnded) {
    masa_link link(*p.masa, kk1_peer{birch.z4});
    const session_open open{p.maker_root.spki_sha256(), serial_field(std::string_view("SN-1")), {}};
    ASSERT_TRUE(link.receive(*to_frame(message_type::session_open, 1, open)));
    p.clock.advance(masa_link::most_age);
    ASSERT_TRUE(link.tick());
    EXPECT_EQ(link.open_sessions(), 1u);
    p.clock.advance(1);
    ASSERT_TRUE(link.tick());
    EXPECT_EQ(link.open_sessions(), 0u);
    EXPECT_THAT(errors_in(link.take_output()), testing::ElementsAre("abandoned"));
}

}  // namespace
}  // namespace berth::test
