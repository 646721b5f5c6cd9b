// Members of documents, read strictly: each is of its kind and in its bounds, and there is none that this version does not know.
// What is signed and not understood is not obeyed by halves.
#pragma once

#include "base/clock.h"
#include "wire/json.h"

#include <optional>
#include <set>

namespace berth::firmware {

namespace json = wire::json;

inline constexpr uint64_t most_number = uint64_t{1} << 53;  // what every reader of JSON keeps exactly
inline constexpr size_t most_word = 64, most_name = 128;

// Error `bad_document` (peer).
error bad_document(std::string_view where, std::string_view why);

// Lower-case letters, digits, ".", "_", "-", "+"; upper-case too; begins with a letter or digit: what may be part of a path.
bool is_word(std::string_view text);
// 64 lower-case hexadecimal digits.
bool is_digest(std::string_view text);

// The first mistake is kept, and what is read after it means nothing: done() tells it.
class reader {
public:
    reader(const json::object& from, std::string where) : from_(from), where_(std::move(where)) {}

    [[nodiscard]] bool has(std::string_view name) const { return from_.contains(name); }
    std::string text(std::string_view name, size_t most = most_name);
    std::string word(std::string_view name);
    std::string digest(std::string_view name);
    uint64_t number(std::string_view name, uint64_t least = 0, uint64_t most = most_number);
    unix_seconds time(std::string_view name) { return static_cast<unix_seconds>(number(name, 1)); }
    bool flag(std::string_view name);
    const json::array& list(std::string_view name, size_t least, size_t most);
    const json::object& object(std::string_view name, size_t most);
    void exactly(std::string_view name, std::string_view value);
    void schema();  // "schema": 1; another is `unsupported_schema` (incompatible)

    void expect(std::string_view name) { read_.emplace(name); }  // the caller reads it himself
    void wrong(std::string_view name, std::string_view why);
    // Errors bad_document; `unknown_member` (incompatible).
    [[nodiscard]] result<void> done() const;

private:
    const json::value* find(std::string_view name);
    const json::object& from_;
    std::string where_;
    std::set<std::string, std::less<>> read_;
    std::optional<error> wrong_;
};

}  // namespace berth::firmware
