#include "common/config_reader.h"

#include "common/words.h"

namespace berth::app {

namespace {

// Line 0: what is missing from a file is in none of its lines.
error complaint_at(const std::filesystem::path& file, toml::source_position at, const std::string& what) {
    if (at.line == 0) {
        return {error_category::usage, "bad_config", fmt::format("{}: {}", file.string(), what), {{"file", file.string()}}};
    }
    return {error_category::usage,
            "bad_config",
            fmt::format("{}:{}: {}", file.string(), at.line, what),
            {{"file", file.string()}, {"line", std::to_string(at.line)}}};
}

}  // namespace

result<toml::table> parse_toml(const std::string& text, const std::filesystem::path& file) {
    toml::parse_result parsed = toml::parse(text, file.string());
    if (!parsed) {
        return fail(complaint_at(file, parsed.error().source().begin, std::string(parsed.error().description())));
    }
    return std::move(parsed).table();
}

void table_reader::complain(const toml::node* where, const std::string& what) {
    if (!complaints_->first) {
        const auto at = where == nullptr && whole_ ? toml::source_position{} : (where ? where : &table_)->source().begin;
        complaints_->first = complaint_at(file_, at, what);
    }
}

std::string table_reader::where() const {
    const auto line = whole_ ? 0 : table_.source().begin.line;
    return line == 0 ? file_.string() : fmt::format("{}:{}", file_.string(), line);
}

const toml::node* table_reader::find(const char* key, bool required, const char* kind) {
    known_.insert(key);
    const toml::node* node = table_.get(key);
    if (!node && required) {
        complain(nullptr, fmt::format("{} needs \"{}\" ({})", here(), key, kind));
    }
    return node;
}

std::filesystem::path table_reader::resolve(const std::string& text) const {
    const std::filesystem::path p(text);
    return p.is_absolute() ? p : directory() / p;
}

std::string table_reader::text(const char* key, std::optional<std::string> fallback) {
    const toml::node* node = find(key, !fallback, "a string");
    if (!node) {
        return fallback.value_or("");
    }
    if (!node->is_string()) {
        complain(node, fmt::format("\"{}\" must be a string", key));
        return "";
    }
    return **node->as_string();
}

int64_t table_reader::integer(const char* key, int64_t least, int64_t most, std::optional<int64_t> fallback) {
    const toml::node* node = find(key, !fallback, "a number");
    if (!node) {
        return fallback.value_or(least);
    }
    const int64_t value = node->is_integer() ? **node->as_integer() : least - 1;
    if (value < least || value > most) {
        complain(node, fmt::format("\"{}\" must be a number from {} to {}", key, least, most));
        return least;
    }
    return value;
}

bool table_reader::flag(const char* key, bool fallback) {
    const toml::node* node = find(key, false, "true or false");
    if (!node) {
        return fallback;
    }
    if (!node->is_boolean()) {
        complain(node, fmt::format("\"{}\" must be true or false", key));
        return fallback;
    }
    return **node->as_boolean();
}

std::filesystem::path table_reader::path(const char* key, bool required) {
    const std::string value = text(key, required ? std::nullopt : std::optional<std::string>(""));
    return value.empty() ? std::filesystem::path() : resolve(value);
}

std::vector<std::string> table_reader::texts(const char* key) {
    std::vector<std::string> out;
    const toml::node* node = find(key, false, "a list of strings");
    if (!node) {
        return out;
    }
    const toml::array* list = node->as_array();
    if (!list) {
        complain(node, fmt::format("\"{}\" must be a list of strings", key));
        return out;
    }
    for (const auto& item : *list) {
        if (!item.is_string()) {
            complain(&item, fmt::format("\"{}\" must hold strings only", key));
            return out;
        }
        out.push_back(**item.as_string());
    }
    return out;
}

std::vector<int64_t> table_reader::integers(const char* key, int64_t least, int64_t most) {
    const std::string wanted = fmt::format("a list of numbers from {} to {}", least, most);
    const toml::node* node = find(key, true, wanted.c_str());
    const toml::array* list = node ? node->as_array() : nullptr;
    if (!list || list->empty()) {
        complain(node, fmt::format("\"{}\" must be {}", key, wanted));
        return {};
    }
    std::set<int64_t> out;
    for (const auto& item : *list) {
        const int64_t value = item.is_integer() ? **item.as_integer() : least - 1;
        if (value < least || value > most || !out.insert(value).second) {
            complain(&item, fmt::format("\"{}\" must be {}, each once", key, wanted));
            return {};
        }
    }
    return {out.begin(), out.end()};
}

std::vector<named_texts> table_reader::texts_by_name(const char* key, bool required) {
    std::vector<named_texts> out;
    const toml::node* node = find(key, required, "a table");
    if (!node || !node->is_table()) {
        if (node) {
            complain(node, fmt::format("\"{}\" must be a table", key));
        }
        return out;
    }
    for (const auto& [name, value] : *node->as_table()) {
        named_texts one{std::string(name.str()), {}, &value};
        const toml::array* list = value.as_array();
        if (value.is_string()) {
            one.texts.push_back(**value.as_string());
        } else if (list && !list->empty() && list->is_homogeneous(toml::node_type::string)) {
            for (const auto& item : *list) {
                one.texts.push_back(**item.as_string());
            }
        } else {
            complain(&value, fmt::format("\"{}\" of \"{}\" must be a string, or a list of strings", one.name, key));
            continue;
        }
        out.push_back(std::move(one));
    }
    return out;
}

std::vector<std::filesystem::path> table_reader::paths(const char* key, bool required) {
    std::vector<std::filesystem::path> out;
    for (const auto& text : texts(key)) {
        out.push_back(resolve(text));
    }
    if (required && out.empty()) {
        complain(table_.get(key), fmt::format("{} needs \"{}\" (a list of files)", here(), key));
    }
    return out;
}

net::address table_reader::address(const char* key) {
    const std::string value = text(key);
    const auto parsed = net::parse_address(value);
    if (!parsed) {
        complain(table_.get(key), fmt::format("\"{}\": {}", key, parsed.error().message));
        return {};
    }
    return *parsed;
}

std::optional<net::address> table_reader::optional_address(const char* key) {
    known_.insert(key);
    return table_.contains(key) ? std::optional(address(key)) : std::nullopt;
}

std::vector<net::address> table_reader::addresses(const char* key) {
    std::vector<net::address> out;
    for (const auto& named : texts(key)) {
        const auto parsed = net::parse_address(named);
        if (!parsed) {
            complain(table_.get(key), fmt::format("\"{}\": {}", key, parsed.error().message));
            return {};
        }
        out.push_back(*parsed);
    }
    return out;
}

std::optional<table_reader> table_reader::table(const char* key) {
    const toml::node* node = find(key, false, "a table");
    if (!node) {
        return std::nullopt;
    }
    if (!node->is_table()) {
        complain(node, fmt::format("\"{}\" must be a table", key));
        return std::nullopt;
    }
    return table_reader(*node->as_table(), below(key), *this);
}

std::vector<table_reader> table_reader::tables(const char* key, bool required) {
    std::vector<table_reader> out;
    const toml::node* node = find(key, required, "tables");
    if (!node) {
        return out;
    }
    const toml::array* list = node->as_array();
    if (!list) {
        complain(node, fmt::format("write [[{}]] for each of \"{}\"", below(key), key));
        return out;
    }
    for (const auto& item : *list) {
        if (!item.is_table()) {
            complain(&item, fmt::format("\"{}\" must hold tables only", key));
            return out;
        }
        out.push_back(table_reader(*item.as_table(), below(key), *this));
    }
    return out;
}

void table_reader::note_unknown(std::string_view key, const toml::node& node) {
    const auto line = node.source().begin.line;
    if (complaints_->unknown && complaints_->line_of_unknown <= line) {
        return;
    }
    const bool table = node.is_table() || node.is_array_of_tables();
    std::string what = table ? fmt::format("there is no table [{}]", below(std::string(key).c_str()))
                             : fmt::format("\"{}\" is not a key of {}", key, here());
    const auto meant = nearest(key, {known_.begin(), known_.end()});
    if (meant) {
        what += fmt::format("; is \"{}\" meant?", *meant);
    }
    complaints_->line_of_unknown = line;
    complaints_->unknown = complaint_at(file_, node.source().begin, what).with("key", std::string(key));
    if (meant) {
        complaints_->unknown->params.emplace_back("meant", *meant);
    }
}

result<void> table_reader::finish() {
    for (const auto& [key, node] : table_) {
        if (!known_.contains(std::string_view(key.str()))) {
            note_unknown(key.str(), node);
        }
    }
    if (!whole_) {
        return {};
    }
    for (const auto* complaint : {&complaints_->unknown, &complaints_->first}) {
        if (*complaint) {
            return fail(**complaint);
        }
    }
    return {};
}

}  // namespace berth::app
