#include "hub/login/left_names.h"

#include "pki/constraints.h"
#include "pki/subject_name.h"
#include "registry/hub/identity.h"

namespace berth::hub {

result<void> check_name_left(std::string_view device_or_module, std::span<const pki::certificate> above) {
    const auto name = registry::parse_identity_name(device_or_module);
    if (!name) {
        return {};
    }
    pki::subject_alt_names as_host;
    as_host.dns.push_back(name->device);
    auto done = pki::check_names_left(as_host, above);
    if (!done) {
        error e = std::move(done).error();
        e.category = error_category::peer;
        return fail(std::move(e));
    }
    return {};
}

result<void> check_names_left(const pki::verified_chain& chain) {
    const pki::certificate& leaf = chain.leaf();
    const auto path = chain.chain();
    std::vector<pki::certificate> above(path.begin() + 1, path.end());
    above.push_back(chain.anchor());
    if (const auto common = pki::only_common_name(leaf)) {
        BERTH_CHECK(check_name_left(*common, above));
    }
    for (const auto& uri : leaf.uris()) {
        if (uri.starts_with(device_name_uri)) {
            BERTH_CHECK(check_name_left(std::string_view(uri).substr(device_name_uri.size()), above));
        }
    }
    return {};
}

}  // namespace berth::hub
