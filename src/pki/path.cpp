#include "pki/path_openssl.h"

#include <openssl/err.h>

namespace berth::pki {

namespace {

using store_ctx_ptr = crypto::openssl_ptr<X509_STORE_CTX, X509_STORE_CTX_free>;

struct stack_deleter {
    void operator()(STACK_OF(X509) * stack) const noexcept { sk_X509_free(stack); }
};
using x509_stack_ptr = std::unique_ptr<STACK_OF(X509), stack_deleter>;

// More certificates than any honest path needs are not even looked at.
constexpr size_t most_certificates = 16;

// Bits of security by libcrypto's levels: 3 is 128, 2 is 112 (RSA with 2048 bits).
constexpr int level_128 = 3;
constexpr int level_112 = 2;

const certificate* find(std::span<const certificate> all, const X509* wanted) {
    for (const certificate& one : all) {
        if (one.get().x509.get() == wanted) {
            return &one;
        }
    }
    for (const certificate& one : all) {
        if (X509_cmp(one.get().x509.get(), wanted) == 0) {
            return &one;
        }
    }
    return nullptr;
}

// What verify_signatures() needs.
struct walk {
    const trust_store& store;
    std::span<const certificate> candidates;
};

// In place of libcrypto's own last step (internal_verify in x509_vfy.c), which verifies all signatures of a path anew each time
// and judges times, which are ours to judge. Whether the issuer may sign certificates, and the key of each, is judged here as
// there; only signatures over CAs' certificates are remembered once they were good.
int verify_signatures(X509_STORE_CTX* context) {
    const auto& with = *static_cast<const walk*>(X509_STORE_CTX_get_app_data(context));
    const STACK_OF(X509)* chain = X509_STORE_CTX_get0_chain(context);
    const auto refuse = [context](int code, int depth, X509* at) {
        X509_STORE_CTX_set_error(context, code);
        X509_STORE_CTX_set_error_depth(context, depth);
        X509_STORE_CTX_set_current_cert(context, at);
        return 0;
    };
    for (int depth = sk_X509_num(chain) - 2; depth >= 0; --depth) {
        X509* const subject = sk_X509_value(chain, depth);
        X509* const issuer = sk_X509_value(chain, depth + 1);
        if (const int code = X509_check_issued(issuer, subject); code != X509_V_OK) {
            return refuse(code, depth + 1, issuer);
        }
        EVP_PKEY* const key = X509_get0_pubkey(issuer);
        if (key == nullptr) {
            return refuse(X509_V_ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY, depth + 1, issuer);
        }
        const certificate* const ca = depth > 0 ? find(with.candidates, subject) : nullptr;
        const certificate* const by = depth > 0 ? find(with.candidates, issuer) : nullptr;
        const bool good =
            ca != nullptr && by != nullptr ? with.store.get().ca_is_signed_by(*ca, *by) : X509_verify(subject, key) == 1;
        if (!good) {
            return refuse(X509_V_ERR_CERT_SIGNATURE_FAILURE, depth, subject);
        }
    }
    return 1;
}

bool is_root(const certificate& c) {
    return c.is_self_issued() && c.check_signature(c).has_value();
}

}  // namespace

error path_error(std::string name, size_t index, const certificate& at, std::string message) {
    const std::string which = index == 0 ? "The certificate of " : "The issuer certificate of ";
    return error{error_category::peer, std::move(name),
                 which + (at.subject().empty() ? "(no subject)" : at.subject()) + " is not accepted: " + std::move(message) + "."}
        .with("index", std::to_string(index))
        .with("subject", at.subject());
}

namespace {

// One attempt, over all that is given or without the roots that nobody here trusts.
result<path> build_path(const trust_store& store, std::span<const certificate> leaf_first, const verify_options& options,
                        bool with_roots) {
    std::vector<certificate> candidates(leaf_first.begin(), leaf_first.end());
    candidates.insert(candidates.end(), store.intermediates().begin(), store.intermediates().end());
    if (!with_roots) {
        candidates.erase(std::remove_if(candidates.begin() + 1, candidates.end(), is_root), candidates.end());
    }
    const size_t untrusted = candidates.size();
    candidates.insert(candidates.end(), store.anchors().begin(), store.anchors().end());

    const x509_stack_ptr others(crypto::must(sk_X509_new_null(), "making a list"));
    for (size_t i = 1; i < untrusted; ++i) {
        if (sk_X509_push(others.get(), candidates[i].get().x509.get()) <= 0) {
            crypto::die("filling a list");
        }
    }
    const store_ctx_ptr context(
        crypto::must(X509_STORE_CTX_new_ex(crypto::lib_context(), nullptr), "making a verification context"));
    crypto::must(X509_STORE_CTX_init(context.get(), store.get().store.get(), leaf_first.front().get().x509.get(), others.get()),
                 "starting a verification");
    X509_VERIFY_PARAM* param = X509_STORE_CTX_get0_param(context.get());
    // Anchors need not be self-signed. Times are ours to judge, at two instants; a time set here would
    // override NO_CHECK_TIME.
    crypto::must(X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_NO_CHECK_TIME),
                 "choosing verification flags");
    X509_VERIFY_PARAM_set_auth_level(param, options.allow_rsa ? level_112 : level_128);
    X509_VERIFY_PARAM_set_depth(param, static_cast<int>(std::min(options.max_intermediates, most_certificates)));

