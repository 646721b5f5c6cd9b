// berth se entity: who has to be there, beside the host, for the chip to open a zone.
#include "berth/commands/se.h"
#include "keystore/stsafe/commands/public_keys.h"
#include "keystore/stsafe/entity.h"

namespace berth::app {

namespace {

namespace st = keystore::stsafe;

struct entity_options {
    element_options element;
    std::string from;
    uint8_t key = 0;
    st::trust_options how;
};

result<void> trust(const context& c, const entity_options& o) {
    BERTH_TRY(key, read_public_key(o.from));
    BERTH_TRY(element, opened_element::open(o.element));
    BERTH_CHECK(st::trust_entity(element.chip(), o.key, key, o.how));
    if (c.json) {
        print_json(wire::json::object{{"key", o.key}, {"key_sha256", to_hex(key.spki_sha256())}, {"for_ever", o.how.for_ever}});
    } else {
        fmt::print("The chip knows the entity in public key slot {}{}.\n", o.key, o.how.for_ever ? ", for ever" : "");
    }
    return {};
}

result<void> list(const context& c, const entity_options& o) {
    BERTH_TRY(element, opened_element::open(o.element));
    BERTH_TRY(slots, st::list_public_keys(element.chip()));
    for (const auto& slot : slots) {
        const bool entity = slot.key && (slot.flags & st::public_key_use::entity_authentication) != 0;
        const bool may_change = (slot.flags & st::public_key_use::change_right) != 0;
        const std::string key = slot.key ? to_hex(slot.key->spki_sha256()) : std::string();
        if (c.json) {
            wire::json::object line{{"key", slot.slot}, {"entity", entity}, {"may_change", may_change}};
            if (slot.key) {
                line["key_sha256"] = key;
            }
            print_json(line);
        } else {
            fmt::print("slot {}: {}{}\n", slot.slot, slot.key ? (entity ? "entity " : "key for another use ") + key : "empty",
                       may_change ? "" : ", for ever");
        }
    }
    return {};
}

}  // namespace

void add_se_entity(CLI::App& group, context& c) {
    auto* const entity = group.add_subcommand("entity", "whom the chip knows by a public key (STSAFE-A120)");
    entity->require_subcommand(1);
    const auto o = std::make_shared<entity_options>();
    const auto add = [&](const char* name, const char* about, result<void> (*work)(const context&, const entity_options&)) {
        auto* const command = entity->add_subcommand(name, about);
        add_chip(*command, o->element);
        add_password(*command, o->element);
        command->callback([o, &c, work] { c.run([&] { return work(c, *o); }); });
        return command;
    };
    auto* const trusting = add("trust", "make an entity known: its public key into a slot of the chip", trust);
    trusting->add_option("--key", o->key, "the public key slot")->type_name("SLOT")->required();
    trusting->add_option("--from", o->from, "the public key, P-256 or P-384, or a certificate of it (PEM)")
        ->type_name("FILE")
        ->required();
    trusting->add_flag("--for-ever", o->how.for_ever, "nobody can put another key there, or use it for something else, ever");
    trusting->add_flag("--replace", o->how.replace, "take the place of another key in that slot");
    add("list", "what each public key slot holds", list);
}

}  // namespace berth::app
