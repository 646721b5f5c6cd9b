#include "keystore/stsafe/password.h"

#include "keystore/stsafe/commands/basic.h"
#include "keystore/stsafe/zone_io.h"

#include <fmt/format.h>

namespace berth::keystore::stsafe {

result<secret_bytes> password_octets(const secret_bytes& word) {
    if (word.empty() || word.size() > password_size) {
        return fail(
            error_category::usage, "bad_password",
            fmt::format("A password of the STSAFE-A has 1 to {} octets, and this one has {}.", password_size, word.size()));
    }
    secret_bytes out(word.reveal());
    out.resize(password_size);
    return out;
}

result<void> set_password(device& chip, const secret_bytes& word, uint8_t tries, bytes_view guarded) {
    BERTH_TRY(octets, password_octets(word));
    const protection how = strongest(chip);
    BERTH_TRY(asked, chip.run(query{attribute::password}, how));
    BERTH_TRY(state, wire::decode<password_state_content>(asked.content.value));
    if (state.present != 0) {
        return fail(error_category::usage, "password_exists",
                    "This STSAFE-A has a password already, and keeps it; neither it nor what it guards was changed.");
    }
    octets.append(bytes_view(&tries, 1));
    BERTH_CHECK(chip.run(put_attribute{attribute::password, {std::move(octets)}}, how));
    if (guarded.empty()) {
        return {};
    }
    secret_bytes table;
    for (const uint8_t code : guarded) {
        table.append(bytes{code, static_cast<uint8_t>(command_access::admin_or_password)});
    }
    BERTH_CHECK(chip.run(put_attribute{attribute::command_access, {std::move(table)}}, how));
    return {};
}

result<void> show_password(device& chip, const secret_bytes& word, bool even_the_last) {
    BERTH_TRY(octets, password_octets(word));
    const protection how = strongest(chip);
    BERTH_TRY(asked, chip.run(query{attribute::password}, how));
    BERTH_TRY(state, wire::decode<password_state_content>(asked.content.value));
    if (state.present == 0) {
        return fail(error_category::usage, "stsafe_no_password", "This STSAFE-A has no password; leave --password-file out.");
    }
    if (state.tries == 0) {
        return fail(to_error(status::password_blocked, verify_password::about.name));
    }
    if (state.tries == 1 && !even_the_last) {
        return fail(
            error_category::usage, "password_final_try",
            "One more wrong password blocks this STSAFE-A's for ever: look whether it is the right one, then say --last-try.");
    }
    BERTH_TRY(verdict, chip.run(verify_password{{std::move(octets)}}, how));
    if (verdict.right == 0) {
        const unsigned left = verdict.tries_left;
        const std::string then = left == 0   ? "it is blocked for ever now"
                                 : left == 1 ? "one more wrong one blocks it for ever"
                                             : fmt::format("{} more wrong ones block it for ever", left);
        return fail(
            error{error_category::usage, "password_incorrect", fmt::format("This is not the password of the STSAFE-A; {}.", then)}
                .with("tries_left", std::to_string(left)));
    }
    return {};
}

result<void> forget_password(device& chip) {
    BERTH_CHECK(chip.run(reset{}));
    return {};
}

}  // namespace berth::keystore::stsafe
