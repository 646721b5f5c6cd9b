#include "roles/startup_checks.h"

#include "common/files.h"
#include "keystore/key_uri.h"
#include "pki/profiles.h"
#include "pki/verify.h"
#include "roles/credential.h"
#include "roles/embedded_ca.h"
#include "roles/list_watch.h"
#include "roles/maker_link.h"

#include <cerrno>
#include <cstring>

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

// The store would be made at start if it is not there; opening it here would change it.
result<void> check_store(const std::filesystem::path& file) {
    BERTH_TRY(there, is_there(file));
    const std::filesystem::path& wanted = there ? file : file.parent_path();
    if (::access(wanted.c_str(), there ? R_OK | W_OK : W_OK | X_OK) != 0) {
        const int why = errno;
        return fail(
            error{error_category::environment,
                  why == ENOENT ? "file_not_found" : "file_error",
                  fmt::format("the store {} cannot be {}: {}", file.string(), there ? "written" : "made", std::strerror(why)),
                  {{"path", file.string()}}});
    }
    return {};
}

result<void> check_crls(const std::vector<std::filesystem::path>& files, unix_seconds now) {
    BERTH_TRY(lists, lists_in_force(files));
    for (const auto& [file, list] : lists) {
        if (list.next_update() != 0 && list.next_update() < now) {
            return fail(
                error{error_category::usage,
                      "crl_expired",
                      fmt::format("{}: the list should have been renewed by {}; until it is, chains of its issuer are refused",
                                  file.string(), to_iso8601(list.next_update())),
                      {{"file", file.string()}}});
        }
    }
    return {};
}

result<void> check_masa(const masa_config& m, unix_seconds now) {
    BERTH_CHECK(check_masa_files(m));
    for (const auto& root : m.device_roots) {
        BERTH_CHECK(check_root_file(root, now));
    }
    BERTH_TRY(roots, read_anchors(m.device_roots));
    BERTH_TRY(makers, pki::trust_store::build({std::move(roots), {}, {}}));
    const std::filesystem::path base = m.store_key.parent_path();
    for (const auto& key : m.keys) {
        BERTH_CHECK(open_credential(key, base));
        if (!key.chain.empty()) {
            // "Registrar: chain to the Z1 configured for that MASA only"
            BERTH_CHECK(check_chain(key.chain, makers, pki::leaf_rule::kem, now, pki::check_masa_kem));
        }
    }
    if (std::ranges::all_of(m.keys, [](const auto& k) { return k.chain.empty(); })) {
        return fail(error_category::usage, "no_credential",
                    "no [[masa.key]] has a \"chain\": without a certificate no registrar can be served on KK1");
    }
    BERTH_CHECK(read_certificates(m.device_issuers));
    BERTH_CHECK(check_crls(m.device_crls, now));
    BERTH_CHECK(check_crls(m.registrar_crls, now));
    BERTH_TRY(passphrase, read_passphrase(m.checkpoint_passphrase_file));
    BERTH_CHECK(keystore::open_signing_key(m.checkpoint_key, {base.string(), std::move(passphrase)}));
    BERTH_CHECK(read_store_key(m.store_key));
    return check_store(m.store);
}

result<void> check_registrar(const registrar_config& r, const ca_config& ca, unix_seconds now) {
    BERTH_CHECK(check_registrar_files(r, ca, now));
    BERTH_CHECK(check_root_file(r.domain_root, now));
    BERTH_TRY(identity, open_credential(r.identity, r.identity.chain.parent_path()));
    BERTH_CHECK(embedded_ca::open(ca));
    std::vector<std::filesystem::path> lists;
    for (const auto& m : r.makers) {
        lists.insert(lists.end(), m.crls.begin(), m.crls.end());
    }
    BERTH_CHECK(check_crls(lists, now));
    for (const auto& m : r.makers) {
        BERTH_CHECK(check_root_file(m.root, now));
        BERTH_TRY(root, read_certificate(m.root));
        BERTH_TRY(crls, read_crls(m.crls));
        BERTH_CHECK(maker_link::make_context({root, m.masa, m.masa_host, identity, std::move(crls)}));
    }
    return check_store(r.store);
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

result<void> check_files(const daemon_config& config, unix_seconds now) {
    if (config.masa) {
        BERTH_CHECK(check_masa(*config.masa, now));
    }
    return config.registrar ? check_registrar(*config.registrar, *config.ca, now) : result<void>{};
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
    for (const auto& maker : config.makers) {
        BERTH_CHECK(check_roots({maker.root}));
    }
    BERTH_TRY(root, read_certificate(config.domain_root));
    BERTH_TRY(trust, pki::trust_store::from_root(root));
    BERTH_CHECK(check_chain(config.identity.chain, trust, pki::leaf_rule::kem, now, pki::check_registrar_kem));
    return check_chain(ca.issuer.chain, trust, pki::leaf_rule::ca, now, pki::check_issuing_ca);
}

}  // namespace berth::app
