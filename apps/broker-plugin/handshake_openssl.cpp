#include "handshake_openssl.h"

#include "base/log.h"
#include "pki/shared_certificate_openssl.h"
#include "refusals.h"

#include <map>
#include <set>

#include <openssl/err.h>
#include <openssl/ssl.h>

namespace berth::app {

namespace {

// The broker's TLS runs on its one thread, and so does everything here.
struct hook {
    std::optional<handshake_rules> rules;
    int on_context = -1, on_connection = -1, on_leaf = -1;
    std::set<SSL_CTX*> fresh;    // made, and not yet told whom to ask
    std::set<SSL_CTX*> servers;  // those of listeners that were told
};
hook& the_hook() {
    static hook one;
    return one;
}

// RFC 8446 6.2: the alert says no more than the kind of the mistake.
int alert_for(hub::login_refusal r) {
    switch (r) {
    case hub::login_refusal::certificate_expired:
    case hub::login_refusal::certificate_not_yet_valid: return X509_V_ERR_CERT_HAS_EXPIRED;
    case hub::login_refusal::certificate_revoked: return X509_V_ERR_CERT_REVOKED;
    case hub::login_refusal::unknown_ca: return X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY;
    default: return X509_V_ERR_CERT_REJECTED;
    }
}

// Most certificates that are looked at: more than any chain that is accepted has.
constexpr int most_certificates = 16;

// What stands between leaves and their roots is the same for a whole fleet: to read it anew takes as long as a third of a
// signature's verification. Only what somebody was let in by is kept, so that strangers cannot make others forget it.
class known_issuers {
public:
    result<pki::certificate> read(const X509* one) {
        bytes der = crypto::to_der(one, i2d_X509);
        const auto found = known_.find(der);
        if (found != known_.end()) {
            return found->second;
        }
        return pki::certificate::parse(der);
    }
    void keep(std::span<const pki::certificate> all) {
        for (const auto& one : all) {
            if (known_.size() == most) {
                known_.clear();
            }
            known_.try_emplace(to_bytes(one.der()), one);
        }
    }

private:
    static constexpr size_t most = 64;
    std::map<bytes, pki::certificate> known_;
};
known_issuers& the_known() {
    static known_issuers all;
    return all;
}

result<std::vector<pki::certificate>> chain_of(X509_STORE_CTX* about) {
    X509* const leaf = X509_STORE_CTX_get0_cert(about);
    BERTH_TRY(first, pki::certificate_sharing(leaf));
    std::vector<pki::certificate> out{std::move(first)};
    const STACK_OF(X509)* sent = X509_STORE_CTX_get0_untrusted(about);
    for (int i = 0; i < sk_X509_num(sent) && i < most_certificates; ++i) {
        if (const X509* one = sk_X509_value(sent, i); one != leaf && X509_cmp(one, leaf) != 0) {
            BERTH_TRY(above, the_known().read(one));
            out.push_back(std::move(above));
        }
    }
    return out;
}

int verify(X509_STORE_CTX* about, void*) noexcept try {
    auto& h = the_hook();
    X509* const leaf = X509_STORE_CTX_get0_cert(about);
    X509_STORE_CTX_set_error(about, X509_V_ERR_CERT_REJECTED);
    if (!h.rules || leaf == nullptr) {
        return 0;
    }
    const auto chain = chain_of(about);
    if (!chain) {
        h.rules->refused(hub::login_refusal::bad_certificate);
        tell_refusal("handshake_refused", chain.error().message,
                     {{"party", "broker"}, {"reason", std::string(to_string(hub::login_refusal::bad_certificate))}});
        return 0;
    }
    auto judged = std::make_unique<hub::judged_chain>(h.rules->judge(*chain));
    const bool goes_on = h.rules->may_go_on(*judged);
    if (!goes_on) {
        const auto why = judged->refusal.value_or(hub::login_refusal::bad_certificate);
        h.rules->refused(why);
        tell_refusal("handshake_refused", judged->why,
                     {{"party", "broker"},
                      {"reason", std::string(to_string(why))},
                      {"subject", judged->subject},
                      {"serial", judged->serial}});
        X509_STORE_CTX_set_error(about, alert_for(why));
        return 0;
    }
    if (!judged->refusal) {
        the_known().keep(std::span(*chain).subspan(1));
    }
    // Freed with the certificate.
    delete static_cast<hub::judged_chain*>(X509_get_ex_data(leaf, h.on_leaf));
    if (X509_set_ex_data(leaf, h.on_leaf, judged.get()) != 1) {
        ERR_clear_error();
        return 0;
    }
    judged.release();
    X509_STORE_CTX_set_error(about, X509_V_OK);
    return 1;
} catch (...) {
    X509_STORE_CTX_set_error(about, X509_V_ERR_OUT_OF_MEM);
    return 0;
}

// The contexts that were made since: they are finished by the time of their first connection.
void set_up_contexts() {
    auto& h = the_hook();
    for (SSL_CTX* const one : std::exchange(h.fresh, {})) {
        if (SSL_CTX_get_ssl_method(one) != TLS_server_method()) {
            continue;
        }
        h.servers.insert(one);
        SSL_CTX_set_cert_verify_callback(one, verify, nullptr);
        SSL_CTX_set_session_cache_mode(one, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_options(one, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
        SSL_CTX_set_num_tickets(one, 0);
        if (h.rules && SSL_CTX_set1_groups_list(one, h.rules->groups.c_str()) != 1) {
            ERR_clear_error();
            log::warning("groups_not_set", "libssl does not know the key exchange groups that are configured",
                         {{"party", "broker"}, {"groups", h.rules->groups}});
        }
    }
    // Where the listener requires none, one is asked for all the same: who shows one is judged by it. A reload of the broker
    // takes that back, so it is looked at each time.
    for (SSL_CTX* const one : h.servers) {
        if ((SSL_CTX_get_verify_mode(one) & SSL_VERIFY_PEER) == 0) {
            SSL_CTX_set_verify(one, SSL_VERIFY_PEER, SSL_CTX_get_verify_callback(one));
        }
    }
}

void context_made(void* parent, void*, CRYPTO_EX_DATA*, int, long, void*) {
    the_hook().fresh.insert(static_cast<SSL_CTX*>(parent));
}
void context_gone(void* parent, void*, CRYPTO_EX_DATA*, int, long, void*) {
    the_hook().fresh.erase(static_cast<SSL_CTX*>(parent));
    the_hook().servers.erase(static_cast<SSL_CTX*>(parent));
}
void connection_made(void*, void*, CRYPTO_EX_DATA*, int, long, void*) {
    set_up_contexts();
}
void leaf_gone(void*, void* data, CRYPTO_EX_DATA*, int, long, void*) {
    delete static_cast<hub::judged_chain*>(data);
}

}  // namespace

result<void> judge_handshakes(handshake_rules rules) {
    auto& h = the_hook();
    h.rules = std::move(rules);
    if (h.on_leaf < 0) {
        h.on_context = SSL_CTX_get_ex_new_index(0, nullptr, context_made, nullptr, context_gone);
        h.on_connection = SSL_get_ex_new_index(0, nullptr, connection_made, nullptr, nullptr);
        h.on_leaf = X509_get_ex_new_index(0, nullptr, nullptr, nullptr, leaf_gone);
    }
    if (h.on_context < 0 || h.on_connection < 0 || h.on_leaf < 0) {
        return fail(error_category::environment, "tls_failed", "libcrypto has no room for what we must know of its contexts");
    }
    return {};
}

void forget_handshakes() {
    the_hook().rules.reset();
}

hub::judged_chain* judged_of(const X509* leaf) {
    const auto& h = the_hook();
    return leaf != nullptr && h.on_leaf >= 0 ? static_cast<hub::judged_chain*>(X509_get_ex_data(leaf, h.on_leaf)) : nullptr;
}

bytes der_of(const X509* c) {
    unsigned char* der = nullptr;
    const int size = i2d_X509(c, &der);
    bytes out = size > 0 ? bytes(der, der + size) : bytes();
    OPENSSL_free(der);
    return out;
}

}  // namespace berth::app
