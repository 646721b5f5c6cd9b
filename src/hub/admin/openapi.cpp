#include "hub/admin/openapi.h"

#include "wire/json.h"

#include <algorithm>

#include <fmt/format.h>

namespace berth::hub {

namespace {

namespace json = wire::json;

// What the bodies are. Members that only the hub writes are taken and not kept: SDKs send back what they were told.
constexpr std::string_view schemas = R"({
"Identity": {"type": "object", "properties": {
    "deviceId": {"type": "string", "maxLength": 128},
    "moduleId": {"type": "string", "maxLength": 128},
    "generationId": {"type": "string", "readOnly": true},
    "etag": {"type": "string", "readOnly": true},
    "status": {"enum": ["enabled", "disabled"]},
    "statusReason": {"type": ["string", "null"], "maxLength": 128},
    "statusUpdatedTime": {"type": "string", "format": "date-time", "readOnly": true},
    "connectionState": {"enum": ["Connected", "Disconnected"], "readOnly": true},
    "connectionStateUpdatedTime": {"type": "string", "format": "date-time", "readOnly": true},
    "lastActivityTime": {"type": "string", "format": "date-time", "readOnly": true},
    "cloudToDeviceMessageCount": {"type": "integer", "readOnly": true},
    "capabilities": {"type": "object", "properties": {"iotEdge": {"const": false}}},
    "authentication": {"$ref": "#/components/schemas/Authentication"},
    "berth": {"type": "object", "properties": {
        "group": {"type": "string", "maxLength": 64},
        "tags": {"type": "object"},
        "certificateEpoch": {"type": "integer", "readOnly": true},
        "createdTime": {"type": "string", "format": "date-time", "readOnly": true}}}}},
"Authentication": {"type": "object", "properties": {
    "type": {"enum": ["certificateAuthority", "selfSigned", "sas", "none"], "description": "sas: where the hub takes shared keys"},
    "symmetricKey": {"type": ["object", "null"], "description": "Of type sas, base64 of 16 to 64 octets. Empty in a request: drawn, or as it is. Told by PUT and by GET of one, to callers with registryWrite alone.",
        "properties": {"primaryKey": {"type": ["string", "null"]}, "secondaryKey": {"type": ["string", "null"]}}},
    "x509Thumbprint": {"type": ["object", "null"], "properties": {
        "primaryThumbprint": {"type": ["string", "null"], "pattern": "^[0-9A-Fa-f:]*$"},
        "secondaryThumbprint": {"type": ["string", "null"], "pattern": "^[0-9A-Fa-f:]*$"}}}}},
"Identities": {"type": "array", "items": {"$ref": "#/components/schemas/Identity"}},
"IdentityPage": {"type": "object", "required": ["items", "next"], "properties": {
    "items": {"$ref": "#/components/schemas/Identities"},
    "next": {"type": ["string", "null"], "description": "`after` of the next page; null: this is the last"}}},
"BulkIdentities": {"type": "array", "minItems": 1, "maxItems": 100, "items": {"type": "object", "required": ["id"],
    "description": "As Identity, with the names of the service's bulk interface.", "properties": {
    "id": {"type": "string"},
    "moduleId": {"type": "string"},
    "eTag": {"type": "string"},
    "importMode": {"enum": ["create", "update", "updateIfMatchETag", "delete", "deleteIfMatchETag"]}}}},
"BulkResult": {"type": "object", "required": ["isSuccessful", "errors", "warnings"], "properties": {
    "isSuccessful": {"type": "boolean"},
    "errors": {"type": "array", "items": {"type": "object", "properties": {
        "deviceId": {"type": "string"}, "moduleId": {"type": "string"}, "errorCode": {"type": "string"},
        "errorStatus": {"type": "string"}, "operation": {"type": "string"}, "name": {"type": "string"}}}},
    "warnings": {"type": "array", "items": {"type": "object"}}}},
"ImportReport": {"type": "object", "required": ["added", "already", "refused", "why"], "properties": {
    "added": {"type": "integer"}, "already": {"type": "integer"}, "refused": {"type": "integer"},
    "why": {"type": "array", "items": {"type": "object", "properties": {
        "line": {"type": "integer"}, "name": {"type": "string"}, "message": {"type": "string"}}}}}},
"DeviceStatistics": {"type": "object", "properties": {
    "totalDeviceCount": {"type": "integer"}, "enabledDeviceCount": {"type": "integer"},
    "disabledDeviceCount": {"type": "integer"}}},
"ServiceStatistics": {"type": "object", "properties": {"connectedDeviceCount": {"type": "integer"}}},
"Twin": {"type": "object", "properties": {
    "deviceId": {"type": "string", "readOnly": true}, "moduleId": {"type": "string", "readOnly": true},
    "etag": {"type": "string", "readOnly": true}, "deviceEtag": {"type": "string", "readOnly": true},
    "version": {"type": "integer", "readOnly": true},
    "tags": {"type": "object", "description": "of the identity; devices do not see them"},
    "properties": {"type": "object", "properties": {
        "desired": {"type": "object", "description": "up to 32 KiB; names without control characters, dots, blanks and $"},
        "reported": {"type": "object", "readOnly": true}}}}},
"MethodCall": {"type": "object", "required": ["methodName"], "properties": {
    "methodName": {"type": "string"}, "payload": {"description": "any JSON, up to 128 KiB"},
    "responseTimeoutInSeconds": {"type": "integer", "minimum": 5, "maximum": 300, "default": 30},
    "connectTimeoutInSeconds": {"type": "integer", "minimum": 0, "maximum": 300, "default": 0}}},
"MethodResult": {"type": "object", "properties": {
    "status": {"type": "integer", "description": "the device's own"}, "payload": {"description": "any JSON; null: none"}}},
"Octets": {"type": "string", "contentMediaType": "application/octet-stream", "description": "with its properties, up to 64 KiB"},
"SentMessage": {"type": "object", "required": ["sequenceNumber", "messageId"], "properties": {
    "sequenceNumber": {"type": "integer"},
    "messageId": {"type": "string", "description": "drawn, where none was given"},
    "expiryTimeUtc": {"type": "string", "format": "date-time"}}},
"Purged": {"type": "object", "required": ["totalMessagesPurged"], "properties": {
    "totalMessagesPurged": {"type": "integer"}, "deviceId": {"type": "string"}, "moduleId": {"type": ["string", "null"]}}},
"Feedback": {"type": "array", "items": {"type": "object", "properties": {
    "originalMessageId": {"type": "string"},
    "statusCode": {"enum": ["Success", "Expired", "DeliveryCountExceeded", "Rejected", "Purged"]},
    "description": {"type": "string"}, "deviceId": {"type": "string"}, "deviceGenerationId": {"type": "string"},
    "enqueuedTimeUtc": {"type": "string", "format": "date-time", "description": "when it came to that"}}}},
"FileNotice": {"type": "object", "properties": {
    "deviceId": {"type": "string"}, "blobUri": {"type": "string", "format": "uri"},
    "blobName": {"type": "string", "description": "DEVICE/NAME"}, "blobSizeInBytes": {"type": "integer"},
    "lastUpdatedTime": {"type": "string", "format": "date-time"},
    "enqueuedTimeUtc": {"type": "string", "format": "date-time"}}},
"Files": {"type": "object", "required": ["files"], "properties": {
    "next": {"type": "string", "description": "`after` of the next page; none: this is the last"},
    "files": {"type": "array", "items": {"type": "object", "properties": {
        "deviceId": {"type": "string"}, "name": {"type": "string"}, "octets": {"type": "integer"},
        "contentType": {"type": "string"}, "version": {"type": "integer"},
        "lastUpdatedTime": {"type": "string", "format": "date-time"}}}}}},
"Events": {"type": "object", "required": ["events", "newest"], "properties": {
    "newest": {"type": "integer"},
    "events": {"type": "array", "items": {"type": "object", "properties": {
        "number": {"type": "integer"}, "time": {"type": "string", "format": "date-time"},
        "event": {"enum": ["created", "changed", "enabled", "disabled", "revoked", "deleted"]},
        "opType": {"enum": ["createDeviceIdentity", "deleteDeviceIdentity", "createModuleIdentity", "deleteModuleIdentity"]},
        "deviceId": {"type": "string"}, "moduleId": {"type": "string"}, "generationId": {"type": "string"}}}}}},
"Authority": {"type": "object", "properties": {
    "name": {"type": "string"}, "state": {"enum": ["unverified", "verified"]}, "subject": {"type": "string"},
    "sha256": {"type": "string"}, "notAfter": {"type": "string", "format": "date-time"}, "letsIn": {"type": "boolean"},
    "added": {"type": "string", "format": "date-time"}, "etag": {"type": "string"},
    "code": {"type": "string", "description": "until it is verified: the common name of the verification certificate"},
    "codeExpires": {"type": "string", "format": "date-time"}, "verified": {"type": "string", "format": "date-time"},
    "retires": {"type": "string", "format": "date-time"},
    "logins": {"type": "integer", "description": "how many have logged in through it last"},
    "certificate": {"type": "string", "description": "PEM"}}},
"Authorities": {"type": "array", "items": {"$ref": "#/components/schemas/Authority"}},
"Retirement": {"type": "object", "required": ["at"], "properties": {"at": {"type": ["string", "null"], "format": "date-time"}}},
"Replacement": {"type": "object", "required": ["successor", "at"], "properties": {
    "successor": {"type": "string"}, "at": {"type": "string", "format": "date-time"}}},
"CutOff": {"type": "object", "properties": {"cutOff": {"type": "integer", "description": "how many could log in through it"}}},
"Error": {"type": "object", "required": ["Message", "error"], "properties": {
    "Message": {"type": "string", "description": "ErrorCode:CODE;sentence"},
    "ExceptionMessage": {"type": "string"},
    "error": {"type": "object", "required": ["name", "message"], "properties": {
        "name": {"type": "string"}, "category": {"type": "string"}, "message": {"type": "string"},
        "params": {"type": "object"}}}}}
})";

