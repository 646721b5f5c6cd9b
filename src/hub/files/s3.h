// What is asked of a store that speaks S3, and what it says (Amazon S3 API Reference): objects in one bucket, whose name is the
// first level of the path ("path-style"), put at once or in parts.
#pragma once

#include "base/result.h"
#include "hub/files/aws_signature.h"

#include <optional>

namespace berth::hub {

struct s3_bucket {
    std::string host;  // as Host says it
    std::string name;
    std::string prefix;  // of all keys, with its slash
    aws_credential by;
};

struct s3_request {
    std::string method, target;
    aws_request::pairs headers;
};

// 3 to 63 lower-case letters, digits, dots and hyphens, letters or digits at both ends. Error `bad_bucket` (usage).
result<void> check_s3_bucket(std::string_view name);
// Letters, digits and -_./, in levels that are none of "", "." and ".."; empty, or with a slash at its end. Error `bad_prefix`.
result<void> check_s3_prefix(std::string_view prefix);

// `payload`: the SHA-256 of what is sent, or nothing: nothing is sent. `query` and `headers`, besides what signing needs.
struct s3_asks {
    std::string method, key;  // without the prefix
    aws_request::pairs query = {}, headers = {};
    std::string payload = {};
};
s3_request make_s3_request(const s3_bucket& in, const s3_asks& what, unix_seconds now);

// What an object has for people to read, x-amz-meta-... S3 takes 2 KB of it: a longer name is left out.
aws_request::pairs s3_facts(std::string_view device, std::string_view name);

// What is made of an answer; some refusals are of one thing alone, where others say that nothing will go well.
enum class s3_operation { get, remove, give_up, other };
enum class s3_verdict {
    good,
    missing,       // of what is got, removed or given up
    refused,       // others may be taken
    refused_file,  // so is this file each time
    shut,          // whoever asks for another thing is refused, too
    unreachable,
};
s3_verdict judge_s3(s3_operation of, unsigned status, std::string_view body);

// The text of the first <NAME> of an answer. Nothing: there is none.
std::optional<std::string> s3_text(std::string_view xml, std::string_view name);
// The body of CompleteMultipartUpload, of the ETags of all parts in order.
std::string s3_parts_xml(const std::vector<std::string>& etags);

// A file of so many octets goes at once up to s3_at_once, else in parts of this size: 8 MiB, or more where there would be more
// than 10,000 of them.
inline constexpr uint64_t s3_at_once = uint64_t{8} * 1024 * 1024;
uint64_t s3_part_octets(uint64_t of_file);

}  // namespace berth::hub
