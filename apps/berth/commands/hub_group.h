// Groups of commands that share their options: `berth hub twin`, `message`, `file`.
#pragma once

#include "berth/commands/hub.h"
#include "common/files.h"

namespace berth::app {

// TEXT as it is said, or what is in the file of @FILE. Errors of files.
inline result<std::string> text_or_file(const std::string& said) {
    return said.starts_with('@') ? read_text(said.substr(1)) : result<std::string>(said);
}

// `Options` has `hub`, the directory, and `name`.
template <class Options>
class hub_group {
public:
    hub_group(CLI::App& hub, context& c, const char* name, const char* help) : group_(*hub.add_subcommand(name, help)), c_(c) {
        group_.require_subcommand(1);
    }
    using work = result<void> (*)(const context&, const Options&);
    // A command, and what it does.
    CLI::App* add(const char* name, const char* help, work does) {
        auto* const cmd = hub_command(group_, options_->hub, name, help);
        cmd->callback([&c = c_, o = options_, does] { c.run([&] { return does(c, *o); }); });
        return cmd;
    }
    // The same with a NAME of what it is done to.
    CLI::App* add_named(const char* name, const char* help, const char* placeholder, const char* what, work does) {
        auto* const cmd = add(name, help, does);
        cmd->add_option(placeholder, options_->name, what)->required();
        return cmd;
    }
    Options* operator->() { return options_.get(); }

private:
    CLI::App& group_;
    context& c_;
    std::shared_ptr<Options> options_ = std::make_shared<Options>();
};

}  // namespace berth::app
