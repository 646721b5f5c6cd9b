// What a party of a supply chain has done, line by line: journal.jsonl of its directory (docs/chain.md).
//
// Each line is a JSON object with "number" (from 1, without gaps), "at", "step", what the step is about, and last "previous": the
// SHA-256 of the line before, without its end, in hexadecimal (64 zeros in the first). Whoever keeps the hash of the last line
// finds an end that was cut off.
#pragma once

#include "base/clock.h"
#include "wire/json.h"

#include <array>
#include <filesystem>

namespace berth::app {

struct journal_end {
    uint64_t lines = 0;
    std::array<uint8_t, 32> hash{};  // of the last line
};

// Walks all of it; a directory without one has done nothing. Errors `journal_altered` (usage), params "line", "file"; of files.
result<journal_end> check_journal(const std::filesystem::path& directory, std::vector<wire::json::object>* lines = nullptr);

// That note_step could append one: for what cannot be taken back once it is done. Errors of note_step.
result<void> check_journal_goes_on(const std::filesystem::path& directory);

// Appends a line, on disk when it returns; one process at a time. Half a line, of a process that was killed, is cut off. Errors
// of check_journal and of files.
result<void> note_step(const std::filesystem::path& directory, std::string_view step, wire::json::object about,
                       const clock& time);

}  // namespace berth::app
