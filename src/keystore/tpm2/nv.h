// NV indices of a TPM (TPM 2.0 Part 3, 31), where certificates lie.
#pragma once

#include "keystore/tpm2/device.h"

namespace berth::keystore::tpm2 {

// TPMA_NV (Part 2, 13.4), those that occur here; combined with |.
enum nv_attributes : uint32_t {
    nv_platform_write = 1U << 0,
    nv_owner_write = 1U << 1,
    nv_auth_write = 1U << 2,
    nv_counter = 1U << 4,  // TPM_NT_COUNTER
    nv_write_locked = 1U << 11,
    nv_write_define = 1U << 13,  // may be locked for good
    nv_platform_read = 1U << 16,
    nv_owner_read = 1U << 17,
    nv_auth_read = 1U << 18,
    nv_policy_read = 1U << 19,
    nv_no_da = 1U << 25,
    nv_written = 1U << 29,
    nv_platform_create = 1U << 30,
};

// A certificate of the factory: the platform alone writes it, once; everybody reads it; TPM2_Clear leaves it.
inline constexpr uint32_t factory_certificate = nv_platform_write | nv_write_define | nv_platform_read | nv_owner_read |
                                                nv_auth_read | nv_policy_read | nv_no_da | nv_platform_create;

struct nv_index {
    uint32_t index = 0;
    uint32_t attributes = 0;
    uint16_t size = 0;
};

// Error nv_not_found.
result<nv_index> nv_look(const device_ptr& in, uint32_t index);
// All of it. Errors nv_not_found, nv_unwritten, nv_not_authorized.
result<bytes> nv_read(const device_ptr& in, uint32_t index);

// By the platform's authorization if the attributes say nv_platform_create, else the owner's. Errors nv_exists, nv_full.
result<void> nv_define(const device_ptr& in, const nv_index& what);
// Error nv_not_found.
result<void> nv_undefine(const device_ptr& in, uint32_t index);
// Errors nv_locked, nv_not_authorized.
result<void> nv_write(const device_ptr& in, uint32_t index, bytes_view data);
// Counters: they rise by one, and never fall. One that is defined anew begins above what any of this TPM ever was (Part
// 3, 31.8), and its first increment makes it readable, which nv_define_counter() does. Errors nv_exists, nv_full; nv_not_found,
// nv_not_counter.
result<void> nv_define_counter(const device_ptr& in, uint32_t index);
result<void> nv_increment(const device_ptr& in, uint32_t index);
result<uint64_t> nv_read_counter(const device_ptr& in, uint32_t index);
// For good (nv_write_define).
result<void> nv_lock(const device_ptr& in, uint32_t index);

// Defines an index of the certificate's size, writes it, reads it back and locks it; if something fails, the index is gone
// again. Errors nv_exists (and what is there stays as it was), certificate_too_large: more than an index holds (2048 octets on
// most TPMs; post-quantum certificates are kept on disk).
result<void> store_certificate(const device_ptr& in, uint32_t index, bytes_view der, uint32_t attributes = factory_certificate);

// The one DER structure at the beginning of an index (some makers pad it). Errors as nv_read(), bad_certificate.
result<bytes> read_certificate(const device_ptr& in, uint32_t index);

}  // namespace berth::keystore::tpm2
