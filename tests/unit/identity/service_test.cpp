// The identity service: who is let in, and what nobody else gets.
#include "identity/service.h"

#include "keystore/software.h"
#include "support/test_pki.h"

namespace berth::identity {
namespace {

using namespace berth::test;

class made_up_holdings final : public holdings {
public:
    made_up_holdings() {
        const auto root = make_root("customer", crypto::signature_algorithm::ecdsa_p256_sha256);
        anchors_ = {root.certificate};
    }
    device_facts device() override { return {"SN-1", "M1", "Birch"}; }
    result<identity_facts> look(const std::string& name) override {
        ++asked;
        return name == "device" || name == "device-kem" ? result<identity_facts>(identity_facts{name, anchors_})
                                                        : fail(error_category::environment, "no_such_identity", "none");
    }
    result<key_handle> open(const std::string& name) override {
        ++asked;
        if (name == "device") {
            return key_handle(keystore::software_signing_key(signature_key("device")));
        }
        if (name == "device-kem") {
            return key_handle(keystore::software_kem_key(kem_key("device")));
        }
        return fail(error_category::environment, "no_such_identity", "none");
    }
    result<std::vector<pki::certificate>> trust() override { return anchors_; }

    int asked = 0;

private:
    std::vector<pki::certificate> anchors_;
};

class Service : public testing::Test {
protected:
    Service()
        : service_(value_of(
              service::make({{"telemetry", 1000, {"device", "device-kem", "later"}, {key_use::sign, key_use::decapsulate}},
                             {"reader", 1001, {"device"}, {}},
                             {"other", 1002, {"device-kem"}, {key_use::sign}}},
                            holdings_, [this](const use_report& use) { told_.push_back(use); }))) {}
    service::asker as(uint32_t uid) { return value_of(service_.admit(uid)); }

    made_up_holdings holdings_;
    std::vector<use_report> told_;
    service service_;
};

TEST_F(Service, UsersThatAreNoPrincipalsAreNotLetIn) {
    EXPECT_EQ(name_of_error(service_.admit(0)), "not_allowed") << "not even the superuser";
    EXPECT_EQ(name_of_error(service_.admit(1003)), "not_allowed");
    EXPECT_EQ(name_of_error(service_.admit(std::nullopt)), "not_allowed");
    EXPECT_EQ(value_of(service_.admit(1000)).name(), "telemetry");
}

TEST_F(Service, SignsWithAKeyThatTheAskerNeverSees) {
    const auto message = to_bytes(as_bytes("a message"));
    const auto signature = value_of(service_.sign(as(1000), "device", message));
    EXPECT_TRUE(signature_key("device").public_key().verify(message, signature));
    ASSERT_EQ(told_.size(), 1U);
    EXPECT_EQ(told_[0].principal, "telemetry");
    EXPECT_FALSE(told_[0].why);
}

TEST_F(Service, Decapsulates) {
    named_random random("sender");
    const auto sent = kem_key("device").public_key().encapsulate(random);
    const auto secret = value_of(service_.decapsulate(as(1000), "device-kem", sent.enc));
    EXPECT_TRUE(same_octets(secret.reveal(), sent.shared_secret.reveal()));
    EXPECT_EQ(name_of_error(service_.decapsulate(as(1000), "device-kem", bytes(7))), "bad_encapsulation");
}

TEST_F(Service, WhatIsNotGrantedIsRefusedBeforeAnythingIsLookedUp) {
    EXPECT_EQ(name_of_error(service_.look(as(1002), "device")), "not_allowed");
    EXPECT_EQ(name_of_error(service_.look(as(1002), "nothing-like-it")), "not_allowed");
    EXPECT_EQ(name_of_error(service_.sign(as(1001), "device", {})), "not_allowed") << "it may read, and no more";
    EXPECT_EQ(name_of_error(service_.sign(as(1002), "device", {})), "not_allowed");
    EXPECT_EQ(name_of_error(service_.decapsulate(as(1002), "device-kem", {})), "not_allowed");
    EXPECT_EQ(name_of_error(service_.look(as(1000), "../device")), "not_allowed");
    EXPECT_EQ(holdings_.asked, 0);
    ASSERT_EQ(told_.size(), 3U) << "refused uses are told too";
    EXPECT_EQ(told_[0].why->name, "not_allowed");
}

TEST_F(Service, KeysDoWhatTheirKindDoes) {
    EXPECT_EQ(name_of_error(service_.sign(as(1000), "device-kem", {})), "wrong_key_kind");
    EXPECT_EQ(name_of_error(service_.decapsulate(as(1000), "device", {})), "wrong_key_kind");
    EXPECT_EQ(name_of_error(service_.sign(as(1000), "device", bytes(most_message_octets + 1))), "too_large");
    EXPECT_EQ(name_of_error(service_.sign(as(1000), "device", bytes(most_message_octets))), "accepted");
}

TEST_F(Service, WhatIsGrantedAndNotThereIsToldToItsOwner) {
    EXPECT_EQ(name_of_error(service_.look(as(1000), "later")), "no_such_identity");
    EXPECT_EQ(name_of_error(service_.sign(as(1000), "later", {})), "no_such_identity");
}

struct bad_principals {
    const char* what;
    std::vector<principal> all;
};

TEST(Principals, OnesThatCannotBeMeantAreRefused) {
    const principal good{"a", 1, {"device"}, {key_use::sign}};
    const std::vector<bad_principals> all{
        {"a name with a capital", {{"A", 1, {"device"}, {}}}},
        {"a name that begins with a hyphen", {{"-a", 1, {"device"}, {}}}},
        {"no name", {{"", 1, {"device"}, {}}}},
        {"nothing granted", {{"a", 1, {}, {}}}},
        {"a path for an identity", {{"a", 1, {"../device"}, {}}}},
        {"a long identity", {{"a", 1, {std::string(65, 'a')}, {}}}},
        {"an identity twice", {{"a", 1, {"device", "device"}, {}}}},
        {"a use twice", {{"a", 1, {"device"}, {key_use::sign, key_use::sign}}}},
        {"too many identities", {{"a", 1, std::vector<std::string>(most_identities + 1, "x"), {}}}},
        {"two of one name", {good, {"a", 2, {"device"}, {}}}},
        {"two of one user", {good, {"b", 1, {"device"}, {}}}},
    };
    for (const auto& [what, principals] : all) {
        EXPECT_EQ(name_of_error(check_principals(principals)), "bad_principal") << what;
    }
    EXPECT_TRUE(check_principals({good, {"b", 2, {"device", "device-kem"}, {}}}));
    EXPECT_EQ(name_of_error(parse_key_use("unseal")), "bad_principal");
}

}  // namespace
}  // namespace berth::identity
