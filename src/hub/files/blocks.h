// Files in blocks, as storage SDKs put them: names of blocks, the list that makes a file of them, and what is answered in XML.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

#include <string>
#include <string_view>
#include <vector>

namespace berth::hub {

inline constexpr size_t most_block = 4 * 1024 * 1024;  // octets; of what is put at once without blocks, too
inline constexpr size_t most_block_id = 64;            // octets, decoded
inline constexpr size_t most_block_list = 10'000;      // blocks of one file

// A block's id as a query has it, base64. Error `bad_block_id` (usage).
result<bytes> parse_block_id(std::string_view text);

// The body of Put Block List: <BlockList> with <Latest> and <Uncommitted>. <Committed> is refused: of a file that is complete
// nothing is put together again. Errors (usage) `bad_block_list`, `bad_block_id`.
result<std::vector<bytes>> parse_block_list(std::string_view xml);

struct put_block {
    bytes id;
    uint64_t octets = 0;
};
// Of Get Block List. None is ever committed.
std::string block_list_xml(const std::vector<put_block>& blocks);

// <Error><Code>...</Code><Message>...</Message></Error>
std::string storage_error_xml(std::string_view code, std::string_view message);

}  // namespace berth::hub
