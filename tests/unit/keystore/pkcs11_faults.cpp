// A PKCS#11 module for tests: SoftHSM's (BERTH_FAULTY_MODULE), with faults that no SoftHSM has. The variables below say which.
#include <cstdlib>

#include <dlfcn.h>
#include <p11-kit/pkcs11.h>

extern "C" {
CK_FLAGS fault_token_flags = 0;  // added to what the token says of itself
int fault_logins = 0;            // how many were asked for
int fault_signs = 0;             // so many signatures end in...
CK_RV fault_sign_rv = CKR_DEVICE_REMOVED;
int fault_shared_secret = 0;  // octets that are cut off a derived secret's end, as it is read
}

namespace {

CK_FUNCTION_LIST_PTR real = nullptr;

CK_RV get_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO* info) {
    const CK_RV rv = real->C_GetTokenInfo(slot, info);
    info->flags |= fault_token_flags;
    return rv;
}

CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE user, unsigned char* pin, CK_ULONG size) {
    ++fault_logins;
    return real->C_Login(session, user, pin, size);
}

CK_RV sign(CK_SESSION_HANDLE session, unsigned char* data, CK_ULONG size, unsigned char* out, CK_ULONG* out_size) {
    const CK_RV rv = real->C_Sign(session, data, size, out, out_size);
    return fault_signs > 0 && fault_signs-- > 0 ? fault_sign_rv : rv;
}

CK_RV get_attribute_value(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE* list, CK_ULONG count) {
    const CK_RV rv = real->C_GetAttributeValue(session, object, list, count);
    if (rv == CKR_OK && count == 1 && list->type == CKA_VALUE && list->ulValueLen == 32) {
        list->ulValueLen -= static_cast<CK_ULONG>(fault_shared_secret);
    }
    return rv;
}

}  // namespace

extern "C" CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR out) {
    static CK_FUNCTION_LIST all;
    if (real == nullptr) {
        void* const library = ::dlopen(std::getenv("BERTH_FAULTY_MODULE"), RTLD_NOW | RTLD_LOCAL);
        const auto list =
            library == nullptr ? nullptr : reinterpret_cast<CK_C_GetFunctionList>(::dlsym(library, "C_GetFunctionList"));
        if (list == nullptr || list(&real) != CKR_OK) {
            return CKR_GENERAL_ERROR;
        }
        all = *real;
        all.C_GetTokenInfo = get_token_info;
        all.C_Login = login;
        all.C_Sign = sign;
        all.C_GetAttributeValue = get_attribute_value;
    }
    *out = &all;
    return CKR_OK;
}
