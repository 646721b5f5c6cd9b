// What goes between a contract line and its manufacturer while units are made: the messages of docs/factory.md, a file each.
#pragma once

#include "crypto/sign.h"
#include "keystore/key.h"

#include <filesystem>

namespace berth::app {

// In this order; the file is SERIAL.request and so on.
enum class line_step : uint8_t { request, challenge, answer, grant };
std::string_view to_string(line_step step);

struct line_message {
    line_step step = line_step::request;
    std::string order;  // id
    std::string serial;
    bytes octets;     // unit_request, unit_challenge, unit_answer, unit_grant
    bytes signature;  // of a request and an answer by the line, of the others by the manufacturer
};

// Signs and writes it into the directory.
result<void> write_line_message(const std::filesystem::path& directory, const line_message& message,
                                const keystore::signing_key& by);
// Errors of files; `bad_message`.
result<line_message> read_line_message(const std::filesystem::path& file);
// Error `bad_signature`: it is not of who has this key, `whose` (a sentence's end).
result<void> check_line_signature(const line_message& message, const crypto::verification_key& key, std::string_view whose);

// The files of these steps in a directory, by name. Errors of files; `file_not_found`: there is none.
result<std::vector<std::filesystem::path>> find_line_messages(const std::filesystem::path& directory,
                                                              std::initializer_list<line_step> steps);

}  // namespace berth::app
