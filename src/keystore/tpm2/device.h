// A TPM 2.0, reached through tpm2-tss in this process (ESAPI).
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret.h"

#include <memory>
#include <string>
#include <string_view>

namespace berth::keystore::tpm2 {

// Who owns what a command makes, or allows it (TPM 2.0 Part 1, 13 and 14).
enum class hierarchy : uint8_t { owner, endorsement, platform };

struct device_options {
    // How tpm2-tss reaches it: "device:/dev/tpmrm0", "swtpm:path=/run/tpm.sock", "tabrmd:bus_name=...". Empty: what
    // BERTH_TPM2_TCTI says, else device:/dev/tpmrm0, the kernel's resource manager.
    std::string tcti;
    // Authorization values of the hierarchies, as set by whoever took ownership; empty on a new TPM.
    secret_bytes owner_auth;
    secret_bytes endorsement_auth;
    secret_bytes platform_auth;
};

// Thread-safe: commands, and sequences of commands that belong together, are done one after another. Whatever a sequence
// leaves in the TPM's few slots it flushes itself, so that it works with and without a resource manager. Once its
// connection has broken, every use fails with tpm_unavailable; open another one.
class device {
public:
    // A TPM that nobody has started yet (swtpm, a bare controller) is started. Error tpm_unavailable.
    static result<std::shared_ptr<device>> open(const device_options& options = {});
    // The one that this process has open with these options' TCTI, or a new one.
    static result<std::shared_ptr<device>> shared(std::string_view tcti = {});

    device(const device&) = delete;
    device& operator=(const device&) = delete;
    ~device();

    const std::string& tcti() const noexcept;
    // From the TPM's generator, at most 32 octets at a time.
    result<secret_bytes> random(size_t size);

    struct impl;  // defined in device_tss2.h
    explicit device(std::unique_ptr<impl> i);
    impl& get() noexcept { return *impl_; }

private:
    std::unique_ptr<impl> impl_;
};

using device_ptr = std::shared_ptr<device>;

// "0x81020000"
std::string handle_text(uint32_t handle);

}  // namespace berth::keystore::tpm2
