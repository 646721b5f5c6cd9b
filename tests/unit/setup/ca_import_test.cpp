// A CA of another program is taken over while others use the records.
#include "common/files.h"
#include "pki/private_key_file.h"
#include "setup/ca_hierarchy.h"
#include "support/onboarding_parties.h"
#include "support/test_pki.h"

namespace berth::app {
namespace {

using namespace berth::test;

class CaImport : public testing::Test {
protected:
    CaImport()
        : old_(test::make_root("old", crypto::signature_algorithm::ecdsa_p256_sha256)),
          in_(value_of(ca_directory::open(directory_.path(), std::nullopt))) {
        order_.name = "old";
        order_.chain = {old_.certificate};
        order_.key_uri = "file:" + (directory_.path() / "elsewhere.key").string();
        EXPECT_TRUE(pki::save_private_key((directory_.path() / "elsewhere.key").string(), old_.key));
        const auto key = signature_key("leaf");
        for (size_t i = 0; i < 2 * import_batch + 50; ++i) {
            const auto t = pki::idevid_signature_template("Test", "SN-" + std::to_string(i), std::nullopt, usual);
            order_.issued.push_back(test::issue(old_, t, key.public_key().spki()));
        }
    }
    size_t entries() {
        ca::log_query all;
        all.most = 10'000;
        return value_of(in_.records().list(all)).size();
    }

    temporary_directory directory_;
    test::authority old_;
    ca_directory in_;
    import_order order_;
    manual_clock clock_{test_now};
};

TEST_F(CaImport, LeavesTheRecordsToOthersBetweenBatches) {
    const auto beside = value_of(store::sqlite_ca_store::open((directory_.path() / "ca.db").string(), store::opening::existing));
    std::vector<size_t> seen;
    const auto done = import_authority(in_, order_, clock_, [&](milliseconds) {
        // Another connection: what it sees is kept, and it may write.
        ca::log_query all;
        all.most = 10'000;
        seen.push_back(value_of(beside->list(all)).size());
        EXPECT_TRUE(beside->try_write());
    });
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_EQ(seen, (std::vector<size_t>{import_batch, 2 * import_batch}));
    EXPECT_EQ(done->issued, 2 * import_batch + 50);
    EXPECT_EQ(entries(), 2 * import_batch + 50);
}

TEST_F(CaImport, WhatWasInterruptedIsGivenAgain) {
    auto half = order_;
    half.issued.erase(half.issued.begin() + import_batch + 1, half.issued.end());
    ASSERT_TRUE(import_authority(in_, half, clock_));
    // As if it had been killed before the files were written.
    std::filesystem::remove(directory_.path() / "old.pem");
    std::filesystem::remove(directory_.path() / "old.uri");
    const auto done = import_authority(in_, order_, clock_);
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_EQ(entries(), 2 * import_batch + 50) << "each once";
}

}  // namespace
}  // namespace berth::app
