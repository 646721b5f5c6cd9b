// What the commands below `berth se` share.
#pragma once

#include "berth/commands/commands.h"
#include "keystore/stsafe/uri.h"

namespace berth::app {

struct element_options {
    std::string chip = "stsafe:device=/dev/i2c-1";
    std::string password_file;
    bool last_try = false;
    std::string entity;  // the name of its key; empty: none is needed
    std::string entity_passphrase_file;
};

// The chip of `berth se`, for as long as a command works with it: its host session is open when it is named with a host key, its
// password shown when one is given, and an entity proved when one is named.
class opened_element {
public:
    // Errors `bad_key_uri`, `stsafe_absent`, those of device::open_host_session, of show_password, of
    // keystore::open_signing_key and of prove_entity.
    static result<opened_element> open(const element_options& o);
    opened_element(opened_element&& other) noexcept;
    opened_element& operator=(opened_element&&) = delete;
    ~opened_element();  // the chip forgets the password and the entity that it was shown

    [[nodiscard]] keystore::stsafe::device& chip() const { return *chip_; }
    [[nodiscard]] const keystore::stsafe::key_place& place() const { return place_; }

private:
    opened_element(std::shared_ptr<keystore::stsafe::device> chip, keystore::stsafe::key_place place)
        : chip_(std::move(chip)), place_(place) {}
    std::shared_ptr<keystore::stsafe::device> chip_;
    keystore::stsafe::key_place place_;
    bool shown_ = false;
};

// --chip; and --password-file, --last-try where the chip may ask for a password.
void add_chip(CLI::App& command, element_options& o);
void add_password(CLI::App& command, element_options& o);
// --entity, --entity-passphrase-file where a zone may be for an entity alone.
void add_entity(CLI::App& command, element_options& o);
// A public key, or that of a certificate, in PEM; for --from. Errors of category usage.
result<crypto::verification_key> read_public_key(const std::string& file);

void add_se(CLI::App& cli, context& c);

void add_se_authenticate(CLI::App& group, context& c);
void add_se_store(CLI::App& group, context& c);
void add_se_counter(CLI::App& group, context& c);
void add_se_password(CLI::App& group, context& c);
void add_se_firmware(CLI::App& group, context& c);
void add_se_entity(CLI::App& group, context& c);
void add_se_host_key(CLI::App& group, context& c);

}  // namespace berth::app
