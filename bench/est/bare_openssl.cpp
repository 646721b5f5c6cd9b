#include "crypto/crypto_openssl.h"
#include "est/bare.h"
#include "pki/pki_openssl.h"

#include <csignal>
#include <thread>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace berth::est::bench {

namespace {

pki::x509_ptr x509(const pki::certificate& from) {
    const uint8_t* at = from.der().data();
    return pki::x509_ptr(d2i_X509(nullptr, &at, static_cast<long>(from.der().size())));
}

tls_settings make(const SSL_METHOD* method, const tls_side& own) {
    const tls_settings c(SSL_CTX_new(method), SSL_CTX_free);
    const auto pkcs8 = own.key.to_pkcs8();
    if (!c || !pkcs8 || own.chain.empty()) {
        return nullptr;
    }
    const uint8_t* at = pkcs8->reveal().data();
    const crypto::evp_pkey_ptr key(d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(pkcs8->reveal().size())));
    bool fine = SSL_CTX_use_certificate(c.get(), x509(own.chain.front()).get()) == 1 &&
                SSL_CTX_use_PrivateKey(c.get(), key.get()) == 1 &&
                X509_STORE_add_cert(SSL_CTX_get_cert_store(c.get()), x509(own.anchor).get()) == 1 &&
                SSL_CTX_set1_groups_list(c.get(), "X25519MLKEM768") == 1 &&
                SSL_CTX_set_ciphersuites(c.get(), "TLS_AES_256_GCM_SHA384") == 1 &&
                SSL_CTX_set_min_proto_version(c.get(), TLS1_3_VERSION) == 1 && SSL_CTX_set_num_tickets(c.get(), 0) == 1;
    for (size_t i = 1; i < own.chain.size(); ++i) {
        fine = fine && SSL_CTX_add1_chain_cert(c.get(), x509(own.chain[i]).get()) == 1;
    }
    SSL_CTX_set_mode(c.get(), SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_session_cache_mode(c.get(), SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(c.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    // An anchor need not be a root: berthd is told of the issuing CA too.
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(c.get()), X509_V_FLAG_PARTIAL_CHAIN);
    return fine ? c : nullptr;
}

tl::unexpected<error> failed(const char* doing) {
    return fail(error_category::environment, "bare_failed", fmt::format("{}: {}", doing, crypto::openssl_errors()));
}

sockaddr_in loopback(uint16_t port) {
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    out.sin_port = htons(port);
    return out;
}

std::shared_ptr<SSL> over(const tls_settings& with, int socket) {
    const int on = 1;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    std::shared_ptr<SSL> out(SSL_new(with.get()), SSL_free);
    return out && SSL_set_fd(out.get(), socket) == 1 ? out : nullptr;
}

// A client that goes away is no matter of the server's.
void answer(const tls_settings& with, int socket) {
    auto made = connection::accept(with, socket);
    uint8_t octet = 0;
    if (made && made->read({&octet, 1}) && made->write({&octet, 1})) {
        made->close();
    }
}

}  // namespace

tls_settings bare_client(const tls_side& own) {
    return make(TLS_client_method(), own);
}
tls_settings bare_server(const tls_side& own) {
    return make(TLS_server_method(), own);
}

result<connection> connection::open(const tls_settings& with, uint16_t port) {
    connection out(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), nullptr);
    const sockaddr_in to = loopback(port);
    if (out.socket_ < 0 || connect(out.socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
        return failed("connecting");
    }
    out.ssl_ = over(with, out.socket_);
    std::string host = "localhost";
    if (!out.ssl_ || SSL_set1_host(out.ssl_.get(), host.c_str()) != 1 ||
        SSL_ctrl(out.ssl_.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, host.data()) != 1 ||
        SSL_connect(out.ssl_.get()) != 1) {
        return failed("the client's handshake");
    }
    return out;
}

result<connection> connection::accept(const tls_settings& with, int socket) {
    connection out(socket, nullptr);
    out.ssl_ = over(with, socket);
    if (!out.ssl_ || SSL_accept(out.ssl_.get()) != 1) {
        return failed("the server's handshake");
    }
    return out;
}

connection::~connection() {
    if (socket_ >= 0) {
        ::close(socket_);
    }
}

result<void> connection::write(bytes_view all) {
    size_t written = 0;
    if (SSL_write_ex(ssl_.get(), all.data(), all.size(), &written) != 1) {
        return failed("writing");
    }
    return {};
}

result<size_t> connection::read(std::span<uint8_t> into) {
    size_t got = 0;
    if (SSL_read_ex(ssl_.get(), into.data(), into.size(), &got) != 1) {
        return failed("reading");
    }
    return got;
}

void connection::close() {
    uint8_t octet = 0;
    size_t got = 0;
    if (SSL_shutdown(ssl_.get()) == 0) {
        (void)SSL_read_ex(ssl_.get(), &octet, 1, &got);
    }
    crypto::openssl_errors();
}

bare_server_process::bare_server_process(const tls_settings& with, size_t threads) {
    const int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at = loopback(0);
    socklen_t size = sizeof at;
    if (listening < 0 || bind(listening, reinterpret_cast<const sockaddr*>(&at), size) != 0 || listen(listening, 1024) != 0 ||
        getsockname(listening, reinterpret_cast<sockaddr*>(&at), &size) != 0) {
        crypto::die("listening");
    }
    port_ = ntohs(at.sin_port);
    const pid_t maker = getpid();
    pid_ = fork();
    if (pid_ == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != maker) {
            _exit(0);
        }
        std::vector<std::thread> all;
        for (size_t i = 0; i < threads; ++i) {
            all.emplace_back([&] {
                while (true) {
                    if (const int socket = ::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC); socket >= 0) {
                        answer(with, socket);
                    }
                }
            });
        }
        all.front().join();  // never
    }
    ::close(listening);
}

bare_server_process::~bare_server_process() {
    if (pid_ > 0) {
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
    }
}

}  // namespace berth::est::bench
