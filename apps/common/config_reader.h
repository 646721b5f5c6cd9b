// Reading TOML with line numbers in every complaint; unknown names are mistakes too, and told before all others: a name that is
// misspelled is what most of these follow from.
#pragma once

#include "base/result.h"
#include "net/address.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <set>

// toml++ 3.3 asserts in places where it also has an error to tell ("[`"): a mistake in a file is told, and ends nobody.
#define TOML_ASSERT(expr) static_cast<void>(0)
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

namespace berth::app {

// One table of the file. Reading a key notes it; finish() complains of keys that nobody asked for.
class table_reader {
public:
    // The whole file. The tables below it share its complaints, and only its finish() tells them.
    table_reader(const toml::table& table, const std::filesystem::path& file)
        : table_(table), file_(file), complaints_(std::make_shared<complaints>()), whole_(true) {}

    // Missing and not optional, or of another kind: the complaint is kept, the value is empty.
    std::string text(const char* key, std::optional<std::string> fallback = std::nullopt);
    int64_t integer(const char* key, int64_t least, int64_t most, std::optional<int64_t> fallback);
    bool flag(const char* key, bool fallback);
    std::filesystem::path path(const char* key, bool required);
    std::vector<std::filesystem::path> paths(const char* key, bool required);
    std::vector<std::string> texts(const char* key);
    net::address address(const char* key);
    std::optional<net::address> optional_address(const char* key);
    std::vector<net::address> addresses(const char* key);
    // Sub-tables: of `[name.key]`, or of each `[[name.key]]`.
    std::vector<table_reader> tables(const char* key, bool required);
    std::optional<table_reader> table(const char* key);

    [[nodiscard]] bool has(const char* key) const { return table_.contains(key); }
    // Keeps the first complaint, of this table or of one below it.
    void complain(const toml::node* where, const std::string& what);
    // After everything was read. Of the whole file: the unknown name that comes first in it, else the first complaint. Of a
    // table below: nothing yet, for there may be an unknown name further down.
    result<void> finish();

private:
    struct complaints {
        std::optional<error> first;
        std::optional<error> unknown;
        toml::source_index line_of_unknown = 0;
    };
    table_reader(const toml::table& table, std::string name, const table_reader& above)
        : table_(table), name_(std::move(name)), file_(above.file_), complaints_(above.complaints_) {}
    [[nodiscard]] const toml::node* find(const char* key, bool required, const char* kind);
    [[nodiscard]] std::filesystem::path resolve(const std::string& text) const;
    // "[masa]", or "the file".
    [[nodiscard]] std::string here() const { return name_.empty() ? "the file" : "[" + name_ + "]"; }
    [[nodiscard]] std::string below(const char* key) const { return name_.empty() ? key : name_ + "." + key; }
    void note_unknown(std::string_view key, const toml::node& node);

    const toml::table& table_;
    std::string name_;
    const std::filesystem::path& file_;
    std::set<std::string, std::less<>> known_;
    std::shared_ptr<complaints> complaints_;
    bool whole_ = false;
};

// The text of `file`, parsed. Error `bad_config`.
result<toml::table> parse_toml(const std::string& text, const std::filesystem::path& file);

}  // namespace berth::app
