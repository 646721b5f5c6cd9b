// The transition table: its printed form, and that it is what drives the engine.
#include "unit/authkem/support.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>

namespace berth::authkem::test {
namespace {

TEST(Transitions, DocumentIsPrintedFromTheTable) {
    const std::string path = BERTH_SOURCE_DIR "/docs/authkem-transitions.md";
    if (std::getenv("BERTH_UPDATE_DOCS") != nullptr) {
        std::ofstream(path) << print_transitions();
    }
    std::ifstream in(path);
    const std::string kept{std::istreambuf_iterator<char>(in), {}};
    EXPECT_EQ(kept, print_transitions()) << "stale: run this test with BERTH_UPDATE_DOCS=1 and commit the page";
}

TEST(Transitions, EveryEventHasANameAndEveryStateIsReached) {
    std::set<state> reached{state::client_idle, state::wait_client_hello};
    for (const transition& t : transitions) {
        EXPECT_NE(name_of(t.from), "unknown");
        EXPECT_NE(name_of(t.to), "unknown");
        EXPECT_NE(name_of(t.on), "unknown");
        reached.insert(t.to);
    }
    for (const transition& t : transitions) {
        EXPECT_TRUE(reached.contains(t.from)) << name_of(t.from);
    }
}

// Every row is taken by some handshake, and no step is taken that is not a row.
TEST(Transitions, EveryRowIsTaken) {
    std::set<std::tuple<role, state, event, state>> taken;
    const auto watch = [&](role side) {
        return [&taken, side](state from, event on, state to) { taken.emplace(side, from, on, to); };
    };
    for (int variant = 0; variant < 5; ++variant) {
        client_config client = plain_client();
        server_config server = plain_server();
        client.observe.steps = watch(role::client);
        server.observe.steps = watch(role::server);
        if (variant == 1 || variant == 3) {
            make_mutual(client, server);
        }
        if (variant == 2) {
            client.expect_certificate_request = true;
            server.client_auth = client_auth::request;
        }
        if (variant >= 3) {
            predistribute(client, server, variant == 3);
        }
        link l(client, server);
        ASSERT_TRUE(l.complete());
        ASSERT_TRUE(l.client().send(as_bytes("x")));
        ASSERT_TRUE(l.server().send(as_bytes("x")));
        ASSERT_TRUE(l.client().key_update(true));
        ASSERT_TRUE(l.pump());
        l.client().close();
        l.server().close();
        ASSERT_TRUE(l.pump());
    }
    for (const transition& t : transitions) {
        EXPECT_TRUE(taken.contains({t.side, t.from, t.on, t.to})) << name_of(t.from) << " on " << name_of(t.on);
    }
    EXPECT_EQ(taken.size(), transitions.size());
}

// What the table has no row for is refused; the states and messages are taken from it, not from a list of our
// own.
TEST(Transitions, WhatHasNoRowIsNotExpected) {
    size_t rows = 0;
    for (int s = 0; s <= static_cast<int>(state::failed); ++s) {
        for (int type = 0; type < 256; ++type) {
            for (const role side : {role::client, role::server}) {
                rows +=
                    expected(side, static_cast<state>(s), {trigger::kind::message, static_cast<handshake_type>(type)}) != nullptr
                        ? 1U
                        : 0U;
            }
        }
    }
    // Client: 10 handshake messages in their states and KeyUpdate; server: 7 and KeyUpdate.
    EXPECT_EQ(rows, 10 + 1 + 7 + 1U);
    EXPECT_EQ(expected(role::client, state::failed, {trigger::kind::application_data, {}}), nullptr);
    EXPECT_EQ(expected(role::client, state::closed, {trigger::kind::application_data, {}}), nullptr);
}

}  // namespace
}  // namespace berth::authkem::test
