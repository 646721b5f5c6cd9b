#include "firmware/root.h"

#include "crypto/hash.h"
#include "firmware/members.h"

#include <algorithm>

namespace berth::firmware {

namespace {

json::object to_json(const role& r) {
    return {{"signers", json::array(r.signers.begin(), r.signers.end())}, {"threshold", r.threshold}};
}

result<role> read_role(const json::object& from, std::string_view name, const root_content& root) {
    const auto* const found = from.if_contains(name);
    if (found == nullptr || !found->is_object()) {
        return fail(bad_document("root", "a role is missing: it has root, list and release"));
    }
    reader in(found->get_object(), "root's role " + std::string(name));
    role out;
    for (const auto& entry : in.list("signers", 1, most_signers)) {
        const auto* const who = entry.if_string();
        const std::string text = who != nullptr ? std::string(who->data(), who->size()) : std::string();
        if (root.find(text) == nullptr || std::ranges::find(out.signers, text) != out.signers.end()) {
            in.wrong("signers", "names somebody twice, or somebody who is no signer");
        }
        out.signers.push_back(text);
    }
    out.threshold = in.number("threshold", 1, std::max<size_t>(out.signers.size(), 1));
    BERTH_CHECK(in.done());
    return out;
}

bool is_ml_dsa(jose::signature_alg alg) {
    return alg >= jose::signature_alg::ml_dsa_44;
}

result<signer> read_signer(std::string name, const json::value& from) {
    const auto* const keys = from.if_array();
    if (!is_word(name) || keys == nullptr || keys->empty() || keys->size() > 2) {
        return fail(bad_document("root", "a signer has a name of letters and digits, and one or two keys"));
    }
    signer out{std::move(name), {}};
    for (const auto& entry : *keys) {
        if (!entry.is_object()) {
            return fail(bad_document("root", "a signer's key is not a JSON Web Key"));
        }
        auto key = jose::read_verification_key(entry.get_object());
        if (!key) {
            return fail(bad_document("root", "a key of signer " + out.name + ": " + key.error().message));
        }
        out.keys.push_back(std::move(*key));
    }
    if (!is_ml_dsa(out.keys[0].alg) || (out.keys.size() == 2 && is_ml_dsa(out.keys[1].alg))) {
        return fail(bad_document("root", "signer " + out.name +
                                             " has another set of keys than one of ML-DSA, first, and at most one of ECDSA or "
                                             "Ed25519 beside it"));
    }
    return out;
}

}  // namespace

const role& root_content::role_for(document_kind kind) const {
    return kind == document_kind::root ? root : kind == document_kind::list ? list : release;
}

const signer* root_content::find(std::string_view name) const {
    const auto found = std::ranges::find(signers, name, &signer::name);
    return found != signers.end() ? &*found : nullptr;
}

json::object to_json(const root_content& root) {
    json::object signers;
    for (const auto& s : root.signers) {
        json::array keys;
        for (const auto& key : s.keys) {
            keys.push_back(jose::to_jwk(key));
        }
        signers[s.name] = std::move(keys);
    }
    return {
        {"type", "root"},
        {"schema", 1},
        {"repository", root.repository},
        {"version", root.version},
        {"issued", root.issued},
        {"expires", root.expires},
        {"signers", std::move(signers)},
        {"roles", json::object{{"root", to_json(root.root)}, {"list", to_json(root.list)}, {"release", to_json(root.release)}}}};
}

result<root_content> read_root(const json::object& payload) {
    reader in(payload, "root");
    in.exactly("type", "root");
    in.schema();
    root_content out;
    out.repository = in.word("repository");
    out.version = in.number("version", 1);
    out.issued = in.time("issued");
    out.expires = in.time("expires");
    const auto& signers = in.object("signers", most_signers);
    const auto& roles = in.object("roles", 3);
    if (out.expires <= out.issued) {
        in.wrong("expires", "is not after \"issued\"");
    }
    BERTH_CHECK(in.done());
    std::set<std::string> kids;
    for (const auto& [name, keys] : signers) {
        BERTH_TRY(one, read_signer(std::string(name), keys));
        for (const auto& key : one.keys) {
            if (!kids.insert(key.kid).second) {
                return fail(bad_document("root", "a key stands twice: two signatures of one key are one"));
            }
        }
        out.signers.push_back(std::move(one));
    }
    if (roles.size() != 3) {
        return fail(bad_document("root", "its roles are root, list and release"));
    }
    BERTH_TRY(root, read_role(roles, "root", out));
    BERTH_TRY(list, read_role(roles, "list", out));
    BERTH_TRY(release, read_role(roles, "release", out));
    out.root = std::move(root);
    out.list = std::move(list);
    out.release = std::move(release);
    return out;
}

std::string fingerprint(const root_content& root, const role& of) {
    std::set<std::string> kids;
    for (const auto& name : of.signers) {
        for (const auto& key : root.find(name)->keys) {
            kids.insert(key.kid);
        }
    }
    crypto::hasher all(crypto::hash_algorithm::sha256);
    for (const auto& kid : kids) {
        all.update(as_bytes(kid + "\n"));
    }
    return to_hex(all.finish().view());
}

}  // namespace berth::firmware
