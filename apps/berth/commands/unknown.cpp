#include "berth/commands/unknown.h"

#include "common/words.h"

namespace berth::app {

namespace {

std::vector<std::string> names_below(const CLI::App& group) {
    std::vector<std::string> out;
    for (const auto* command : group.get_subcommands([](const CLI::App*) { return true; })) {
        out.push_back(command->get_name());
    }
    return out;
}

error unknown_command(const std::string& group, const std::string& word, const std::vector<std::string>& known) {
    const std::string asked = group + " " + word;
    error out{error_category::usage, "unknown_command", fmt::format("there is no command {}", asked), {{"command", asked}}};
    const auto meant = nearest(word, known);
    out.message += meant ? fmt::format("; is {} {} meant?", group, *meant) : ".";
    if (meant) {
        out.params.emplace_back("meant", group + " " + *meant);
    }
    out.message += fmt::format(" {} --help lists the commands", group);
    return out;
}

std::vector<std::string> options_of(const CLI::App& command) {
    std::vector<std::string> out;
    for (const CLI::App* at = &command; at; at = at->get_parent()) {
        for (const auto* option : at->get_options()) {
            for (const auto& name : option->get_lnames()) {
                out.push_back("--" + name);
            }
        }
    }
    return out;
}

// The parser asks for what is missing first, and may ask for just what was mistyped.
std::optional<error> option_mistake(const CLI::App& command, const std::string& path, std::span<char* const> words) {
    const auto known = options_of(command);
    for (const std::string word : words) {
        if (word == "--") {
            break;
        }
        const auto name = word.substr(0, word.find('='));
        if (!name.starts_with("--") || std::ranges::find(known, name) != known.end()) {
            continue;
        }
        const auto meant = nearest(name, known);
        error out{error_category::usage,
                  "unknown_option",
                  fmt::format("{} has no option {}{} {} --help lists what it has", path, name,
                              meant ? fmt::format("; is {} meant?", *meant) : ".", path),
                  {{"option", name}}};
        if (meant) {
            out.params.emplace_back("meant", *meant);
        }
        return out;
    }
    return std::nullopt;
}

}  // namespace

std::optional<error> command_mistake(const CLI::App& cli, int argc, char** argv) {
    const CLI::App* at = &cli;
    std::string path = cli.get_name();
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        const auto known = names_below(*at);
        if (known.empty()) {
            return option_mistake(*at, path, std::span(argv + i, static_cast<size_t>(argc - i)));
        }
        if (word == "--json") {
            continue;
        }
        if (word.starts_with("-")) {
            return std::nullopt;  // an option that is not one: the parser says so
        }
        if (std::ranges::find(known, word) == known.end()) {
            return unknown_command(path, word, known);
        }
        at = at->get_subcommands([&](const CLI::App* command) { return command->get_name() == word; }).front();
        path += " " + word;
    }
    const auto known = names_below(*at);
    if (known.empty()) {
        return std::nullopt;  // the last word was the command
    }
    return error{error_category::usage,
                 "command_missing",
                 fmt::format("say what {} is to do: {}. {} --help explains them", path, fmt::join(known, ", "), path),
                 {{"command", path}}};
}

std::vector<std::string> without_help_command(int argc, char** argv) {
    std::vector<std::string> out(argv + std::min(argc, 1), argv + argc);
    const auto first = std::ranges::find_if(out, [](const std::string& word) { return word != "--json"; });
    if (first != out.end() && *first == "help") {
        out.erase(first);
        out.emplace_back("--help");
    }
    std::ranges::reverse(out);
    return out;
}

}  // namespace berth::app
