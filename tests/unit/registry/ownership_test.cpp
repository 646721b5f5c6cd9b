// The life of an ownership record.
#include "registry/ownership.h"

namespace berth::registry {
namespace {

using onboarding::authorization_verdict;

ownership fresh() {
    ownership o;
    o.device.serial = "SN-1";
    return o;
}

TEST(Ownership, GoesFromTheManufacturerToACustomerAndOn) {
    auto o = fresh();
    EXPECT_EQ(o.owner(0), "");
    o = *assign(o, "Birch", 0);
    EXPECT_EQ(o.owner(0), "Birch");
    o = *mark_onboarded(o, "Birch", 0);
    EXPECT_EQ(o.state, ownership_state::onboarded);
    o = *release(o, "Birch", "Cedar", 100, 1000);
    EXPECT_EQ(o.owner(999), "") << "while a voucher may still be used nobody owns it";
    EXPECT_EQ(o.owner(1000), "Cedar");
    EXPECT_EQ(o.at(1000).state, ownership_state::assigned);
}

TEST(Ownership, OnlyTheOwnerReleases) {
    const auto o = *assign(fresh(), "Birch", 0);
    EXPECT_EQ(release(o, "Cedar", "Cedar", 0, 0).error().name, "not_owner");
    EXPECT_EQ(release(fresh(), "", "Cedar", 0, 0).error().name, "not_owner");
    const auto released = *release(o, "Birch", "Cedar", 0, 1000);
    EXPECT_EQ(release(released, "Birch", "Dogwood", 10, 1000).error().name, "not_owner") << "given away is given away";
}

TEST(Ownership, NobodyReleasesToHimself) {
    const auto o = *mark_onboarded(*assign(fresh(), "Birch", 0), "Birch", 0);
    const auto refused = release(o, "Birch", "Birch", 0, 0);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().name, "same_customer");
    EXPECT_EQ(refused.error().category, error_category::usage);
    EXPECT_EQ(release(o, "Cedar", "Cedar", 0, 0).error().name, "not_owner") << "who is not the owner learns no more than that";
}

TEST(Ownership, AnAssignedDeviceIsNotAssignedAgain) {
    const auto o = *assign(fresh(), "Birch", 0);
    EXPECT_TRUE(assign(o, "Birch", 0));
    EXPECT_EQ(assign(o, "Cedar", 0).error().name, "already_assigned");
}

TEST(Ownership, RevokedIsForEver) {
    auto o = fresh();
    o.revoked = true;
    EXPECT_EQ(assign(o, "Birch", 0).error().name, "revoked");
    EXPECT_EQ(assign(o, "Birch", 0).error().category, error_category::usage) << "no other side has refused";
}

// "device neither `blocked` nor `revoked` (told to the owner only)"
TEST(Ownership, BlocksAreToldToTheOwnerOnly) {
    auto o = *assign(fresh(), "Birch", 0);
    o.blocked = true;
    EXPECT_EQ(judge(o, "Birch", 0), authorization_verdict::blocked);
    EXPECT_EQ(judge(o, "Cedar", 0), authorization_verdict::assigned_elsewhere);
    o.blocked = false;
    EXPECT_EQ(judge(o, "Birch", 0), authorization_verdict::stored);
    EXPECT_EQ(judge(std::nullopt, "Birch", 0), authorization_verdict::not_assigned);
    EXPECT_EQ(judge(fresh(), "Birch", 0), authorization_verdict::not_assigned);
}

}  // namespace
}  // namespace berth::registry