json::object reference(std::string_view schema) {
    return {{"$ref", fmt::format("#/components/schemas/{}", schema)}};
}

json::object content(std::string_view type, json::object schema) {
    return {{type, json::object{{"schema", std::move(schema)}}}};
}

json::array parameters_of(const api_route& route) {
    json::array out;
    const auto add = [&out](std::string_view name, const char* in, bool required, json::object schema, std::string_view what) {
        json::object one{{"name", name}, {"in", in}, {"required", required}, {"schema", std::move(schema)}};
        if (!what.empty()) {
            one["description"] = what;
        }
        out.push_back(std::move(one));
    };
    for (size_t at = route.path.find('{'); at != std::string_view::npos; at = route.path.find('{', at + 1)) {
        add(route.path.substr(at + 1, route.path.find('}', at) - at - 1), "path", true, {{"type", "string"}}, "");
    }
    for (const auto& p : route.query) {
        constexpr std::array<const char*, 3> types{"string", "integer", "boolean"};
        add(p.name, "query", false, {{"type", types[static_cast<size_t>(p.is)]}}, p.what);
    }
    if (route.conditional) {
        add("If-Match", "header", false, {{"type", "string"}}, "the etag that it was read with; *: whatever it is");
    }
    return out;
}

json::object body_of(const api_route& route) {
    switch (route.takes) {
    case body_kind::certificate:
        return content("application/x-pem-file", {{"type", "string"}, {"description", "one certificate, PEM or DER"}});
    case body_kind::json_lines: return content("application/jsonl", reference(route.takes_schema));
    case body_kind::octets: return content("*/*", reference(route.takes_schema));
    default: return content("application/json", reference(route.takes_schema));
    }
}

