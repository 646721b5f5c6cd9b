#include "roles/startup_checks.h"

#include "common/files.h"
#include "keystore/key_uri.h"
#include "pki/profiles.h"
#include "pki/verify.h"
#include "roles/credential.h"
#include "roles/element_role.h"
#include "roles/embedded_ca.h"
#include "roles/lists.h"
#include "roles/maker_link.h"
#include "roles/server_certificate.h"
#include "store/sqlite/masa_store.h"
#include "store/sqlite/registrar_store.h"

#include <cerrno>
#include <cstring>

#include <netdb.h>
#include <netinet/in.h>
#include <unistd.h>

namespace berth::app {

namespace {

// A file of ours that is wrong is the configuration's fault, not a peer's.
result<void> of_file(const std::filesystem::path& file, const result<void>& judged) {
    if (judged) {
        return {};
    }
    error e = error(judged.error()).during(file.string()).with("file", file.string());
    e.category = error_category::usage;
    return fail(std::move(e));
}

result<void> check_roots(const std::vector<std::filesystem::path>& files) {
    for (const auto& file : files) {
        BERTH_TRY(roots, read_chain(file));
        for (const auto& root : roots) {
            BERTH_CHECK(of_file(file, pki::check_root(root)));
        }
    }
    return {};
}

result<void> judge_chain(const std::filesystem::path& file, const std::vector<pki::certificate>& chain,
                         const pki::trust_store& trust, pki::leaf_rule rule, unix_seconds now) {
    pki::verify_options options;
    options.time = pki::validity_instants::at(now);
    options.leaf = rule;
    const auto verified = pki::verify_chain(trust, chain, options);
    return of_file(file, verified ? result<void>{} : fail(verified.error()));
}

result<void> check_chain(const std::filesystem::path& file, const pki::trust_store& trust, pki::leaf_rule rule, unix_seconds now,
                         result<void> (*profile)(const pki::certificate&)) {
    BERTH_TRY(chain, read_chain(file));
    BERTH_CHECK(of_file(file, profile(chain.front())));
    return judge_chain(file, chain, trust, rule, now);
}

// Start opens it for writing; here it is only looked at.
template <class Store>
result<std::unique_ptr<Store>> look_at_store(const std::filesystem::path& file) {
    BERTH_TRY(store, Store::open(file.string(), store::opening::to_look));
    for (const auto& [what, mode] : {std::pair(file, R_OK | W_OK), std::pair(file.parent_path(), W_OK | X_OK)}) {
        if (::access(what.c_str(), mode) != 0) {
            return fail(error{error_category::environment,
                              "file_error",
                              fmt::format("the store {} cannot be written: {} (it has -wal and -shm files beside it)",
                                          file.string(), std::strerror(errno)),
                              {{"path", file.string()}}});
        }
    }
    return store;
}

// The CA's list is written beside its place and renamed.
result<void> check_crl_place(const std::filesystem::path& file) {
    if (file.empty() || ::access(file.parent_path().c_str(), W_OK | X_OK) == 0) {
        return {};
    }
    return fail(
        error{error_category::environment,
              "file_error",
              fmt::format("the CA's revocation list {} cannot be written: {}. Make its directory, or name another in [ca] crl",
                          file.string(), std::strerror(errno)),
              {{"path", file.string()}}});
}

result<void> require_young(const role_lists& lists, unix_seconds now) {
    for (const auto& l : lists.in_force) {
        if (l.list.next_update() != 0 && l.list.next_update() < now) {
            return fail(
                error{error_category::usage,
                      "crl_expired",
                      fmt::format("{}: the list should have been renewed by {}; until it is, chains of its issuer are refused",
                                  l.file.string(), to_iso8601(l.list.next_update())),
                      {{"file", l.file.string()}}});
        }
    }
    return {};
}

// As the listener judges once it is bound.
result<void> check_admin(const daemon_config& config) {
    if (!config.admin || config.admin_beyond_loopback) {
        return {};
    }
    addrinfo wanted{};
    wanted.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (const int why = ::getaddrinfo(config.admin->host.c_str(), nullptr, &wanted, &found); why != 0) {
        return fail(error_category::environment, "listen_failed",
                    fmt::format("[admin] listen: {}: {}", config.admin->host, ::gai_strerror(why)));
    }
    bool loopback = true;
    for (const addrinfo* at = found; at; at = at->ai_next) {
        if (at->ai_family == AF_INET) {
            loopback = loopback && ntohl(reinterpret_cast<const sockaddr_in*>(at->ai_addr)->sin_addr.s_addr) >> 24 == 127;
        } else if (at->ai_family == AF_INET6) {
            loopback = loopback && IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6*>(at->ai_addr)->sin6_addr);
        }
    }
    ::freeaddrinfo(found);
    return loopback
               ? result<void>{}
               : fail(error_category::usage, "plain_not_loopback",
                      fmt::format("[admin] listen: {} is not a loopback address: HTTP without encryption is served there only "
                                  "with beyond_loopback = true",
                                  config.admin->host));
}

result<void> check_masa(const masa_config& m, unix_seconds now) {
    BERTH_CHECK(check_masa_files(m));
    for (const auto& root : m.device_roots) {
        BERTH_CHECK(check_root_file(root, now));
    }
    BERTH_TRY(roots, read_anchors(m.device_roots));
    BERTH_TRY(makers, pki::trust_store::build({std::move(roots), {}, {}}));
    for (const auto& key : m.keys) {
        BERTH_CHECK(open_credential(key));
        if (!key.chain.empty()) {
            // "Registrar: chain to the Z1 configured for that MASA only"
            BERTH_CHECK(check_chain(key.chain, makers, pki::leaf_rule::kem, now, pki::check_masa_kem));
        }
    }
    if (std::ranges::all_of(m.keys, [](const auto& k) { return k.chain.empty(); })) {
        return fail(error_category::usage, "no_credential",
                    "no [[masa.key]] has a \"chain\": without a certificate no registrar can be served on KK1");
    }
    BERTH_TRY(issuers, read_certificates(m.device_issuers));
    BERTH_TRY(anchors, read_anchors(m.device_roots));
    BERTH_TRY(lists, read_masa_lists(m, anchors, issuers));
    BERTH_CHECK(require_young(lists.all, now));
    BERTH_TRY(passphrase, read_passphrase(m.checkpoint_passphrase_file));
    BERTH_CHECK(keystore::open_signing_key(m.checkpoint_key, {m.base.string(), std::move(passphrase)}));
    BERTH_TRY(store_key, read_store_key(m.store_key));
    BERTH_TRY(store, look_at_store<store::sqlite_masa_store>(m.store));
    return store->require_store_key(check_value_of(store_key), false);
}

result<void> check_registrar(const registrar_config& r, const ca_config& ca, unix_seconds now) {
    BERTH_CHECK(check_registrar_files(r, ca, now));
    BERTH_CHECK(check_root_file(r.domain_root, now));
    BERTH_TRY(identity, open_credential(r.identity));
    if (ca.is_embedded()) {  // who opens another kind judges it
        BERTH_CHECK(embedded_ca::open(ca));
        BERTH_CHECK(check_crl_place(ca.crl));
    }
    pki::trust_store::contents together;
    for (const auto& m : r.makers) {
        BERTH_CHECK(check_root_file(m.root, now));
        BERTH_TRY(root, read_certificate(m.root));
        BERTH_TRY(lists, read_maker_lists(m, root));
        BERTH_CHECK(require_young(lists.all, now));
        together.anchors.push_back(root);
        together.intermediates.insert(together.intermediates.end(), lists.issuers.begin(), lists.issuers.end());
        together.crls.insert(together.crls.end(), lists.crls.begin(), lists.crls.end());
        BERTH_CHECK(maker_link::make_context({root, m.masa, m.masa_host, identity, std::move(lists.crls)}));
    }
    BERTH_CHECK(pki::trust_store::build(std::move(together)));
    BERTH_CHECK(look_at_store<store::sqlite_registrar_store>(r.store));
    return {};
}

result<void> check_element(const element_config& e, unix_seconds now) {
    BERTH_TRY(ready, element_role::read(e, system_clock()));
    BERTH_TRY(chain, read_chain(e.identity.chain));
    BERTH_CHECK(check_server_certificate_now({e.identity.chain, std::move(chain)}, {}, now));
    return require_young(ready.lists, now);
}

}  // namespace

