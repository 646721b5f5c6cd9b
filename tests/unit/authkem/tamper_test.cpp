// Whatever octet of a handshake is changed on the way, nobody is fooled and nothing crashes.
#include "unit/authkem/support.h"

#include <gtest/gtest.h>

namespace berth::authkem::test {
namespace {

// The flight (counted over both directions), and how many octets it has.
struct flight {
    role from;
    size_t octets;
};

struct shape {
    client_config client = plain_client();
    server_config server = plain_server();
};

std::vector<flight> flights_of(const shape& s) {
    std::vector<flight> out;
    link l(s.client, s.server);
    l.on_wire = [&](role from, bytes& octets) { out.push_back({from, octets.size()}); };
    EXPECT_TRUE(l.complete());
    return out;
}

// One octet of one flight changed. True when the handshake completed on both sides all the same.
bool survives(const shape& s, size_t flight_number, size_t position, uint8_t change) {
    link l(s.client, s.server);
    size_t number = 0;
    l.on_wire = [&](role, bytes& octets) {
        if (number++ == flight_number && position < octets.size()) {
            octets[position] = static_cast<uint8_t>(octets[position] ^ change);
        }
    };
    return l.complete();
}

// RFC 8446 5.1: legacy_record_version "MUST be ignored for all purposes" where the record is not protected;
// it is authenticated with the header where it is.
bool is_ignored(const shape& s, size_t flight_number, size_t position) {
    bool ignored = false;
    link l(s.client, s.server);
    size_t number = 0;
    l.on_wire = [&](role, bytes& octets) {
        if (number++ != flight_number) {
            return;
        }
        for (size_t at = 0; at + record_header_size <= octets.size();) {
            const size_t length = size_t{octets[at + 3]} << 8 | octets[at + 4];
            ignored = ignored || (octets[at] != 23 && (position == at + 1 || position == at + 2));
            at += record_header_size + length;
        }
    };
    (void)l.complete();
    return ignored;
}

void expect_every_change_to_fail(const shape& s, size_t stride) {
    const auto flights = flights_of(s);
    size_t changed = 0;
    for (size_t number = 0; number < flights.size(); ++number) {
        // Every octet of the first two hundred (headers, hellos) and of the last sixty, and one in `stride`
        // between.
        for (size_t position = 0; position < flights[number].octets; ++position) {
            const bool dense = position < 200 || position + 60 >= flights[number].octets;
            if (!dense && (position + number) % stride != 0) {
                continue;
            }
            const auto change = static_cast<uint8_t>(1U << (position % 8));
            ++changed;
            EXPECT_EQ(survives(s, number, position, change), is_ignored(s, number, position))
                << "flight " << number << ", octet " << position;
        }
    }
    EXPECT_GT(changed, 300U);
}

TEST(Tampering, IsFoundInTheServerOnlyHandshake) {
    expect_every_change_to_fail({}, 97);
}

TEST(Tampering, IsFoundInTheMutualHandshake) {
    shape s;
    make_mutual(s.client, s.server, scheme::mlkem768_p256);
    expect_every_change_to_fail(s, 211);
}

TEST(Tampering, IsFoundInThePredistributedHandshake) {
    shape s;
    make_mutual(s.client, s.server);
    predistribute(s.client, s.server, true);
    expect_every_change_to_fail(s, 211);
}

// A change that makes the server refuse the key is seen by the client at the latest when the transcripts
// differ.
TEST(Tampering, AStrippedPredistributedKeyIsNoDowngradeInSilence) {
    shape s;
    predistribute(s.client, s.server, false);
    const auto hello = flights_of(s).front().octets;
    // The fingerprint is the last but one item of the ClientHello: 32 octets before the 2-octet length and
    // 1088 octets of encapsulation.
    EXPECT_FALSE(survives(s, 0, hello - 1088 - 2 - 16, 1));
}

TEST(Tampering, RemovedAndDuplicatedRecordsAreFound) {
    shape s;
    make_mutual(s.client, s.server);
    const auto flights = flights_of(s);
    for (size_t number = 0; number < flights.size(); ++number) {
        for (size_t victim = 0; victim < 4; ++victim) {
            for (const bool twice : {false, true}) {
                link l(s.client, s.server);
                size_t seen = 0;
                bool changed = false;
                l.on_wire = [&](role, bytes& octets) {
                    if (seen++ != number) {
                        return;
                    }
                    const auto records = records_in(octets);
                    octets.clear();
                    for (size_t i = 0; i < records.size(); ++i) {
                        const bytes record = record_of(records[i].first, records[i].second);
                        const size_t times = i != victim ? 1 : twice ? 2 : 0;
                        changed = changed || i == victim;
                        for (size_t n = 0; n < times; ++n) {
                            append(octets, record);
                        }
                    }
                };
                const bool done = l.complete();
                if (changed) {
                    EXPECT_FALSE(done) << "flight " << number << ", record " << victim << (twice ? " twice" : " removed");
                }
            }
        }
    }
}

TEST(Tampering, NoiseCrashesNobody) {
    seeded_random noise(77);
    manual_clock clock(now);
    const auto client = client_context::make(plain_client()).value();
    const auto server = server_context::make(plain_server()).value();
    for (int i = 0; i < 300; ++i) {
        bytes octets(noise.number() % 3000);
        noise.fill(octets);
        if (i % 2 == 0 && octets.size() > record_header_size) {
            octets = record_of(static_cast<uint8_t>(20 + i % 4), octets);
        }
        connection c(client, clock, noise);
        (void)c.start();
        (void)c.receive(octets);
        EXPECT_FALSE(c.completed());
        connection d(server, clock, noise);
        (void)d.receive(octets);
        EXPECT_FALSE(d.completed());
    }
}

}  // namespace
}  // namespace berth::authkem::test
