#include "provisioning/enrolment_json.h"

#include "attestation/shared_key.h"
#include "registry/hub/twin.h"
#include "wire/base64.h"

#include <algorithm>

#include <fmt/format.h>

namespace berth::provisioning {

namespace {

namespace json = wire::json;
using namespace registry;

error wrong(const std::string& member, const std::string& why) {
    return {error_category::usage, "bad_enrolment", fmt::format("{} {}", member, why), {{"member", member}}};
}

error unsupported(std::string what) {
    return {error_category::incompatible, "unsupported", std::move(what)};
}

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> all) {
    return std::ranges::find(all, text) != all.end();
}

bool is_nothing(const json::value& v) {
    return v.is_null() || (v.is_string() && v.as_string().empty()) || (v.is_array() && v.as_array().empty()) ||
           (v.is_object() && v.as_object().empty());
}

result<std::string> text_of(const std::string& member, const json::value& v) {
    if (!v.is_string()) {
        return fail(wrong(member, "is a text"));
    }
    return std::string(v.as_string());
}

result<const json::object*> object_of(const std::string& member, const json::value& v) {
    if (!v.is_object()) {
        return fail(wrong(member, "is a JSON object"));
    }
    return &v.as_object();
}

result<void> no_other_member(const std::string& of, const json::object& all, std::initializer_list<std::string_view> known) {
    for (const auto& [name, value] : all) {
        if (!is_one_of(name, known)) {
            return fail(wrong(of, fmt::format("has no member \"{}\"", std::string_view(name))));
        }
    }
    return {};
}

// {"certificate": PEM, or base64 of DER, "info": what only the service writes}
result<std::optional<pki::certificate>> certificate_of(const std::string& member, const json::value* v) {
    if (!v || is_nothing(*v)) {
        return std::nullopt;
    }
    BERTH_TRY(object, object_of(member, *v));
    BERTH_CHECK(no_other_member(member, *object, {"certificate", "info"}));
    const auto* const found = object->if_contains("certificate");
    if (!found) {
        return fail(wrong(member, "has a member \"certificate\""));
    }
    BERTH_TRY(text, text_of(member + ".certificate", *found));
    const auto parse = [&]() -> result<pki::certificate> {
        if (text.find("-----BEGIN") != std::string::npos) {
            return pki::certificate::parse_pem(text);
        }
        BERTH_TRY(der, wire::from_base64(text));
        return pki::certificate::parse(der);
    };
    auto parsed = parse();
    if (!parsed) {
        return fail(wrong(member + ".certificate", "is one certificate, PEM or base64 of DER: " + parsed.error().message));
    }
    return std::optional(std::move(*parsed));
}

struct two {
    const json::value* primary = nullptr;
    const json::value* secondary = nullptr;
};
result<two> both_of(const std::string& member, const json::value& v) {
    BERTH_TRY(object, object_of(member, v));
    BERTH_CHECK(no_other_member(member, *object, {"primary", "secondary"}));
    return two{object->if_contains("primary"), object->if_contains("secondary")};
}

// Under which name a signing certificate is registered.
result<std::string> registered_name(const std::string& member, const json::value* v, const std::vector<registered_ca>& cas) {
    BERTH_TRY(certificate, certificate_of(member, v));
    if (!certificate) {
        return std::string();
    }
    const auto found = std::ranges::find_if(cas, [&](const registered_ca& ca) { return ca.certificate == *certificate; });
    if (found == cas.end()) {
        return fail(error_category::usage, "unknown_ca",
                    fmt::format("{} ({}) is not registered: register it first and prove that you have its key (berth hub ca "
                                "register), then name it in caReferences",
                                member, certificate->subject()));
    }
    return found->name;
}

result<std::string> reference(const std::string& member, const json::value* v) {
    return v && !is_nothing(*v) ? text_of(member, *v) : result<std::string>(std::string());
}

result<void> read_x509(const json::value& v, attestation_rule& out, const std::vector<registered_ca>& cas) {
    BERTH_TRY(x509, object_of("attestation.x509", v));
    for (const auto& [name, value] : *x509) {
        if (is_nothing(value)) {
            continue;
        }
        const std::string member = fmt::format("attestation.x509.{}", std::string_view(name));
        if (name == "clientCertificates") {
            BERTH_TRY(both, both_of(member, value));
            BERTH_TRY(primary, certificate_of(member + ".primary", both.primary));
            BERTH_TRY(secondary, certificate_of(member + ".secondary", both.secondary));
            out.primary = std::move(primary);
            out.secondary = std::move(secondary);
        } else if (name == "caReferences") {
            BERTH_TRY(both, both_of(member, value));
            BERTH_TRY(primary, reference(member + ".primary", both.primary));
            BERTH_TRY(secondary, reference(member + ".secondary", both.secondary));
            out.primary_ca = std::move(primary);
            out.secondary_ca = std::move(secondary);
        } else if (name == "signingCertificates") {
            BERTH_TRY(both, both_of(member, value));
            BERTH_TRY(primary, registered_name(member + ".primary", both.primary, cas));
            BERTH_TRY(secondary, registered_name(member + ".secondary", both.secondary, cas));
            out.primary_ca = std::move(primary);
            out.secondary_ca = std::move(secondary);
        } else {
            return fail(wrong("attestation.x509", fmt::format("has no member \"{}\"", std::string_view(name))));
        }
    }
    return {};
}

result<bytes> tpm_area(const std::string& member, const json::value* v) {
    if (!v || is_nothing(*v)) {
        return bytes();
    }
    BERTH_TRY(text, text_of(member, *v));
    const auto octets = wire::from_base64(text);
    if (!octets) {
        return fail(wrong(member, "is base64 of a TPM2B_PUBLIC"));
    }
    const auto area = attestation::storage_key_from(*octets);
    if (!area) {
        return fail(wrong(member, "is base64 of a TPM2B_PUBLIC: " + area.error().message));
    }
    return area->encode();
}

result<void> read_tpm_rule(const json::value& v, attestation_rule& out) {
    BERTH_TRY(all, object_of("attestation.tpm", v));
    BERTH_CHECK(no_other_member("attestation.tpm", *all, {"endorsementKey", "storageRootKey"}));
    BERTH_TRY(endorsement, tpm_area("attestation.tpm.endorsementKey", all->if_contains("endorsementKey")));
    BERTH_TRY(storage_root, tpm_area("attestation.tpm.storageRootKey", all->if_contains("storageRootKey")));
    out.endorsement_key = std::move(endorsement);
    out.storage_root_key = std::move(storage_root);
    return {};
}

result<void> read_attestation(const json::value& v, attestation_rule& out, const std::vector<registered_ca>& cas) {
    BERTH_TRY(all, object_of("attestation", v));
    for (const auto& [name, value] : *all) {
        if (name == "type") {
            BERTH_TRY(type, text_of("attestation.type", value));
            if (type == "symmetricKey") {
                return fail(error_category::usage, "shared_keys_refused",
                            "This service takes X.509 certificates only: give attestation.type \"x509\".");
            }
            if (type != "x509" && type != "tpm") {
                return fail(wrong("attestation.type", "is \"x509\" or \"tpm\""));
            }
        } else if (name == "x509") {
            if (!is_nothing(value)) {
                BERTH_CHECK(read_x509(value, out, cas));
            }
        } else if (name == "tpm") {
            if (!is_nothing(value)) {
                BERTH_CHECK(read_tpm_rule(value, out));
            }
        } else if (name == "symmetricKey") {
            if (!is_nothing(value)) {
                return fail(wrong("attestation", "has x509 or tpm only"));
            }
        } else {
            return fail(wrong("attestation", fmt::format("has no member \"{}\"", std::string_view(name))));
        }
    }
    return {};
}

result<void> read_twin(const json::value& v, enrolment_settings& out) {
    if (is_nothing(v)) {
        return {};
    }
    BERTH_TRY(all, object_of("initialTwin", v));
    BERTH_CHECK(no_other_member("initialTwin", *all, {"tags", "properties"}));
    if (const auto* const tags = all->if_contains("tags"); tags && !is_nothing(*tags)) {
        BERTH_TRY(object, object_of("initialTwin.tags", *tags));
        out.tags = wire::to_text(*object);
    }
    if (const auto* const properties = all->if_contains("properties"); properties && !is_nothing(*properties)) {
        BERTH_TRY(object, object_of("initialTwin.properties", *properties));
        BERTH_CHECK(no_other_member("initialTwin.properties", *object, {"desired"}));
        if (const auto* const desired = object->if_contains("desired"); desired && !is_nothing(*desired)) {
            BERTH_TRY(wanted, object_of("initialTwin.properties.desired", *desired));
            out.desired = wanted->empty() ? "" : wire::to_text(*wanted);
        }
    }
    return {};
}

result<void> read_reprovisioning(const json::value& v, enrolment_settings& out) {
    if (v.is_null()) {
        return {};
    }
    BERTH_TRY(all, object_of("reprovisionPolicy", v));
    BERTH_CHECK(no_other_member("reprovisionPolicy", *all, {"updateHubAssignment", "migrateDeviceData"}));
    bool update = true, migrate = true;
    for (const auto& [name, value] : *all) {
        if (!value.is_bool()) {
            return fail(wrong("reprovisionPolicy", "has true or false for each of its members"));
        }
        (name == "updateHubAssignment" ? update : migrate) = value.as_bool();
    }
    out.reprovision = !update ? reprovision_way::never : migrate ? reprovision_way::migrate : reprovision_way::reset;
    return {};
}

result<void> read_hubs(const json::value& v, enrolment_settings& out) {
    if (v.is_null()) {
        return {};
    }
    if (!v.is_array()) {
        return fail(wrong("iotHubs", "is an array of host names"));
    }
    for (const auto& one : v.as_array()) {
        BERTH_TRY(host, text_of("iotHubs", one));
        out.hubs.push_back(fold_registration_id(host));
    }
    return {};
}

result<void> read_webhook(const json::value& v, enrolment_settings& out) {
    if (is_nothing(v)) {
        return {};
    }
    BERTH_TRY(all, object_of("customAllocationDefinition", v));
    BERTH_CHECK(no_other_member("customAllocationDefinition", *all, {"webhookUrl", "apiVersion"}));
    const auto* const url = all->if_contains("webhookUrl");
    if (!url) {
        return fail(wrong("customAllocationDefinition", "has a member \"webhookUrl\""));
    }
    BERTH_TRY(text, text_of("customAllocationDefinition.webhookUrl", *url));
    out.webhook = std::move(text);
    return {};
}

result<void> read_capabilities(const json::value& v) {
    if (const auto* const all = v.if_object()) {
        const auto* const edge = all->if_contains("iotEdge");
        if (edge && edge->is_bool() && edge->as_bool()) {
            return fail(unsupported("IoT Edge devices are not supported: leave capabilities out."));
        }
    }
    return {};
}

// What only the service writes, or has no meaning of its own.
bool is_told_only(std::string_view member) {
    return is_one_of(member,
                     {"etag", "createdDateTimeUtc", "lastUpdatedDateTimeUtc", "registrationState", "optionalDeviceInformation"});
}

json::value certificate_json(const std::optional<pki::certificate>& c) {
    if (!c) {
        return nullptr;
    }
    return json::object{{"certificate", wire::base64(c->der())},
                        {"info", json::object{{"subjectName", c->subject()},
                                              {"sha256Thumbprint", to_hex(c->sha256())},
                                              {"issuerName", c->issuer()},
                                              {"notBeforeUtc", to_iso8601(c->not_before())},
                                              {"notAfterUtc", to_iso8601(c->not_after())},
                                              {"serialNumber", c->serial_hex()},
                                              {"version", 3}}}};
}

json::value name_or_null(const std::string& name) {
    return name.empty() ? json::value(nullptr) : json::value(name);
}

json::object attestation_json(const enrolment& e) {
    const auto& rule = e.settings.attestation;
    if (rule.by_tpm()) {
        return {{"type", "tpm"}, {"tpm", tpm_json(rule)}};
    }
    json::object x509;
    if (e.kind == enrolment_kind::group) {
        x509["caReferences"] =
            json::object{{"primary", name_or_null(rule.primary_ca)}, {"secondary", name_or_null(rule.secondary_ca)}};
    } else {
        x509["clientCertificates"] =
            json::object{{"primary", certificate_json(rule.primary)}, {"secondary", certificate_json(rule.secondary)}};
    }
    return {{"type", "x509"}, {"x509", std::move(x509)}};
}

}  // namespace

