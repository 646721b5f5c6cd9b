// The customer's side: Z2 and the issuing CA, the registrar with Z4, and the registration of Z2 with a manufacturer.
#pragma once

#include "setup/keys.h"

namespace berth::app {

struct ca_setup {
    std::string customer;
    crypto::signature_algorithm algorithm = crypto::signature_algorithm::mldsa65;
    std::optional<secret_bytes> passphrase = {};
};

// DIR: z2.pem z2.key (root), ca.pem ca.key (issuing CA).
result<void> ca_init(const std::filesystem::path& directory, const ca_setup& setup, const clock& time, random_source& random);

struct registrar_setup {
    std::filesystem::path ca;        // where z2 and ca lie
    std::vector<std::string> hosts;  // dNSNames of Z4
    std::string listen = "0.0.0.0:8443";
    std::string admin;                 // empty: none
    std::filesystem::path maker_root;  // Z1
    std::string masa;                  // host:port
    std::string masa_host;             // empty: the host of `masa`
    bool manual_approval = false;
    bool announce = false;
    crypto::kem_algorithm kem = crypto::kem_algorithm::mlkem768_p256;
    std::filesystem::path ca_passphrase_file = {};  // of the CA's keys
    std::filesystem::path passphrase_file = {};     // of the key made here; berthd.toml names both
};

// DIR: z4.pem z4.key, registrar.db, berthd.toml with [registrar] and [ca]. Errors of files; before anything is made, those of
// check_root_file and check_authority_files, and `bad_maker_root`: it is the customer's own.
result<void> registrar_init(const std::filesystem::path& directory, const registrar_setup& setup, const clock& time,
                            random_source& random);

// "A customer registers its root out of band with proof of possession": a signature by Z2's key over what is registered, and
// with which manufacturer.
result<bytes> prove_root(const authority& root, const std::string& customer, const pki::certificate& maker_root);
// Error `possession_unconfirmed`.
result<void> check_root_proof(bytes_view proof, const pki::certificate& root, const std::string& customer,
                              const pki::certificate& maker_root);

}  // namespace berth::app