    walk signatures{store, candidates};
    X509_STORE_CTX_set_app_data(context.get(), &signatures);
    X509_STORE_CTX_set_verify(context.get(), verify_signatures);
    const int verified = X509_verify_cert(context.get());
    if (verified != 1) {
        const int code = X509_STORE_CTX_get_error(context.get());
        const X509* failing = X509_STORE_CTX_get_current_cert(context.get());
        const certificate* at = failing != nullptr ? find(candidates, failing) : nullptr;
        const auto index = static_cast<size_t>(std::max(0, X509_STORE_CTX_get_error_depth(context.get())));
        ERR_clear_error();
        return fail(explain(code, at != nullptr ? index : 0, at != nullptr ? *at : leaf_first.front(), candidates));
    }
    path found;
    const STACK_OF(X509)* chain = X509_STORE_CTX_get0_chain(context.get());
    for (int i = 0; i < sk_X509_num(chain); ++i) {
        const certificate* one = find(candidates, sk_X509_value(chain, i));
        if (one == nullptr) {
            crypto::die("finding a certificate of a path again");
        }
        found.push_back(*one);
    }
    return found;
}

}  // namespace

result<path> find_path(const trust_store& store, std::span<const certificate> leaf_first, const verify_options& options) {
    if (leaf_first.size() > most_certificates) {
        return fail(path_error("path_too_long", 0, leaf_first.front(),
                               "it came with " + std::to_string(leaf_first.size() - 1) + " others"));
    }
    auto found = build_path(store, leaf_first, options, true);
    // A root that was sent along is where libcrypto ends its way, though another certificate of the same CA may lead on to an
    // anchor: a CA's key that is certified by its former one (RFC 4210 4.4).
    const auto other_ways = [&] {
        return std::any_of(leaf_first.begin() + 1, leaf_first.end(), is_root) ||
               std::ranges::any_of(store.intermediates(), is_root);
    };
    if (!found && found.error().is("unknown_issuer") && other_ways()) {
        if (auto around = build_path(store, leaf_first, options, false)) {
            return around;
        }
    }
    return found;
}

result<void> check_keys(const path& found, bool allow_rsa) {
    for (size_t i = 1; i < found.size(); ++i) {
        if (!is_accepted_issuer_key(found[i], allow_rsa)) {
            return fail(path_error("weak_key", i, found[i], "its key is not one of ML-DSA, ECDSA P-256 and ECDSA P-384"));
        }
    }
    for (size_t i = 0; i + 1 < found.size(); ++i) {
        if (!is_accepted_signature(X509_get_signature_nid(found[i].get().x509.get()), allow_rsa)) {
            return fail(path_error("weak_key", i, found[i],
                                   "it is signed with an algorithm that is not accepted (" +
                                       std::string(OBJ_nid2ln(X509_get_signature_nid(found[i].get().x509.get()))) + ")"));
        }
    }
    return {};
}

}  // namespace berth::pki
