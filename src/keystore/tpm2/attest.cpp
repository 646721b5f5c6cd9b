#include "keystore/tpm2/attest.h"

#include "keystore/tpm2/devid.h"
#include "keystore/tpm2/session_tss2.h"

namespace berth::keystore::tpm2 {

namespace {

result<TPM2B_DATA> to_tss_data(bytes_view qualifying_data) {
    TPM2B_DATA out{};
    if (!fill(out.size, out.buffer, qualifying_data)) {
        return fail(error_category::usage, "too_large", "Qualifying data of an attestation is at most 64 octets.");
    }
    return out;
}

// The scheme of the key, whichever it is.
TPMT_SIG_SCHEME own_scheme() {
    TPMT_SIG_SCHEME out{};
    out.scheme = TPM2_ALG_NULL;
    return out;
}

result<attestation::signed_attest> signed_with(const TPM2B_ATTEST& said, const TPMT_SIGNATURE& signature) {
    BERTH_TRY(octets, from_tss(signature));
    return attestation::signed_attest{{said.attestationData, said.attestationData + said.size}, std::move(octets)};
}

}  // namespace

result<attestation::signed_attest> certify(const object& key, const object& iak, bytes_view qualifying_data) {
    const device_ptr& in = key.owner();
    const hold esys(*in);
    BERTH_TRY(data, to_tss_data(qualifying_data));
    std::optional<session> admin;
    if (key.area().has(attestation::admin_with_policy)) {
        BERTH_TRY(started, session::start(in, TPM2_SE_POLICY, ESYS_TR_NONE));
        BERTH_CHECK(satisfy_devid_policy(started, key.area(), attestation::cc_certify));
        admin.emplace(std::move(started));
    }
    const TPMT_SIG_SCHEME scheme = own_scheme();
    esys_out<TPM2B_ATTEST> said;
    esys_out<TPMT_SIGNATURE> signature;
    BERTH_CHECK(check(tss().Esys_Certify(esys, key.esys(), iak.esys(), admin ? admin->esys() : ESYS_TR_PASSWORD, ESYS_TR_PASSWORD,
                                         ESYS_TR_NONE, &data, &scheme, said.slot(), signature.slot()),
                      "certifying a key of the TPM"));
    return signed_with(*said, *signature);
}

result<attestation::signed_attest> quote(const object& iak, bytes_view qualifying_data,
                                         const attestation::pcr_selection& selection) {
    const hold esys(*iak.owner());
    BERTH_TRY(data, to_tss_data(qualifying_data));
    BERTH_TRY(registers, to_tss(selection));
    const TPMT_SIG_SCHEME scheme = own_scheme();
    esys_out<TPM2B_ATTEST> said;
    esys_out<TPMT_SIGNATURE> signature;
    BERTH_CHECK(check(tss().Esys_Quote(esys, iak.esys(), ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &data, &scheme, &registers,
                                       said.slot(), signature.slot()),
                      "quoting the platform registers"));
    return signed_with(*said, *signature);
}

result<attestation::pcr_values> read_registers(const device_ptr& in, const attestation::pcr_selection& selection) {
    const hold esys(*in);
    attestation::pcr_values out;
    // One at a time: a TPM returns as many of those asked for as it likes (Part 3, 22.4).
    for (const uint8_t pcr : selection.registers) {
        BERTH_TRY(one, to_tss(attestation::pcr_selection{selection.bank, {pcr}}));
        UINT32 updates = 0;
        esys_out<TPML_PCR_SELECTION> read;
        esys_out<TPML_DIGEST> values;
        BERTH_CHECK(
            check(tss().Esys_PCR_Read(esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &one, &updates, read.slot(), values.slot()),
                  "reading the platform registers"));
        if (values->count != 1) {
            return fail(error{error_category::environment, "tpm_unsupported",
                              "The TPM keeps no platform register " + std::to_string(pcr) + " in this bank."}
                            .with("pcr", std::to_string(pcr)));
        }
        out[pcr] = to_bytes(view(values->digests[0]));
    }
    return out;
}

result<std::pair<attestation::signed_attest, attestation::pcr_values>>
quote_with_values(const object& iak, bytes_view qualifying_data, const attestation::pcr_selection& selection) {
    constexpr int most_attempts = 5;
    for (int i = 0; i < most_attempts; ++i) {
        BERTH_TRY(values, read_registers(iak.owner(), selection));
        BERTH_TRY(statement, quote(iak, qualifying_data, selection));
        BERTH_TRY(said, attestation::attest::parse(statement.octets));
        BERTH_TRY(digest, attestation::pcr_digest(iak.area().scheme_hash, selection, values));
        const auto* const quoted = std::get_if<attestation::quote_info>(&said.said);
        if (quoted != nullptr && same_octets(quoted->digest, digest)) {
            return std::pair(std::move(statement), std::move(values));
        }
    }
    return fail(error_category::environment, "tpm_busy",
                "The platform registers change while they are quoted: wait until the machine has started, and try again.");
}

}  // namespace berth::keystore::tpm2