result<void> check_root_file(const std::filesystem::path& file, unix_seconds now) {
    BERTH_TRY(roots, read_chain(file));
    for (const auto& root : roots) {
        BERTH_CHECK(of_file(file, pki::check_root(root)));
        BERTH_TRY(itself, pki::trust_store::from_root(root));
        BERTH_CHECK(judge_chain(file, {root}, itself, pki::leaf_rule::ca, now));
    }
    return {};
}

result<void> check_authority_files(const std::filesystem::path& root_file, const std::filesystem::path& issuer,
                                   unix_seconds now) {
    BERTH_CHECK(check_root_file(root_file, now));
    BERTH_TRY(root, read_certificate(root_file));
    BERTH_TRY(trust, pki::trust_store::from_root(root));
    return check_chain(issuer, trust, pki::leaf_rule::ca, now, pki::check_issuing_ca);
}

result<void> require_not_own(const pki::certificate& own, const std::filesystem::path& maker_root, const std::string& option) {
    BERTH_TRY(maker, read_certificate(maker_root));
    if (same_octets(own.spki(), maker.spki())) {
        return fail(error{error_category::usage,
                          "bad_maker_root",
                          fmt::format("{} is your own root: {} takes the z1.pem that the manufacturer has given to you",
                                      maker_root.string(), option),
                          {{"file", maker_root.string()}}});
    }
    return {};
}

