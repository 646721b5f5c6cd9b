// Who comes by the relay's socket.
#include "relay_door.h"

#include "common/files.h"
#include "support/onboarding_parties.h"
#include "support/test_pki.h"

namespace berth::test {
namespace {

using namespace app;
using hub::login_refusal;

constexpr milliseconds now = 1'000'000;

class RelayDoor : public testing::Test {
protected:
    RelayDoor() {
        EXPECT_TRUE(write_text(file, as_text(secret.reveal()), 0600));
        door.emplace(got(relay_door::open(file)));
    }
    std::string token(const std::function<void(hub::relay_claims&)>& change = {}) {
        hub::relay_claims claims;
        claims.nonce.fill(++number);
        claims.expires = static_cast<uint64_t>(now + hub::relay_token_life);
        claims.peer.value = to_bytes(as_bytes("192.0.2.1:4711"));
        claims.client_id.value = to_bytes(as_bytes("dev-1"));
        claims.password.value = to_bytes(as_bytes("his own"));
        if (change) {
            change(claims);
        }
        return std::string(as_text(got(hub::seal_relay_token(claims, secret)).reveal()));
    }
    login_refusal refusal(std::string_view client, const std::string& of, milliseconds at = now) {
        const auto in = door->let_in(client, of, at);
        EXPECT_FALSE(in) << client;
        EXPECT_FALSE(in ? false : in.error().why.empty());
        return in ? login_refusal::registry_unavailable : in.error().reason;
    }
    temporary_directory directory;
    const std::filesystem::path file = directory.path() / "relay-secret";
    const secret_bytes secret{bytes(hub::relay_secret_octets, 5)};
    uint8_t number = 0;
    std::optional<relay_door> door;
};

TEST_F(RelayDoor, LetsInOnceWhomBerthdSends) {
    const auto one = token();
    const auto in = door->let_in("dev-1", one, now);
    ASSERT_TRUE(in);
    EXPECT_EQ(in->peer, "192.0.2.1:4711");
    EXPECT_EQ(as_text(in->password.reveal()), "his own");
    EXPECT_TRUE(in->chain.empty());
    EXPECT_EQ(refusal("dev-1", one), login_refusal::bad_token) << "it was used";
    EXPECT_TRUE(door->let_in("dev-1", token(), now));
}

TEST_F(RelayDoor, LetsInNobodyElse) {
    EXPECT_EQ(refusal("dev-1", ""), login_refusal::no_certificate);
    EXPECT_EQ(refusal("dev-1", "SharedAccessSignature sr=hub"), login_refusal::bad_token);
    EXPECT_EQ(refusal("dev-2", token()), login_refusal::bad_token);
    const auto late = token();
    EXPECT_EQ(refusal("dev-1", late, now + hub::relay_token_life + 1), login_refusal::token_expired);
    EXPECT_EQ(refusal("dev-1", token([](auto& c) { c.expires = UINT64_MAX; })), login_refusal::token_expired);
    EXPECT_EQ(refusal("dev-1", token([](auto& c) { c.expires += 1'000; })), login_refusal::token_expired)
        << "longer than berthd makes any";
    EXPECT_EQ(refusal("dev-1", token([](auto& c) { c.chain.items.emplace_back(bytes{0x30, 0}); })),
              login_refusal::bad_certificate);
}

TEST_F(RelayDoor, ATokenForAnotherIsSpent) {
    const auto one = token();
    EXPECT_EQ(refusal("dev-2", one), login_refusal::bad_token);
    EXPECT_EQ(refusal("dev-1", one), login_refusal::bad_token);
}

TEST_F(RelayDoor, ForgetsWhatCountsNoMore) {
    const auto one = token();
    EXPECT_TRUE(door->let_in("dev-1", one, now));
    door->tick(now + hub::relay_token_life);
    EXPECT_EQ(refusal("dev-1", one, now + hub::relay_token_life), login_refusal::bad_token) << "its last moment";
    door->tick(now + hub::relay_token_life + 1);
    EXPECT_EQ(refusal("dev-1", one, now + hub::relay_token_life + 1), login_refusal::token_expired);
}

TEST_F(RelayDoor, KnowsTheLeafOfWhoIsIn) {
    constexpr auto algorithm = crypto::signature_algorithm::ecdsa_p256_sha256;
    const auto root = make_root("Above it", algorithm);
    const auto leaf = issue(root, pki::client_template("Test", "dev-1", usual), signature_key("of dev-1").public_key().spki());
    const auto with = door->let_in("dev-1", token([&](auto& c) {
                                       c.chain.items.emplace_back(leaf.der());
                                       c.chain.items.emplace_back(root.certificate.der());
                                   }),
                                   now);
    const auto without = door->let_in("dev-1", token(), now);
    ASSERT_TRUE(with);
    ASSERT_TRUE(without);
    const int at = 0, next = 0;
    EXPECT_EQ(door->leaf_of(&at), nullptr);
    door->came(&at, *with);
    door->came(&next, *without);
    ASSERT_NE(door->leaf_of(&at), nullptr);
    EXPECT_EQ(*door->leaf_of(&at), to_bytes(leaf.der()));
    EXPECT_EQ(door->leaf_of(&next), nullptr) << "he came without";
    // A broker may use the same address for another session, which shows none.
    door->came(&at, *without);
    EXPECT_EQ(door->leaf_of(&at), nullptr);
    door->came(&at, *with);
    door->left(&next);
    EXPECT_NE(door->leaf_of(&at), nullptr);
    door->left(&at);
    EXPECT_EQ(door->leaf_of(&at), nullptr);
}

TEST_F(RelayDoor, WantsASecretOfItsOwn) {
    EXPECT_TRUE(write_text(file, "short", 0600));
    EXPECT_EQ(name_of_error(relay_door::open(file)), "bad_secret");
    EXPECT_TRUE(write_text(file, as_text(secret.reveal()), 0644));
    EXPECT_EQ(name_of_error(relay_door::open(file)), "unsafe_permissions");
    EXPECT_EQ(name_of_error(relay_door::open(directory.path() / "none")), "file_not_found");
}

}  // namespace
}  // namespace berth::test
