// HTTP servers and clients over every transport.
#pragma once

#include "net/http_client.h"
#include "net/http_server.h"
#include "unit/net/support.h"

namespace berth::net::test {

// Signature credentials of root(), for "localhost".
tls_credential tls_leaf(const std::string& name,
                        crypto::signature_algorithm alg = crypto::signature_algorithm::ecdsa_p256_sha256);
// tls_leaf() and root() as files below a directory of their own: cert.pem, key.pem, root.pem.
struct pem_files {
    explicit pem_files(const tls_credential& credential, const crypto::signing_key& key);
    ~pem_files();
    std::string directory;
};

std::shared_ptr<const tls_context> tls_server(tls_server_config config);
std::shared_ptr<const tls_context> tls_client(tls_client_config config);
tls_server_config plain_tls_server();
tls_client_config plain_tls_client();

http_transport server_transport(transport_kind kind, bool mutual = false);
channel_transport client_transport(transport_kind kind, bool mutual = false);

// A router with what the tests ask for: GET /hello, POST /echo (up to 1 000 000 octets), GET /who (peer and exporter),
// GET /things/{id}, GET /never (no answer), GET /later (an answer of the next turn), PUT /dropped (500).
std::shared_ptr<http_router> test_router(loop& on);

// Sends requests one by one and keeps the answers; the loop stops when all are there.
std::vector<result<http_response>> ask(guarded_loop& on, http_client& client, std::vector<http_request> requests);

}  // namespace berth::net::test
