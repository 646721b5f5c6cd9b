// Proof tokens: that they cannot be made, copied or done without is a matter of types.
#include "authkem/peer.h"
#include "authkem/session.h"

#include <gtest/gtest.h>

#include <type_traits>

namespace berth::authkem {
namespace {

template <class T>
constexpr bool is_token = !std::is_default_constructible_v<T> && !std::is_copy_constructible_v<T> &&
                          !std::is_copy_assignable_v<T> && std::is_nothrow_move_constructible_v<T> && !std::is_aggregate_v<T>;

static_assert(is_token<finished_verified>);
static_assert(is_token<record_boundary>);
static_assert(is_token<judged_peer>);
static_assert(is_token<pki::verified_chain>);

// One token is no other.
static_assert(!std::is_constructible_v<finished_verified, record_boundary>);

// A session needs the proof that the peer's Finished was accepted.
static_assert(std::is_constructible_v<session, finished_verified, session_parts>);
static_assert(!std::is_constructible_v<session, session_parts>);
static_assert(!std::is_default_constructible_v<session>);

// Stages of the key schedule come from one another only.
static_assert(!std::is_default_constructible_v<handshake_stage>);
static_assert(!std::is_default_constructible_v<authenticated_stage>);
static_assert(!std::is_default_constructible_v<master_stage>);
static_assert(!std::is_constructible_v<master_stage, crypto::hash_algorithm, secret_bytes, const secret_log*>);

// A peer is known by a judged leaf or by a pre-distributed key.
static_assert(!std::is_default_constructible_v<peer_identity>);
static_assert(std::is_constructible_v<peer_identity, judged_peer&&>);
static_assert(!std::is_constructible_v<peer_identity, const judged_peer&>);
static_assert(!std::is_constructible_v<peer_identity, verification>);

TEST(Proof, OfAFinishedComesFromItsVerificationOnly) {
    const auto make = [] {
        return early_stage(crypto::hash_algorithm::sha256, nullptr)
            .handshake(secret_bytes(bytes_view(bytes(64, 1))))
            .authenticated(secret_bytes(bytes_view(bytes(32, 2))))
            .master({});
    };
    const crypto::digest so_far = crypto::sha256(as_bytes("transcript"));
    const master_stage ours = make();
    const crypto::digest right = make().verify_data(role::server, so_far);
    EXPECT_TRUE(ours.verify(role::server, so_far, right.view()));
    bytes wrong = right.to_bytes();
    wrong.at(wrong.size() - 1) ^= 1;
    for (const bytes& other : {wrong, bytes{}, bytes(right.begin(), right.end() - 1)}) {
        const auto judged = ours.verify(role::server, so_far, other);
        ASSERT_FALSE(judged);
        EXPECT_EQ(judged.error().name, "finished_mismatch");
        EXPECT_EQ(alert_for(judged.error()), alert::decrypt_error);
    }
    // The other side's Finished, and one over another transcript, are none.
    EXPECT_FALSE(ours.verify(role::client, so_far, right.view()));
    EXPECT_FALSE(ours.verify(role::server, crypto::sha256(as_bytes("other")), right.view()));
}

// PDK and the full handshake derive different secrets from the same inputs.
TEST(Stages, AreNotInterchangeable) {
    const secret_bytes shared(bytes_view(bytes(64, 1)));
    const secret_bytes server(bytes_view(bytes(32, 2)));
    const crypto::digest so_far = crypto::sha256(as_bytes("transcript"));
    const auto full = early_stage(crypto::hash_algorithm::sha256, nullptr).handshake(shared).authenticated(server).master({});
    const auto pdk = early_stage(crypto::hash_algorithm::sha256, server, nullptr).handshake(shared).master({});
    const auto unauthenticated = early_stage(crypto::hash_algorithm::sha256, nullptr).handshake(shared).master({});
    EXPECT_FALSE(full.verify(role::client, so_far, pdk.verify_data(role::client, so_far).view()));
    EXPECT_FALSE(full.verify(role::client, so_far, unauthenticated.verify_data(role::client, so_far).view()));
    EXPECT_FALSE(pdk.verify(role::client, so_far, unauthenticated.verify_data(role::client, so_far).view()));
    // SSc = 0 is Hash.length zero octets.
    const auto zeros = early_stage(crypto::hash_algorithm::sha256, nullptr)
                           .handshake(shared)
                           .authenticated(server)
                           .master(secret_bytes(size_t{32}));
    EXPECT_TRUE(full.verify(role::client, so_far, zeros.verify_data(role::client, so_far).view()));
}

}  // namespace
}  // namespace berth::authkem
