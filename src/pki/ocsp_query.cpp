#include "crypto/der_openssl.h"
#include "pki/certificate_openssl.h"
#include "pki/ocsp.h"
#include "pki/ocsp_openssl.h"

#include <openssl/err.h>

namespace berth::pki {

namespace {

using crypto::must;

tl::unexpected<error> refuse(std::string why) {
    ERR_clear_error();
    return fail(error_category::peer, "bad_ocsp_request", "An OCSP request cannot be answered: " + std::move(why) + ".");
}

const EVP_MD* digest_of(ocsp_hash hash) {
    switch (hash) {
    case ocsp_hash::sha1: return EVP_sha1();
    case ocsp_hash::sha384: return EVP_sha384();
    case ocsp_hash::sha512: return EVP_sha512();
    case ocsp_hash::sha256: break;
    }
    return EVP_sha256();
}

ocsp_certid_ptr certid(const EVP_MD* digest, bytes_view serial, const certificate& issuer) {
    const X509* x509 = issuer.get().x509.get();
    const crypto::bn_ptr number(must(BN_bin2bn(serial.data(), static_cast<int>(serial.size()), nullptr), "making a number"));
    const asn1_integer_ptr integer(must(BN_to_ASN1_INTEGER(number.get(), nullptr), "making a number"));
    return ocsp_certid_ptr(
        must(OCSP_cert_id_new(digest, X509_get_subject_name(x509), X509_get0_pubkey_bitstr(x509), integer.get()),
             "naming a certificate"));
}

ocsp_id to_id(OCSP_CERTID* id) {
    ASN1_INTEGER* serial = nullptr;
    must(OCSP_id_get0_info(nullptr, nullptr, nullptr, &serial, id), "reading the name of a certificate");
    return {crypto::to_der(id, i2d_OCSP_CERTID), magnitude_of(serial)};
}

}  // namespace

ocsp_certid_ptr to_certid(bytes_view der) {
    const unsigned char* at = der.data();
    ocsp_certid_ptr out(d2i_OCSP_CERTID(nullptr, &at, static_cast<long>(der.size())));
    ERR_clear_error();
    return at == der.data() + der.size() ? std::move(out) : nullptr;
}

std::optional<bytes> read_nonce(const X509_EXTENSION* extension) {
    bytes_view data = octets_of(X509_EXTENSION_get_data(const_cast<X509_EXTENSION*>(extension)));
    const auto value = crypto::take_der(data, 0x04);
    if (!value || !data.empty() || value->empty() || value->size() > most_nonce) {
        return std::nullopt;
    }
    return to_bytes(*value);
}

ocsp_id make_ocsp_id(bytes_view serial, const certificate& issuer, ocsp_hash hash) {
    return to_id(certid(digest_of(hash), serial, issuer).get());
}

bool is_of_issuer(const ocsp_id& id, const certificate& issuer) {
    const ocsp_certid_ptr named = to_certid(id.der);
    if (!named) {
        return false;
    }
    ASN1_OBJECT* oid = nullptr;
    must(OCSP_id_get0_info(nullptr, &oid, nullptr, nullptr, named.get()), "reading the name of a certificate");
    for (const auto hash : {ocsp_hash::sha1, ocsp_hash::sha256, ocsp_hash::sha384, ocsp_hash::sha512}) {
        if (OBJ_obj2nid(oid) == EVP_MD_get_type(digest_of(hash))) {
            const ocsp_certid_ptr own = certid(digest_of(hash), id.serial, issuer);
            return OCSP_id_issuer_cmp(named.get(), own.get()) == 0;
        }
    }
    return false;
}

result<bytes> build_ocsp_query(const ocsp_query& query) {
    if (query.ids.empty() || query.ids.size() > most_ocsp_ids ||
        (query.nonce && (query.nonce->empty() || query.nonce->size() > most_nonce))) {
        return fail(error_category::usage, "bad_template",
                    "An OCSP request names 1 to " + std::to_string(most_ocsp_ids) +
                        " certificates, and its nonce has 1 to 128 octets.");
    }
    const ocsp_request_ptr request(must(OCSP_REQUEST_new(), "making a request"));
    for (const ocsp_id& id : query.ids) {
        ocsp_certid_ptr named = to_certid(id.der);
        if (!named) {
            return fail(error_category::usage, "bad_template", "An OCSP request names certificates by DER CertIDs.");
        }
        must(OCSP_request_add0_id(request.get(), named.release()), "filling a request");
    }
    if (query.nonce) {
        bytes nonce = *query.nonce;
        must(OCSP_request_add1_nonce(request.get(), nonce.data(), static_cast<int>(nonce.size())), "filling a request");
    }
    return crypto::to_der(request.get(), i2d_OCSP_REQUEST);
}

result<ocsp_query> parse_ocsp_query(bytes_view der) {
    const unsigned char* at = der.data();
    const ocsp_request_ptr request(d2i_OCSP_REQUEST(nullptr, &at, static_cast<long>(der.size())));
    // libcrypto reads some BER, and may write what it would not read again.
    if (!request || at != der.data() + der.size() || !same_octets(crypto::to_der(request.get(), i2d_OCSP_REQUEST), der)) {
        return refuse("it is not exactly one DER OCSPRequest");
    }
    ocsp_query out;
    const int count = OCSP_request_onereq_count(request.get());
    if (count < 1 || static_cast<size_t>(count) > most_ocsp_ids) {
        return refuse("it names " + std::to_string(count) + " certificates, and 1 to " + std::to_string(most_ocsp_ids) +
                      " can be asked about at once");
    }
    for (int i = 0; i < count; ++i) {
        OCSP_ONEREQ* one = OCSP_request_onereq_get0(request.get(), i);
        for (int e = 0; e < OCSP_ONEREQ_get_ext_count(one); ++e) {
            if (X509_EXTENSION_get_critical(OCSP_ONEREQ_get_ext(one, e)) != 0) {
                return refuse("it has a critical extension that Berth does not know");
            }
        }
        ocsp_id id = to_id(OCSP_onereq_get0_id(one));
        if (id.serial.size() > 20) {
            return refuse("a serial number in it has more than 20 octets");
        }
        out.ids.push_back(std::move(id));
    }
    for (int i = 0; i < OCSP_REQUEST_get_ext_count(request.get()); ++i) {
        X509_EXTENSION* extension = OCSP_REQUEST_get_ext(request.get(), i);
        if (OBJ_obj2nid(X509_EXTENSION_get_object(extension)) == NID_id_pkix_OCSP_Nonce) {
            auto nonce = read_nonce(extension);
            if (!nonce || out.nonce) {
                return refuse("its nonce has not 1 to 128 octets, or is there twice");
            }
            out.nonce = std::move(nonce);
        } else if (X509_EXTENSION_get_critical(extension) != 0) {
            return refuse("it has a critical extension that Berth does not know");
        }
    }
    return out;
}

}  // namespace berth::pki