json::object tpm_json(const attestation_rule& rule) {
    const auto sized = [](const bytes& area) {
        bytes out;
        wire::writer w(out);
        attestation::write_2b(w, area);
        return json::value(area.empty() ? json::value(nullptr) : json::value(wire::base64(out)));
    };
    return {{"endorsementKey", sized(rule.endorsement_key)}, {"storageRootKey", sized(rule.storage_root_key)}};
}

json::object to_json(const enrolment& e) {
    const auto& s = e.settings;
    json::object out;
    if (e.kind == enrolment_kind::group) {
        out["enrollmentGroupId"] = e.id;
    } else {
        out["registrationId"] = e.id;
        out["deviceId"] = s.device_id.empty() ? e.id : s.device_id;
    }
    out["attestation"] = attestation_json(e);
    out["capabilities"] = json::object{{"iotEdge", false}};
    const auto tags = wire::parse_json(s.tags.empty() ? "{}" : s.tags, most_tags);
    const auto desired = wire::parse_json(s.desired.empty() ? "{}" : s.desired, 2 * most_twin_section);
    out["initialTwin"] =
        json::object{{"tags", tags ? *tags : json::value(json::object())},
                     {"properties", json::object{{"desired", desired ? *desired : json::value(json::object())}}}};
    out["etag"] = e.etag();
    out["provisioningStatus"] = s.enabled ? "enabled" : "disabled";
    out["reprovisionPolicy"] = json::object{{"updateHubAssignment", s.reprovision != reprovision_way::never},
                                            {"migrateDeviceData", s.reprovision == reprovision_way::migrate}};
    out["allocationPolicy"] = to_string(s.allocation);
    json::array hubs;
    for (const auto& host : s.hubs) {
        hubs.emplace_back(host);
    }
    out["iotHubs"] = std::move(hubs);
    if (!s.webhook.empty()) {
        out["customAllocationDefinition"] = json::object{{"webhookUrl", s.webhook}, {"apiVersion", "2021-10-01"}};
    }
    out["createdDateTimeUtc"] = to_iso8601(e.created);
    out["lastUpdatedDateTimeUtc"] = to_iso8601(e.changed);
    out["berth"] = json::object{{"group", s.group}};
    return out;
}

