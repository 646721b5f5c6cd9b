#include "pki/enveloped.h"
#include "support/test_pki.h"

namespace berth::pki {
namespace {

const secret_bytes key(bytes(32, 7));
const bytes content(1000, 'c');

TEST(Envelope, OpensForItsKeyAndNoOther) {
    const bytes sealed = test::value_of(seal_envelope(content, key, as_bytes("a key")));
    EXPECT_TRUE(std::ranges::search(sealed, bytes(20, 'c')).empty());
    EXPECT_EQ(test::value_of(open_envelope(sealed, key)), content);
    EXPECT_NE(sealed, test::value_of(seal_envelope(content, key, as_bytes("a key")))) << "a new content key each time";
    const auto other = open_envelope(sealed, secret_bytes(bytes(32, 8)));
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().name, "wrong_envelope_key");
    EXPECT_EQ(other.error().category, error_category::peer);
}

TEST(Envelope, IsMadeWithAKeyOfAes256Alone) {
    for (const size_t size : {0UL, 16UL, 31UL, 33UL}) {
        const auto made = seal_envelope(content, secret_bytes(size), as_bytes("a key"));
        ASSERT_FALSE(made);
        EXPECT_EQ(made.error().name, "bad_template");
    }
    EXPECT_EQ(seal_envelope(content, key, {}).error().name, "bad_template");
    const bytes sealed = test::value_of(seal_envelope(content, key, as_bytes("x")));
    EXPECT_EQ(open_envelope(sealed, secret_bytes(size_t{16})).error().name, "wrong_envelope_key");
}

TEST(Envelope, OtherOctetsAreNone) {
    bytes sealed = test::value_of(seal_envelope(content, key, as_bytes("a key")));
    bytes more = sealed;
    more.push_back(0);
    EXPECT_EQ(open_envelope(more, key).error().name, "bad_envelope");
    EXPECT_EQ(open_envelope({}, key).error().name, "bad_envelope");
    EXPECT_EQ(open_envelope(bytes_view(sealed).first(sealed.size() - 1), key).error().name, "bad_envelope");
    // Wherever one octet is another one: an error, or other content, and never a crash. The content itself is not authenticated.
    size_t refused = 0;
    for (size_t i = 0; i < sealed.size(); ++i) {
        sealed[i] ^= 0x41;
        const auto opened = open_envelope(sealed, key);
        refused += !opened;
        EXPECT_TRUE(!opened || *opened != content || i < 150) << i;  // the names of algorithms and of the key come first
        sealed[i] ^= 0x41;
    }
    EXPECT_GT(refused, 50U);
    EXPECT_EQ(test::value_of(open_envelope(sealed, key)), content);
}

}  // namespace
}  // namespace berth::pki
