// A CA of a few lines, and requesters of it.
#pragma once

#include "est/server.h"
#include "support/made_up_csr.h"

namespace berth::est {

inline constexpr uint8_t any_class = 7;

class made_up_authority final : public authority {
public:
    made_up_authority() {
        usual.access = {
            {{operation::simpleenroll, operation::serverkeygen},
             only(proof::certificate),
             static_cast<uint8_t>(trust_class::idevid)},
            {{operation::simplereenroll}, only(proof::certificate), any_class},
            {{operation::simpleenroll}, only(proof::basic), 0},
        };
    }

    const label_policy* policy(std::string_view label) const override {
        return label.empty() ? &usual : label == "strict" ? &strict : nullptr;
    }
    result<std::vector<pki::certificate>> ca_certificates(std::string_view) const override {
        if (ca_error) {
            return fail(*ca_error);
        }
        return std::vector{root.certificate};
    }
    result<pki::csr_attributes> attributes(std::string_view, const requester&) const override { return wanted; }
    result<std::variant<issued, waiting>> enrol(const enrolment& e) override {
        ++asked;
        replaced = e.replaces == nullptr ? "" : e.replaces->subject();
        same_key = e.same_key;
        if (refuse) {
            return fail(*refuse);
        }
        if (wait) {
            return *wait;
        }
        return issued{make(e.asks, wrong_key ? test::signature_key("wrong").public_key().spki() : bytes_view(e.asks.spki))};
    }
    result<std::variant<generated, waiting>> generate(const enrolment& e) override {
        if (!makes_keys) {
            return authority::generate(e);
        }
        const auto key = test::signature_key("made here");
        return generated{make(e.asks, key.public_key().spki()), test::value_of(key.to_pkcs8())};
    }
    std::optional<pki::possession_rules> vouchers(std::string_view) const override {
        return vouch ? std::optional<pki::possession_rules>({trust, test::now_as(pki::leaf_rule::kem), {}}) : std::nullopt;
    }

    pki::certificate make(const pki::csr_contents& asks, bytes_view spki) {
        auto t = pki::client_template("Acme", "issued", test::usual);
        if (!asks.name.attributes.empty()) {
            t.subject = asks.name;
        }
        t.alt_names = asks.alt_names;
        if (drops_names) {
            t.alt_names = {};
        }
        t.key_usage = asks.key_usage ? asks.key_usage : t.key_usage;
        return test::issue(root, t, spki);
    }

    const test::authority root = test::make_root("est", crypto::signature_algorithm::ecdsa_p256_sha256);
    const pki::trust_store trust = test::value_of(pki::trust_store::from_root(root.certificate));
    label_policy usual;
    label_policy strict;  // no access rule
    pki::csr_attributes wanted;
    std::optional<error> ca_error;
    std::optional<error> refuse;
    std::optional<waiting> wait;
    bool wrong_key = false;
    bool drops_names = false;
    bool makes_keys = false;
    bool vouch = false;
    // What came.
    int asked = 0;
    std::string replaced;
    bool same_key = false;
};

inline channel exporting(std::string_view octets = "0123456789abcdef0123456789abcdef") {
    return {binding_kind::tls_exporter,
            [text = std::string(octets)] { return result<secret_bytes>(secret_bytes(as_bytes(text))); }};
}
inline channel unique() {
    return {binding_kind::tls_unique, [] { return result<secret_bytes>(secret_bytes(as_bytes("finished-msg"))); }};
}

// A device with an IDevID of this serial number.
inline requester device(const made_up_authority& by, const std::string& serial, const crypto::signing_key& key,
                        trust_class trust = trust_class::idevid) {
    const auto t = pki::idevid_signature_template("Acme", serial, std::nullopt, test::usual);
    return test::value_of(requester::with_certificate({test::issue(by.root, t, key.public_key().spki())}, trust));
}

inline http_request posted(std::string path, bytes_view csr) {
    http_request out;
    out.method = "POST";
    out.path = "/.well-known/est/" + std::move(path);
    out.headers.add("Content-Type", "application/pkcs10");
    out.body = framed(csr, framing::one_line);
    return out;
}
inline http_request got(std::string path) {
    http_request out;
    out.path = "/.well-known/est/" + std::move(path);
    return out;
}

}  // namespace berth::est
