// What comes to a hub as text: names, identities as JSON, shared access signatures, topics, lines of imports, files of CAs, names
// of files and lists of blocks.
#include "hub/access/sas_token.h"
#include "hub/carrier/report.h"
#include "hub/files/blob_name.h"
#include "hub/files/blocks.h"
#include "hub/foreign/emqx.h"
#include "hub/foreign/vernemq.h"
#include "hub/topics/topics.h"
#include "registry/hub/ca_registration.h"
#include "registry/hub/identity_json.h"
#include "setup/hub_import.h"
#include "support/memory_file.h"

#include <filesystem>

using namespace berth;
using namespace berth::test;

namespace {

void names(std::string_view text) {
    const auto name = registry::parse_identity_name(text);
    explained(name);
    if (!name) {
        return;
    }
    require(name->text() == text && registry::parse_identity_name(name->text()) == *name);
    // Nobody's topic is somebody else's.
    const std::string own =
        "devices/" + name->device + (name->is_module() ? "/modules/" + name->module : "") + "/messages/events/";
    require(hub::may_publish(*name, own) == hub::operation::telemetry);
    require(!hub::may_publish({"another", ""}, own) || name->text() == "another");
    require(!hub::may_subscribe(*name, own + "#"));
}

void topics(std::string_view text) {
    for (const registry::identity_name& who : {registry::identity_name{"d", ""}, registry::identity_name{"d", "m"}}) {
        if (hub::may_publish(who, text)) {
            require(text.find_first_of("+#") == std::string_view::npos);
            require(text.starts_with("$iothub/") ||
                    text.starts_with(who.is_module() ? "devices/d/modules/m/" : "devices/d/messages/"));
        }
        if (hub::may_subscribe(who, text)) {
            require(text.find('+') == std::string_view::npos && text.find('#') == text.size() - 1);
        }
        (void)hub::may_receive(who, text);
    }
}

void identities(std::string_view text) {
    const auto object = wire::parse_json_object(text, app::most_import_line);
    if (!object) {
        return;
    }
    const auto settings = registry::settings_from_json(*object, {"d", "m"});
    explained(settings);
    if (settings) {
        registry::identity one;
        one.name = {"d", "m"};
        one.settings = *settings;
        const auto again = registry::settings_from_json(registry::to_json(one), one.name);
        // But for the last places of fractions in tags (wire/json.h).
        require(again && again->enabled == settings->enabled && again->login == settings->login &&
                again->group == settings->group && again->status_reason == settings->status_reason &&
                again->tags.empty() == settings->tags.empty());
    }
}

void questions(std::string_view text) {
    explained(hub::foreign::read_passed_chain(text));
    explained(hub::foreign::read_emqx_login(text));
    explained(hub::foreign::read_emqx_topic(text));
    explained(hub::foreign::read_vernemq_login(text));
    for (const char* const name : {"auth_on_publish", "auth_on_subscribe", "auth_on_subscribe_m5"}) {
        const auto hook = *hub::foreign::vernemq_hook_from(name);
        const auto asked = hub::foreign::read_vernemq_topics(text, hook);
        explained(asked);
        if (asked && hook.what == hub::foreign::vernemq_hook::kind::subscribe) {
            std::vector<bool> allowed(asked->topics.size(), true);
            allowed.front() = false;
            const auto answer = hub::foreign::vernemq_subscription(text, allowed, hook);
            require(wire::parse_json_object(answer).has_value());
            require(allowed.size() > 1 || answer == hub::foreign::vernemq_refusal());
        }
    }
}

void files(std::string_view text) {
    const auto name = hub::parse_blob_name(text);
    explained(name);
    if (name) {
        require(name->text() == text && text.size() <= hub::most_blob_name);
        // Nowhere but below its own device.
        const auto at = (std::filesystem::path("kept") / name->device / name->name).lexically_normal();
        require(at == "kept/" + std::string(text));
    }
    const auto list = hub::parse_block_list(text);
    explained(list);
    if (list) {
        for (const auto& id : *list) {
            require(!id.empty() && id.size() <= hub::most_block_id);
        }
    }
    const auto id = hub::parse_block_id(text);
    explained(id);
    require(!id || hub::block_list_xml({{*id, 1}}).find("<Name>" + std::string(text) + "</Name>") != std::string::npos);
}

void imports(std::string_view text) {
    app::identity_lines reader;
    for (std::string_view rest = text; !rest.empty();) {
        const std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(line.size() + 1, rest.size()));
        if (const auto entry = reader.read(line)) {
            explained(*entry);
            require(!*entry || registry::parse_identity_name((*entry)->name.text()) == (*entry)->name);
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const bytes_view octets(data, size);
    const std::string_view text = as_text(octets);
    names(text);
    topics(text);
    identities(text);
    imports(text);
    questions(text);
    files(text);
    const auto token = hub::sas_token::parse(text);
    explained(token);
    if (token) {
        const secret_bytes key(bytes(32, 1));
        require(!token->check(key, 0));
        (void)token->covers("hub.example/devices/d");
    }
    const auto report = hub::read_broker_report(text);
    explained(report);
    require(!report || hub::read_broker_report(hub::to_text(*report)) == *report);
    explained(registry::read_ca_upload(octets, 1'800'000'000));
    return 0;
}
