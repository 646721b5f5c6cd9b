#include "roles/startup_checks.h"

#include "common/files.h"
#include "pki/profiles.h"
#include "pki/verify.h"

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

result<void> check_chain(const std::filesystem::path& file, const pki::trust_store& trust, pki::leaf_rule rule, unix_seconds now,
                         result<void> (*profile)(const pki::certificate&)) {
    BERTH_TRY(chain, read_chain(file));
    BERTH_CHECK(of_file(file, profile(chain.front())));
    pki::verify_options options;
    options.time = pki::validity_instants::at(now);
    options.leaf = rule;
    const auto verified = pki::verify_chain(trust, chain, options);
    return of_file(file, verified ? result<void>{} : fail(verified.error()));
}

}  // namespace

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
