// Requests signed with AWS Signature Version 4, as stores that speak S3 want them (Amazon S3 API Reference, "Authenticating
// Requests: Using the Authorization Header"):
//
//   Authorization: AWS4-HMAC-SHA256 Credential=ID/20130524/us-east-1/s3/aws4_request,SignedHeaders=host;...,Signature=HEX
#pragma once

#include "base/clock.h"
#include "base/secret.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace berth::hub {

struct aws_credential {
    std::string id;  // of the access key: not secret
    secret_bytes secret;
    std::string region, service;
};

struct aws_request {
    using pairs = std::vector<std::pair<std::string, std::string>>;
    std::string method;
    std::string path = "/";  // decoded
    pairs query;             // decoded
    pairs headers;           // that are signed, Host among them
    std::string payload;     // its SHA-256 in hexadecimal
};

// "%2F" for all but A-Z a-z 0-9 - . _ ~; a slash stays where it parts the levels of a path.
std::string aws_encoded(std::string_view text, bool is_path);
// As the request line has it.
std::string aws_target(const aws_request& of);
// "20130524T000000Z", what x-amz-date says.
std::string aws_date(unix_seconds time);
// The value of Authorization. `headers` has x-amz-date of the same time.
std::string aws_authorization(const aws_request& of, const aws_credential& by, unix_seconds now);

}  // namespace berth::hub
