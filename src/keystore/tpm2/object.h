// Keys and sealed data in a TPM: loaded for as long as the C++ object lives, or persistent.
#pragma once

#include "attestation/public_area.h"
#include "keystore/tpm2/device.h"

namespace berth::keystore::tpm2 {

class object;

// CreatePrimary (Part 3, 24.1): the same key from the same template, as long as the hierarchy's seed is the same.
result<object> create_primary(const device_ptr& in, hierarchy under, const attestation::public_area& as);
// The object at a persistent handle. Error key_not_found.
result<object> open_persistent(const device_ptr& in, uint32_t handle);
// Error key_not_found. What only this handle held is gone.
result<void> evict(const device_ptr& in, uint32_t handle);

// A loaded or persistent object. What is only loaded is flushed at the end: a TPM without a resource manager has three slots.
class object {
public:
    object(device_ptr owner, uint32_t esys, bool transient, attestation::public_area area) noexcept;
    object(object&& other) noexcept;
    object& operator=(object&& other) noexcept;
    object(const object&) = delete;
    object& operator=(const object&) = delete;
    ~object();

    const attestation::public_area& area() const noexcept { return area_; }
    const device_ptr& owner() const noexcept { return owner_; }
    uint32_t esys() const noexcept { return esys_; }  // ESYS_TR

private:
    friend result<object> create_primary(const device_ptr&, hierarchy, const attestation::public_area&);
    friend result<object> open_persistent(const device_ptr&, uint32_t);
    void release() noexcept;
    device_ptr owner_;
    uint32_t esys_;
    bool transient_;
    attestation::public_area area_;
};

// Gives a loaded object a persistent handle; by the owner's authorization, or (0x81800000 and above) the platform's.
// Error nv_exists, with the handle.
result<void> make_persistent(const object& what, uint32_t handle);

// The persistent handles that are taken, ascending.
result<std::vector<uint32_t>> persistent_handles(const device_ptr& in);

// A child, wrapped for its parent: to be kept outside the TPM.
struct wrapped_object {
    attestation::public_area area;
    bytes private_part;  // the content of TPM2B_PRIVATE: encrypted and bound to the parent
};

// `data` is what is sealed; empty for keys, which the TPM makes. It travels encrypted.
result<wrapped_object> create_child(const object& parent, const attestation::public_area& as, const secret_bytes& data = {});
// Error tpm_wrong_tpm: it was wrapped for another parent.
result<object> load(const object& parent, const wrapped_object& what);

// The storage root key: the one at 0x81000001 where there is one (`handle` says so), else made from the TCG template.
struct storage_root {
    object key;
    uint32_t handle;  // 0: not persistent
};
result<storage_root> open_storage_root(const device_ptr& in);
// The parent that open_storage_root() gave when something was sealed, whatever has become persistent since.
result<object> storage_root_at(const device_ptr& in, uint32_t handle);
attestation::public_area storage_root_template();

}  // namespace berth::keystore::tpm2
