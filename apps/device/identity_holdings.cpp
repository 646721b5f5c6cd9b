#include "device/identity_holdings.h"

#include "common/files.h"
#include "device/installation.h"
#include "keystore/key_uri.h"

#include <sys/stat.h>

namespace berth::app {

namespace fs = std::filesystem;

namespace {

// Tells a file from the one that took its place.
std::string stamp_of(const fs::path& file) {
    struct stat s{};
    if (::stat(file.c_str(), &s) != 0) {
        return {};
    }
    return fmt::format("{}.{}.{}.{}.{}", s.st_dev, s.st_ino, s.st_size, s.st_mtim.tv_sec, s.st_mtim.tv_nsec);
}

bytes_view spki_of(const identity::key_handle& key) {
    return std::visit([](const auto& k) -> bytes_view { return k->public_key().spki(); }, key);
}

result<identity::key_handle> open_key(const pki::certificate& leaf, const std::string& uri, const keystore::open_options& how) {
    if (leaf.is_kem()) {
        BERTH_TRY(key, keystore::open_kem_key(uri, how));
        return identity::key_handle(std::move(key));
    }
    BERTH_TRY(key, keystore::open_signing_key(uri, how));
    return identity::key_handle(std::move(key));
}

}  // namespace

identity::device_facts identity_holdings::device() {
    identity::device_facts out{bundle_.identity.serial, bundle_.model, std::nullopt};
    if (const auto state = installation(bundle_).state()) {
        out.customer = state->customer;
    }
    return out;
}

// The service has judged the name: it leads out of no directory.
result<std::optional<identity_holdings::place>> identity_holdings::find_kept(const std::string& name) const {
    const fs::path kept = bundle_.directory / "credentials" / name;
    std::error_code ec;
    const auto current = fs::read_symlink(kept / "current", ec);
    if (ec) {
        return std::nullopt;
    }
    // What it leads to now: certificate and key of one generation, whatever it leads to a moment later.
    const fs::path at = kept / current.filename();
    BERTH_TRY(named, is_there(at / "key.uri"));
    return place{at / "certificate.pem", at / (named ? "key.uri" : "key.pem"), named};
}

result<std::optional<identity_holdings::place>> identity_holdings::find_installed(const std::string& name) const {
    for (const auto& directory : {bundle_.directory / "installed", name == "ldevid" ? bundle_.directory : fs::path()}) {
        if (directory.empty()) {
            continue;
        }
        BERTH_TRY(there, is_there(directory / (name + ".pem")));
        if (there) {
            BERTH_TRY(named, is_there(directory / (name + ".uri")));
            return place{directory / (name + ".pem"), directory / (name + (named ? ".uri" : ".key")), named};
        }
    }
    return std::nullopt;
}

result<identity_holdings::place> identity_holdings::find(const std::string& name) const {
    for (const auto first : {true, false}) {
        BERTH_TRY(found, first == (first_ == prefer::kept) ? find_kept(name) : find_installed(name));
        if (found) {
            return std::move(*found);
        }
    }
    return fail(
        error_category::environment, "no_such_identity",
        fmt::format("this device has no identity \"{}\": is it onboarded, and does its customer issue one of that name?", name));
}

// A former generation may go while it is read: then there is a newer one.
template <class Read>
auto identity_holdings::at_place(const std::string& name, Read read) const {
    using answer = decltype(read(place{}));
    auto at = find(name);
    if (!at) {
        return answer(fail(std::move(at).error()));
    }
    auto done = read(*at);
    if (!done) {
        if (auto now = find(name); now && now->certificate != at->certificate) {
            return read(*now);
        }
    }
    return done;
}

result<identity::identity_facts> identity_holdings::look(const std::string& name) {
    return at_place(name, [&](const place& at) -> result<identity::identity_facts> {
        BERTH_TRY(chain, read_chain(at.certificate));
        return identity::identity_facts{name, std::move(chain)};
    });
}

result<identity::key_handle> identity_holdings::open(const std::string& name) {
    return at_place(name, [&](const place& at) { return open_at(name, at); });
}

result<identity::key_handle> identity_holdings::open_at(const std::string& name, const place& at) {
    const std::string stamp = stamp_of(at.certificate) + " " + stamp_of(at.key);
    if (const auto known = open_.find(name); known != open_.end() && known->second.stamp == stamp) {
        return known->second.key;
    }
    BERTH_TRY(chain, read_chain(at.certificate));
    std::string uri = "file:" + at.key.string();
    if (at.named) {
        BERTH_TRY(text, read_text(at.key));
        uri = text.substr(0, text.find('\n'));
    }
    BERTH_TRY(key, open_key(chain.front(), uri, {bundle_.directory.string(), bundle_.passphrase}));
    if (!same_octets(spki_of(key), chain.front().spki())) {
        return fail(error_category::environment, "key_mismatch",
                    fmt::format("{} is not the key of {}: enrol the device again", uri, at.certificate.string()));
    }
    open_.insert_or_assign(name, opened{stamp, key});
    return key;
}

result<std::vector<pki::certificate>> identity_holdings::trust() {
    const fs::path file = bundle_.directory / "installed" / "domain-root.pem";
    BERTH_TRY(there, is_there(file));
    if (!there) {
        return fail(error_category::environment, "not_onboarded",
                    "this device is not onboarded: it has no customer, and trusts no customer's root");
    }
    return read_chain(file);
}

}  // namespace berth::app
