#include "keystore/tpm2/session_tss2.h"

namespace berth::keystore::tpm2 {

result<session> session::start(const device_ptr& in, TPM2_SE kind, ESYS_TR salt_key, TPMA_SESSION encrypted) {
    const hold esys(*in);
    TPMT_SYM_DEF cipher{};
    cipher.algorithm = TPM2_ALG_AES;
    cipher.keyBits.aes = 128;
    cipher.mode.aes = TPM2_ALG_CFB;
    ESYS_TR made = ESYS_TR_NONE;
    BERTH_CHECK(check(tss().Esys_StartAuthSession(esys, salt_key, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, nullptr,
                                                  kind, &cipher, TPM2_ALG_SHA256, &made),
                      "starting a session with the TPM"));
    session out(in, made);
    const auto flags = static_cast<TPMA_SESSION>(TPMA_SESSION_CONTINUESESSION | encrypted);
    BERTH_CHECK(check(tss().Esys_TRSess_SetAttributes(esys, made, flags, 0xff), "choosing what a session encrypts"));
    return out;
}

session::~session() {
    if (owner_) {
        const hold esys(*owner_);
        tss().Esys_FlushContext(esys, esys_);
    }
}

result<void> session::policy_secret(hierarchy who) const {
    const hold esys(*owner_);
    esys_out<TPM2B_TIMEOUT> timeout;
    esys_out<TPMT_TK_AUTH> ticket;
    return check(tss().Esys_PolicySecret(esys, esys_handle(who), esys_, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, nullptr,
                                         nullptr, nullptr, 0, timeout.slot(), ticket.slot()),
                 "showing a hierarchy's authorization");
}

result<void> session::policy_command(uint32_t code) const {
    const hold esys(*owner_);
    return check(tss().Esys_PolicyCommandCode(esys, esys_, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, code),
                 "narrowing a policy to one command");
}

result<void> session::policy_or(std::span<const bytes> branches) const {
    const hold esys(*owner_);
    TPML_DIGEST list{};
    for (const bytes& branch : branches) {
        TPM2B_DIGEST& next = list.digests[list.count++];
        if (list.count > 8 || !fill(next.size, next.buffer, branch)) {
            return fail(error_category::internal, "too_large", "A policy has at most eight branches.");
        }
    }
    return check(tss().Esys_PolicyOR(esys, esys_, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &list), "choosing a policy's branch");
}

result<void> session::policy_pcr(const attestation::pcr_selection& selection) const {
    const hold esys(*owner_);
    BERTH_TRY(registers, to_tss(selection));
    // No digest is given: the TPM takes what the registers hold now, and compares at the use of the session.
    const TPM2B_DIGEST current{};
    return check(tss().Esys_PolicyPCR(esys, esys_, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &current, &registers),
                 "showing the platform registers");
}

}  // namespace berth::keystore::tpm2
