// The chain file of a device: its own certificates and those of the signers on its way (docs/chain.md). The last signer makes it
// whole, or each signer that has the device in hand signs the device's key and puts its certificates in, or some of them do.
#pragma once

#include "pki/certificate.h"

#include <filesystem>
#include <optional>
#include <span>

namespace berth::app {

// In this order: the certificate of the device that came last, and those above it; then each other one of the device with what is
// above it and not there yet; then what leads to none of these. Roots are left out: who judges a device has them.
struct device_chain {
    std::vector<pki::certificate> all;
    // How many of them belong to the first: what a TLS client sends.
    size_t first = 0;
};

// What the file holds after this was put in. Errors (usage) `other_device`: a certificate of another key than the device's;
// `not_of_this_chain`: a signer that neither vouches for anything there nor was signed by a signer there; `no_device`: there is
// no device's certificate in it.
result<device_chain> put_in(std::span<const pki::certificate> there, std::span<const pki::certificate> fresh);

// What a TLS client sends of these: one certificate of the device and those above it; of the signer with this certificate, else
// the first. Errors `no_device`; `unknown_signer` (usage): that one has not signed the device.
result<std::vector<pki::certificate>> sent_chain(std::span<const pki::certificate> all,
                                                 const std::optional<pki::certificate>& by);

}  // namespace berth::app
