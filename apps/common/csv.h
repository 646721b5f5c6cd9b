// Tables as spreadsheets write them: RFC 4180, and what is usual besides (semicolons or tabs, blanks around fields).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace berth::app {

// Without blanks, tabs and carriage returns around it.
std::string_view trimmed(std::string_view text);

// The first of comma, semicolon and tab in the record that `rest` begins with, outside quotes: nothing when there is none.
std::optional<char> separator_of(std::string_view rest);

struct csv_record {
    std::vector<std::string> fields;
    size_t lines = 1;               // of the file
    const char* mistake = nullptr;  // in what it is written like
};

// RFC 4180: the next record of `rest`, with what ends it. A line's end within quotes belongs to its field. Blanks around a
// field are none of it, unless they are quoted. One with a mistake ends where it would without: what stands in quotes is never
// taken for a record of its own.
csv_record take_record(std::string_view& rest, char separator);

// Whether it says nothing.
bool is_blank(const csv_record& r);

}  // namespace berth::app
