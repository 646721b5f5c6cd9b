// A certification request that was read, and of which nobody has shown yet that it is of who holds its key: for whoever has to
// look into it to know what it has to prove. verified_csr and verified_kem_csr are made of it.
#pragma once

#include "pki/csr_contents.h"

#include <memory>

namespace berth::pki {

class unproved_csr {
public:
    // Errors of parse_csr_contents.
    static result<unproved_csr> parse(bytes_view der);

    const csr_contents& asks() const noexcept { return asks_; }
    bytes_view der() const noexcept { return der_; }

    struct impl;  // libcrypto's reading of it, in csr_openssl.h
    const impl& get() const noexcept { return *impl_; }

private:
    unproved_csr(bytes_view der, csr_contents asks, std::shared_ptr<const impl> i)
        : der_(to_bytes(der)), asks_(std::move(asks)), impl_(std::move(i)) {}
    bytes der_;
    csr_contents asks_;
    std::shared_ptr<const impl> impl_;
};

}  // namespace berth::pki
