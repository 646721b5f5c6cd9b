#include "publisher/publish_sites.h"

#include "common/files.h"
#include "net/http.h"

#include <charconv>

namespace berth::app {

namespace {

constexpr std::string_view shard_place = "{shard}";

tl::unexpected<error> bad(std::string what) {
    return fail(error_category::usage, "bad_config", std::move(what));
}

// "http://ca.example/ca.crl" -> "/ca.crl": the host and port are whoever's leads here.
result<std::string> path_of(const std::string& url) {
    const size_t scheme = url.find("://");
    const size_t slash = scheme == std::string::npos ? std::string::npos : url.find('/', scheme + 3);
    if (scheme == std::string::npos || url.find('?') != std::string::npos || url.find('#') != std::string::npos) {
        return bad(fmt::format("\"{}\" of ca.toml is no address that could be served: http://host/path", url));
    }
    return slash == std::string::npos ? std::string("/") : url.substr(slash);
}

bool is_former(const std::string& name) {
    return name.find('.') != std::string::npos;
}

}  // namespace

result<void> publish_sites::add_list(const std::string& url, const std::string& usual, size_t keeper, bool delta) {
    std::string path = usual;
    if (!url.empty()) {
        BERTH_TRY(own, path_of(url));
        path = std::move(own);
    }
    const size_t place = path.find(shard_place);
    list_path out{path.substr(0, place), place == std::string::npos ? "" : path.substr(place + shard_place.size()),
                  place != std::string::npos, keeper, delta};
    for (const auto& other : lists_) {
        if (other.before == out.before && other.after == out.after && other.sharded == out.sharded) {
            // A former generation has the settings of the present one: who was issued something now is found at that address.
            return is_former(names[keeper]) && path != usual
                       ? add_list("", usual, keeper, delta)
                       : bad(fmt::format("two lists would be at {}: give each CA of ca.toml addresses of its own", path));
        }
    }
    lists_.push_back(std::move(out));
    return {};
}

result<void> publish_sites::add(const std::string& name, const publish_config& config) {
    BERTH_TRY(by, directory.issuer(name));
    const auto settings = by.settings();
    const auto certificate = by.certificate();
    const size_t at = keepers.size();
    names.push_back(name);
    keepers.emplace_back(std::move(by), ca::list_times{config.list_lifetime, config.delta_lifetime});
    const std::string shard = settings.shard_size > 0 ? "-" + std::string(shard_place) : "";
    BERTH_CHECK(add_list(settings.crl_url, "/" + name + shard + ".crl", at, false));
    if (!settings.delta_url.empty()) {
        BERTH_CHECK(add_list(settings.delta_url, "/" + name + shard + ".delta.crl", at, true));
    }
    std::string issuer_path = "/" + name + ".cer";
    if (!settings.issuer_url.empty() && !is_former(name)) {
        BERTH_TRY(own, path_of(settings.issuer_url));
        issuer_path = std::move(own);
    }
    if (!certificates.emplace(issuer_path, published_certificate{to_bytes(certificate.der())}).second) {
        return bad(
            fmt::format("two CA certificates would be at {}: give each CA of ca.toml an issuer_url of its own", issuer_path));
    }
    std::string desk = "/ocsp";
    if (!settings.ocsp_url.empty()) {
        BERTH_TRY(own, path_of(settings.ocsp_url));
        desk = std::move(own);
    }
    while (desk.ends_with('/')) {
        desk.pop_back();
    }
    // The CA itself where it has appointed nobody.
    const std::string appointed = name + "-ocsp";
    BERTH_TRY(there, is_there(directory.path() / (appointed + ".pem")));
    BERTH_TRY(key, open_key_of(directory.path(), there ? appointed : name, directory.passphrase()));
    ca::ocsp_desk::party party{certificate, certificate, std::move(key)};
    if (there) {
        BERTH_TRY(responder, read_certificate(directory.path() / (appointed + ".pem")));
        party.responder = std::move(responder);
        if (!same_octets(party.responder.spki(), party.key->public_key().spki())) {
            return fail(error{error_category::usage, "issuer_key_mismatch",
                              fmt::format("the private key of {} is not that of its certificate", appointed)}
                            .with("issuer", appointed));
        }
    }
    parties_[desk].push_back(std::move(party));
    return {};
}

result<publish_sites> publish_sites::open(const publish_config& config, store::opening how) {
    BERTH_TRY(passphrase, read_passphrase(config.directory_passphrase_file));
    BERTH_TRY(directory, ca_directory::open(config.directory, std::move(passphrase), how));
    publish_sites out(std::move(directory));
    auto wanted = config.authorities;
    if (wanted.empty()) {
        BERTH_TRY(all, out.directory.names());
        wanted = std::move(all);
    }
    if (wanted.empty()) {
        return bad(fmt::format("[publish]: there is no CA in {}", config.directory.string()));
    }
    // Those of now before former generations, which may have to step aside.
    for (const bool former : {false, true}) {
        for (const auto& name : wanted) {
            if (is_former(name) == former) {
                BERTH_CHECK(out.add(name, config));
            }
        }
    }
    ca::desk_limits limits;
    limits.answer_lifetime = config.answer_lifetime;
    limits.signatures_per_second = config.signatures_per_second;
    for (auto& [path, parties] : out.parties_) {
        out.desks.emplace(path, ca::ocsp_desk(std::move(parties), limits));
    }
    out.parties_.clear();
    return out;
}

std::optional<published_list> publish_sites::find_list(std::string_view path) const {
    for (const auto& list : lists_) {
        if (!path.starts_with(list.before)) {
            continue;
        }
        std::string_view rest = path.substr(list.before.size());
        if (!list.sharded) {
            if (rest.empty()) {
                return published_list{list.keeper, {std::nullopt, list.delta}};
            }
            continue;
        }
        if (!rest.ends_with(list.after)) {
            continue;
        }
        rest.remove_suffix(list.after.size());
        uint32_t shard = 0;
        const auto [end, failed] = std::from_chars(rest.data(), rest.data() + rest.size(), shard);
        // One name for each: not 007.
        if (failed == std::errc() && end == rest.data() + rest.size() && (rest.size() == 1 || rest.front() != '0')) {
            return published_list{list.keeper, {shard, list.delta}};
        }
    }
    return std::nullopt;
}

std::optional<std::pair<std::string, std::string>> publish_sites::find_desk(std::string_view path) const {
    const std::string* longest = nullptr;
    for (const auto& [prefix, desk] : desks) {
        const bool below = path.starts_with(prefix) && (path.size() == prefix.size() || path[prefix.size()] == '/');
        if (below && (longest == nullptr || longest->size() < prefix.size())) {
            longest = &prefix;
        }
    }
    if (longest == nullptr) {
        return std::nullopt;
    }
    std::string_view rest = path.substr(longest->size());
    rest.remove_prefix(rest.empty() ? 0 : 1);
    return std::pair(*longest, std::string(rest));
}

}  // namespace berth::app
