// RFC 7914: records of passwords.
#include "crypto/password.h"

#include "support/given_random.h"

namespace berth::crypto {
namespace {

secret_bytes secret(std::string_view text) {
    return secret_bytes(as_bytes(text));
}

TEST(Password, ARecordTellsTheRightOne) {
    test::named_random random("salt");
    const std::string record = password_record(secret("correct horse"), random);
    EXPECT_TRUE(record.starts_with("scrypt:15:8:1:"));
    EXPECT_EQ(record.find("horse"), std::string::npos);
    EXPECT_TRUE(password_matches(secret("correct horse"), record).value());
    EXPECT_FALSE(password_matches(secret("correct hors"), record).value());
    EXPECT_FALSE(password_matches(secret(""), record).value());
    EXPECT_NE(password_record(secret("correct horse"), random), record) << "another salt";
}

TEST(Password, IsScrypt) {
    // hashlib.scrypt(b"pleaseletmein", salt=bytes(range(16)), n=2**14, r=8, p=1, dklen=32)
    EXPECT_TRUE(
        password_matches(
            secret("pleaseletmein"),
            "scrypt:14:8:1:000102030405060708090a0b0c0d0e0f:531604fe738df33ae62cd2b994bfe3f573ed28c0d9e5547f875b6413189ce59a")
            .value());
}

TEST(Password, RecordsThatAreNoneAreRefused) {
    const std::string salt(32, '0');
    const std::string hash(64, '0');
    for (const std::string& record :
         {std::string(), std::string("scrypt"), "scrypt:15:8:1:" + salt, "bcrypt:15:8:1:" + salt + ":" + hash,
          "scrypt:15:8:1:00:" + hash, "scrypt:15:8:1:" + salt + ":00", "scrypt:40:8:1:" + salt + ":" + hash,
          "scrypt:20:32:1:" + salt + ":" + hash, "scrypt:15:8:99:" + salt + ":" + hash, "scrypt:x:8:1:" + salt + ":" + hash,
          "scrypt:15:8:1:" + salt + ":" + hash + ":more"}) {
        const auto judged = password_matches(secret("x"), record);
        ASSERT_FALSE(judged) << record;
        EXPECT_EQ(judged.error().name, "bad_password_record");
    }
}

}  // namespace
}  // namespace berth::crypto
