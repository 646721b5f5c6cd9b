// What a customer has ordered, in order.toml: what the devices are, whose they are, what is on them, and what they are told.
#pragma once

#include "setup/personalise.h"

namespace berth::app {

struct lot_order {
    std::string name;
    device_order device;
    std::string backend;
    std::string customer;                           // empty: nobody's yet
    std::optional<pki::certificate> customer_root;  // of [customer]
    std::string image;                              // "sha256:" and 64 hexadecimal digits; empty: not said
    std::map<uint8_t, std::string> registers;       // reference values of the SHA-256 bank, hexadecimal
    wire::json::object settings;

    // What the MASA tells each device and order.json in its bundle says: "order", "image", "pcrs", "settings".
    [[nodiscard]] std::string configuration() const;
    // Of each bundle: order.json, and the customer's root.
    [[nodiscard]] std::vector<std::pair<std::string, std::string>> files() const;
};

// Default deny: a key's name is a place in the device's own chip, and may not send whoever makes the device elsewhere. Error
// `bad_order`: it is not of the order's back end; `at_a_line`: it says which chip, token or file of the machine is meant.
result<void> check_key_names(const lot_order& order, bool at_a_line);

// Errors of files; `bad_config` with the line; those of the customer's certificate; `too_large`: it says more than a MASA tells.
result<lot_order> read_lot_order(const std::filesystem::path& file);

}  // namespace berth::app
