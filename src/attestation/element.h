// Whether somebody has a certain secure element: its certificate leads to a CA whose elements the verifier trusts, and the key of
// that certificate signs a challenge that nobody could have known. No I/O: the verifier may be a host that looks at the chip of a
// cartridge, or a server that looks at a device's.
//
// An element signs whatever it is told to. So that nobody can have it sign, under the name of a challenge, what means something
// elsewhere (a certification request, a handshake, the challenge of another verifier), what is signed says what it is, and for
// whom:
//
//     "Berth element authentication 1" 00  length(1) audience  challenge(32)
//
// by the hash that belongs to the key's curve.
#pragma once

#include "base/clock.h"
#include "base/random.h"
#include "crypto/sign.h"
#include "pki/verify.h"

#include <array>
#include <string>

namespace berth::attestation {

inline constexpr size_t element_challenge_size = 32;
using challenge_octets = std::array<uint8_t, element_challenge_size>;
inline constexpr size_t most_audience = 255;

// The audience of a host that verifies a chip on its own bus.
inline constexpr std::string_view local_audience = "local";

// `audience` has at most most_audience octets.
bytes element_message(std::string_view audience, bytes_view challenge);

// The certificate of an element, leaf first, up to one of the CAs; `lists`: whether each CA must have a list. A maker's CA may
// have certified the keys of TPMs as well, and these sign other things than elements do: they are none. Errors of
// pki::verify_chain; `not_an_element`.
result<pki::verified_chain> verify_element_chain(const pki::trust_store& makers, std::span<const pki::certificate> leaf_first,
                                                 unix_seconds now, pki::crl_policy lists = pki::crl_policy::if_present);

// That an element is there, and which one. Made by element_challenge::accept() alone.
class verified_element {
public:
    const pki::certificate& certificate() const noexcept { return chain_.leaf(); }
    const pki::certificate& maker() const noexcept { return chain_.anchor(); }

private:
    friend class element_challenge;
    explicit verified_element(pki::verified_chain chain) : chain_(std::move(chain)) {}
    pki::verified_chain chain_;
};

// One challenge of a verifier. It is answered once: a second answer is a replay.
class element_challenge {
public:
    // Error `bad_audience`: empty, or longer than most_audience.
    static result<element_challenge> draw(std::string audience, random_source& random);
    // One that was given out before. Whoever resumes it sees to it that it is not accepted twice. Error `bad_audience`.
    static result<element_challenge> resume(std::string audience, const challenge_octets& octets);

    element_challenge(element_challenge&&) noexcept = default;
    element_challenge& operator=(element_challenge&&) noexcept = default;
    element_challenge(const element_challenge&) = delete;
    element_challenge& operator=(const element_challenge&) = delete;

    bytes_view octets() const noexcept { return octets_; }
    // What the element is to sign.
    bytes message() const { return element_message(audience_, octets_); }

    // `signature`: ECDSA in DER, over message(). Errors `element_signature_invalid`: it is not by the certificate's key, so that
    // this is a copy of the certificate in another chip (a clone), or not over this challenge; `challenge_used`.
    result<verified_element> accept(pki::verified_chain chain, bytes_view signature);

private:
    element_challenge(std::string audience, const challenge_octets& octets) : audience_(std::move(audience)), octets_(octets) {}
    std::string audience_;
    challenge_octets octets_;
    bool used_ = false;
};

}  // namespace berth::attestation
