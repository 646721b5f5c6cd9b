// An order for a contract line: so many devices of one kind, for that line alone to read (docs/personalisation.md).
//
// The line has a KEM key, and a key that signs its requests and its production logs; the manufacturer knows both by line.json. An
// order is signed by the manufacturer's production key and sealed to the line's KEM key: HPKE in base mode with AES-256-GCM,
// info "berth line order 1", the SHA-256 of the line's KEM key as additional data.
#pragma once

#include "base/descriptor.h"
#include "setup/lot_order.h"

namespace berth::app {

// What a line is known by. In a file: line.json.
struct line_identity {
    std::string name;
    crypto::kem_public_key kem;
    crypto::verification_key signing;

    [[nodiscard]] std::string to_text() const;
    // Errors of files; `bad_line`.
    static result<line_identity> read(const std::filesystem::path& file);
};

// A line's directory: line.key, production.key, production.pub, maker.pub, line.json. `maker`: the manufacturer's
// production.pub, whose orders are taken. Errors of files; `file_exists`.
result<line_identity> line_init(const std::filesystem::path& directory, const std::string& name,
                                const std::filesystem::path& maker, const std::optional<secret_bytes>& passphrase,
                                random_source& random);

// All that a line must know to make the devices, but no CA's key.
struct line_terms {
    std::string id;       // 32 hexadecimal digits
    std::string line;     // whose it is: SHA-256 of that line's KEM key, hexadecimal
    serial_plan serials;  // the quota, too: no serial is used twice
    lot_order order;
    std::string root;       // z1.pem
    std::string masa_keys;  // masa-kem.pem

    [[nodiscard]] wire::json::object to_json() const;
    // Error `bad_order`.
    static result<line_terms> from_json(const wire::json::object& json);
};

// The order's file, and what the manufacturer keeps of it below FACTORY/orders/ID: order.json, and line.json. Errors of files
// and keys; `device_exists`: a serial is used already; `serial_ordered`; those of check_customer and check_key_names;
// `too_large`: no line could read it.
struct line_order_request {
    std::filesystem::path factory, masa;
    lot_order order;
    serial_plan serials;
    line_identity line;
    std::optional<secret_bytes> passphrase;
};
struct sealed_order {
    std::string id;
    std::string text;
};
result<sealed_order> make_line_order(const line_order_request& request, random_source& random);

// At the line. Errors of files; `bad_order`: it is no order; `other_line`: it is for another line; `order_altered`: it does not
// open, or is not the manufacturer's.
result<line_terms> open_line_order(const std::filesystem::path& line, const std::string& text,
                                   const std::optional<secret_bytes>& passphrase);

// Where the manufacturer keeps an order, and a line does. Error `unknown_order`: no order's id.
result<std::filesystem::path> order_directory(const std::filesystem::path& of, const std::string& id);
// As it is kept there. Errors of files; `bad_order`.
result<line_terms> read_order(const std::filesystem::path& directory);

// One process at a time orders, or issues for orders; until it goes. Error `in_use`.
result<descriptor> lock_orders(const std::filesystem::path& factory);
}  // namespace berth::app