result<void> check_element_files(const element_config& config) {
    BERTH_TRY(chain, read_chain(config.identity.chain));
    const auto& leaf = chain.front();
    std::string wrong;
    if (!leaf.has_dns_name(config.host)) {
        wrong = fmt::format("its subjectAltName has no DNS:{}, which [element] host says the server is called", config.host);
    } else if (!leaf.has_eku(pki::oid_server_auth)) {
        wrong = "its extendedKeyUsage has no serverAuth, which a TLS server's certificate needs (docs/berthd.md says how to make "
                "one)";
    }
    if (!wrong.empty()) {
        return of_file(config.identity.chain, fail(error_category::usage, "bad_profile", wrong));
    }
    BERTH_CHECK(check_server_certificate({config.identity.chain, chain}));
    BERTH_CHECK(read_anchors(config.makers));
    return {};
}

result<void> check_files(const daemon_config& config, unix_seconds now) {
    BERTH_CHECK(check_admin(config));
    if (config.masa) {
        BERTH_CHECK(check_masa(*config.masa, now));
    }
    if (config.registrar) {
        BERTH_CHECK(check_registrar(*config.registrar, *config.ca, now));
    }
    return config.element ? check_element(*config.element, now) : result<void>{};
}

result<void> check_masa_files(const masa_config& config) {
    for (const auto& key : config.keys) {
        if (!key.chain.empty()) {
            BERTH_TRY(chain, read_chain(key.chain));
            BERTH_CHECK(of_file(key.chain, pki::check_masa_kem(chain.front())));
        }
    }
    return check_roots(config.device_roots);
}

result<void> check_registrar_files(const registrar_config& config, const ca_config& ca, unix_seconds now) {
    BERTH_CHECK(check_roots({config.domain_root}));
    BERTH_TRY(root, read_certificate(config.domain_root));
    for (const auto& maker : config.makers) {
        BERTH_CHECK(check_roots({maker.root}));
        BERTH_CHECK(require_not_own(root, maker.root, "root of a [[registrar.maker]]"));
    }
    BERTH_TRY(trust, pki::trust_store::from_root(root));
    BERTH_CHECK(check_chain(config.identity.chain, trust, pki::leaf_rule::kem, now, pki::check_registrar_kem));
    return ca.is_embedded() ? check_chain(ca.issuer.chain, trust, pki::leaf_rule::ca, now, pki::check_issuing_ca)
                            : result<void>{};
}

}  // namespace berth::app
