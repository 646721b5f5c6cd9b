// Internal to pki: what requests for signature keys and for KEM keys have in common.
#pragma once

#include "pki/csr.h"
#include "pki/pki_openssl.h"
#include "pki/unproved_csr.h"

namespace berth::pki {

struct unproved_csr::impl {
    x509_req_ptr request;
};

// Error bad_csr.
result<x509_req_ptr> read_request(bytes_view der);
result<csr_contents> read_contents(X509_REQ* request);

// A request for `subject_key` signed by `signer`. Errors bad_template, signing_failed.
result<bytes> make_request(const csr_template& contents, EVP_PKEY* subject_key, const crypto::signing_key& signer);

// Error bad_signature, also for signature algorithms that nobody should use.
result<void> check_request_signature(X509_REQ* request, EVP_PKEY* signer);

}  // namespace berth::pki
