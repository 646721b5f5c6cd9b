// A device's keys, made where their names say, and their certificates, once the issuer has seen where that is.
#pragma once

#include "attestation/policy.h"
#include "factory/tpm_unit.h"
#include "keystore/tpm2/seal.h"
#include "pki/trust.h"
#include "setup/chip_keys.h"
#include "setup/keys.h"

namespace berth::app {

// The OID arc for examples (RFC 7042 documentation use does not cover OIDs; 2.25 needs no registration): a hardware type
// of a maker that has not set its own.
inline constexpr const char* hardware_type = "2.25.205546254112486";

// Of a device whose keys are in a TPM.
struct tpm_order {
    // PEM: roots and other CAs of TPM makers, and their roots cross-signed. Without them no TPM is believed, and no device made.
    std::vector<std::filesystem::path> makers = {};
    // Where the identity is, by the name of a layout (keystore/tpm2/devid.h), unless p3_sig_uri says it; empty: tcg.
    std::string layout = {};
    // Platform registers (SHA-256 bank) that the ML-KEM seed is sealed to as they are now; empty: none.
    std::vector<uint8_t> pcrs = {};
    // In place of that: an approval of the boot state that the device is in (berth key approve); the seed is sealed for whatever
    // the same approver approves of later.
    std::filesystem::path approval = {};
    // Whoever has the makers is elsewhere, and judges before anything is issued: of a contract line's units.
    bool judged_elsewhere = false;
};

struct unit_order {
    factory::unit_name name;
    crypto::kem_algorithm kem;
    crypto::signature_algorithm signature;
    std::string p3_uri;  // as the device will know its keys; empty: files of the bundle
    std::string p3_sig_uri;
    tpm_order tpm;
};

// Makes the keys and leaves in `into` what finds them again: p3.pem or p3.uri (and p3.seed), p3-sig.pem or p3-sig.uri. Those
// that a chip made go with `in_chip`; a TPM's are those of the TCG's templates, the same whenever they are made, and those that
// it had before stay. Errors of files and of the chip; those of check_identity_places; `bad_order`: makers of TPMs are given and
// no key is in one; `tpm_maker_unknown`: no makers are; `key_exists`; `operation_unsupported`: the chip makes no such key.
result<std::unique_ptr<factory::unit>> make_unit_keys(const std::filesystem::path& into, const unit_order& order,
                                                      const std::optional<secret_bytes>& passphrase, random_source& random,
                                                      chip_keys& in_chip);

// When the TPM gives the ML-KEM seed back, as ordered. Errors of files; `approval_invalid`.
result<keystore::tpm2::seal_condition> sealed_when(const tpm_order& order);
// Of approvals, whose they are and for what: another boot state of the same approver's is no other condition.
bool same_condition(const keystore::tpm2::seal_condition& a, const keystore::tpm2::seal_condition& b);

// What berth key approve has written, unchanged since. Errors of files; `approval_invalid`, naming the file.
result<attestation::policy_approval> read_approval(const std::filesystem::path& file);

// Roots (self-issued) and other CAs of PEM files. Errors of files; `bad_anchor`: no root is among them.
result<pki::trust_store> read_tpm_makers(const std::vector<std::filesystem::path>& files);

// The factory's issuing CAs: "idevid-ca", and "idevid-ca-classical" for the certificates that must fit into a chip.
struct unit_issuers {
    std::string maker;
    authority post_quantum;
    std::optional<authority> classical;
};
// The second one is opened only `for_chips`. Errors of files and keys; `certificate_expired` and other reasons why a CA issues
// nothing.
result<unit_issuers> open_unit_issuers(const std::filesystem::path& factory, const std::optional<secret_bytes>& passphrase,
                                       bool for_chips, unix_seconds now);

// Request, challenge, answer and grant in one place, where factory and device meet. An earlier certificate of the identity for
// the same key and serial, which is locked in the TPM's NV, counts in place of a new one. Errors of both sides; `nv_exists`: the
// TPM holds another device's.
result<factory::unit_certificates> certify_unit(factory::unit& unit, const unit_issuers& issuers, const pki::certificate& root,
                                                const tpm_order& tpm, const clock& time, random_source& random);

// Puts the identity's certificate where its chip keeps such: a TPM's NV index, locked for good, or the zone of an STSAFE-A's key,
// in place of what was there to find it again. `p3_sig_uri` is the key's, as its bundle names it; empty for a file. To be done
// last, when there is nothing any more that could keep the device from being made. Errors of the chip.
result<void> keep_in_chip(factory::unit& unit, const std::filesystem::path& bundle, const std::string& p3_sig_uri,
                          const pki::certificate& identity);

}  // namespace berth::app
