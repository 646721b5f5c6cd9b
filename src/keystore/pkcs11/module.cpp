#include "keystore/pkcs11/module.h"

#include <cstdlib>
#include <map>
#include <mutex>

#include <dlfcn.h>

namespace berth::keystore::pkcs11 {

namespace {

constexpr const char* default_module = "p11-kit-proxy.so";

error unavailable(const std::string& path, const std::string& why) {
    return error{error_category::environment, "pkcs11_unavailable",
                 "Keys in a token need its PKCS#11 module, and " + path + " cannot be used: " + why +
                     ". Install it, or name another one: ?module-path=FILE after the key's name, or BERTH_PKCS11_MODULE."}
        .with("module", path);
}

result<CK_FUNCTION_LIST_PTR> initialised(const std::string& path) {
    void* const library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
        return fail(unavailable(path, ::dlerror()));
    }
    const auto list_of = reinterpret_cast<CK_C_GetFunctionList>(::dlsym(library, "C_GetFunctionList"));
    CK_FUNCTION_LIST_PTR functions = nullptr;
    if (list_of == nullptr || list_of(&functions) != CKR_OK || functions == nullptr) {
        return fail(unavailable(path, "it is no PKCS#11 module"));
    }
    CK_C_INITIALIZE_ARGS arguments{};
    arguments.flags = CKF_OS_LOCKING_OK;
    const CK_RV rv = functions->C_Initialize(&arguments);
    if (rv != CKR_OK && rv != CKR_CRYPTOKI_ALREADY_INITIALIZED) {
        return fail(unavailable(path, response_error(rv, "it does not start").message).with("ckr", std::to_string(rv)));
    }
    return functions;
}

}  // namespace

std::string chosen_module(const std::string& path) {
    if (!path.empty()) {
        return path;
    }
    const char* const named = std::getenv("BERTH_PKCS11_MODULE");
    return named != nullptr && *named != '\0' ? named : default_module;
}

result<CK_FUNCTION_LIST_PTR> load_module(const std::string& path) {
    static std::mutex lock;
    static std::map<std::string, CK_FUNCTION_LIST_PTR> loaded;
    const std::lock_guard guard(lock);
    const std::string name = chosen_module(path);
    if (const auto there = loaded.find(name); there != loaded.end()) {
        return there->second;
    }
    BERTH_TRY(functions, initialised(name));
    loaded.emplace(name, functions);
    return functions;
}

}  // namespace berth::keystore::pkcs11
