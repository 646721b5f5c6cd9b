// What comes to the provisioning service as text: MQTT user names and topics, paths, bodies, requests for certificates,
// enrolments as JSON, answers of webhooks, addresses.
#include "hub/topics/request.h"
#include "provisioning/allocation.h"
#include "provisioning/enrolment_json.h"
#include "provisioning/https.h"
#include "provisioning/mqtt.h"
#include "provisioning/operational.h"
#include "provisioning/service_api.h"
#include "provisioning/tpm_desk.h"
#include "provisioning/webhook.h"
#include "support/memory_file.h"

using namespace berth;
using namespace berth::test;

namespace {

void words(std::string_view text) {
    const auto id = registry::check_registration_id(text);
    explained(id);
    if (id) {
        const std::string folded = registry::fold_registration_id(text);
        require(registry::same_registration_id(text, folded) && registry::check_registration_id(folded));
        // As a name of a device it is one, too, and means nothing in a topic.
        require(registry::check_name_part("device", text).has_value());
    }
    const auto user = provisioning::parse_mqtt_user(text);
    explained(user);
    if (user) {
        require(registry::check_registration_id(user->registration_id) && !user->scope.empty());
    }
    if (const auto topic = provisioning::parse_mqtt_topic(text)) {
        require(topic->rid.find_first_of("+#/&") == std::string::npos && !topic->rid.empty());
        require(topic->operation.empty() == (topic->what == provisioning::mqtt_request::kind::begin));
        require(!provisioning::may_subscribe(text));
    }
    const auto request = hub::parse_hub_request(text);
    require(!request || (!request->rid.empty() && request->answer_topic(200).find_first_of("+#") == std::string::npos));
    (void)provisioning::is_provisioning_path(text);
    (void)provisioning::is_service_path(text);
    explained(registry::check_linked_hub({std::string(text), 1, false, {}, 0}));
    if (const auto prefix = registry::address_prefix::parse(text)) {
        require(prefix->bits <= 128 && prefix->holds(*prefix));
    }
}

void bodies(std::string_view text) {
    const auto object = wire::parse_json_object(text, provisioning::most_registration_body);
    if (!object) {
        return;
    }
    const std::vector<registry::linked_hub> hubs{{"a.example", 1, false, {}, 0}, {"b.example", 1, false, {}, 0}};
    explained(provisioning::read_csr(*object, "dev1"));
    const auto tpm = provisioning::read_tpm(*object);
    explained(tpm);
    if (tpm && *tpm) {
        const auto again = attestation::storage_key_from((*tpm)->endorsement.encode());
        require(again && again->name() == (*tpm)->endorsement.name());
    }
    const auto* const chosen = provisioning::choose_measured(hubs, *object);
    require(!chosen || chosen == &hubs[0] || chosen == &hubs[1]);
    const auto answer = provisioning::read_webhook_answer(200, text, hubs);
    explained(answer);
    require(!answer || answer->hub == "a.example" || answer->hub == "b.example");
    for (const auto kind : {registry::enrolment_kind::individual, registry::enrolment_kind::group}) {
        const auto settings = provisioning::settings_from_json(*object, kind, "dev1", {});
        explained(settings);
        if (!settings) {
            continue;
        }
        require(registry::check_enrolment(kind, "dev1", *settings).has_value());
        const auto again =
            provisioning::settings_from_json(provisioning::to_json({kind, "dev1", 1, 1, *settings, 0, 0}), kind, "dev1", {});
        // But for the last places of fractions in tags (wire/json.h), and a name that it has anyhow.
        require(again && again->enabled == settings->enabled && again->attestation == settings->attestation &&
                again->allocation == settings->allocation && again->hubs == settings->hubs &&
                again->webhook == settings->webhook && again->reprovision == settings->reprovision &&
                again->group == settings->group);
    }
}

// What a device says its TPM's keys are: as octets, sized or not.
void areas(bytes_view octets) {
    const auto area = attestation::storage_key_from(octets);
    explained(area);
    require(!area || (area->has(attestation::restricted | attestation::decrypt) && area->spki()));
    explained(hub::read_carried_answers(as_text(octets)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view text = as_text(bytes_view(data, size));
    words(text);
    bodies(text);
    areas(bytes_view(data, size));
    return 0;
}
