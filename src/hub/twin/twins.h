// Twins as devices see them over MQTT, and as SDKs of back ends do in JSON.
#pragma once

#include "hub/topics/request.h"
#include "registry/hub/hub_registry.h"
#include "registry/hub/identity_json.h"
#include "registry/hub/twin.h"

namespace berth::hub {

// What a device asks of its twin. It is `who`'s, which the broker has let in and whose policy opens the door; `payload` counts
// where something is reported. What fails has a status of its own: 400 with {"errorCode","trackingId","message"}, 404, 413, 503.
carried_answer answer_twin(registry::hub_registry& hub, registry::twin_registry& twins, const registry::identity_name& who,
                           const hub_request& request, bytes_view payload, unix_seconds now);

// {"desired": {..., "$version": 1}, "reported": {...}}: as a device is told.
wire::json::object twin_for_device(const registry::twin& t);

// As a back end is told: with what the registry knows of the identity, and when the sections were changed ("$metadata").
wire::json::object twin_for_service(const registry::identity& of, const registry::twin& t,
                                    const registry::connection_facts& connection);

// What a back end wants changed: {"tags": {}, "properties": {"desired": {}}}; what SDKs send back as they were told it is passed
// over. Errors (usage) `bad_twin`.
struct twin_wish {
    std::optional<wire::json::object> tags, desired;
};
result<twin_wish> twin_wish_from_json(const wire::json::object& body);

// Changed, each of the two that is named, whole or in part: null takes a member out. Tags are the identity's, and change it only when they are others than
// before. Errors of patched(); `bad_identity` of tags; `etag_mismatch`.
struct twin_change {
    registry::identity identity;
    registry::twin twin;
};
result<twin_change> change_twin(registry::hub_registry& hub, registry::twin_registry& twins, const registry::identity& of,
                                const twin_wish& wish, bool whole, unix_seconds now);

}  // namespace berth::hub
