// Passwords that people choose, kept so that whoever reads the record still has to guess: scrypt (RFC 7914).
#pragma once

#include "base/random.h"
#include "base/result.h"
#include "base/secret.h"

#include <string>
#include <string_view>

namespace berth::crypto {

// "scrypt:15:8:1:<salt>:<hash>", salt and hash in hexadecimal; N is 2^15, and making or comparing one takes 32 MiB and some 60
// ms.
std::string password_record(const secret_bytes& password, random_source& random);

// Whether it is a record at all, without comparing anything. Error bad_password_record: it is none, or would take more than 128
// MiB.
result<void> check_password_record(std::string_view record);

// Error bad_password_record.
result<bool> password_matches(const secret_bytes& password, std::string_view record);

}  // namespace berth::crypto