json::object to_json(const registration& r) {
    json::object out;
    out["registrationId"] = r.id;
    out["createdDateTimeUtc"] = to_iso8601(r.created);
    out["status"] = to_string(r.status);
    if (r.status == registration_status::assigned) {
        out["assignedHub"] = r.hub;
        out["deviceId"] = r.device_id;
        out["substatus"] = to_string(r.detail);
    }
    if (r.status == registration_status::failed) {
        out["errorCode"] = r.error_code;
        out["errorMessage"] = r.error_message;
    }
    json::object x509;
    if (r.via == enrolment_kind::group) {
        x509["enrollmentGroupId"] = r.enrolment;
    }
    out["x509"] = std::move(x509);
    out["lastUpdatedDateTimeUtc"] = to_iso8601(r.changed);
    out["etag"] = r.etag();
    if (!r.payload.empty()) {
        const auto payload = wire::parse_json(r.payload);
        out["payload"] = payload ? *payload : json::value(nullptr);
    }
    return out;
}

result<enrolment_settings> settings_from_json(const json::object& body, enrolment_kind kind, std::string_view id,
                                              const std::vector<registered_ca>& cas) {
    enrolment_settings out;
    const std::string_view own_id = kind == enrolment_kind::group ? "enrollmentGroupId" : "registrationId";
    for (const auto& [name, value] : body) {
        const std::string member(name);
        if (member == own_id) {
            BERTH_TRY(text, text_of(member, value));
            if (!same_registration_id(text, id)) {
                return fail(wrong(member, "is not the one that the path says"));
            }
        } else if (member == "deviceId" && kind == enrolment_kind::individual) {
            BERTH_TRY(text, reference(member, &value));
            out.device_id = std::move(text);
        } else if (member == "attestation") {
            BERTH_CHECK(read_attestation(value, out.attestation, cas));
        } else if (member == "capabilities") {
            BERTH_CHECK(read_capabilities(value));
        } else if (member == "iotHubHostName") {
            // What the service had before there were several: the hub itself.
            BERTH_TRY(text, reference(member, &value));
            if (!text.empty()) {
                out.allocation = allocation_way::fixed;
                out.hubs = {fold_registration_id(text)};
            }
        } else if (member == "initialTwin") {
            BERTH_CHECK(read_twin(value, out));
        } else if (member == "provisioningStatus") {
            BERTH_TRY(text, text_of(member, value));
            if (!is_one_of(text, {"enabled", "disabled"})) {
                return fail(wrong(member, "is \"enabled\" or \"disabled\""));
            }
            out.enabled = text == "enabled";
        } else if (member == "reprovisionPolicy") {
            BERTH_CHECK(read_reprovisioning(value, out));
        } else if (member == "allocationPolicy") {
            if (!is_nothing(value)) {
                BERTH_TRY(text, text_of(member, value));
                const auto way = allocation_way_from(text);
                if (!way) {
                    return fail(wrong(member, "is \"hashed\", \"static\", \"geoLatency\" or \"custom\""));
                }
                out.allocation = *way;
            }
        } else if (member == "iotHubs") {
            if (!is_nothing(value)) {
                out.hubs.clear();
                BERTH_CHECK(read_hubs(value, out));
            }
        } else if (member == "customAllocationDefinition") {
            BERTH_CHECK(read_webhook(value, out));
        } else if (member == "berth") {
            BERTH_TRY(ours, object_of(member, value));
            BERTH_CHECK(no_other_member(member, *ours, {"group"}));
            const auto* const group = ours->if_contains("group");
            BERTH_TRY(text, reference("berth.group", group));
            out.group = std::move(text);
        } else if (!is_told_only(member)) {
            return fail(wrong(member, "is no member of an enrolment"));
        }
    }
    BERTH_CHECK(check_enrolment(kind, id, out));
    return out;
}

}  // namespace berth::provisioning
