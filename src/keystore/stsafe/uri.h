// stsafe: URIs, as they name a key in a chip:
//
//     stsafe:slot=1[;zone=1][;envelope=0][;device=/dev/i2c-1][;address=0x20][;host-key=FILE]
//
//     slot      of the private key (0 to 4)
//     zone      beside which its public half lies; the slot's number when not said
//     device    /dev/i2c-N, or the socket of stsafe-sim; /dev/i2c-1 when not said
//     envelope  slot of the key for local envelopes (0 or 1)
//     address   on the bus, seven bits
//     host-key  a file with the two halves of the host key (32 octets, or 64 of an STSAFE-A120 with AES-256; mode 0600): commands
//     that the chip wants so are then
//               authenticated and encrypted. Relative to the naming file's directory
#pragma once

#include "keystore/key_uri.h"
#include "keystore/stsafe/keys.h"

namespace berth::keystore::stsafe {

struct key_name {
    key_place place;
    std::string device = "/dev/i2c-1";
    uint8_t address = bus::default_address;
    std::string host_key;
};

// `rest` is what follows "stsafe:". Error `bad_key_uri`.
result<key_name> parse_name(std::string_view rest);

// The same where a chip is meant, rather than a key in it: nothing need be said, and slot and zone are 0, where the chip's own
// identity is. Error `bad_key_uri`.
result<key_name> parse_chip_name(std::string_view rest);

// The chip that a name speaks of, its host session open when the name has a host key. Errors `stsafe_absent` and those of
// device::open_host_session and of pki::read_secret_file.
result<std::shared_ptr<device>> open_chip(const key_name& name, const open_options& options);

}  // namespace berth::keystore::stsafe
