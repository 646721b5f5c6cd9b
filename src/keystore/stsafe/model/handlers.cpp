#include "keystore/stsafe/model/handlers.h"

namespace berth::keystore::stsafe::model {

namespace {

const std::vector<handler>& handlers() {
    static const std::vector<handler> all = [] {
        std::vector<handler> out;
        for (auto* part : {basic_handlers, zone_handlers, key_handlers, attribute_handlers, entity_handlers, host_key_handlers,
                           derivation_handlers, symmetric_handlers, agreement_handlers, cipher_handlers}) {
            auto some = part();
            std::move(some.begin(), some.end(), std::back_inserter(out));
        }
        return out;
    }();
    return all;
}

}  // namespace

const handler* find_handler(const command_head& head) {
    for (const handler& h : handlers()) {
        if (h.about.code == head.code() && h.about.extension == head.extension) {
            return &h;
        }
    }
    return nullptr;
}

std::vector<command_info> all_commands() {
    std::vector<command_info> out;
    for (const handler& h : handlers()) {
        out.push_back(h.about);
    }
    return out;
}

message_number host_number(const chip_state& state) {
    return {state.host_counter, state.host_key_version == 2 ? size_t{4} : size_t{3}};
}

const authorization* find_authorization(const chip_state& state, const command_head& head) {
    for (const authorization& a : state.commands.items) {
        if (a.code == head.code() && a.extension == head.extension.value_or(0)) {
            return &a;
        }
    }
    return nullptr;
}

}  // namespace berth::keystore::stsafe::model
