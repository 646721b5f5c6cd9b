// tpm2-tss, loaded when somebody first names a key in a TPM: whoever has none neither installs nor pays for it.
// Internal to this folder; everything that sees TSS types has "tss2" in its name.
#pragma once

#include "base/result.h"

#include <tss2/tss2_esys.h>
#include <tss2/tss2_mu.h>
#include <tss2/tss2_tctildr.h>

namespace berth::keystore::tpm2 {

// Each under its own name.
#define BERTH_TSS2_FUNCTIONS(F)             \
    F(Esys_ActivateCredential)              \
    F(Esys_Certify)                         \
    F(Esys_Create)                          \
    F(Esys_CreatePrimary)                   \
    F(Esys_ECDH_ZGen)                       \
    F(Esys_EvictControl)                    \
    F(Esys_Finalize)                        \
    F(Esys_FlushContext)                    \
    F(Esys_Free)                            \
    F(Esys_GetCapability)                   \
    F(Esys_GetRandom)                       \
    F(Esys_Initialize)                      \
    F(Esys_Load)                            \
    F(Esys_LoadExternal)                    \
    F(Esys_NV_DefineSpace)                  \
    F(Esys_NV_Increment)                    \
    F(Esys_NV_Read)                         \
    F(Esys_NV_ReadPublic)                   \
    F(Esys_NV_UndefineSpace)                \
    F(Esys_NV_Write)                        \
    F(Esys_NV_WriteLock)                    \
    F(Esys_PCR_Read)                        \
    F(Esys_PolicyAuthorize)                 \
    F(Esys_PolicyCommandCode)               \
    F(Esys_PolicyOR)                        \
    F(Esys_PolicyPCR)                       \
    F(Esys_PolicySecret)                    \
    F(Esys_Quote)                           \
    F(Esys_ReadPublic)                      \
    F(Esys_Sign)                            \
    F(Esys_StartAuthSession)                \
    F(Esys_Startup)                         \
    F(Esys_TRSess_SetAttributes)            \
    F(Esys_TR_Close)                        \
    F(Esys_TR_FromTPMPublic)                \
    F(Esys_TR_GetName)                      \
    F(Esys_TR_SetAuth)                      \
    F(Esys_Unseal)                          \
    F(Esys_VerifySignature)                 \
    F(Tss2_MU_TPMT_PUBLIC_Marshal)          \
    F(Tss2_MU_TPMT_PUBLIC_Unmarshal)        \
    F(Tss2_MU_TPMT_SIGNATURE_Marshal)       \
    F(Tss2_MU_TPMT_SIGNATURE_Unmarshal)     \
    F(Tss2_MU_TPML_PCR_SELECTION_Unmarshal) \
    F(Tss2_TctiLdr_Finalize)                \
    F(Tss2_TctiLdr_Initialize)

struct tss2_library {
#define BERTH_TSS2_MEMBER(name) decltype(&::name) name = nullptr;
    BERTH_TSS2_FUNCTIONS(BERTH_TSS2_MEMBER)
#undef BERTH_TSS2_MEMBER

    // Loads it, once for the whole process; it stays. Thread-safe. Error tpm_unavailable.
    static result<void> load();
};

// After load() has succeeded.
const tss2_library& tss();

}  // namespace berth::keystore::tpm2
