// A device's keys, made where its back end keeps them, and their certificates, once the issuer has seen where that is.
#pragma once

#include "factory/tpm_unit.h"
#include "pki/trust.h"
#include "setup/keys.h"

namespace berth::app {

// Where a device's keys are made. For a TPM also: whose TPMs are believed, and what its maker puts beside the certificate.
struct unit_place {
    std::string backend = "software";  // tpm2, stsafe
    std::string tcti;                  // of a TPM; empty: BERTH_TPM2_TCTI, else device:/dev/tpmrm0
    std::string chip;                  // of an STSAFE: its device, as in stsafe:...;device=
    std::filesystem::path host_key;    // of an STSAFE, if commands are authenticated
    std::filesystem::path tpm_makers;  // PEM: roots and other CAs of TPM makers, and their roots cross-signed
    // Platform registers that the ML-KEM seed is sealed to as they are now; empty: none.
    std::vector<uint8_t> pcrs;
};

struct unit_algorithms {
    crypto::kem_algorithm kem = crypto::kem_algorithm::mlkem768_p256;
    crypto::signature_algorithm signature = crypto::signature_algorithm::ecdsa_p256_sha256;
};

// Makes the keys and leaves in `into` what finds them again: p3.pem or p3.uri (and p3.seed), p3-sig.pem or p3-sig.uri. Errors of
// files and of the chip; `unknown_backend`; `operation_unsupported`: the chip makes no such key.
result<std::unique_ptr<factory::unit>> make_unit_keys(const std::filesystem::path& into, const unit_place& place,
                                                      const factory::unit_name& name, const unit_algorithms& algorithms,
                                                      const std::optional<secret_bytes>& passphrase, random_source& random);

// Roots (self-issued) and other CAs of a PEM file. Errors of files; `bad_anchor`.
result<pki::trust_store> read_tpm_makers(const std::filesystem::path& file);

// The factory's issuing CAs: "idevid-ca", and "idevid-ca-classical" for the certificates that must fit into a chip.
struct unit_issuers {
    std::string maker;
    authority post_quantum;
    authority classical;
};
result<unit_issuers> open_unit_issuers(const std::filesystem::path& factory, const std::optional<secret_bytes>& passphrase);

// Request, challenge, answer and grant in one place, where factory and device meet. The chip holds the identity's certificate
// afterwards, if it has room for one; there an earlier one for the same key and serial is kept. Errors of both sides.
result<factory::unit_certificates> certify_unit(factory::unit& unit, const unit_issuers& issuers, const pki::certificate& root,
                                                const unit_place& place, const clock& time, random_source& random);

}  // namespace berth::app
