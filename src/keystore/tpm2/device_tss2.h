// Internal to this folder: the ESYS context behind a device, and the few forms in which ESAPI takes and gives things.
#pragma once

#include "attestation/public_area.h"
#include "keystore/tpm2/device.h"
#include "keystore/tpm2/response.h"
#include "keystore/tpm2/tss2_library.h"

#include <map>
#include <mutex>

namespace berth::keystore::tpm2 {

struct device::impl {
    std::string name;
    std::recursive_mutex lock;  // a sequence holds it and calls operations that hold it
    TSS2_TCTI_CONTEXT* tcti = nullptr;
    ESYS_CONTEXT* esys = nullptr;

    // Persistent handles that are open. ESAPI before 4.0 does not count who shares its object of a handle, and the first to
    // close it takes it from all others.
    struct shared_handle {
        ESYS_TR esys = ESYS_TR_NONE;
        size_t holders = 0;
    };
    std::map<uint32_t, shared_handle> persistent;
};

// The device for one command or a sequence of them: other threads wait.
class hold {
public:
    explicit hold(device& d) : guard_(d.get().lock), esys_(d.get().esys) {}
    operator ESYS_CONTEXT*() const noexcept { return esys_; }

private:
    std::lock_guard<std::recursive_mutex> guard_;
    ESYS_CONTEXT* esys_;
};

inline result<void> check(TSS2_RC rc, std::string_view doing) {
    if (rc != TSS2_RC_SUCCESS) {
        return fail(response_error(rc, doing));
    }
    return {};
}

// Where ESAPI puts what it allocates.
template <class T>
class esys_out {
public:
    esys_out() = default;
    esys_out(const esys_out&) = delete;
    esys_out& operator=(const esys_out&) = delete;
    ~esys_out() {
        if (value_ != nullptr) {
            explicit_bzero(value_, sizeof(T));  // some of it is secret
            tss().Esys_Free(value_);
        }
    }
    T** slot() noexcept { return &value_; }
    T* get() const noexcept { return value_; }
    T* operator->() const noexcept { return value_; }
    T& operator*() const noexcept { return *value_; }

private:
    T* value_ = nullptr;
};

// A TPM2B of any kind: false when `data` is too long for it.
template <size_t N>
bool fill(UINT16& size, BYTE (&buffer)[N], bytes_view data) {
    if (data.size() > N) {
        return false;
    }
    std::copy(data.begin(), data.end(), buffer);
    size = static_cast<UINT16>(data.size());
    return true;
}

inline ESYS_TR esys_handle(hierarchy h) {
    return h == hierarchy::owner ? ESYS_TR_RH_OWNER : h == hierarchy::endorsement ? ESYS_TR_RH_ENDORSEMENT : ESYS_TR_RH_PLATFORM;
}

inline bytes_view view(const TPM2B_DIGEST& d) {
    return {d.buffer, d.size};
}

// Between our form of a public area and that of tpm2-tss, through the octets of the specification.
// Errors tpm_structure_malformed, tpm_unsupported.
result<TPM2B_PUBLIC> to_tss(const attestation::public_area& area);
result<attestation::public_area> from_tss(const TPM2B_PUBLIC& area);
result<TPML_PCR_SELECTION> to_tss(const attestation::pcr_selection& selection);
result<bytes> from_tss(const TPMT_SIGNATURE& signature);
result<TPMT_SIGNATURE> signature_to_tss(bytes_view octets);

}  // namespace berth::keystore::tpm2
