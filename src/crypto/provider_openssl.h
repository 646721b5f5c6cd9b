// Internal: the entry point of Berth's provider.
#pragma once

#include <openssl/core.h>

namespace berth::crypto {

inline constexpr const char* provider_name = "berth";

extern "C" int berth_provider_init(const OSSL_CORE_HANDLE* handle, const OSSL_DISPATCH* in, const OSSL_DISPATCH** out,
                                   void** provider_context);

inline constexpr auto provider_init = berth_provider_init;

}  // namespace berth::crypto
