// A TPM that is none: with a software key in the IAK's place one can say anything, which no TPM does.
#pragma once

#include "attestation/iak.h"
#include "attestation/verify.h"
#include "onboarding/messages/quote.h"
#include "support/test_pki.h"

#include <map>

namespace berth::test {

inline const pki::hardware_module some_tpm{std::string(attestation::oid_hardware_type_tpm), {1, 2, 3}};

class made_up_tpm {
public:
    // Its IAK's certificate is by `issuer`, whose chain it is (itself first); as `serial` and `hardware` say.
    made_up_tpm(const pki::certificate& issuer, const crypto::signing_key& issuer_key, const std::string& serial,
                const pki::hardware_module& hardware = some_tpm, pki::validity v = usual)
        : key(signature_key("iak of " + serial)), chain{certify(issuer, issuer_key, contents(serial, hardware, v)), issuer} {}

    static pki::certificate_template contents(const std::string& serial, const pki::hardware_module& hardware = some_tpm,
                                              pki::validity v = usual) {
        return attestation::iak_certificate_template("Test", serial, hardware, {"00ff", "2.23.133.12.1"}, v);
    }
    pki::certificate certify(const pki::certificate& issuer, const crypto::signing_key& issuer_key,
                             const pki::certificate_template& with) const {
        named_random random("iak certificate");
        return value_of(pki::issue(with, key.public_key().spki(), issuer, issuer_key, random));
    }

    // TPMS_ATTEST of a quote of `registers`.
    bytes statement(bytes_view nonce) const {
        attestation::pcr_selection selection;
        attestation::pcr_values values;
        for (const auto& [number, value] : registers) {
            selection.registers.push_back(number);
            values[number] = to_bytes(value);
        }
        bytes out = head(0x8018, nonce);
        wire::writer w(out);
        w.octets(selection.encode());
        attestation::write_2b(w, value_of(attestation::pcr_digest(attestation::tpm_alg::sha256, selection, values)));
        return out;
    }
    // The certification of a key, which is not what is asked for.
    bytes certification(bytes_view nonce) const {
        bytes out = head(0x8017, nonce);
        wire::writer w(out);
        attestation::write_2b(w, bytes(34, 1));
        attestation::write_2b(w, bytes(34, 1));
        return out;
    }
    onboarding::platform_quote quote_of(const bytes& octets) const {
        onboarding::platform_quote out;
        out.attest = wire::opaque<1, 1024>(octets);
        out.signature =
            wire::opaque<1, 1024>(value_of(attestation::ecdsa_signature_tpm(value_of(key.sign(octets)), key.algorithm())));
        for (const auto& c : chain) {
            out.iak.items.emplace_back(c.der());
        }
        for (const auto& [number, value] : registers) {
            out.registers.items.push_back({number, value});
        }
        return out;
    }
    onboarding::platform_quote quote(bytes_view nonce) const { return quote_of(statement(nonce)); }

    crypto::signing_key key;
    std::vector<pki::certificate> chain;
    std::map<uint8_t, onboarding::hash_field> registers{{0, filled(1)}, {2, filled(2)}, {7, filled(7)}};

    static onboarding::hash_field filled(uint8_t with) {
        onboarding::hash_field out{};
        out.fill(with);
        return out;
    }

private:
    static bytes head(uint16_t tag, bytes_view nonce) {
        bytes out;
        wire::writer w(out);
        w.integer(0xff544347, 4);
        w.integer(tag, 2);
        attestation::write_2b(w, bytes(34, 5));
        attestation::write_2b(w, nonce);
        w.integer(12345, 8);
        w.integer(1, 4);
        w.integer(2, 4);
        w.integer(1, 1);
        w.integer(77, 8);
        return out;
    }
};

}  // namespace berth::test
