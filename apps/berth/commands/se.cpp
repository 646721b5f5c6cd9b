// berth se: what an STSAFE-A does beside keeping keys.
#include "berth/commands/se.h"

#include "common/files.h"
#include "keystore/stsafe/password.h"

namespace berth::app {

namespace st = keystore::stsafe;

result<opened_element> opened_element::open(const element_options& o) {
    BERTH_TRY(uri, keystore::parse_key_uri(o.chip));
    if (uri.kind != keystore::key_store_kind::stsafe) {
        return fail(error{error_category::usage, "bad_key_uri",
                          fmt::format("\"{}\" names no STSAFE-A: stsafe:device=/dev/i2c-1[;host-key=FILE]", o.chip)}
                        .with("uri", o.chip));
    }
    BERTH_TRY(name, st::parse_chip_name(uri.rest));
    BERTH_TRY(password, read_passphrase(o.password_file));
    BERTH_TRY(chip, st::open_chip(name, {}));
    opened_element out(std::move(chip), name.place);
    if (password) {
        BERTH_CHECK(st::show_password(out.chip(), *password, o.last_try));
        out.password_shown_ = true;
    }
    return out;
}

opened_element::opened_element(opened_element&& other) noexcept
    : chip_(std::move(other.chip_)), place_(other.place_), password_shown_(std::exchange(other.password_shown_, false)) {}

opened_element::~opened_element() {
    if (password_shown_) {
        static_cast<void>(st::forget_password(*chip_));
    }
}

void add_chip(CLI::App& command, element_options& o) {
    command
        .add_option("--chip", o.chip,
                    "stsafe:device=/dev/i2c-1[;slot=0][;zone=0][;host-key=FILE], or the socket of stsafe-sim as device "
                    "(docs/stsafe.md); default /dev/i2c-1")
        ->type_name("URI");
}

void add_password(CLI::App& command, element_options& o) {
    command.add_option("--password-file", o.password_file,
                       "its first line is the chip's password, which is shown to it first, and forgotten by it at the end");
    command.add_flag("--last-try", o.last_try, "show it even if one wrong one more blocks it for ever");
}

void add_se(CLI::App& cli, context& c) {
    auto* const group =
        cli.add_subcommand("se", "an STSAFE-A secure element: authenticate it, store credentials, count use, verify firmware");
    group->require_subcommand(1);
    add_se_authenticate(*group, c);
    add_se_store(*group, c);
    add_se_counter(*group, c);
    add_se_password(*group, c);
    add_se_firmware(*group, c);
}

}  // namespace berth::app
