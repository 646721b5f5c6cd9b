#include "pki/profiles.h"

namespace berth::pki {

namespace {

constexpr std::string_view identity_prefix = "urn:berth:maker:";

distinguished_name name_of(std::string_view organization, std::string_view common_name) {
    distinguished_name name;
    if (!organization.empty()) {
        name.add("O", std::string(organization));
    }
    name.add("CN", std::string(common_name));
    return name;
}

distinguished_name device_name(std::string_view organization, std::string_view serial) {
    distinguished_name name;
    if (!organization.empty()) {
        name.add("O", std::string(organization));
    }
    name.add("serialNumber", std::string(serial));
    return name;
}

certificate_template ca_template(std::string_view organization, std::string_view common_name, validity v) {
    certificate_template t;
    t.subject = name_of(organization, common_name);
    t.not_before = v.not_before;
    t.not_after = v.not_after;
    t.is_ca = true;
    t.key_usage = static_cast<uint16_t>(key_cert_sign | crl_sign);
    return t;
}

certificate_template leaf_template(distinguished_name subject, uint16_t usage, std::vector<std::string_view> ekus, validity v) {
    certificate_template t;
    t.subject = std::move(subject);
    t.not_before = v.not_before;
    t.not_after = v.not_after;
    t.key_usage = usage;
    t.extended_key_usages.assign(ekus.begin(), ekus.end());
    return t;
}

// One rule of a profile.
struct rule {
    bool kept;
    const char* text;
};

result<void> judge(const certificate& c, const char* profile, std::initializer_list<rule> rules) {
    for (const rule& r : rules) {
        if (!r.kept) {
            return fail(error{error_category::peer, "bad_profile",
                              "The certificate of " + c.subject() + " is not a valid " + profile + ": " + r.text + "."}
                            .with("profile", profile)
                            .with("subject", c.subject()));
        }
    }
    return {};
}

bool usage_is(const certificate& c, uint16_t bits) {
    return c.key_usage() == bits;
}
bool usage_has(const certificate& c, uint16_t bits) {
    return c.key_usage() && (*c.key_usage() & bits) == bits;
}

constexpr rule never_server(const bool has) {
    return {!has, "a device's certificate must not have id-kp-serverAuth"};
}

error bad_extended_key_usage(const certificate& leaf, const char* which, std::string_view oid) {
    return error{error_category::peer, "bad_extended_key_usage",
                 "The certificate of " + leaf.subject() + (std::string_view(which) == "required" ? " lacks" : " has") +
                     " the extended key usage " + std::string(oid) + ", which its role here " +
                     (std::string_view(which) == "required" ? "requires" : "forbids") + "."}
        .with(which, std::string(oid))
        .with("subject", leaf.subject());
}

result<void> require_eku(const certificate& leaf, std::string_view oid) {
    if (!leaf.has_eku(oid)) {
        return fail(bad_extended_key_usage(leaf, "required", oid));
    }
    return {};
}

}  // namespace

certificate_template root_template(std::string_view organization, std::string_view common_name, validity v) {
    return ca_template(organization, common_name, v);
}

certificate_template issuing_ca_template(std::string_view organization, std::string_view common_name, validity v) {
    certificate_template t = ca_template(organization, common_name, v);
    t.path_length = 0;
    return t;
}

certificate_template idevid_kem_template(std::string_view organization, std::string_view serial,
                                         std::optional<hardware_module> hardware, validity v) {
    auto t = leaf_template(device_name(organization, serial), key_encipherment, {oid_client_auth}, v);
    t.alt_names.hardware = std::move(hardware);
    return t;
}

certificate_template idevid_signature_template(std::string_view organization, std::string_view serial,
                                               std::optional<hardware_module> hardware, validity v) {
    auto t = idevid_kem_template(organization, serial, std::move(hardware), v);
    t.key_usage = digital_signature;
    return t;
}

certificate_template masa_kem_template(std::string_view organization, std::string_view host, validity v) {
    auto t = leaf_template(name_of(organization, host), key_encipherment, {oid_server_auth}, v);
    t.alt_names.dns = {std::string(host)};
    return t;
}

certificate_template registrar_kem_template(std::string_view organization, std::string_view common_name,
                                            std::vector<std::string> hosts, validity v) {
    auto t =
        leaf_template(name_of(organization, common_name), key_encipherment, {oid_cmc_ra, oid_client_auth, oid_server_auth}, v);
    t.alt_names.dns = std::move(hosts);
    return t;
}

certificate_template server_template(std::string_view organization, std::vector<std::string> hosts, validity v) {
    auto t = leaf_template(name_of(organization, hosts.empty() ? "" : hosts.front()), digital_signature, {oid_server_auth}, v);
    t.alt_names.dns = std::move(hosts);
    return t;
}

certificate_template client_template(std::string_view organization, std::string_view common_name, validity v) {
    return leaf_template(name_of(organization, common_name), digital_signature, {oid_client_auth}, v);
}

certificate_template operational_template(std::string_view organization, std::string_view serial,
                                          const std::array<uint8_t, 32>& maker_root_spki_sha256, credential_kind kind,
                                          validity v) {
    // Hubs, and what else knows devices by a name alone, take the common name for it.
    distinguished_name subject = name_of(organization, serial);
    subject.add("serialNumber", std::string(serial));
    auto t = leaf_template(std::move(subject), kind == credential_kind::kem ? key_encipherment : digital_signature,
                           {oid_client_auth}, v);
    t.alt_names.uris = {device_identity_uri(maker_root_spki_sha256)};
    return t;
}

std::string device_identity_uri(const std::array<uint8_t, 32>& maker_root_spki_sha256) {
    return std::string(identity_prefix) + to_hex(maker_root_spki_sha256);
}

result<std::array<uint8_t, 32>> maker_root_of(const certificate& operational) {
    std::optional<bytes> found;
    size_t count = 0;
    for (const std::string& uri : operational.uris()) {
        if (uri.starts_with(identity_prefix)) {
            ++count;
            // Lower case alone, so that one identity has one name.
            if (auto hash = from_hex(uri.substr(identity_prefix.size())); hash && hash->size() == 32) {
                found = uri == std::string(identity_prefix) + to_hex(*hash) ? std::move(*hash) : std::optional<bytes>();
            }
        }
    }
    if (count != 1 || !found) {
        return fail(error{error_category::peer, "bad_device_identity",
                          "The certificate of " + operational.subject() + " does not name its maker: it needs one SAN URI " +
                              std::string(identity_prefix) + "<64 hexadecimal digits>."}
                        .with("subject", operational.subject()));
    }
    return to_array<32>(*found);
}

result<void> check_root(const certificate& c) {
    return judge(c, "root",
                 {{c.is_ca(), "it is not a CA"},
                  {c.is_self_issued() && c.check_signature(c).has_value(), "it is not self-signed"},
                  {usage_has(c, key_cert_sign | crl_sign), "its keyUsage lacks keyCertSign or cRLSign"},
                  {c.verification_key().has_value(), "its key is neither ECDSA P-256 or P-384 nor ML-DSA"}});
}

result<void> check_issuing_ca(const certificate& c) {
    return judge(c, "issuing CA",
                 {{c.is_ca(), "it is not a CA"},
                  {!c.is_self_issued(), "it is self-issued"},
                  {usage_has(c, key_cert_sign), "its keyUsage lacks keyCertSign"},
                  {c.verification_key().has_value(), "its key is neither ECDSA P-256 or P-384 nor ML-DSA"}});
}

result<void> check_idevid_kem(const certificate& c) {
    return judge(c, "IDevID-KEM",
                 {{!c.is_ca(), "it is a CA"},
                  {c.kem_key().has_value(), "its key is not a valid KEM key"},
                  {usage_is(c, key_encipherment), "its keyUsage is not keyEncipherment alone"},
                  {c.has_eku(oid_client_auth), "it lacks id-kp-clientAuth"},
                  never_server(c.has_eku(oid_server_auth)),
                  {c.device_serial().has_value(), "its subject has no usable serialNumber"}});
}

result<void> check_idevid_signature(const certificate& c) {
    return judge(c, "IDevID-signature",
                 {{!c.is_ca(), "it is a CA"},
                  {c.verification_key().has_value(), "its key is not a valid signature key"},
                  {usage_is(c, digital_signature), "its keyUsage is not digitalSignature alone"},
                  {c.has_eku(oid_client_auth), "it lacks id-kp-clientAuth"},
                  never_server(c.has_eku(oid_server_auth)),
                  {c.device_serial().has_value(), "its subject has no usable serialNumber"}});
}

result<void> check_masa_kem(const certificate& c) {
    return judge(c, "MASA certificate",
                 {{!c.is_ca(), "it is a CA"},
                  {c.kem_key().has_value(), "its key is not a valid KEM key"},
                  {usage_is(c, key_encipherment), "its keyUsage is not keyEncipherment alone"},
                  {c.has_eku(oid_server_auth), "it lacks id-kp-serverAuth"},
                  {!c.has_eku(oid_cmc_ra), "it has id-kp-cmcRA, which is for registrars"},
                  {!c.dns_names().empty(), "it has no dNSName"}});
}

result<void> check_registrar_kem(const certificate& c) {
    return judge(c, "registrar certificate",
                 {{!c.is_ca(), "it is a CA"},
                  {c.kem_key().has_value(), "its key is not a valid KEM key"},
                  {usage_is(c, key_encipherment), "its keyUsage is not keyEncipherment alone"},
                  {c.has_eku(oid_cmc_ra), "it lacks id-kp-cmcRA"},
                  {!c.dns_names().empty(), "it has no dNSName"}});
}

result<void> check_operational(const certificate& c, credential_kind kind) {
    const bool kem = kind == credential_kind::kem;
    return judge(c, "operational certificate",
                 {{!c.is_ca(), "it is a CA"},
                  {kem ? c.kem_key().has_value() : c.verification_key().has_value(),
                   kem ? "its key is not a valid KEM key" : "its key is not a valid signature key"},
                  {usage_is(c, kem ? key_encipherment : digital_signature),
                   kem ? "its keyUsage is not keyEncipherment alone" : "its keyUsage is not digitalSignature alone"},
                  {!c.has_eku(oid_cmc_ra), "a device's certificate must not have id-kp-cmcRA"},
                  never_server(c.has_eku(oid_server_auth)),
                  {c.device_serial().has_value(), "its subject has no usable serialNumber"},
                  {maker_root_of(c).has_value(), "it does not name the device's maker in a SAN URI"}});
}

result<void> require_registrar(const certificate& leaf) {
    return require_eku(leaf, oid_cmc_ra);
}

result<void> require_masa(const certificate& leaf) {
    return require_eku(leaf, oid_server_auth);
}

result<void> require_device(const certificate& leaf) {
    // Onboarding section 1: "id-kp-clientAuth, not id-kp-serverAuth"
    BERTH_CHECK(require_eku(leaf, oid_client_auth));
    if (leaf.has_eku(oid_server_auth)) {
        return fail(bad_extended_key_usage(leaf, "forbidden", oid_server_auth));
    }
    return {};
}

}  // namespace berth::pki
