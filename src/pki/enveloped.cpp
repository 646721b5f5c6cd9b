#include "pki/enveloped.h"

#include "crypto/crypto_openssl.h"

#include <openssl/cms.h>
#include <openssl/err.h>

namespace berth::pki {

namespace {

using crypto::must;
using cms_ptr = crypto::openssl_ptr<CMS_ContentInfo, CMS_ContentInfo_free>;

crypto::bio_ptr reader_of(bytes_view octets) {
    return crypto::bio_ptr(must(BIO_new_mem_buf(octets.data(), static_cast<int>(octets.size())), "reading memory"));
}

tl::unexpected<error> refuse(const char* name, const char* why) {
    ERR_clear_error();
    return fail(error_category::peer, name, std::string("CMS EnvelopedData cannot be opened: ") + why + ".");
}

}  // namespace

result<bytes> seal_envelope(bytes_view content, const secret_bytes& key, bytes_view key_id) {
    if (key.size() != envelope_key_octets || key_id.empty()) {
        return fail(error_category::usage, "bad_template", "A key of 32 octets is needed for AES-256, and a name for it.");
    }
    const cms_ptr cms(
        must(CMS_EnvelopedData_create_ex(EVP_aes_256_cbc(), crypto::lib_context(), nullptr), "making EnvelopedData"));
    must(CMS_set_detached(cms.get(), 0), "keeping content");
    // Both become libcrypto's, which wipes the key.
    auto* const own_key = static_cast<unsigned char*>(must(OPENSSL_memdup(key.reveal().data(), key.size()), "copying a key"));
    auto* const own_id = static_cast<unsigned char*>(must(OPENSSL_memdup(key_id.data(), key_id.size()), "copying a name"));
    must(CMS_add0_recipient_key(cms.get(), NID_id_aes256_wrap, own_key, key.size(), own_id, key_id.size(), nullptr, nullptr,
                                nullptr),
         "naming a recipient");
    must(CMS_final(cms.get(), reader_of(content).get(), nullptr, CMS_BINARY), "encrypting content");
    return crypto::to_der(cms.get(), i2d_CMS_ContentInfo);
}

result<bytes> open_envelope(bytes_view der, const secret_bytes& key) {
    CMS_ContentInfo* raw = must(CMS_ContentInfo_new_ex(crypto::lib_context(), nullptr), "reading EnvelopedData");
    const unsigned char* at = der.data();
    const bool read = d2i_CMS_ContentInfo(&raw, &at, static_cast<long>(der.size())) != nullptr;
    const cms_ptr cms(read ? raw : nullptr);  // libcrypto frees what it failed to fill
    if (!cms || at != der.data() + der.size() || OBJ_obj2nid(CMS_get0_type(cms.get())) != NID_pkcs7_enveloped) {
        return refuse("bad_envelope", "it is not exactly one such structure");
    }
    bytes own(key.reveal().begin(), key.reveal().end());
    const bool fits = CMS_decrypt_set1_key(cms.get(), own.data(), own.size(), nullptr, 0) == 1;
    OPENSSL_cleanse(own.data(), own.size());
    if (!fits) {
        return refuse("wrong_envelope_key", "it is for another key");
    }
    const crypto::bio_ptr out(must(BIO_new(BIO_s_mem()), "writing memory"));
    if (CMS_decrypt(cms.get(), nullptr, nullptr, nullptr, out.get(), CMS_BINARY) != 1) {
        return refuse("bad_envelope", "its content does not decrypt");
    }
    char* data = nullptr;
    const long size = BIO_get_mem_data(out.get(), &data);
    ERR_clear_error();
    return bytes(data, data + size);
}

}  // namespace berth::pki
