#include "libberth-identity/berth_identity.h"

#include "base/wipe.h"
#include "libberth-identity/client.h"

#include <cstring>
#include <new>

struct berth_identity {
    explicit berth_identity(std::string socket) : client(std::move(socket)) {}
    berth::app::identity_client client;
    std::string error_name;
    std::string error_message;
};

namespace {

using berth::result;

static_assert(BERTH_IDENTITY_INTERNAL == 4);

int failed(berth_identity& handle, const berth::error& why) {
    handle.error_name = why.name;
    handle.error_message = why.message;
    return berth::exit_code(why.category);
}

int bad_argument(berth_identity* handle) noexcept {
    if (handle) {
        handle->error_name = "bad_argument";
        handle->error_message = "a pointer that must not be null is null";
    }
    return BERTH_IDENTITY_USAGE;
}

// A copy that C can free.
template <class Octet>
Octet* copy_of(const void* data, size_t size) {
    auto* out = static_cast<Octet*>(std::malloc(size + 1));  // NOLINT(cppcoreguidelines-no-malloc): C frees it
    if (!out) {
        throw std::bad_alloc();
    }
    if (size != 0) {
        std::memcpy(out, data, size);
    }
    return out;
}

// No exception leaves the library.
template <class F>
int guarded(berth_identity* handle, const F& work) noexcept {
    try {
        handle->error_name.clear();
        handle->error_message.clear();
        return work();
    } catch (...) {
        return BERTH_IDENTITY_INTERNAL;
    }
}

int give(berth_identity& handle, const result<std::string>& from, char** to) {
    if (!from) {
        return failed(handle, from.error());
    }
    *to = copy_of<char>(from->data(), from->size());
    (*to)[from->size()] = '\0';
    return BERTH_IDENTITY_OK;
}

int give(berth_identity& handle, const result<berth::secret_bytes>& from, uint8_t** to, size_t* size) {
    if (!from) {
        return failed(handle, from.error());
    }
    *to = copy_of<uint8_t>(from->reveal().data(), from->size());
    *size = from->size();
    return BERTH_IDENTITY_OK;
}

}  // namespace

extern "C" {

berth_identity* berth_identity_new(const char* socket) {
    try {
        return new berth_identity(socket ? socket : berth::app::identity_client::usual_socket());
    } catch (...) {
        return nullptr;
    }
}

void berth_identity_free(berth_identity* handle) {
    delete handle;
}

const char* berth_identity_error_name(const berth_identity* handle) {
    return handle ? handle->error_name.c_str() : "";
}

const char* berth_identity_error_message(const berth_identity* handle) {
    return handle ? handle->error_message.c_str() : "";
}

int berth_identity_device(berth_identity* handle, char** json) {
    return handle && json ? guarded(handle, [&] { return give(*handle, handle->client.device(), json); }) : bad_argument(handle);
}

int berth_identity_list(berth_identity* handle, char** json) {
    return handle && json ? guarded(handle, [&] { return give(*handle, handle->client.list(), json); }) : bad_argument(handle);
}

int berth_identity_certificate(berth_identity* handle, const char* name, char** pem) {
    return handle && name && pem ? guarded(handle, [&] { return give(*handle, handle->client.certificate(name), pem); })
                                 : bad_argument(handle);
}

int berth_identity_trust(berth_identity* handle, char** pem) {
    return handle && pem ? guarded(handle, [&] { return give(*handle, handle->client.trust(), pem); }) : bad_argument(handle);
}

int berth_identity_sign(berth_identity* handle, const char* name, const uint8_t* message, size_t message_size,
                        uint8_t** signature, size_t* signature_size) {
    if (!handle || !name || (!message && message_size != 0) || !signature || !signature_size) {
        return bad_argument(handle);
    }
    return guarded(handle,
                   [&] { return give(*handle, handle->client.sign(name, {message, message_size}), signature, signature_size); });
}

int berth_identity_decapsulate(berth_identity* handle, const char* name, const uint8_t* enc, size_t enc_size, uint8_t** secret,
                               size_t* secret_size) {
    if (!handle || !name || (!enc && enc_size != 0) || !secret || !secret_size) {
        return bad_argument(handle);
    }
    return guarded(handle, [&] { return give(*handle, handle->client.decapsulate(name, {enc, enc_size}), secret, secret_size); });
}

void berth_identity_free_text(char* text) {
    std::free(text);  // NOLINT(cppcoreguidelines-no-malloc)
}

void berth_identity_free_octets(uint8_t* octets, size_t size) {
    if (octets) {
        berth::wipe({octets, size});
    }
    std::free(octets);  // NOLINT(cppcoreguidelines-no-malloc)
}

}  // extern "C"
