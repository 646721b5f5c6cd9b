#include "keystore/tpm2/response.h"

#include <gtest/gtest.h>

namespace berth::keystore::tpm2 {

namespace {

std::string param(const error& e, std::string_view key) {
    for (const auto& [name, value] : e.params) {
        if (name == key) {
            return value;
        }
    }
    return "";
}

TEST(Response, Names) {
    const auto name = [](uint32_t rc) { return response_error(rc, "testing").name; };
    EXPECT_EQ(name(0x921), "tpm_locked_out");
    EXPECT_EQ(name(0x902), "tpm_no_slots");
    EXPECT_EQ(name(0x903), "tpm_no_slots");
    EXPECT_EQ(name(0x922), "tpm_busy");
    EXPECT_EQ(name(0x101), "tpm_failed");
    EXPECT_EQ(name(0x14c), "nv_exists");
    EXPECT_EQ(name(0x148), "nv_locked");
    EXPECT_EQ(name(0x14b), "nv_full");
    EXPECT_EQ(name(0x14a), "nv_unwritten");
    EXPECT_EQ(name(0x149), "nv_not_authorized");
    EXPECT_EQ(name(0x143), "tpm_unsupported");
    EXPECT_EQ(name(0x18b), "handle_not_found");
    EXPECT_EQ(name(0x98e), "tpm_auth_failed");
    EXPECT_EQ(name(0x9a2), "tpm_auth_failed");
    EXPECT_EQ(name(0x99d), "tpm_policy_failed");
    EXPECT_EQ(name(0x1df), "tpm_wrong_tpm");
    EXPECT_EQ(name(0x2d6), "tpm_unsupported");
}

// The same code, reported by a resource manager (TSS 2.0 Overview 5.1: its layer in bits 16 to 23).
TEST(Response, LayersOnTheWay) {
    EXPECT_EQ(response_error(0x000c0902, "testing").name, "tpm_no_slots");
    EXPECT_EQ(response_error(0x000b0902, "testing").name, "tpm_no_slots");
    EXPECT_EQ(response_error(0x000a000a, "testing").name, "tpm_unavailable");
    EXPECT_EQ(response_error(0x00070007, "testing").name, "tpm_unavailable") << "it was killed in the middle of a command";
    EXPECT_EQ(response_error(0x00070902, "testing").name, "tpm_refused") << "ESAPI's own numbers mean something else";
}

TEST(Response, SaysWhereAndWhatToDo) {
    const error e = response_error(0x921, "signing");
    EXPECT_EQ(e.category, error_category::environment);
    EXPECT_EQ(param(e, "tpm"), "TPM_RC_LOCKOUT");
    EXPECT_EQ(param(e, "rc"), "0x921");
    EXPECT_TRUE(e.message.starts_with("signing")) << e.message;
    EXPECT_EQ(param(response_error(0x2d5, "x"), "position"), "parameter 2");
    EXPECT_EQ(param(response_error(0x98e, "x"), "position"), "session 1");
    EXPECT_EQ(param(response_error(0x18b, "x"), "position"), "handle 1");
    const error unknown = response_error(0x2d5, "x");
    EXPECT_EQ(unknown.name, "tpm_refused");
    EXPECT_EQ(unknown.category, error_category::internal);
}

}  // namespace

}  // namespace berth::keystore::tpm2
