// How much is asked of a CA elsewhere at once: nothing here reaches it, since no loop runs.
#include "common/files.h"
#include "issuing/est_issuer.h"
#include "support/onboarding_parties.h"
#include "support/test_pki.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth::test {
namespace {

class EstIssuer : public testing::Test {
protected:
    EstIssuer() {
        EXPECT_TRUE(app::write_text(directory_.path() / "root.pem", root_.certificate.to_pem()));
        EXPECT_TRUE(app::write_text(directory_.path() / "password", "a password\n", 0600));
        app::est_ca_config config;
        config.at = {"127.0.0.1", 1};
        config.anchors = {directory_.path() / "root.pem"};
        config.user = "registrar";
        config.password_file = directory_.path() / "password";
        issuer_ = got(app::est_issuer::open({}, config, root_.certificate, {loop_, system_clock(), crypto::system_random()}));
    }
    // What became of an order of one device for keys of these names, each a key of that number.
    using outcome = std::shared_ptr<std::string>;
    outcome order(const std::string& serial, const std::vector<std::string>& names, int key = 1) {
        onboarding::certificate_order o;
        o.device.serial = serial;
        for (const auto& name : names) {
            o.items.push_back({name, onboarding::credential_kind::signature,
                               to_bytes(as_bytes(fmt::format("key {} {}", key, name))), to_bytes(as_bytes("request"))});
        }
        auto out = std::make_shared<std::string>("waits");
        issuer_->issue(o, [out](const auto& answer) { *out = answer ? "issued" : answer.error().name; });
        return out;
    }

    // The first eight are under way to the server, and are told when it answers; who waits for his turn is told at once.
    void keep_busy() {
        for (int i = 0; i < 8; ++i) {
            order(fmt::format("BUSY-{}", i), {"device"});
        }
    }

    temporary_directory directory_;
    const authority root_ = make_root("root", crypto::signature_algorithm::ecdsa_p256_sha256);
    net::loop loop_;
    std::unique_ptr<app::est_issuer> issuer_;
};

TEST_F(EstIssuer, ADeviceWaitsForOneOfEachCredential) {
    keep_busy();
    const auto first = order("SN-1", {"device", "device-pq"});
    EXPECT_EQ(issuer_->under_way(), 10U);
    const auto second = order("SN-1", {"device"}, 2);
    EXPECT_EQ(issuer_->under_way(), 10U) << "the newest counts";
    EXPECT_EQ(*second, "waits");
    const auto another = order("SN-2", {"device"});
    EXPECT_EQ(issuer_->under_way(), 11U);
    EXPECT_EQ(*another, "waits");
}

TEST_F(EstIssuer, WhoAsksForAnotherKeyIsToldSo) {
    keep_busy();
    const auto first = order("SN-1", {"device"});
    const auto second = order("SN-1", {"device"}, 2);
    EXPECT_EQ(*first, "order_replaced");
    EXPECT_EQ(*second, "waits");
}

TEST_F(EstIssuer, WhoAsksAgainAndAgainJoinsAndSixteenAreKept) {
    std::vector<outcome> all;
    for (int i = 0; i < 17; ++i) {
        all.push_back(order("SN-1", {"device"}));
    }
    EXPECT_EQ(issuer_->under_way(), 1U) << "the CA is asked once";
    EXPECT_EQ(*all[0], "order_replaced");
    for (size_t i = 1; i < all.size(); ++i) {
        EXPECT_EQ(*all[i], "waits") << i;
    }
}

TEST_F(EstIssuer, NoMoreThanAServerCanBeAskedIsKept) {
    for (int i = 0; i < 4095; ++i) {
        order(fmt::format("SN-{}", i), {"device"});
    }
    EXPECT_EQ(*order("TWO", {"device", "device-pq"}), "too_many_orders") << "whole, or not at all";
    EXPECT_EQ(issuer_->under_way(), 4095U);
    EXPECT_EQ(*order("LAST", {"device"}), "waits");
    EXPECT_EQ(*order("MORE", {"device"}), "too_many_orders");
    EXPECT_EQ(*order("SN-7", {"device"}), "waits") << "who waits already may come again";
    EXPECT_EQ(issuer_->under_way(), 4096U);
}

}  // namespace
}  // namespace berth::test
