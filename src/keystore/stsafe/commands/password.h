// VerifyPassword and Delete [stsafea_password.c].
#pragma once

#include "keystore/stsafe/commands/command.h"

namespace berth::keystore::stsafe {

inline constexpr size_t password_size = 16;

struct password_answer {
    uint8_t right = 0;
    uint8_t tries_left = 0;
    BERTH_FIELDS(right, tries_left)
};
// A wrong one costs a try: whoever does not know whether an answer was lost asks Query 09 first.
struct verify_password {
    secret_octets<password_size> password;
    BERTH_FIELDS(password)
    static constexpr command_info about{0x1a, "VerifyPassword", repeat::never, time_not_published};
    using answer = password_answer;
};

struct delete_attribute {
    uint8_t tag = 0x09;  // STSAFEA_DELETE_TAG_PASSWORD
    BERTH_FIELDS(tag)
    static constexpr command_info about{0x0c, "Delete", repeat::never, time_not_published};
    using answer = no_answer;
};

}  // namespace berth::keystore::stsafe
