// PKCS#11 modules: shared libraries of whoever makes tokens, loaded when a key's name asks for one. Internal to this folder.
#pragma once

#include "keystore/pkcs11/response.h"

namespace berth::keystore::pkcs11 {

// The functions of a module, loaded and initialised once for the whole process; it stays: modules differ in what they make of
// being ended and begun again, and other libraries in the process may use the same one. Empty: BERTH_PKCS11_MODULE, else
// p11-kit's proxy. Thread-safe. Error pkcs11_unavailable.
result<CK_FUNCTION_LIST_PTR> load_module(const std::string& path);

// The module that an empty path stands for.
std::string chosen_module(const std::string& path);

}  // namespace berth::keystore::pkcs11