json::object operation_of(const api_route& route) {
    json::object out{{"operationId", route.operation}, {"summary", route.what}};
    if (auto parameters = parameters_of(route); !parameters.empty()) {
        out["parameters"] = std::move(parameters);
    }
    if (route.takes != body_kind::none) {
        out["requestBody"] = json::object{{"required", true}, {"content", body_of(route)}};
    }
    const auto refused = [](const char* what) {
        return json::object{{"description", what}, {"content", content("application/json", reference("Error"))}};
    };
    json::object responses;
    if (route.handle || route.elsewhere) {
        json::object good{{"description", "done"}};
        if (!route.gives_schema.empty()) {
            good["content"] = content("application/json", reference(route.gives_schema));
        }
        responses[std::to_string(route.status)] = std::move(good);
        responses["default"] = refused("refused, or failed");
    } else {
        responses["501"] = refused("not in this version");
    }
    if (route.needs) {
        responses["401"] = refused("who asks may not do this");
        out["x-berth-right"] = to_string(*route.needs);
    } else {
        out["security"] = json::array{json::object{}};
    }
    out["responses"] = std::move(responses);
    return out;
}

std::string lower_case(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return out;
}

}  // namespace

json::object describe_api(std::span<const api_route> routes) {
    json::object paths;
    for (const auto& route : routes) {
        auto& path = paths[route.path];
        if (!path.is_object()) {
            path = json::object();
        }
        path.as_object()[lower_case(route.method)] = operation_of(route);
    }
    json::object out;
    out["openapi"] = "3.1.0";
    out["info"] = json::object{
        {"title", "Berth hub"},
        {"version", "1"},
        {"description", "The registry of devices and modules, and of the CAs that let them in. Paths outside /v1 are those of "
                        "the service whose SDKs work against this hub; their api-version is taken and not needed."}};
    out["security"] = json::array{json::object{{"certificate", json::array()}}, json::object{{"token", json::array()}}};
    out["paths"] = std::move(paths);
    const auto parsed = wire::parse_json_object(schemas);
    out["components"] = json::object{
        {"securitySchemes",
         json::object{{"certificate", json::object{{"type", "mutualTLS"}, {"description", "of an administrators' CA"}}},
                      {"token", json::object{{"type", "apiKey"},
                                             {"in", "header"},
                                             {"name", "Authorization"},
                                             {"description", "SharedAccessSignature sr=...&sig=...&se=...&skn=POLICY"}}}}},
        {"schemas", parsed ? json::value(*parsed) : json::value(json::object())}};
    return out;
}

result<api_result> tell_openapi(const api_context&) {
    static const std::string text = wire::to_text(describe_api(api_routes()));
    return api_result{{200, {}, "application/json; charset=utf-8", text}};
}

}  // namespace berth::hub
