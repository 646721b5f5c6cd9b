// The attackers that the demonstration and the tests let loose (docs/onboarding.md section 9), made of the product's own parts.
#pragma once

#include "device/bundle.h"
#include "scene/world.h"

namespace berth::app {

// A registrar in the middle: it shows the device a certificate of its own making, and knocks at the MASA with that of
// `insider`, a registered customer whose registrar it controls. Runs in its own thread for as long as the object lives.
class registrar_in_the_middle {
public:
    static result<std::unique_ptr<registrar_in_the_middle>> start(const world& w, const world_customer& insider,
                                                                  const std::filesystem::path& directory);
    ~registrar_in_the_middle();
    [[nodiscard]] const net::address& kk2() const { return kk2_; }

    struct impl;
    registrar_in_the_middle(std::unique_ptr<impl> i, net::address kk2);

private:
    std::unique_ptr<impl> impl_;
    net::address kk2_;
};

// A clone: it has the device's certificate Z3 but not its key P3.
keystore::kem_key_ptr key_of_a_clone(const crypto::kem_public_key& victim, random_source& random);

// An onboarded device that plays registrar: opens KK1 to the MASA with the KEM certificate that its customer gave it. How the
// MASA answered: an error with the alert's name, or nothing if it was let in.
std::optional<error> play_registrar(const world& w, const device_bundle& bundle, const std::string& credential);

}  // namespace berth::app
