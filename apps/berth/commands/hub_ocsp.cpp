// berth hub ca ocsp: whether a registered CA's OCSP responder is asked.
#include "berth/commands/hub.h"
#include "common/words.h"
#include "registry/hub/ca_office.h"
#include "setup/hub.h"
#include "store/sqlite/certificate_statuses.h"

namespace berth::app {

namespace {

constexpr const char* from_certificate = "from-certificate";

struct options {
    std::string hub, name, responder;
    int64_t refresh = 600;
    bool required = false, off = false;
};

}  // namespace

wire::json::value ocsp_json(const std::optional<registry::ocsp_rule>& rule) {
    return rule
               ? wire::json::value(wire::json::object{{"responder", rule->responder.empty() ? from_certificate : rule->responder},
                                                      {"required", rule->required},
                                                      {"refresh", rule->refresh}})
               : wire::json::value(nullptr);
}

std::string ocsp_text(const registry::ocsp_rule& rule) {
    return fmt::format("OCSP is asked every {} s{}, {}", rule.refresh,
                       rule.responder.empty() ? " where each certificate says" : " at " + rule.responder,
                       rule.required ? "and who is not known to be good does not come in"
                                     : "and who is not known of comes in meanwhile");
}

void add_hub_ca_ocsp(CLI::App& group, context& c) {
    const auto o = std::make_shared<options>();
    auto* const cmd = hub_command(group, o->hub, "ocsp", "have its OCSP responder asked about those who log in");
    cmd->add_option("NAME", o->name, "the name it is registered under")->required();
    auto* const responder =
        cmd->add_option("--responder", o->responder, "http://..., or from-certificate: the address that each certificate names");
    cmd->add_flag("--required", o->required, "let nobody in of whom it is not known that his certificate is good");
    cmd->add_option("--refresh", o->refresh, "seconds after which it is asked again about those who are in; default 600");
    cmd->add_flag("--off", o->off, "ask no more")->excludes(responder);
    cmd->callback([o, &c] {
        c.run([o, &c]() -> result<void> {
            std::optional<registry::ocsp_rule> rule;
            if (!o->off) {
                if (o->responder.empty()) {
                    return fail(error_category::usage, "bad_arguments",
                                "say --responder URL, --responder from-certificate, or --off");
                }
                rule = registry::ocsp_rule{o->responder == from_certificate ? "" : o->responder, o->required, o->refresh};
            }
            BERTH_TRY(store, open_hub_store(o->hub));
            store::certificate_statuses statuses(*store);
            BERTH_CHECK(store->all_or_nothing([&]() -> result<void> {
                BERTH_TRY(ca, registry::require_ca(*store, o->name));
                return statuses.set_rule(ca, rule);
            }));
            if (c.json) {
                print_json(wire::json::object{{"name", o->name}, {"ocsp", ocsp_json(rule)}});
            } else {
                fmt::print("\"{}\": {}.\n", o->name, rule ? ocsp_text(*rule) : "no OCSP responder is asked any more");
            }
            return {};
        });
    });
}

}  // namespace berth::app
