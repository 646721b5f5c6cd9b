#include "base/loaded_library.h"

#include <dlfcn.h>

namespace berth {

loaded_library::loaded_library(std::initializer_list<const char*> files) {
    for (const char* const file : files) {
        void* const library = ::dlopen(file, RTLD_NOW | RTLD_LOCAL);
        if (library == nullptr) {
            missing_ = ::dlerror();
            return;
        }
        libraries_.push_back(library);
    }
}

void* loaded_library::address_of(const char* name) {
    if (!missing_.empty()) {
        return nullptr;
    }
    for (void* const library : libraries_) {
        if (void* const found = ::dlsym(library, name)) {
            return found;
        }
    }
    missing_ = name;
    return nullptr;
}

}  // namespace berth
