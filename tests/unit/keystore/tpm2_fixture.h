// A TPM for each test, and a connection to it.
#pragma once

#include "keystore/tpm2/device.h"
#include "support/swtpm.h"
#include "support/test_pki.h"

#include <optional>

namespace berth::keystore::tpm2 {

using test::name_of_error;
using test::value_of;

class Tpm2 : public testing::Test {
protected:
    void SetUp() override {
        BERTH_NEEDS_SWTPM();
        chip.emplace();
        connect();
    }
    void connect() {
        device_options options;
        options.tcti = chip->tcti();
        in = value_of(device::open(options));
    }
    // One of tpm2-tools, which wants the TPM for itself.
    void tool(const std::string& command) {
        in.reset();
        EXPECT_EQ(chip->tool(command), 0) << command << "\n" << chip->log();
        connect();
    }
    std::optional<test::swtpm> chip;
    device_ptr in;
};

}  // namespace berth::keystore::tpm2
